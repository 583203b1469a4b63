-- What `make demo` runs in psql: a walk through a million rows.

\pset footer off
\set accounts 'NULL::pgbench_accounts'
-- this backend's own memory in kB; shared buffers are not in it
\set memory_kb '(substring(pg_read_file(''/proc/self/status'') FROM ''RssAnon:\\s*(\\d+)'')::int)'

\echo
\echo '=== 1. A walk through a whole table'
\echo
\echo 'chunked_iter(NULL::pgbench_accounts) returns the rows of pgbench_accounts in the'
\echo 'order of the primary key. It reads them in chunks of 1000, each with a query of'
\echo 'its own that goes on after the last key of the chunk before.'
\echo
CREATE EXTENSION chunked_iter;
-- both once without the clock, so that neither is the first to touch the table
\set walk 'SELECT count(*), sum(abalance) FROM chunked_iter(:accounts)'
\set same 'SELECT count(*), sum(abalance) FROM (SELECT * FROM pgbench_accounts ORDER BY aid OFFSET 0) AS a'
\o /dev/null
:walk;
:same;
\o
\timing on
:walk;
\timing off
\echo
\echo 'The same from the table itself, in the same order:'
\echo
\timing on
:same;
\timing off

\echo
\echo '=== 2. What the chunks cost'
\echo
\echo 'The server counts: so many queries found their place in the index, and they'
\echo 'read so many rows. No row was read to be thrown away.'
\echo
-- a new session, whose counters start at 0
\connect
BEGIN;
SELECT count(abalance) AS rows_returned FROM chunked_iter(:accounts);
SELECT idx_scan AS chunk_queries, idx_tup_fetch AS rows_read
  FROM pg_stat_xact_user_tables WHERE relname = 'pgbench_accounts';
COMMIT;
\echo 'This is what it does for each of them:'
\echo
\pset tuples_only on
SELECT chunked_iter_explain(:accounts);
\pset tuples_only off

\echo '=== 3. The first row is there at once'
\echo
\timing on
SELECT aid, bid, abalance FROM chunked_iter(:accounts) LIMIT 1;
\timing off

\echo
\echo '=== 4. Memory does not grow with the table'
\echo
\echo 'The memory of a new server process, before a walk and at four places of it:'
\echo
\connect
CREATE TEMPORARY TABLE measured (rows_so_far integer, memory_kb integer);
INSERT INTO measured VALUES (0, :memory_kb);
BEGIN;
DECLARE walk CURSOR FOR SELECT * FROM chunked_iter(:accounts);
MOVE 250000 FROM walk;
INSERT INTO measured VALUES (250000, :memory_kb);
MOVE 250000 FROM walk;
INSERT INTO measured VALUES (500000, :memory_kb);
MOVE 250000 FROM walk;
INSERT INTO measured VALUES (750000, :memory_kb);
MOVE 250000 FROM walk;
INSERT INTO measured VALUES (1000000, :memory_kb);
COMMIT;
SELECT * FROM measured ORDER BY rows_so_far;
\echo 'And with all the rows held in memory:'
\echo
SELECT cardinality(array_agg(a)) AS rows_held, :memory_kb AS memory_kb FROM pgbench_accounts a;

\echo
\echo '=== 5. Any order'
\echo
\echo 'An order that no index has works, but every chunk would have to sort. It says so,'
\echo 'and names the index to create:'
\echo
\pset tuples_only on
SELECT line FROM chunked_iter_explain(:accounts, order_by => 'abalance DESC, aid') AS line
 WHERE line ~ '^Index|CREATE INDEX';
CREATE INDEX ON pgbench_accounts (abalance DESC, aid);
SELECT line FROM chunked_iter_explain(:accounts, order_by => 'abalance DESC, aid') AS line
 WHERE line ~ '^Index|CREATE INDEX';
\pset tuples_only off
\echo 'The richest of branch 7:'
\echo
SELECT aid, abalance
  FROM chunked_iter(:accounts, order_by => 'abalance DESC, aid')
 WHERE bid = 7
 LIMIT 3;
\echo
\echo 'And the other way round, from the poorest:'
\echo
SELECT aid, abalance
  FROM chunked_iter(:accounts, order_by => 'abalance DESC, aid', reverse => true)
 WHERE bid = 7
 LIMIT 3;

\echo
\echo '=== 6. Go on where you stopped'
\echo
\echo 'chunked_iter_key gives the key of a row. Keep that of the last row seen ...'
\echo
SELECT aid, abalance, chunked_iter_key(r, 'abalance DESC, aid') AS key
  FROM chunked_iter(:accounts, order_by => 'abalance DESC, aid') AS r
 LIMIT 3;
SELECT chunked_iter_key(r, 'abalance DESC, aid') AS bookmark
  FROM chunked_iter(:accounts, order_by => 'abalance DESC, aid') AS r
OFFSET 2 LIMIT 1 \gset
\echo '... and pass it as "after": another session, another day, the next rows.'
\echo
\set ECHO queries
SELECT aid, abalance
  FROM chunked_iter(NULL::pgbench_accounts, order_by => 'abalance DESC, aid',
                    after => :'bookmark')
 LIMIT 3;
\set ECHO none

\echo
\echo '=== 7. Work that commits after every chunk'
\echo
\echo 'A job runs a statement for each chunk, in a transaction of its own. This one stops'
\echo 'after 300 chunks; run again by its name, it goes on exactly there.'
\echo
\set ECHO queries
CALL chunked_iter_run('interest', 'pgbench_accounts',
  'UPDATE pgbench_accounts SET abalance = abalance + abalance / 100 WHERE chunk_range(pgbench_accounts)',
  max_chunks => 300);
SELECT state, rows_done, chunks_done, percent, last_key FROM chunked_iter_progress;
CALL chunked_iter_run('interest');
SELECT state, rows_done, chunks_done, percent, last_key FROM chunked_iter_progress;
\set ECHO none

\echo
\echo '=== 8. What remembering every query costs'
\echo
\set ECHO queries
SET chunked_iter.queries_limit = -1;
SET chunked_iter.queries_memory = -1;
SET chunked_iter.debug = chunks;
SELECT count(*) FROM chunked_iter(NULL::pgbench_accounts, chunk_size => 10);
SELECT queries, pg_size_pretty(memory_bytes) AS memory, round(bytes_per_query) AS bytes_per_query
  FROM chunked_iter_query_log_growth() WHERE queries IN (1024, 8192, 65536) OR queries > 100000;
SELECT chunked_iter_reset_queries();
