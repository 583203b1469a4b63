#!/usr/bin/env bash
# Measures chunked_iter against what it stands in for, in one session of the
# server that PGHOST, PGPORT and PGDATABASE lead to, and prints one table.
#
# It is a benchmark and not a test: a target that is missed is printed as
# missed, and the exit status is 0 all the same. Two sides of a pair that do
# not give the same answer are an error.
#
#   make bench                                  on a private server
#   make bench ARGS='ROWS=5000000 ROUNDS=9'
#   bench/run.sh ROWS=100000                    on a server with the extension
#
# From the arguments or else the environment:
#
#   ROWS     rows of the table, of about 200 bytes each (1000000)
#   ROUNDS   how often each pair is run; the medians count (5)
#   RESULTS  directory for times.csv and summary.txt (bench/results)
#
# Everything in the database is made in a schema of its own, chunked_iter_bench,
# which is dropped at the end.

set -euo pipefail
cd "$(dirname "$0")"

ROWS=${ROWS:-1000000}
ROUNDS=${ROUNDS:-5}
RESULTS=${RESULTS:-results}
for argument in "$@"; do
	case $argument in
		ROWS=* | ROUNDS=* | RESULTS=*) declare "$argument" ;;
		*) echo "unknown argument: $argument" >&2; exit 1 ;;
	esac
done
if ! [[ $ROWS =~ ^[1-9][0-9]*$ ]] || [ "$ROWS" -lt 20000 ]; then
	echo "ROWS must be 20000 or more" >&2
	exit 1
fi
if ! [[ $ROUNDS =~ ^[1-9][0-9]*$ ]]; then
	echo "ROUNDS must be 1 or more" >&2
	exit 1
fi
mkdir -p "$RESULTS"

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off --pset=footer=off \
	--set=rows="$ROWS" --set=rounds="$ROUNDS" \
	--file=setup.sql --file=pairs.sql --file=measure.sql --file=report.sql |
	tee "$RESULTS/summary.txt"

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
	--command="SET search_path = chunked_iter_bench" \
	--command="COPY (SELECT pair, a, b, round, side, ms FROM times JOIN pairs USING (pair)
				ORDER BY pair, round, side) TO STDOUT (FORMAT csv, HEADER)" >"$RESULTS/times.csv"
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
	--command="SET client_min_messages = warning" \
	--command="DROP TABLE chunked_iter_bench.ranged" \
	--command="DROP TABLE chunked_iter_bench.hashed" \
	--command="DROP SCHEMA chunked_iter_bench CASCADE"
