-- A job runs its statement for every chunk, and goes on where it stopped.
CREATE SCHEMA job_run;
SET search_path = job_run, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer, n integer NOT NULL DEFAULT 0, body text);
INSERT INTO item SELECT i, i % 7, 0, 'b' || i FROM generate_series(1, 2500) i;
ANALYZE item;
CREATE TABLE copy (LIKE item);
CREATE VIEW progress AS
SELECT job, state, parts, rows_done, chunks_done, last_key, chunk_size, waiting_for, pid, last_error
FROM chunked_iter_progress;

-- The rows of the chunk are a table, its first and last key are parameters.
CALL chunked_iter_run('copy', 'item', 'INSERT INTO copy SELECT * FROM chunk');
SELECT count(*) FROM (TABLE item EXCEPT ALL TABLE copy) s;
SELECT count(*) FROM (TABLE copy EXCEPT ALL TABLE item) s;
CALL chunked_iter_run('bounds', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 300);
CALL chunked_iter_run('join', 'item', 'UPDATE item SET n = item.n + 10 FROM chunk WHERE item.id = chunk.id', chunk_size => 7);
CALL chunked_iter_run('both', 'item', 'UPDATE item SET n = item.n + 100 FROM chunk WHERE item.id = chunk.id AND chunk.id BETWEEN $1 AND $2');
SELECT n, count(*) FROM item GROUP BY n;
SELECT * FROM progress ORDER BY job;

-- Stopped, it goes on by its name alone, under the settings it has, or others.
CALL chunked_iter_run('steps', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 100, max_chunks => 3);
SELECT * FROM progress WHERE job = 'steps';
CALL chunked_iter_run('steps', max_chunks => 2);
CALL chunked_iter_run('steps', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 1000, max_chunks => 1);
SELECT * FROM progress WHERE job = 'steps';
CALL chunked_iter_run('steps');
SELECT * FROM progress WHERE job = 'steps';
CALL chunked_iter_run('steps');
SELECT n, count(*) FROM item GROUP BY n;

-- Several commands; what they return goes nowhere.
CREATE TABLE seen (id integer, first integer, last integer);
CALL chunked_iter_run('several', 'item', $$
	INSERT INTO seen SELECT id, $1, $2 FROM chunk;
	SELECT * FROM chunk;
	DELETE FROM seen WHERE id IN (SELECT id FROM chunk WHERE grp > 0) RETURNING *;
$$, chunk_size => 500);
SELECT first, last, count(*) FROM seen GROUP BY 1, 2 ORDER BY 1;

-- A statement that uses nothing of the chunk runs once for each, if that is meant.
CREATE TABLE tick (at integer);
CALL chunked_iter_run('tick', 'item', 'INSERT INTO tick VALUES (1)', chunk_size => 600, statement_is_global => true);
SELECT count(*) FROM tick;

-- Columns are found wherever the statement asks for them.
CREATE TABLE wide (id integer PRIMARY KEY, a text, b text, c text);
INSERT INTO wide SELECT i, 'a' || i, 'b' || i, 'c' || i FROM generate_series(1, 10) i;
CREATE TABLE got (v text);
CALL chunked_iter_run('c1', 'wide', 'INSERT INTO got SELECT c FROM chunk', chunk_size => 4);
CALL chunked_iter_run('c2', 'wide', 'INSERT INTO got SELECT chunk::text FROM chunk', chunk_size => 4);
CALL chunked_iter_run('c3', 'wide', 'INSERT INTO got SELECT b FROM (SELECT * FROM chunk JOIN (SELECT 1 AS one) o ON true) j', chunk_size => 4);
CALL chunked_iter_run('c4', 'wide', 'WITH w AS (SELECT (SELECT chunk.a) AS x FROM chunk) INSERT INTO got SELECT x FROM w', chunk_size => 4);
CALL chunked_iter_run('c5', 'wide', 'INSERT INTO got SELECT x.v FROM chunk LEFT JOIN LATERAL (SELECT chunk.b || chunk.a AS v) x ON true', chunk_size => 4);
CALL chunked_iter_run('c6', 'wide', 'INSERT INTO got SELECT id || c FROM chunk JOIN item USING (id)', chunk_size => 4);
CALL chunked_iter_run('c7', 'wide', 'CREATE TEMP TABLE made AS SELECT a FROM chunk; INSERT INTO got SELECT a FROM chunk; DROP TABLE made', chunk_size => 10);
CALL chunked_iter_run('c8', 'wide', 'INSERT INTO got SELECT to_jsonb(chunk) ->> ''c'' FROM chunk', chunk_size => 4);
SELECT left(v, 1) AS l, count(*), count(DISTINCT v), min(v) FROM got GROUP BY 1 ORDER BY 1;

-- Any order, and bounds of it.
CREATE TABLE place (a integer NOT NULL, b text NOT NULL, n integer DEFAULT 0, PRIMARY KEY (a, b));
INSERT INTO place SELECT i / 10, 'b' || i % 10, 0 FROM generate_series(1, 99) i;
CREATE INDEX ON place (b DESC, a);
CALL chunked_iter_run('composite', 'place', 'UPDATE place SET n = n + 1 WHERE (a, b) >= ($1, $2) AND (a, b) <= ($3, $4)', chunk_size => 13);
CALL chunked_iter_run('mixed', 'place', 'UPDATE place p SET n = p.n + 10 FROM chunk c WHERE (p.a, p.b) = (c.a, c.b)', chunk_size => 13, order_by => 'b DESC');
CALL chunked_iter_run('backwards', 'place', 'UPDATE place SET n = n + 100 WHERE (a, b) BETWEEN ($3, $4) AND ($1, $2)', chunk_size => 13, reverse => true);
SELECT n, count(*) FROM place GROUP BY n;
CALL chunked_iter_run('part', 'place', 'UPDATE place p SET n = 0 FROM chunk c WHERE (p.a, p.b) = (c.a, c.b)', chunk_size => 2,
	filter => 'b <> ''b3''', after => '{1}', upto => '{3,b4}');
SELECT a, string_agg(b, ' ' ORDER BY b) FROM place WHERE n = 0 GROUP BY a ORDER BY a;
SELECT after, upto, position, done FROM chunked_iter_job_ranges WHERE job IN ('part', 'backwards') ORDER BY job;

-- Without a unique key, rows of equal keys stay together.
CREATE TABLE tied (k integer, v integer);
INSERT INTO tied SELECT i / 10, i FROM generate_series(0, 99) i;
CREATE INDEX ON tied (k);
CREATE TABLE tied_copy (LIKE tied);
CALL chunked_iter_run('tied', 'tied', 'INSERT INTO tied_copy SELECT * FROM chunk', order_by => 'k', chunk_size => 15, max_chunks => 2);
CALL chunked_iter_run('tied');
SELECT count(*), count(DISTINCT v) FROM tied_copy;
SELECT * FROM progress WHERE job = 'tied';

-- NULLs in the key.
CREATE TABLE holes (k integer, id integer PRIMARY KEY, n integer DEFAULT 0);
INSERT INTO holes SELECT nullif(i % 5, 3), i FROM generate_series(1, 50) i;
CREATE INDEX ON holes (k, id);
CALL chunked_iter_run('holes', 'holes', 'UPDATE holes h SET n = 1 FROM chunk WHERE h.id = chunk.id', order_by => 'k', chunk_size => 7);
SELECT n, count(*) FROM holes GROUP BY n;
CALL chunked_iter_run('holes bounds', 'holes', 'UPDATE holes SET n = 2 WHERE (k, id) >= ($1, $2) AND (k, id) <= ($3, $4)', order_by => 'k', chunk_size => 7);
SELECT * FROM progress WHERE job = 'holes bounds';

-- Physical order.
CREATE TABLE heap (v integer);
INSERT INTO heap SELECT generate_series(1, 1000);
CREATE TABLE heap_copy (LIKE heap);
CALL chunked_iter_run('heap', 'heap', 'WITH gone AS (DELETE FROM heap WHERE ctid BETWEEN $1 AND $2 RETURNING *) INSERT INTO heap_copy SELECT * FROM gone', chunk_size => 300, max_chunks => 2);
CALL chunked_iter_run('heap');
SELECT (SELECT count(*) FROM heap), count(*), count(DISTINCT v) FROM heap_copy;

-- There an UPDATE moves rows to where they are walked again, unless a filter knows better.
CREATE TABLE moving (v integer) WITH (fillfactor = 50);
INSERT INTO moving SELECT 0 FROM generate_series(1, 1000);
CALL chunked_iter_run('moving', 'moving', 'UPDATE moving SET v = v + 1 WHERE ctid BETWEEN $1 AND $2', order_by => 'ctid', chunk_size => 30, max_chunks => 1);
CALL chunked_iter_run('within', 'moving', 'WITH w AS (UPDATE moving SET v = 1 WHERE false RETURNING *) SELECT * FROM w', order_by => 'ctid', max_chunks => 1, statement_is_global => true);
UPDATE moving SET v = 0;
CALL chunked_iter_run('once', 'moving', 'UPDATE moving SET v = v + 1 WHERE chunk_range(moving)', order_by => 'ctid', chunk_size => 30, filter => 'v = 0');
SELECT v, count(*) FROM moving GROUP BY v;

-- Bounds with nothing between them, by a key and in physical order.
CREATE TABLE bounded AS SELECT i AS id FROM generate_series(1, 100) i;
ALTER TABLE bounded ADD PRIMARY KEY (id);
CREATE TABLE bounds (no integer, order_by text, after text[], upto text[]);
INSERT INTO bounds VALUES (1, 'id', '{50}', '{20}'), (2, 'ctid', '{"(0,50)"}', '{"(0,20)"}'), (3, 'id', '{20}', '{20}'), (4, 'ctid', '{"(0,20)"}', '{"(0,20)"}'),
	(5, 'id', '{NULL}', NULL), (6, 'ctid', '{NULL}', NULL), (7, 'ctid', '{NULL}', '{NULL}'), (8, 'ctid', '{NULL}', '{"(0,20)"}'), (9, 'id', '{1000}', NULL), (10, 'ctid', '{"(1000,1)"}', NULL),
	(11, 'ctid', '{"(0,90)"}', '{NULL}');
SELECT format('CALL chunked_iter_run(''bounded %s'', ''bounded'', ''SELECT 1 FROM chunk'', order_by => %L, after => %L, upto => %L, parts => %s)', no, order_by, after, upto, no % 2 + 1) FROM bounds ORDER BY no \gexec
SELECT no, state, rows_done, (SELECT count(*) FROM chunked_iter(NULL::bounded, order_by => b.order_by, after => b.after, upto => b.upto)) AS rows_walked
FROM bounds AS b JOIN chunked_iter_progress AS p ON p.job = 'bounded ' || no ORDER BY no;
CALL chunked_iter_run('bounded dry', 'bounded', 'SELECT 1 FROM chunk', order_by => 'ctid', after => '{NULL}', dry_run => true);
SELECT count(chunked_iter_forget(job)) FROM chunked_iter_jobs WHERE job LIKE 'bounded %';
DROP TABLE bounded, bounds;

-- Nothing to do, one row, exactly a chunk.
CREATE TABLE few (id integer PRIMARY KEY);
CALL chunked_iter_run('none', 'few', 'INSERT INTO few SELECT 1 FROM chunk');
INSERT INTO few VALUES (1);
CALL chunked_iter_run('one', 'few', 'INSERT INTO tick SELECT id FROM chunk');
INSERT INTO few SELECT generate_series(2, 10);
CALL chunked_iter_run('ten', 'few', 'INSERT INTO tick SELECT id FROM chunk', chunk_size => 10);
SELECT * FROM progress WHERE job IN ('none', 'one', 'ten') ORDER BY job;

-- The end is fixed at the start: what the statement adds to the table is not walked.
CALL chunked_iter_run('grow', 'few', 'INSERT INTO few SELECT id + 10 FROM chunk', chunk_size => 3);
SELECT count(*), max(id) FROM few;

-- Partitions, views, materialized views.
CREATE TABLE parted (id integer PRIMARY KEY, n integer DEFAULT 0) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (50);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (50) TO (101);
INSERT INTO parted SELECT generate_series(1, 100);
CALL chunked_iter_run('parted', 'parted', 'UPDATE parted SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 30);
SELECT n, count(*) FROM parted GROUP BY n;
CREATE VIEW seven AS SELECT * FROM item WHERE grp = 6;
CREATE TABLE seven_copy (LIKE seven);
CALL chunked_iter_run('view', 'seven', 'INSERT INTO seven_copy SELECT * FROM chunk', order_by => 'id', chunk_size => 100);
SELECT count(*) FROM seven_copy;

-- Inside of DO and of other procedures.
TRUNCATE tick;
CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$
BEGIN
	CALL chunked_iter_run('nightly', 'few', 'INSERT INTO tick SELECT 2 FROM chunk', chunk_size => 8, max_chunks => 1);
	RAISE NOTICE 'so far: %', (SELECT rows_done FROM chunked_iter_progress WHERE job = 'nightly');
	CALL chunked_iter_run('nightly');
END $$;
CALL nightly();
DO $$ BEGIN CALL chunked_iter_run('in do', 'few', 'INSERT INTO tick SELECT 3 FROM chunk'); END $$;
SELECT at, count(*) FROM tick WHERE at IN (2, 3) GROUP BY at ORDER BY at;

-- The names of a job go by the search_path that it was made under.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.few (id integer);
CALL chunked_iter_run('path', 'few', 'INSERT INTO tick SELECT 4 FROM chunk JOIN few USING (id)', chunk_size => 8, max_chunks => 1);
SET search_path = elsewhere, public;
CALL chunked_iter_run('path');
SHOW search_path;
SELECT count(*) FROM job_run.tick WHERE at = 4;

SET client_min_messages = warning;
DROP SCHEMA elsewhere CASCADE;
DROP SCHEMA job_run CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
SELECT count(*) FROM chunked_iter_jobs;
SELECT count(*) FROM chunked_iter_job_ranges;
