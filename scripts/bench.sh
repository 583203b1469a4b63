#!/usr/bin/env bash
# make bench: measures on a private server. Arguments of the form NAME=VALUE:
#
#   PARTS    which of: pairs (bench/run.sh), query_log (bench/query_log.sh), jobs
#            (bench/jobs.sh), sessions (bench/sessions.sh), clients
#            (bench/clients.py), cold (bench/cold.py), report (bench/report.py);
#            all of them
#   ROWS     rows of the pairs, of the jobs (1000000), and of the cold table (4000000)
#   SIZES    rows of the tables for the clients (100000,1000000)
#   ROUNDS   how often each is run
#   WAYS     only these of the clients, as group/way
#
# What it leaves in bench/results is copied into the checkout, and the report
# with its plots goes to docs.

. "$(dirname "$0")/private.sh"

parts="pairs query_log jobs sessions clients cold report"
pairs=() clients=() cold=()
for argument in "$@"; do
	case $argument in
		PARTS=*) parts=${argument#*=} ;;
		ROWS=*) pairs+=("$argument") cold+=("$argument") ;;
		SIZES=* | WAYS=*) clients+=("$argument") ;;
		ROUNDS=*) pairs+=("$argument") clients+=("$argument") cold+=("$argument") ;;
		*) die "unknown argument: $argument" ;;
	esac
done

need_compiler
need_postgres
want_clients
want gnuplot-nox command -v gnuplot
install_packages
if python3 -c "import psycopg2, django" 2>/dev/null; then python=python3; else python=/usr/bin/python3; fi

private_create
private_build
private_start scripts/bench.conf
for part in $parts; do
	case $part in
		pairs) private_run bench/run.sh "${pairs[@]}" ;;
		query_log) private_run bench/query_log.sh ;;
		jobs) private_run bench/jobs.sh "${pairs[@]}" ;;
		sessions) private_run bench/sessions.sh "${pairs[@]}" ;;
		clients) private_run $python bench/clients.py "${clients[@]}" ;;
		cold) private_run env BENCH_DATA="$private/data" $python bench/cold.py "${cold[@]}" ;;
		report) ;;
		*) die "PARTS: there is no $part" ;;
	esac
done
if [ -d bench/results ]; then
	mkdir -p "$top/bench/results"
	cp -R bench/results/. "$top/bench/results"
	chown -R --reference="$top" "$top/bench/results" 2>/dev/null || true
fi
case " $parts " in
	*" report "*)
		"$top/bench/report.py"
		chown -R --reference="$top" "$top/docs" "$top/bench/results" 2>/dev/null || true
		;;
esac
