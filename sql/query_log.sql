-- Which queries a session remembers, and how they are told apart.
CREATE SCHEMA query_log;
SET search_path = query_log, public;
-- Rows that are gathered from workers come later, and after an error not at all.
SET max_parallel_workers_per_gather = 0;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL);
INSERT INTO item SELECT i, i % 3 FROM generate_series(1, 25) i;
CREATE INDEX ON item (grp DESC, id);
ANALYZE item;

-- Shows the log, line breaks taken out, and empties it.
CREATE FUNCTION log() RETURNS TABLE (query_no bigint, sql text, rows bigint)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT q.query_no, regexp_replace(q.sql, '\s+', ' ', 'g'), q.rows
				   FROM chunked_iter_queries() AS q;
	PERFORM chunked_iter_reset_queries();
END
$$;

-- The words for the modes.
SELECT chunked_iter_reset_queries();
SHOW chunked_iter.debug;
SHOW chunked_iter.queries_limit;
SHOW chunked_iter.queries_memory;
CREATE FUNCTION mode(word text) RETURNS text LANGUAGE sql AS
$$SELECT set_config('chunked_iter.debug', word, false); SELECT current_setting('chunked_iter.debug')$$;
SELECT word, mode(word)
FROM unnest('{off,chunks,all,on,ON,true,false,yes,no,1,0}'::text[]) AS word;
SELECT failure('SET chunked_iter.debug = everything');
RESET chunked_iter.debug;

-- Off: nothing.
SELECT count(*) FROM chunked_iter(NULL::item, 10);
SELECT * FROM log();

-- Chunks: the queries of a walk, wherever it is called, with their rows.
SET chunked_iter.debug = chunks;
SELECT count(*) FROM chunked_iter(NULL::item, 10);
SELECT * FROM log();
SELECT count(*) FROM (SELECT chunked_iter(NULL::item, 20) OFFSET 0) s;
SELECT * FROM log();
SELECT id FROM chunked_iter(NULL::item, 4) LIMIT 5;
SELECT * FROM log();
-- One that gives no rows; a key whose groups end within a chunk; the end, read first.
SELECT count(*) FROM chunked_iter(NULL::item, 5, filter => 'id > 100');
SELECT * FROM log();
SELECT count(*) FROM chunked_iter(NULL::item, 12, 'grp DESC');
SELECT * FROM log();
SELECT count(*) FROM chunked_iter(NULL::item, 20, snapshot => 'chunk');
SELECT * FROM log();
SELECT count(*) FROM chunked_iter_query('SELECT id FROM item', 'id', 30) AS t(id integer);
SELECT * FROM log();
-- An explanation runs no query.
SELECT count(*) > 0 AS explained FROM chunked_iter_explain(NULL::item);
EXPLAIN (COSTS OFF) SELECT * FROM chunked_iter(NULL::item);
SELECT * FROM log();

-- A walk that is started by the filter of another.
CREATE FUNCTION walked(upto text) RETURNS bigint LANGUAGE sql VOLATILE AS
$$SELECT count(*) FROM public.chunked_iter(NULL::query_log.item, upto => ARRAY[upto])$$;
SELECT count(*) FROM chunked_iter(NULL::item, 2, filter => 'query_log.walked(id::text) = id', upto => '{2}');
SELECT sql LIKE '%walked%' AS outer_one, rows FROM log();

-- Queries that fail or are cancelled, with the rows they had given.
SELECT failure($$SELECT count(*) FROM chunked_iter(NULL::item, filter => '1 / (id - 3) < 2')$$);
SELECT * FROM log();
SET statement_timeout = '500ms';
SELECT count(*) FROM chunked_iter(NULL::item, filter => 'pg_sleep(10 * id) IS NULL');
RESET statement_timeout;
SELECT query_no, regexp_replace(sql, '\s+', ' ', 'g') AS sql, rows, duration_ms >= 50 AS waited
FROM chunked_iter_queries();

-- When, how long.
SELECT chunked_iter_reset_queries();
SELECT clock_timestamp() AS before \gset
SELECT count(*) FROM chunked_iter(NULL::item, filter => 'pg_sleep(0.02) IS NOT NULL', upto => '{2}');
SELECT started_at BETWEEN :'before' AND clock_timestamp() AS started, duration_ms BETWEEN 39 AND 39000 AS took
FROM chunked_iter_queries();
SELECT chunked_iter_reset_queries();

-- All: each statement of the session too, its own part of the text.
SET chunked_iter.debug = 'all';
INSERT INTO item VALUES (28, 1)\; DELETE /* two */ FROM item WHERE id = 28\; SELECT id FROM item WHERE id < 3 ;
SELECT count(*) FROM chunked_iter(NULL::item, 30);
INSERT INTO item VALUES (26, 2), (27, 0);
UPDATE item SET grp = 1 WHERE id > 25;
DELETE FROM item WHERE id > 25 RETURNING id;
-- Utility statements, and those that run a query inside.
CREATE TABLE copied AS SELECT * FROM item WHERE id <= 4;
COPY copied TO '/dev/null';
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM copied \g /dev/null
DO $$ BEGIN PERFORM count(*) FROM query_log.copied; END $$;
SELECT walked('4');
-- The values of parameters are not there.
PREPARE those (integer) AS SELECT * FROM copied WHERE id < $1;
EXECUTE those(3);
DEALLOCATE those;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 5);
FETCH 2 FROM c;
COMMIT;
-- What fails: at run time, in the planner, in the parser, in a utility command, in an aborted transaction.
SELECT 1 / (id - 3) FROM copied;
SELECT 1 / 0;
SELECT nothing FROM nowhere;
SELEC 1;
DROP TABLE nowhere;
BEGIN;
SELECT 1 / 0 ;
SELECT 2;
ROLLBACK;
RESET chunked_iter.debug;
SELECT * FROM log();

-- Functions that the planner runs, and triggers, are inside of a statement.
CREATE FUNCTION folded() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN (SELECT count(*) FROM query_log.copied); END$$;
CREATE FUNCTION triggered() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM count(*) FROM query_log.item; RETURN NULL; END$$;
CREATE TRIGGER now AFTER INSERT ON copied FOR EACH ROW EXECUTE FUNCTION triggered();
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON copied DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION triggered();
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$BEGIN INSERT INTO query_log.copied VALUES (6, 0); COMMIT; PERFORM count(*) FROM query_log.item; END$$;
SET chunked_iter.debug = 'all';
SELECT folded();
INSERT INTO copied VALUES (5, 0);
CALL commits();
RESET chunked_iter.debug;
SELECT * FROM log();

-- A cursor reads on while the log changes: up to where it ended, and not after a reset.
SET chunked_iter.debug = chunks;
SET chunked_iter.queries_limit = 4;
SET client_min_messages = error;
SELECT count(*) FROM chunked_iter(NULL::item, 6);
BEGIN;
DECLARE c CURSOR FOR SELECT (chunked_iter_queries()).query_no;
FETCH 1 FROM c;
SELECT count(*) FROM chunked_iter(NULL::item, 10);
SELECT min(query_no), max(query_no) FROM chunked_iter_queries();
FETCH ALL FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT (chunked_iter_queries()).query_no;
MOVE 1 IN c;
SELECT chunked_iter_reset_queries();
SELECT count(*) FROM chunked_iter(NULL::item, 10);
FETCH ALL FROM c;
COMMIT;

-- What a job runs for a chunk, the user's statement among it, failures too.
RESET ALL;
SET search_path = query_log, public;
SET client_min_messages = warning;
CREATE TABLE done (id integer PRIMARY KEY);
CALL chunked_iter_run('job', 'item', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 10, max_chunks => 1);
SELECT chunked_iter_reset_queries();
SET chunked_iter.debug = chunks;
CALL chunked_iter_run('job', max_chunks => 1);
RESET chunked_iter.debug;
SELECT substring(sql FROM '^\w+') AS command, coalesce(substring(sql FROM 'chunked_iter_\w+'), substring(sql FROM 'item|done')) AS what, rows
  FROM chunked_iter_queries() ORDER BY query_no;
INSERT INTO done VALUES (25);
SET chunked_iter.debug = chunks;
CALL chunked_iter_run('job');
RESET chunked_iter.debug;
SELECT rows FROM chunked_iter_queries() WHERE sql LIKE 'INSERT INTO done%' ORDER BY query_no;
SELECT chunked_iter_forget('job');
SELECT chunked_iter_reset_queries() > 5 AS dropped;
DROP SCHEMA query_log CASCADE;
