-- What fails is in the query log, too, however it fails, and whatever the
-- statement has done to the log itself.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA query_log_errors;
SET search_path = query_log_errors, public;
CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 10);

-- The first that a session has to log fails in the parser.
\c
LOAD 'chunked_iter';
SET client_min_messages = error;
SET search_path = query_log_errors, public;
SET chunked_iter.debug = 'all';
SELEC 1;
SELECT query_no, sql FROM chunked_iter_queries();

-- It empties the log and fails; by itself, in a block, in a walk.
SELECT chunked_iter_reset_queries() > 0, 1 / (id - id) FROM item WHERE id = 1;
SELECT query_no, sql FROM chunked_iter_queries();
DO $$BEGIN PERFORM chunked_iter_reset_queries(); RAISE 'on purpose'; END$$;
SELECT query_no, sql FROM chunked_iter_queries();
SELECT count(*) FROM chunked_iter(NULL::item, filter => 'chunked_iter_reset_queries() < 0 OR 1 / (id - 3) < 9', chunk_size => 2);
SELECT query_no, left(sql, 14) AS begins FROM chunked_iter_queries();

-- Or as another session user, whose log is another one.
CREATE ROLE regress_citer_errors;
SET SESSION AUTHORIZATION regress_citer_errors;
SELEC 2;
SELECT query_no, sql FROM chunked_iter_queries();
RESET SESSION AUTHORIZATION;
SELEC 3;
SELECT query_no, sql FROM chunked_iter_queries();

-- Errors within errors, in no more memory than one of them takes, and in none.
CREATE FUNCTION fails(depth integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	IF depth = 0 THEN
		RETURN (SELECT sum(1 / (i.id - 3)) FROM chunked_iter(NULL::item, chunk_size => 2) AS i);
	END IF;
	RETURN fails(depth - 1);
EXCEPTION WHEN division_by_zero THEN
	PERFORM count(*) FROM chunked_iter(NULL::item, chunk_size => 3);
	RAISE division_by_zero USING MESSAGE = 'at depth ' || depth;
END
$$;
SET chunked_iter.queries_memory = '1kB';
SELECT fails(20);
SELECT count(*) BETWEEN 1 AND 7 AS few, max(query_no) > 40 AS many, (max(sql) FILTER (WHERE sql LIKE '%fails%')) AS last FROM chunked_iter_queries();
SET chunked_iter.queries_memory = 0;
SELECT chunked_iter_reset_queries() > 0 AS dropped;
SELECT fails(20);
SELECT count(*) FROM chunked_iter_queries();
SET chunked_iter.queries_memory = '64kB';
SET chunked_iter.queries_limit = 3;
SELECT fails(20);
BEGIN;
DECLARE c CURSOR FOR SELECT 1 / (3 - id) FROM chunked_iter(NULL::item, chunk_size => 1);
FETCH 2 FROM c;
SAVEPOINT s;
FETCH 1 FROM c;
ROLLBACK TO s;
SELECT count(*) FROM chunked_iter(NULL::item);
SELECT chunked_iter_reset_queries() AS dropped;
ROLLBACK;
SELECT query_no, sql FROM chunked_iter_queries();

RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA query_log_errors CASCADE;
DROP ROLE regress_citer_errors;
