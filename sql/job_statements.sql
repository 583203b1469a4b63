-- Statements do the rows of their chunks: by chunk_range(), or they are refused.
CREATE SCHEMA job_statements;
SET search_path = job_statements, public;

CREATE TABLE ten (id integer PRIMARY KEY, tenant integer NOT NULL, n integer NOT NULL DEFAULT 0);
INSERT INTO ten SELECT i, i % 10 FROM generate_series(1, 1000) i;
CREATE TABLE place (id integer PRIMARY KEY, a integer, b text COLLATE "C", n integer NOT NULL DEFAULT 0);
INSERT INTO place SELECT i, nullif(i * 7 % 23, 5), nullif('b' || i * 3 % 11, 'b4') FROM generate_series(1, 1000) i;
ANALYZE ten, place;

-- Writes and has nothing of the chunk, or not all.
\set VERBOSITY terse
CALL chunked_iter_run('a', 'ten', 'DELETE FROM ten WHERE id BETWEEN $1 AND $2', filter => 'tenant = 5');
CALL chunked_iter_run('b', 'ten', 'UPDATE ten SET n = n + 1');
\set VERBOSITY default
CALL chunked_iter_run('c', 'ten', 'UPDATE ten SET n = n + 1 WHERE tenant BETWEEN $1 AND $2', order_by => 'tenant');
CALL chunked_iter_run('d', 'ten', 'UPDATE ten SET n = n + 1 WHERE id >= $1');
CALL chunked_iter_run('e', 'ten', 'UPDATE ten SET n = n + 1 WHERE id BETWEEN $1 AND $2', reverse => true);
SELECT count(*), sum(n) FROM ten;

\set VERBOSITY terse
CREATE FUNCTION pg_temp.try(what text, statement text, relation regclass DEFAULT 'ten', order_by text DEFAULT NULL, reverse boolean DEFAULT NULL, lock_rows text DEFAULT NULL, filter text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = error;
	CALL public.chunked_iter_run('try', relation, statement, order_by => order_by, reverse => reverse,
		lock_rows => lock_rows, filter => filter, dry_run => true);
	RETURN what || ': taken';
EXCEPTION WHEN OTHERS THEN
	RETURN what || ': ' || SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.try('truncate', 'TRUNCATE place');
SELECT pg_temp.try('copy query', 'COPY (UPDATE place SET id = id RETURNING 1) TO ''/nowhere/file''');
SELECT pg_temp.try('DO', 'DO ''''');
SELECT pg_temp.try('second command', 'INSERT INTO place (id) SELECT id FROM chunk; DELETE FROM place');
SELECT pg_temp.try('in WITH', 'WITH gone AS (DELETE FROM place RETURNING id) SELECT id FROM chunk JOIN gone USING (id)');
SELECT pg_temp.try('above WITH', 'WITH c AS (SELECT id FROM chunk) UPDATE place SET n = 1');
SELECT pg_temp.try('through WITH', 'WITH c AS (SELECT id FROM chunk) UPDATE place SET n = 1 FROM c WHERE c.id = place.id');
SELECT pg_temp.try('nothing', 'SELECT 1; LOCK TABLE place');
SELECT pg_temp.try('last alone', 'DELETE FROM ten WHERE id <= $2');
SELECT pg_temp.try('constants', 'INSERT INTO place (id) VALUES ($2)');
SELECT pg_temp.try('filter', 'DELETE FROM ten WHERE id BETWEEN $1 AND $2', filter => 'tenant = 5');
SELECT pg_temp.try('locks', 'DELETE FROM ten WHERE id BETWEEN $1 AND $2', lock_rows => 'FOR UPDATE');
SELECT pg_temp.try('first column', 'DELETE FROM ten WHERE tenant BETWEEN $1 AND $3', order_by => 'tenant');
SELECT pg_temp.try('one by one', 'DELETE FROM ten WHERE tenant BETWEEN $1 AND $3 AND id BETWEEN $2 AND $4', order_by => 'tenant');
SELECT pg_temp.try('other columns', 'DELETE FROM ten WHERE tenant BETWEEN $1 AND $2 AND id BETWEEN $3 AND $4', order_by => 'tenant');
SELECT pg_temp.try('by row', 'DELETE FROM ten WHERE (tenant, id) >= ($1, $2) AND (tenant, id) <= ($3, $4)', order_by => 'tenant');
SELECT pg_temp.try('without the first', 'DELETE FROM ten WHERE id > $1 AND id <= $2');
SELECT pg_temp.try('without the last', 'DELETE FROM ten WHERE $1 <= id AND $2 > id');
SELECT pg_temp.try('both mixed up', 'DELETE FROM ten WHERE id BETWEEN $2 AND $1');
SELECT pg_temp.try('down', 'DELETE FROM ten WHERE id BETWEEN $2 AND $1', reverse => true);
SELECT pg_temp.try('mixed directions', 'DELETE FROM ten WHERE (tenant, id) <= ($1, $2) AND (tenant, id) >= ($3, $4)', order_by => 'tenant DESC');
SELECT pg_temp.try('row down', 'DELETE FROM ten WHERE (tenant, id) <= ($1, $2) AND (tenant, id) >= ($3, $4)', order_by => 'tenant', reverse => true);
SELECT pg_temp.try('row up', 'DELETE FROM ten WHERE (tenant, id) BETWEEN ($1, $2) AND ($3, $4)', order_by => 'tenant', reverse => true);

-- The relation once more in the statement: there it may be compared otherwise.
SELECT pg_temp.try('rows before', 'UPDATE ten SET n = (SELECT count(*) FROM ten AS p WHERE p.id < $1) WHERE id BETWEEN $1 AND $2');
SELECT pg_temp.try('rows after', 'INSERT INTO place (id) SELECT id FROM ten WHERE id BETWEEN $1 AND $2 AND NOT EXISTS (SELECT FROM ten AS p WHERE p.id > $2 AND p.tenant = ten.tenant)');
SELECT pg_temp.try('beside chunk_range', 'UPDATE ten SET n = p.n FROM ten AS p WHERE chunk_range(ten) AND p.id < $1 AND p.tenant = ten.tenant');
SELECT pg_temp.try('beside chunk', 'INSERT INTO place (id, n) SELECT id, (SELECT count(*) FROM ten AS p WHERE p.id > $2) FROM chunk');
SELECT pg_temp.try('joined', 'UPDATE ten SET n = 1 FROM ten AS p WHERE ten.id = p.id AND p.id BETWEEN $1 AND $2');
SELECT pg_temp.try('target', 'DELETE FROM ten USING ten AS p WHERE ten.id = p.id AND p.id BETWEEN $1 AND $2 AND ten.id > $1');
SELECT pg_temp.try('target beside chunk', 'DELETE FROM ten USING chunk WHERE ten.id = chunk.id AND ten.id < $2');
SELECT pg_temp.try('only one', 'INSERT INTO place (id) SELECT p.id FROM ten AS p WHERE p.id > $1 AND p.id <= $2');
SELECT pg_temp.try('outer one', 'INSERT INTO place (id) SELECT p.id FROM ten AS p WHERE p.id > $1 AND p.id <= $2 AND EXISTS (SELECT FROM ten AS q WHERE q.id BETWEEN $1 AND $2)');

-- Bounds that bound nothing, or two rows.
SELECT pg_temp.try('either key', 'UPDATE ten SET n = 1 WHERE id = $1 OR id = $2');
SELECT pg_temp.try('IN', 'UPDATE ten SET n = 1 WHERE id IN ($1, $2)');
SELECT pg_temp.try('either row', 'DELETE FROM ten WHERE (tenant, id) = ($1, $2) OR (tenant, id) = ($3, $4)', order_by => 'tenant');
SELECT pg_temp.try('either side', 'DELETE FROM ten WHERE id >= $1 OR id <= $2');
SELECT pg_temp.try('one side', 'DELETE FROM ten WHERE (id >= $1 OR tenant = 1) AND id <= $2');
SELECT pg_temp.try('other source', 'INSERT INTO place (id) SELECT id FROM ten WHERE id = $1 OR id = $2');
SELECT pg_temp.try('by groups', 'DELETE FROM ten WHERE (tenant = $1 AND id >= $2 OR tenant > $1) AND (tenant = $3 AND id <= $4 OR tenant < $3)', order_by => 'tenant');
SELECT pg_temp.try('also the ends', 'UPDATE ten SET n = 1 WHERE id = $1 OR id = $2 OR (id > $1 AND id < $2)');
SELECT pg_temp.try('and more', 'UPDATE ten SET n = 1 WHERE (id >= $1 OR id <= $2) AND int4range($1, $2, ''[]'') @> id');
SELECT pg_temp.try('another table', 'UPDATE place SET n = 1 WHERE id = $1 OR id = $2');

-- Nothing says which rows of the target are meant.
SELECT pg_temp.try('exists', 'UPDATE ten SET n = 1 WHERE EXISTS (SELECT FROM ten AS o WHERE chunk_range(o))');
SELECT pg_temp.try('exists for it', 'UPDATE ten SET n = 1 WHERE EXISTS (SELECT FROM ten AS o WHERE chunk_range(o) AND o.id = ten.id)');
SELECT pg_temp.try('not empty', 'DELETE FROM ten WHERE tenant = 1 AND (SELECT count(*) FROM chunk) > 0');
SELECT pg_temp.try('set alone', 'UPDATE ten SET n = (SELECT c.n FROM chunk AS c WHERE c.id = ten.id)');
SELECT pg_temp.try('not joined', 'UPDATE ten SET n = 1 FROM chunk WHERE ten.n = 0 AND chunk.n = 0');
SELECT pg_temp.try('in WITH', 'WITH u AS (UPDATE ten SET n = 1 WHERE EXISTS (SELECT FROM chunk) RETURNING id) SELECT count(*) FROM u');
SELECT pg_temp.try('by place', 'DELETE FROM ten WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM ten AS t WHERE chunk_range(t)))');
SELECT pg_temp.try('between', 'UPDATE ten SET n = 1 WHERE id BETWEEN (SELECT min(id) FROM chunk) AND (SELECT max(id) FROM chunk)');
SELECT pg_temp.try('a total', 'UPDATE place SET n = n + (SELECT count(*) FROM chunk) WHERE id = 1');
SELECT pg_temp.try('copy with', 'COPY (WITH u AS (UPDATE place SET id = id RETURNING 1) SELECT count(*) FROM u) TO ''/nowhere/file''');
SELECT pg_temp.try('copy reads', 'COPY (WITH u AS (SELECT 1) SELECT count(*) FROM u) TO ''/nowhere/file''');

-- chunk_range() is a word of the statement, and of nothing else.
SELECT pg_temp.try('alias', 'UPDATE ten AS "T t" SET n = 1 WHERE chunk_range("T t")');
SELECT pg_temp.try('keyword', 'UPDATE ten AS action SET n = 1 WHERE Chunk_Range /* here */ ( action )');
SELECT pg_temp.try('string', $$UPDATE ten SET n = length('chunk_range(ten)') WHERE n::text = $x$ chunk_range(ten) $x$ -- chunk_range(ten)$$);
SELECT pg_temp.try('quoted', 'UPDATE ten SET n = 1 WHERE "chunk_range"(ten)');
SELECT pg_temp.try('qualified', 'UPDATE ten SET n = 1 WHERE public.chunk_range(ten)');
SELECT pg_temp.try('below', 'DELETE FROM place WHERE id IN (SELECT t.id FROM ten AS t WHERE chunk_range(t))');
SELECT pg_temp.try('two', 'DELETE FROM place AS p USING place AS q WHERE chunk_range(p) AND chunk_range(q) AND p.id = q.id', 'place');
SELECT pg_temp.try('of another', 'DELETE FROM place WHERE chunk_range(place)');
SELECT pg_temp.try('of nothing', 'DELETE FROM ten WHERE chunk_range(t)');
SELECT pg_temp.try('no name', 'DELETE FROM ten WHERE chunk_range(ten, place)');
SELECT pg_temp.try('skips', 'DELETE FROM ten WHERE chunk_range(ten)', lock_rows => 'FOR UPDATE SKIP LOCKED');
SELECT pg_temp.try('waits', 'DELETE FROM ten WHERE chunk_range(ten)', lock_rows => 'FOR UPDATE');
SELECT pg_temp.try('volatile', 'DELETE FROM ten WHERE chunk_range(ten)', filter => 'random() < 0.5');
\set VERBOSITY default

-- Errors point into the statement, and say what $n is.
CALL chunked_iter_run('f', 'ten', 'UPDATE ten AS "ö" SET n = 1 WHERE chunk_range("ö") AND nonsense');
CALL chunked_iter_run('f', 'ten', 'UPDATE ten SET n = 1 WHERE chunk_range(place) AND n = 0');
CALL chunked_iter_run('f', 'ten', 'UPDATE ten SET n = 1 WHERE id BETWEEN $1 AND $3');
CALL chunked_iter_run('f', 'place', 'UPDATE place SET n = 1 WHERE $2::point IS NULL', order_by => 'b');
CALL chunked_iter_run('f', 'ten', 'UPDATE ten SET n = n + 1 FROM chunk WHERE ten.id = chunk.id');
SELECT count(*) FROM chunked_iter_jobs;

-- Whatever the key, each row is done once.
SET client_min_messages = error;
CREATE PROCEDURE once(what text, order_by text, reverse boolean DEFAULT false, filter text DEFAULT NULL, relation regclass DEFAULT 'place') LANGUAGE plpgsql AS $$
DECLARE
	report text;
BEGIN
	EXECUTE format('UPDATE %s SET n = 0', relation);
	COMMIT;
	CALL public.chunked_iter_run(what, relation, format('UPDATE %s AS o SET n = n + 1 WHERE chunk_range(o)', relation),
		chunk_size => 7, order_by => order_by, reverse => reverse, filter => filter);
	EXECUTE format('SELECT format(''%%s done, %%s not, %%s wrong'', count(*) FILTER (WHERE n = 1), count(*) FILTER (WHERE n = 0), count(*) FILTER (WHERE n <> CASE WHEN %s THEN 1 ELSE 0 END)) FROM %s',
		coalesce(filter, 'true'), relation) INTO report;
	RAISE INFO '%: %', what, report;
END $$;
CALL once('primary key', NULL);
CALL once('down', 'id', reverse => true);
CALL once('nullable', 'a');
CALL once('nulls first', 'a NULLS FIRST');
CALL once('nullable down', 'a DESC');
CALL once('nulls last down', 'a DESC NULLS LAST, b');
CALL once('mixed', 'b, a DESC');
CALL once('mixed, reversed', 'b NULLS FIRST, a DESC', reverse => true);
CALL once('expression', 'lower(b) DESC, a % 3');
CALL once('collation', 'b COLLATE "POSIX"');
CALL once('filter', 'a, b DESC', filter => 'a % 2 = 0');
CALL once('filter with a subquery', 'a', filter => 'EXISTS (SELECT FROM ten AS o WHERE o.id = place.id AND o.tenant = 3)');

CREATE TABLE parted (id integer NOT NULL, a integer, n integer NOT NULL DEFAULT 0) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (50);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (50) TO (200);
CREATE INDEX ON parted (a);
INSERT INTO parted SELECT i, i % 9 FROM generate_series(1, 150) i;
CALL once('ties, partitions', 'a', relation => 'parted');
CREATE VIEW seen AS SELECT * FROM place WHERE id <= 500;
CALL once('view', 'a', relation => 'seen');
CREATE TABLE copy (id integer);
CALL chunked_iter_run('physical', 'place', 'INSERT INTO copy SELECT id FROM place WHERE chunk_range(place)', order_by => 'ctid', chunk_size => 7);
SELECT count(*), count(DISTINCT id) FROM copy;
RESET client_min_messages;

-- MERGE counts as the UPDATE that it is.
SELECT current_setting('server_version_num')::int >= 150000 AS has_merge \gset
\if :has_merge
\set change 'MERGE INTO ten USING chunk ON ten.id = chunk.id WHEN MATCHED THEN UPDATE SET n = ten.n + 1'
\set alone 'MERGE INTO ten USING place ON ten.id = place.id WHEN MATCHED THEN UPDATE SET n = 1'
\else
\set change 'UPDATE ten SET n = ten.n + 1 FROM chunk WHERE ten.id = chunk.id'
\set alone 'UPDATE ten SET n = 1 FROM place WHERE ten.id = place.id'
\endif
CALL chunked_iter_run('merge', 'ten', :'change', chunk_size => 100, order_by => 'ctid', upto => '{"(0,50)"}');
CALL chunked_iter_run('merge alone', 'ten', :'alone');

-- Rows changed are counted beside rows read.
CALL chunked_iter_run('some', 'ten', 'UPDATE ten SET n = 2 WHERE chunk_range(ten) AND id > 250', chunk_size => 100, max_chunks => 5);
CALL chunked_iter_run('some');
CALL chunked_iter_run('two commands', 'ten', 'UPDATE ten SET n = 3 WHERE chunk_range(ten); INSERT INTO parted SELECT id % 100 FROM chunk WHERE id % 2 = 0; SELECT 1', parts => 2);
CALL chunked_iter_run('none', 'ten', 'DELETE FROM ten USING chunk WHERE ten.id = chunk.id AND ten.n = 7');
CALL chunked_iter_run('many', 'ten', 'UPDATE ten SET n = 4 FROM chunk WHERE ten.id <= chunk.id', chunk_size => 50, upto => '{100}');
CALL chunked_iter_run('reads', 'ten', 'SELECT FROM chunk');
SELECT job, rows_done, rows_changed FROM chunked_iter_progress WHERE rows_done < 1000 OR rows_changed IS DISTINCT FROM rows_done ORDER BY job;
SELECT range_no, rows_done, rows_changed FROM chunked_iter_job_ranges WHERE job = 'two commands' ORDER BY range_no;

-- Tables in a filter are those that its walk sees, whatever the statement calls "chunk" or has in WITH.
CREATE TABLE chunk AS SELECT 201 AS id;
CALL chunked_iter_run('filter by chunk', 'ten', 'UPDATE ten SET n = 0 WHERE chunk_range(ten)',
	chunk_size => 100, filter => 'id < (SELECT c.id FROM chunk AS c)');
DROP TABLE chunk;
CREATE TABLE place_2 AS SELECT 101 AS id;
CALL chunked_iter_run('filter by with', 'ten', 'WITH place_2 AS (SELECT 7 AS id) UPDATE ten SET n = 0 FROM place_2 WHERE chunk_range(ten)',
	chunk_size => 50, filter => 'id < (SELECT c.id FROM place_2 AS c)');

-- Columns that are not read are NULL, whatever the table says, also for code that is compiled.
CREATE TABLE strict (a integer NOT NULL, id integer PRIMARY KEY, b integer NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE strict_1 PARTITION OF strict DEFAULT;
INSERT INTO strict SELECT -i, i, 10 * i FROM generate_series(1, 3) i;
CREATE TABLE copied (id integer, b integer);
SET jit = on;
SET jit_above_cost = 0;
CALL chunked_iter_run('compiled', 'strict', 'INSERT INTO copied SELECT id, b FROM chunk WHERE id > 0');
RESET jit_above_cost;
RESET jit;
SELECT * FROM copied ORDER BY id;

-- For who means it; and a job of before, when it is run again.
CREATE TABLE tick (at integer);
CALL chunked_iter_run('global', 'ten', 'INSERT INTO tick VALUES (1)', chunk_size => 100, max_chunks => 2, statement_is_global => true);
CALL chunked_iter_run('global', max_chunks => 1);
CALL chunked_iter_run('global', max_chunks => 1, statement_is_global => false);
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'global';
CALL chunked_iter_run('global', max_chunks => 1, statement_is_global => true);
SELECT count(*) FROM tick;

-- What a filter names is the user's, beside "chunk" and the WITH queries of the statement, and under any path.
CREATE TEMPORARY TABLE chunk AS SELECT i AS id FROM generate_series(1, 1000, 2) i;
CREATE TEMPORARY TABLE "My odd" AS TABLE chunk;
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.abs(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE PROCEDURE show_changed(filter text, withs text DEFAULT '') LANGUAGE plpgsql AS $$
BEGIN
	UPDATE ten SET n = 0;
	CALL chunked_iter_run('named', 'ten', withs || 'UPDATE ten SET n = n + 1 WHERE chunk_range(ten)', chunk_size => 100, filter => filter);
	RAISE NOTICE '% rows', (SELECT sum(n) FROM ten);
	PERFORM chunked_iter_forget('named');
END $$;
SET client_min_messages = notice;
CALL show_changed('id IN (SELECT id FROM chunk)');
CALL show_changed('id IN (SELECT id FROM chunk)', 'WITH chunk AS (SELECT 0 AS id) ');
CALL show_changed('id IN (SELECT id FROM "My odd")', 'WITH "My odd" AS (SELECT 0 AS id) ');
CALL show_changed('EXISTS (SELECT FROM "My odd" AS o JOIN chunk USING (id) LEFT JOIN LATERAL (SELECT FROM chunk AS c WHERE c.id = o.id) l ON true WHERE o.id = ten.id)', 'WITH "My odd" AS (SELECT 0 AS id), chunk AS (SELECT 0 AS id) ');
CALL show_changed('id IN (WITH chunk AS (SELECT id + 1 AS id FROM pg_temp.chunk) SELECT id FROM chunk UNION SELECT 1)', 'WITH chunk AS (SELECT 0 AS id) ');
CALL show_changed('id IN (WITH chunk AS (SELECT id FROM chunk WHERE id < 100) SELECT id FROM chunk) AND id NOT IN (SELECT id FROM chunk WHERE id > 50)');
CALL show_changed('id IN (SELECT 1 FROM pg_class)', 'WITH pg_class AS (SELECT 0 AS id WHERE false) ');
SET search_path = shadow, job_statements, pg_catalog, public;
CALL show_changed('pg_catalog.abs(id) > 500');
SET search_path = job_statements, public;
SET client_min_messages = error;
CALL chunked_iter_run('both', 'ten', 'INSERT INTO tick SELECT id FROM chunk', chunk_size => 300, filter => 'id IN (SELECT id FROM chunk)');
SELECT rows_done, rows_changed FROM chunked_iter_progress WHERE job = 'both';
DROP TABLE chunk;

SET client_min_messages = warning;
DROP SCHEMA job_statements CASCADE;
SELECT count(*) FROM (SELECT chunked_iter_forget(job) FROM chunked_iter_jobs) AS forgotten;
