-- A job's statement that joins its table to "chunk" by the whole key is given the
-- bounds of the chunk, too, where that leaves out nothing.
CREATE SCHEMA joined;
SET search_path = joined, public;
SET client_min_messages = error;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, word varchar NOT NULL, maybe integer, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i, i % 3, 'w' || i % 4, nullif(i % 2, 0) FROM generate_series(1, 10) i;
CREATE TABLE parted (LIKE item INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5);
CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT * FROM item;
CREATE TABLE seen (id integer);

-- What becomes of a statement is in the log of queries.
SET chunked_iter.debug = chunks;
CREATE TABLE cases (name text, rel text, statement text, more text);
INSERT INTO cases VALUES
	('plain', 'item', 'UPDATE /* plain */ item SET n = item.n + 1 FROM chunk WHERE item.id = chunk.id', ''),
	('turned', 'item', 'UPDATE /* turned */ item AS "I ""x" SET n = "I ""x".n + 1 FROM chunk AS c WHERE c.n = "I ""x".n AND c.id = "I ""x".id', ''),
	('pair', 'item', 'UPDATE /* pair */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.grp = c.grp', ', order_by => ''grp DESC'''),
	('words', 'item', 'UPDATE /* words */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.word = c.word', ', order_by => ''word'''),
	('parts', 'item', 'UPDATE /* parts */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', parts => 2'),
	('subqueries', 'item', 'WITH one AS (SELECT 1 AS n WHERE true) UPDATE /* subqueries */ item AS i SET n = i.n + (SELECT n FROM one WHERE true) FROM chunk AS c WHERE i.id = c.id AND EXISTS (SELECT FROM item WHERE true)', ''),
	('volatile', 'item', 'UPDATE /* volatile */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', filter => ''random() < 2'''),
	('skip', 'item', 'UPDATE /* skip */ item AS i SET n = i.n + 1 / (c.id <> 7)::integer FROM chunk AS c WHERE i.id = c.id', ', on_error => ''skip'''),
	('commands', 'item', 'INSERT INTO seen SELECT id FROM chunk; UPDATE /* commands 1 */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.id % 2 = 0; UPDATE /* commands 2 */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.id % 2 = 1', ''),
	('partitions', 'parted', 'DELETE /* partitions */ FROM parted USING chunk WHERE parted.id = chunk.id', ''),
	('key used', 'item', 'UPDATE /* key used */ item AS i SET n = i.n + 1 + c.id - i.id FROM chunk AS c, item AS o WHERE i.id = c.id AND o.id = c.id AND c.id IN (SELECT c.id FROM item WHERE id = c.id)', ''),
	('nulls', 'item', 'UPDATE /* nulls */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.maybe = c.maybe', ', order_by => ''maybe'''),
	('filter', 'item', 'UPDATE /* filter */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', filter => ''grp <> 1'''),
	('returning', 'item', 'UPDATE /* returning */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id RETURNING c.id', ''),
	('bounds', 'item', 'UPDATE /* bounds */ item AS i SET n = i.n + ($4 >= $2)::integer FROM chunk AS c WHERE i.id = c.id AND i.maybe = c.maybe', ', order_by => ''maybe'''),
	-- These are left as they are.
	('range', 'item', 'UPDATE /* not: range */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE chunk_range(i) AND i.id = c.id', ''),
	('half', 'item', 'UPDATE /* not: half */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', order_by => ''grp'''),
	('or', 'item', 'UPDATE /* not: or */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id OR i.id = c.id', ''),
	('expression', 'item', 'UPDATE /* not: expression */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', order_by => ''id + 0'''),
	('locked', 'item', 'UPDATE /* not: locked */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id', ', lock_rows => ''FOR UPDATE'''),
	('collation', 'item', 'UPDATE /* not: collation */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.id AND i.word = c.word COLLATE "C"', ', order_by => ''word'''),
	('another', 'item', 'UPDATE /* not: another */ item AS i SET n = i.n + 1 FROM chunk AS c, item AS o WHERE o.id = c.id AND i.id = o.id', ''),
	('other column', 'item', 'UPDATE /* not: other column */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.grp AND i.id = i.id', ', statement_is_global => true');
SELECT format('CALL chunked_iter_run(%L, %L, %L, chunk_size => 4%s)', name, rel, statement, more)
FROM cases WHERE name <> 'other column' \gexec
SELECT n, count(*) FROM item GROUP BY n ORDER BY n;
SELECT count(*) FROM parted;
SELECT job, rows_done, rows_changed FROM chunked_iter_progress WHERE rows_changed <> rows_done ORDER BY job COLLATE "C";
CALL chunked_iter_run('other column', 'item', 'UPDATE /* not: other column */ item AS i SET n = i.n + 1 FROM chunk AS c WHERE i.id = c.grp AND i.id = i.id', chunk_size => 4, statement_is_global => true);
\pset format unaligned
SELECT DISTINCT sql COLLATE "C" FROM chunked_iter_queries() WHERE sql LIKE '%/*%' AND sql NOT LIKE '%chunked_iter_run%' ORDER BY 1;
\pset format aligned
SET chunked_iter.debug = off;

-- Rows of one key that more of them have
CREATE TABLE tied (k integer, n integer DEFAULT 0);
INSERT INTO tied SELECT i / 3 FROM generate_series(1, 10) i;
CALL chunked_iter_run('tied', 'tied', 'UPDATE tied SET n = tied.n + 1 FROM chunk WHERE tied.k = chunk.k', order_by => 'k', chunk_size => 4);
SELECT k, n, count(*) FROM tied GROUP BY k, n ORDER BY k, n;

-- A rule that is made meanwhile; the job goes on with the rows of its chunks
CREATE TABLE before AS SELECT id, n FROM item;
CREATE FUNCTION joined.make_rule(k integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF k = 6 THEN
		CREATE OR REPLACE RULE note AS ON UPDATE TO joined.item DO ALSO INSERT INTO joined.seen VALUES (old.id);
	END IF;
	RETURN true;
END
$$;
CALL chunked_iter_run('made', 'item', 'UPDATE item SET n = item.n + 1 FROM chunk WHERE item.id = chunk.id', chunk_size => 4,
	throttle_query => 'SELECT NOT joined.make_rule((SELECT rows_done::integer + 2 FROM chunked_iter_job_ranges WHERE job = ''made''))');
CALL chunked_iter_run('made', throttle_query => '');
SELECT item.n - before.n AS changed, count(*) FROM item JOIN before USING (id) GROUP BY 1;

-- Errors point into what the user wrote.
SET client_min_messages = notice;
\set VERBOSITY terse
CALL chunked_iter_run('wrong', 'item', 'UPDATE item AS i SET n = nothing FROM chunk AS c WHERE i.id = c.id');
CALL chunked_iter_run('wrong', 'item', 'UPDATE item AS i SET n = i.n / 0 FROM chunk AS c WHERE i.id = c.id', retries => 0);
\set VERBOSITY default
SELECT count(*) FROM (SELECT chunked_iter_forget(job) FROM chunked_iter_jobs) AS forgotten;
