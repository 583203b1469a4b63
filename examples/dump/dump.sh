#!/usr/bin/env bash
# Dumps a table with several clients at once. Their files together are exactly
# one consistent copy of the table, whatever is written meanwhile: all clients
# import the snapshot of one session, which also splits the table under it.
#
#   examples/dump/dump.sh TABLE CLIENTS DIRECTORY
#
# The files are DIRECTORY/1.copy, 2.copy ...; load each of them with
#
#   psql -c "\copy TABLE FROM 1.copy"
#
# The name of the table goes into SQL as it is: quote it as SQL does.

set -euo pipefail
table=$1 clients=$2 directory=$3
mkdir -p "$directory"

# A key in SQL -> an expression for its bytes in hexadecimal, whatever is in it
hex()
{
	echo "encode(convert_to($1::text, 'UTF8'), 'hex')"
}

# ... and the other way round, for what has come out
key()
{
	echo "nullif(convert_from(decode('$1', 'hex'), 'UTF8'), '')::text[]"
}

# The session that owns the snapshot stays open until everybody is done.
coproc psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1
cat >&"${COPROC[1]}" <<SQL
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot();
SELECT format('%s|%s|%s', range_no, $(hex after), $(hex upto))
  FROM chunked_iter_ranges(NULL::$table, parts => $clients);
\echo end
SQL

read -r -u "${COPROC[0]}" snapshot
dumps=()
while read -r -u "${COPROC[0]}" line; do
	[ "$line" != end ] || break
	IFS='|' read -r number after upto <<<"$line"
	psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<-SQL &
		BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
		SET TRANSACTION SNAPSHOT '$snapshot';
		\copy (SELECT * FROM chunked_iter(NULL::$table, after => $(key "$after"), upto => $(key "$upto"))) TO '$directory/$number.copy'
		COMMIT;
	SQL
	dumps+=($!)
done

status=0
[ "${line:-}" = end ] || status=1
for dump in "${dumps[@]}"; do
	wait "$dump" || status=1
done
echo '\q' >&"${COPROC[1]}"
exit $status
