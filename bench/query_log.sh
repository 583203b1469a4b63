#!/usr/bin/env bash
# What a session's log of its queries takes: by chunked_iter, in the server, and
# by Django, in the client, whose list of queries has its limit lifted. On the
# server that PGHOST, PGPORT and PGDATABASE lead to; prints a table.
#
#   QUERIES  queries that are remembered (100000)
#   RESULTS  directory for query_log.csv and query_log.txt (bench/results)
#
# Django's part is left out where there is no Django, with psycopg2, for python3;
# Debian's is that of /usr/bin/python3.

set -euo pipefail
cd "$(dirname "$0")"

QUERIES=${QUERIES:-100000}
RESULTS=${RESULTS:-results}
mkdir -p "$RESULTS"
psql=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off --pset=footer=off)
export PGOPTIONS="-c client_min_messages=error"

# The text that chunked_iter logs for all chunks but the first
query='SELECT entry.id, NULL
FROM chunked_iter_query_log.entry AS entry
WHERE entry.id OPERATOR(pg_catalog.>) %s
ORDER BY entry.id
LIMIT 10'

"${psql[@]}" --set=queries="$QUERIES" --file=query_log.sql
python=/usr/bin/python3
[ -x $python ] || python=python3
if $python -c 'import django, psycopg2' 2>/dev/null; then
	$python django_queries.py "$query" "$QUERIES" | sed 's/^/Django,/' |
		"${psql[@]}" --command="COPY chunked_iter_query_log.samples FROM STDIN (FORMAT csv)"
else
	echo "Django: left out, there is no django or psycopg2 for python3" >&2
fi

"${psql[@]}" --file=- <<-'SQL' | tee "$RESULTS/query_log.txt"
	SET search_path = chunked_iter_query_log;
	\echo
	\echo A walk in chunks of ten rows, and what is remembered of its queries
	\echo
	WITH last AS (
		SELECT DISTINCT ON (mode) * FROM samples ORDER BY mode, queries DESC
	)
	SELECT mode, queries,
		   (SELECT to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), 'FM999990.0')
			  FROM walks AS w WHERE w.mode = last.mode) AS "walk ms",
		   to_char(bytes / 1e6, 'FM99990.00') AS "memory, MB",
		   CASE WHEN mode IN ('Django', 'without limits')
				THEN round(bytes::numeric / queries) END AS "bytes per query"
	  FROM last ORDER BY bytes, mode;
SQL
"${psql[@]}" --command="COPY (SELECT * FROM chunked_iter_query_log.samples ORDER BY mode, queries)
						TO STDOUT (FORMAT csv, HEADER)" >"$RESULTS/query_log.csv"
"${psql[@]}" --command="DROP SCHEMA chunked_iter_query_log CASCADE"
