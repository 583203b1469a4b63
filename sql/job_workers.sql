-- A run with background workers.
CREATE ROLE worker_anna NOLOGIN;
CREATE SCHEMA job_workers;
GRANT USAGE ON SCHEMA job_workers TO PUBLIC;
SET search_path = job_workers, public;

CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i FROM generate_series(1, 1000) i;
ANALYZE item;
CREATE TABLE seen (id integer, pid integer, session text, role text, path text, setting text);
GRANT SELECT, UPDATE ON item TO worker_anna;
GRANT INSERT, SELECT ON seen TO worker_anna;

-- Waits until two sessions are at work on ranges.
CREATE FUNCTION meet() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WHILE (SELECT count(DISTINCT pid) < 2 FROM pg_locks JOIN chunked_iter_job_ranges r
		ON (classid::bigint << 32) | objid::bigint = chunked_iter_guard(current_user::regrole, r.job, r.range_no))
		AND (SELECT count(*) = 0 FROM seen)
	LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;

-- Where nothing else is said, there are four ranges for each session.
CALL chunked_iter_run('parts', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', workers => 3, chunk_size => 20);
SELECT parts, state, rows_done, rows_changed FROM chunked_iter_progress WHERE job = 'parts';
SELECT n, count(*) FROM item GROUP BY n;
CALL chunked_iter_run('one', 'item', 'SELECT 1', workers => 1);
SELECT parts FROM chunked_iter_progress WHERE job = 'one';
CALL chunked_iter_run('zero', 'item', 'SELECT 1', workers => 0);

-- The session that runs it counts: one range each, two processes.
CALL chunked_iter_run('two', 'item',
	'SELECT meet();
	 INSERT INTO seen SELECT id, pg_backend_pid(), session_user, current_user, current_setting(''search_path''), current_setting(''my.setting'', true) FROM chunk',
	workers => 2, parts => 2, chunk_size => 1000);
SELECT count(*), count(DISTINCT id), count(DISTINCT pid), count(DISTINCT pid) FILTER (WHERE pid = pg_backend_pid()) AS own FROM seen;

-- A worker is as the session that started it: role, search_path, settings.
TRUNCATE seen;
SET my.setting = 'mine';
SET ROLE worker_anna;
CALL chunked_iter_run('anna', 'item',
	'SELECT meet();
	 INSERT INTO seen SELECT id, pg_backend_pid(), session_user, current_user, current_setting(''search_path''), current_setting(''my.setting'', true) FROM chunk',
	workers => 2, parts => 2, chunk_size => 1000);
RESET ROLE;
SELECT count(DISTINCT pid), session = session_user AS session, role, path, setting FROM seen GROUP BY 2, 3, 4, 5;
TRUNCATE seen;
SET SESSION AUTHORIZATION worker_anna;
CALL chunked_iter_run('session', 'item',
	'SELECT meet();
	 INSERT INTO seen SELECT id, pg_backend_pid(), session_user, current_user, '''', '''' FROM chunk',
	workers => 2, parts => 2, chunk_size => 1000);
RESET SESSION AUTHORIZATION;
SELECT count(DISTINCT pid), session, role FROM seen GROUP BY 2, 3;

-- The error of a worker is that of the job.
CREATE TABLE here AS SELECT pg_backend_pid() AS pid;
CREATE FUNCTION fail_elsewhere() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF pg_backend_pid() NOT IN (SELECT pid FROM here) THEN
		RAISE EXCEPTION 'not here' USING ERRCODE = 'XY123', DETAIL = 'It is a worker.', HINT = 'Ask another.', TABLE = 'item';
	END IF;
	WHILE (SELECT state = 'running' FROM chunked_iter_jobs WHERE job = 'error') LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
\set SHOW_CONTEXT never
CALL chunked_iter_run('error', 'item', 'SELECT fail_elsewhere()', workers => 2, parts => 2, chunk_size => 1000);
\unset SHOW_CONTEXT
SELECT state, last_error LIKE 'XY123: not here. It is a worker. (rows%' AS last_error FROM chunked_iter_progress WHERE job = 'error';

-- What the workers have done counts in the end, and for the limits of the call.
TRUNCATE seen;
CALL chunked_iter_run('skip', 'item', 'INSERT INTO seen SELECT 1 / (id % 100), 1 FROM chunk', chunk_size => 50, workers => 2, on_error => 'skip');
SELECT count(*) FROM chunked_iter_failed_rows WHERE job = 'skip';
SET client_min_messages = warning;
CALL chunked_iter_run('limit', 'item', 'SELECT pg_sleep(0.01)', chunk_size => 10, workers => 3, max_chunks => 30);
SELECT state, chunks_done BETWEEN 30 AND 32 AS done FROM chunked_iter_progress WHERE job = 'limit';
RESET client_min_messages;

-- Ranges that a job has are as many as they were.
CALL chunked_iter_run('few', 'item', 'SELECT 1', workers => 3, parts => 2);
CALL chunked_iter_run('few', 'item', 'SELECT 1', workers => 3, parts => 3);
CREATE TEMPORARY TABLE mine AS SELECT * FROM item;
ALTER TABLE mine ADD PRIMARY KEY (id);
CALL chunked_iter_run('temp', 'mine', 'UPDATE mine SET n = 0 WHERE chunk_range(mine)', workers => 2);

SET client_min_messages = warning;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'chunked_iter worker';
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
DROP SCHEMA job_workers CASCADE;
DROP ROLE worker_anna;
