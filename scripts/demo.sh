#!/usr/bin/env bash
# make demo: shows what chunked_iter does, on a throwaway server.

. "$(dirname "$0")/private.sh"

need_compiler
need_postgres
install_packages

private_create
private_build
private_start scripts/throwaway.conf
echo "Filling pgbench_accounts with a million rows, and changing a few thousand ..."
{
	private_run pgbench --initialize --quiet --scale=10 &&
		private_run pgbench --transactions=5000 --random-seed=1
} >"$private/pgbench.log" 2>&1 || { cat "$private/pgbench.log" >&2; exit 1; }
private_run psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off --file=scripts/demo.sql
