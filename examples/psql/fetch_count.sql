-- psql keeps a result in memory before it prints the first row, unless
-- FETCH_COUNT makes it read through a cursor. The walk behind the cursor keeps
-- one chunk. So neither side ever has more than 1000 rows.
--
--   psql -f examples/psql/fetch_count.sql >entries.txt

\set FETCH_COUNT 1000
\pset format unaligned
\pset tuples_only on

SELECT id, title FROM chunked_iter(NULL::entry);
