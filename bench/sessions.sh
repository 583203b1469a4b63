#!/usr/bin/env bash
# Measures many sessions that read pages at once, on the server that PGHOST, PGPORT
# and PGDATABASE lead to: pages of 50 rows behind random keys, as prepared statements,
# by a keyset query written by hand, by a walk, and by a walk with the bookmark of
# each row. Prints transactions per second, and what they are of those by hand.
#
#   ROWS     rows of the table (1000000)
#   ROUNDS   how often each way is run, in turns; the medians count (5)
#   SESSIONS pgbench's clients (100); the server must allow as many
#   SECONDS_EACH  how long a run takes (10)
#   RESULTS  directory for sessions.csv and sessions.txt (bench/results)

set -euo pipefail
cd "$(dirname "$0")"

ROWS=${ROWS:-1000000}
ROUNDS=${ROUNDS:-5}
SESSIONS=${SESSIONS:-100}
SECONDS_EACH=${SECONDS_EACH:-10}
RESULTS=${RESULTS:-results}
for argument in "$@"; do
	case $argument in
		ROWS=* | ROUNDS=* | SESSIONS=* | SECONDS_EACH=* | RESULTS=*) declare "$argument" ;;
		*) echo "unknown argument: $argument" >&2; exit 1 ;;
	esac
done
mkdir -p "$RESULTS"
psql=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off --pset=footer=off)
scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT

# The page behind a key, each way
for way in hand walk bookmarks; do
	{
		echo "\\set at random(1, $ROWS - 100)"
		case $way in
			hand) echo 'SELECT * FROM t WHERE id > :at ORDER BY id LIMIT 50;' ;;
			walk) echo 'SELECT * FROM chunked_iter(NULL::t, after => ARRAY[:at::text]) LIMIT 50;' ;;
			bookmarks) echo 'SELECT *, chunked_iter_key(w) FROM chunked_iter(NULL::t, after => ARRAY[:at::text]) AS w LIMIT 50;' ;;
		esac
	} >"$scripts/$way.sql"
done

"${psql[@]}" --set=rows="$ROWS" --file=setup.sql
PGOPTIONS="-c search_path=$("${psql[@]}" -At --command="SELECT 'chunked_iter_bench,' || quote_ident(nspname)
	FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'chunked_iter'")"
export PGOPTIONS
"${psql[@]}" --command="CREATE TABLE tps (way text, round integer, tps float8)"
for ((round = 1; round <= ROUNDS; round++)); do
	for way in hand walk bookmarks; do
		tps=$(pgbench --no-vacuum --protocol=prepared --client="$SESSIONS" --jobs=2 --time="$SECONDS_EACH" \
			--file="$scripts/$way.sql" | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
		"${psql[@]}" --command="INSERT INTO tps VALUES ('$way', $round, $tps)"
	done
done
"${psql[@]}" --set=sessions="$SESSIONS" <<-'SQL' | tee "$RESULTS/sessions.txt"
	\echo :sessions sessions, pages of 50 rows as prepared statements
	SELECT way, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY w.tps)) AS tps,
		   round(percentile_cont(0.5) WITHIN GROUP (ORDER BY w.tps / h.tps)::numeric, 2) AS "of hand",
		   CASE way WHEN 'hand' THEN NULL ELSE 0.8 END AS target
	  FROM tps AS w JOIN (SELECT round, tps FROM tps WHERE way = 'hand') AS h USING (round)
	 GROUP BY way ORDER BY min(w.ctid);
SQL
"${psql[@]}" --command="COPY (SELECT way, round, tps FROM tps ORDER BY round, way) TO STDOUT (FORMAT csv, HEADER)" >"$RESULTS/sessions.csv"
"${psql[@]}" --command="SET client_min_messages = warning" --command="DROP SCHEMA chunked_iter_bench CASCADE"
