#!/usr/bin/env bash
# make bench: runs bench/run.sh against a private server, with the arguments
# given, and then bench/query_log.sh. What they leave in bench/results is copied
# into the checkout.

. "$(dirname "$0")/private.sh"

need_compiler
need_postgres
need_django
install_packages

private_create
private_build
private_start scripts/bench.conf
private_run bench/run.sh "$@"
private_run bench/query_log.sh
if [ -d bench/results ]; then
	mkdir -p "$top/bench/results"
	cp -R bench/results/. "$top/bench/results"
	chown -R --reference="$top" "$top/bench/results" 2>/dev/null || true
fi
