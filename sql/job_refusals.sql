-- What a job refuses, before it has done anything.
CREATE SCHEMA job_refusals;
SET search_path = job_refusals, public;

CREATE TABLE item (id integer PRIMARY KEY, v integer);
INSERT INTO item SELECT i, 0 FROM generate_series(1, 10) i;
CREATE TABLE other (LIKE item INCLUDING ALL);
\set SHOW_CONTEXT never

-- Where it cannot commit.
BEGIN;
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL chunked_iter_work('a');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SET chunked_iter.debug = off \; CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION in_function() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2'); END $$;
SELECT in_function();
\echo :LAST_ERROR_SQLSTATE
DO $$ BEGIN
	BEGIN CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2');
\echo :LAST_ERROR_SQLSTATE
	EXCEPTION WHEN SQLSTATE '40001' THEN NULL; END;
END $$;
\echo :LAST_ERROR_SQLSTATE
CREATE PROCEDURE with_set() LANGUAGE plpgsql SET work_mem = '1MB' AS
$$ BEGIN CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2'); END $$;
CALL with_set();
\echo :LAST_ERROR_SQLSTATE

-- Where it cannot write.
SET default_transaction_read_only = on;
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_work('a');
\echo :LAST_ERROR_SQLSTATE
RESET default_transaction_read_only;

-- Arguments.
CALL chunked_iter_run(NULL, 'item', 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('', 'item', 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', NULL, 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 0, 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 4294967295::oid, 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'nonsense', 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item_pkey', 'SELECT 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', chunk_size => 0);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', chunk_size => 2147483647);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', order_by => 'nonsense');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', order_by => 'random()');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', filter => 'nonsense');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', after => '{1,2}');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', upto => '{x}');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', lock_rows => 'FOR EVER');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', lock_rows => 'UPDATE');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', lock_rows => 'FOR UPDATE; DROP TABLE item');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', lock_rows => 'FOR UPDATE LIMIT ALL');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', lock_rows => 'FOR UPDATE OF item');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', target_ms => -1);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', pause_ms => -1);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', max_chunks => 0);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', max_ms => 0);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', retries => -1);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', on_error => 'ignore');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', parts => 0);
\echo :LAST_ERROR_SQLSTATE

-- Statements.
CALL chunked_iter_run('a', 'item', '');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', ' ; /* nothing */ ;');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE nonsense');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE item SET');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE nonsense SET v = 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE id = $3');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT nonsense FROM chunk');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE chunk SET v = 1');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1; COMMIT');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'ROLLBACK');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'COPY item TO STDOUT');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'DECLARE c CURSOR WITH HOLD FOR SELECT * FROM chunk');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'COPY chunk TO ''/nowhere''');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'COPY (SELECT id FROM (SELECT * FROM chunk) AS c) TO ''/nowhere''');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'INSERT INTO chunk SELECT * FROM item WHERE chunk_range(item)');
CALL chunked_iter_run('a', 'item', 'SELECT 1; DELETE FROM chunk');

-- What people try first.
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = v + 1 FROM chunk WHERE item.id = chunk.id');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item USING chunk WHERE chunk_range(item); DELETE FROM other USING chunk WHERE "id" = chunk.id');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE item.id = chunk.id');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE id IN (SELECT id FROM chunks)');
CALL chunked_iter_run('a', 'item', 'INSERT INTO other SELECT * FROM public.chunk');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE chunk_range');
-- Releases differ in what else they say of this.
DO $$
DECLARE
	hint text;
BEGIN
	CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE chunk(item)', dry_run => true);
EXCEPTION WHEN undefined_function THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE INFO '%', hint;
END $$;
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE id BETWEEN :first AND :last');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE v = 0 LIMIT 1000');
CALL chunked_iter_run('a', 'item', 'SELECT 1; UPDATE item SET v = v + 1');
CALL chunked_iter_run('a', 'item', 'UPDATE item SET v = 1 WHERE chunk_range(item); /* é */ UPDATE other SET w = 1 WHERE id BETWEEN $1 AND $2');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE chunk_range(item)', filter => 'WHERE v = 0');
CALL chunked_iter_run('a', 'item', 'DELETE FROM item WHERE chunk_range(item)', order_by => 'ORDER BY id');

-- Of all this nothing is left.
SELECT count(*) FROM chunked_iter_jobs;
SELECT v, count(*) FROM item GROUP BY v;

-- A procedure that commits is found out when it is called; the chunk is not done.
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CALL chunked_iter_run('commits', 'item', 'UPDATE item SET v = 1 WHERE id BETWEEN $1 AND $2; CALL commits()', statement_is_global => true);
\echo :LAST_ERROR_SQLSTATE
SELECT job, state, rows_done, last_error FROM chunked_iter_progress;
SELECT v, count(*) FROM item GROUP BY v;

-- A table called "chunk" is hidden by the rows of the chunk.
CREATE TABLE chunk (id integer PRIMARY KEY);
CALL chunked_iter_run('named', 'item', 'INSERT INTO other SELECT id FROM chunk', chunk_size => 4, max_chunks => 1);
CALL chunked_iter_run('named', max_chunks => 1);
CALL chunked_iter_run('chunk', 'chunk', 'UPDATE chunk SET id = id WHERE chunk_range(chunk)');
CALL chunked_iter_run('chunk', 'chunk', 'UPDATE job_refusals.chunk SET id = id WHERE chunk_range(chunk)');
DROP TABLE chunk;
SELECT chunked_iter_forget('named'), chunked_iter_forget('chunk');

-- A name is taken for one table, statement and order.
CALL chunked_iter_run('same', 'item', 'UPDATE item SET v = 1 WHERE chunk_range(item)', filter => 'id > 2', chunk_size => 2, max_chunks => 1);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', 'other');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', statement => 'UPDATE item SET v = 2 WHERE id BETWEEN $1 AND $2');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', order_by => 'id');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', reverse => true);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', filter => 'id > 3');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', after => '{1}');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', upto => '{5}');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('same', parts => 2);
\echo :LAST_ERROR_SQLSTATE
SELECT job, state, last_key FROM chunked_iter_progress WHERE job = 'same';
CALL chunked_iter_run('same', 'item', 'UPDATE item SET v = 1 WHERE chunk_range(item)', reverse => false, filter => 'id > 2', parts => 1);
\echo :LAST_ERROR_SQLSTATE
SELECT v, count(*) FROM item GROUP BY v ORDER BY v;

-- Another table of the same name is another table.
CALL chunked_iter_run('other', 'other', 'DELETE FROM other WHERE chunk_range(other)');
DROP TABLE other;
CREATE TABLE other (LIKE item INCLUDING ALL);
CALL chunked_iter_run('other', 'other');
\echo :LAST_ERROR_SQLSTATE

-- Jobs that there are not.
CALL chunked_iter_run('nonsense');
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('nonsense', max_chunks => 5);
CALL chunked_iter_work('nonsense');
\echo :LAST_ERROR_SQLSTATE
SELECT chunked_iter_pause('nonsense');
\echo :LAST_ERROR_SQLSTATE
SELECT chunked_iter_cancel('nonsense');
\echo :LAST_ERROR_SQLSTATE
SELECT chunked_iter_forget('nonsense');
\echo :LAST_ERROR_SQLSTATE
SELECT chunked_iter_pause(NULL);
\echo :LAST_ERROR_SQLSTATE

SET client_min_messages = warning;
\set VERBOSITY terse
DROP SCHEMA job_refusals CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
