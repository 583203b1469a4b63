#!/usr/bin/env bash
# Reads all entries page by page through pgbouncer in transaction mode: each
# page is a transaction, and may be served by another connection than the one
# before. Prints the ids, a page to a line.
#
#   PGHOST=/tmp PGPORT=6432 examples/pgbouncer/pages.sh [ROWS OF A PAGE]

set -euo pipefail
size=${1:-1000}

page()
{
	psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 \
		--set=size="$size" --set=after="$1" <<-'SQL'
		SELECT string_agg(id::text, ' ' ORDER BY written DESC, id),
		       (array_agg(key ORDER BY written DESC, id))[count(*)]
		  FROM (SELECT id, written, chunked_iter_key(e, 'written DESC')::text AS key
		          FROM chunked_iter(NULL::entry, :size, order_by => 'written DESC',
		                            after => nullif(:'after', '')::text[]) AS e
		         LIMIT :size) AS page
		HAVING count(*) > 0;
	SQL
}

after=
while line=$(page "$after") && [ -n "$line" ]; do
	echo "${line%%|*}"
	after=${line#*|}
done
