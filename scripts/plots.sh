#!/usr/bin/env bash
# make plots: measures what the query log takes, on a private server, and draws
# docs/query_log.svg from it. The figures go to docs/query_log.csv.

. "$(dirname "$0")/private.sh"

need_compiler
need_postgres
need_django
need gnuplot-nox "it draws the pictures" command -v gnuplot
install_packages

private_create
private_build
private_start scripts/bench.conf
private_run bench/query_log.sh
mkdir -p "$top/docs"
cp bench/results/query_log.csv "$top/docs"
cd "$top/docs"
gnuplot ../bench/query_log.gp >query_log.svg
chown --reference="$top" query_log.csv query_log.svg 2>/dev/null || true
echo "Written: docs/query_log.csv, docs/query_log.svg"
