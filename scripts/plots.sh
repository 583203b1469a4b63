#!/usr/bin/env bash
# make plots: measures on a private server what the query log takes, what a page takes
# at more and more depth, and how a job goes, and draws query_log.svg, pages.svg and
# job.svg in docs. The figures are beside them, in files of the same names.

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
for plot in pages job; do
	private_run bash -c "psql -Xq -v ON_ERROR_STOP=1 -f bench/$plot.sql >bench/results/$plot.csv"
done
mkdir -p "$top/docs"
for plot in query_log pages job; do
	cp "bench/results/$plot.csv" "$top/docs"
	(cd "$top/docs" && gnuplot "../bench/$plot.gp" >"$plot.svg")
	chown --reference="$top" "$top/docs/$plot".* 2>/dev/null || true
	echo "Written: docs/$plot.csv, docs/$plot.svg"
done
