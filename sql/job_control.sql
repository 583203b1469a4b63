-- Pause, cancel, forget; pace; what the view shows.
CREATE SCHEMA job_control;
SET search_path = job_control, public;

CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i FROM generate_series(1, 100) i;
ANALYZE item;
CREATE VIEW progress AS
SELECT job, state, rows_done, chunks_done, estimated_rows, percent, last_key, chunk_size, waiting_for FROM chunked_iter_progress;

-- A job that pauses itself, in the transaction of its chunk.
CALL chunked_iter_run('pause', 'item', 'SELECT chunked_iter_pause(''pause'') WHERE $2 = 40', chunk_size => 20);
SELECT * FROM progress;
CALL chunked_iter_work('pause');
CALL chunked_iter_run('pause');
SELECT chunked_iter_pause('pause');

-- Cancelled is for good.
CALL chunked_iter_run('cancel', 'item', 'SELECT chunked_iter_cancel(''cancel'') WHERE $2 = 40', chunk_size => 20);
SELECT * FROM progress WHERE job = 'cancel';
CALL chunked_iter_run('cancel');
SELECT chunked_iter_pause('cancel');
SELECT chunked_iter_cancel('cancel');
SELECT chunked_iter_forget('cancel');
CALL chunked_iter_run('cancel');

-- A job that is cancelled in the chunk after which the call would pause it, is cancelled.
CALL chunked_iter_run('limit', 'item', 'SELECT chunked_iter_cancel(''limit'')', chunk_size => 20, max_chunks => 1);
SELECT state FROM progress WHERE job = 'limit';

-- A job that has failed cannot be paused any more, but cancelled.
CALL chunked_iter_run('failed', 'item', 'SELECT 1 / 0');
SELECT chunked_iter_pause('failed');
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'failed';
CALL chunked_iter_work('failed');
SELECT chunked_iter_cancel('failed');
SELECT state FROM progress WHERE job = 'failed';
CALL chunked_iter_run('failed');
SELECT chunked_iter_forget(job) FROM unnest(ARRAY['limit', 'failed']) AS job;

-- While it is run, a job cannot be forgotten, not even by its own statement.
CALL chunked_iter_run('forget', 'item', 'SELECT chunked_iter_forget(''forget'')');
SELECT chunked_iter_forget('forget');
SELECT * FROM progress WHERE job = 'forget';

-- Nor run within itself.
CALL chunked_iter_run('self', 'item', 'DO $$ BEGIN CALL chunked_iter_run(''self''); END $$', statement_is_global => true);

-- A statement that gives up the guard does no harm.
CALL chunked_iter_run('unlock', 'item', 'SELECT pg_advisory_unlock_all(); UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 30);
SELECT n, count(*) FROM item GROUP BY n;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';

-- While the throttle query says so, the job waits; here it stops waiting by itself.
CREATE SEQUENCE calls;
CALL chunked_iter_run('throttle', 'item', 'SELECT 1', chunk_size => 50, throttle_query => 'SELECT nextval(''calls'') < 3');
SELECT last_value FROM calls;
CALL chunked_iter_run('number', 'item', 'SELECT 1', throttle_query => 'SELECT 4 - nextval(''calls'') FROM generate_series(1, 3)', max_ms => 5000);
CALL chunked_iter_run('no', 'item', 'SELECT 1', throttle_query => 'SELECT NULL::boolean');
CALL chunked_iter_run('none', 'item', 'SELECT 1', throttle_query => 'SELECT true WHERE false');
CALL chunked_iter_run('forever', 'item', 'SELECT 1', throttle_query => 'SELECT true', max_ms => 200);
SELECT * FROM progress WHERE job = 'forever';
CALL chunked_iter_run('forever', throttle_query => '');
CALL chunked_iter_run('text', 'item', 'SELECT 1', throttle_query => 'SELECT ''yes''');
CALL chunked_iter_run('update', 'item', 'SELECT 1', throttle_query => 'UPDATE item SET n = 1');
CALL chunked_iter_run('writes', 'item', 'SELECT 1', throttle_query => 'WITH w AS (DELETE FROM item RETURNING id) SELECT true FROM w');
SELECT count(*) FROM item;

-- Pauses add up.
SELECT clock_timestamp() AS start \gset
CALL chunked_iter_run('slow', 'item', 'SELECT 1', chunk_size => 20, pause_ms => 50);
SELECT clock_timestamp() - :'start' BETWEEN interval '200 ms' AND interval '20 s' AS paused;
SET client_min_messages = warning;	-- how many chunks that makes depends on the machine
CALL chunked_iter_run('max_ms', 'item', 'SELECT pg_sleep(0.05)', chunk_size => 1, max_ms => 120);
RESET client_min_messages;
SELECT state, rows_done BETWEEN 1 AND 50 AS some FROM chunked_iter_progress WHERE job = 'max_ms';

-- However many ranges a job has, it takes few locks to forget it.
CALL chunked_iter_run('many', 'item', 'SELECT 1', parts => 10000, max_chunks => 1);
BEGIN;
SELECT chunked_iter_forget('many');
SELECT count(*) < 50 AS few FROM pg_locks WHERE pid = pg_backend_pid();
ROLLBACK;
SELECT chunked_iter_forget('many');
SELECT count(*) FROM chunked_iter_job_ranges WHERE job = 'many';

-- The size of a chunk follows the time it takes, both ways.
SET client_min_messages = warning;	-- how many chunks that makes depends on the machine
CALL chunked_iter_run('down', 'item', 'SELECT pg_sleep(0.001 * ($2 - $1 + 1))', chunk_size => 40, target_ms => 5);
RESET client_min_messages;
SELECT chunk_size BETWEEN 1 AND 20 AS smaller FROM progress WHERE job = 'down';
CALL chunked_iter_run('up', 'item', 'SELECT 1', chunk_size => 1, target_ms => 1000);
SELECT chunk_size >= 32 AS larger, chunks_done FROM progress WHERE job = 'up';

-- A statement that changes the role.
CREATE ROLE job_other;
GRANT USAGE ON SCHEMA job_control TO job_other;
CALL chunked_iter_run('role', 'item', 'SET ROLE job_other');
CALL chunked_iter_run('role local', 'item', 'SET LOCAL ROLE job_other');
SELECT current_user = session_user AS same, state, rows_done FROM chunked_iter_progress WHERE job LIKE 'role%';
DROP OWNED BY job_other;
DROP ROLE job_other;

-- What a session sets stays set; only its own application_name is shown.
SET application_name = 'mine';
CALL chunked_iter_run('name', 'item', 'SELECT 1');
SHOW application_name;

SET client_min_messages = warning;
DROP SCHEMA job_control CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
