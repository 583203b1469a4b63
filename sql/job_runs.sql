-- The history of a job, and what the view shows of it.
CREATE SCHEMA job_runs;
SET search_path = job_runs, public;

CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i FROM generate_series(1, 100) i;
ANALYZE item;
CREATE VIEW runs AS
SELECT job, run_no, call, role = current_user AS own, pid = pg_backend_pid() AS here, rows_done, rows_changed,
       chunks_done, rows_failed, rows_passed, outcome, error
  FROM chunked_iter_runs ORDER BY job, run_no;

-- A call for each way to end.
CALL chunked_iter_run('j', 'item', 'UPDATE item SET n = 1 / (60 - id) WHERE chunk_range(item)', chunk_size => 20, max_chunks => 1);
CALL chunked_iter_run('j');
CALL chunked_iter_run('j', on_error => 'skip');
CALL chunked_iter_run('j');
CALL chunked_iter_run('pauses', 'item', 'SELECT chunked_iter_pause(''pauses'') WHERE $2 = 40', chunk_size => 20);
CALL chunked_iter_run('cancels', 'item', 'SELECT chunked_iter_cancel(''cancels'') WHERE $2 = 40', chunk_size => 20);
SELECT * FROM runs;
SELECT count(*) FROM chunked_iter_runs WHERE NOT (started_at <= ended_at AND ended_at = updated_at);

-- Also if it cannot even be opened.
SELECT chunked_iter_forget('pauses');
ALTER TABLE item RENAME TO items;
CALL chunked_iter_run('moved', 'items', 'SELECT 1', chunk_size => 20, max_chunks => 1);
ALTER TABLE items RENAME TO item;
CALL chunked_iter_run('moved');
SELECT * FROM runs WHERE job = 'moved';

-- Where the time went.
CALL chunked_iter_run('slow', 'item', 'SELECT pg_sleep(0.1)', chunk_size => 50, pause_ms => 300);
CREATE SEQUENCE calls;
CALL chunked_iter_run('throttled', 'item', 'SELECT 1', throttle_query => 'SELECT nextval(''calls'') < 4');
SELECT job, CASE job WHEN 'slow' THEN seconds_worked >= 0.2 AND seconds_paused >= 0.3 AND seconds_throttled = 0
                     ELSE seconds_throttled >= 0.15 AND seconds_paused = 0 END AS counted
  FROM chunked_iter_runs WHERE job IN ('slow', 'throttled') ORDER BY job;

-- A call that has not ended and whose session is gone ends with the next run.
CALL chunked_iter_run('dead', 'item', 'SELECT 1', chunk_size => 20, max_chunks => 1);
UPDATE chunked_iter_runs SET pid = 1, ended_at = NULL, outcome = NULL WHERE job = 'dead';
CALL chunked_iter_run('dead');
SELECT run_no, outcome, ended_at = updated_at AS ended FROM chunked_iter_runs WHERE job = 'dead' ORDER BY run_no;

-- Only so many are kept.
CALL chunked_iter_run('many', 'item', 'SELECT 1', chunk_size => 10, max_chunks => 1);
SET chunked_iter.runs_limit = 2;
CALL chunked_iter_run('many', max_chunks => 1);
CALL chunked_iter_run('many', max_chunks => 1);
SELECT run_no, rows_done FROM chunked_iter_runs WHERE job = 'many' ORDER BY run_no;
SET chunked_iter.runs_limit = 0;
CALL chunked_iter_run('many', max_chunks => 1);
SET chunked_iter.runs_limit = -1;
CALL chunked_iter_run('many');
RESET chunked_iter.runs_limit;
SELECT run_no, rows_done FROM chunked_iter_runs WHERE job = 'many' ORDER BY run_no;
SET chunked_iter.runs_limit = -2;

-- They go with the job, whoever forgets it.
SELECT chunked_iter_forget('many');
SELECT count(*) FROM chunked_iter_runs WHERE job = 'many';

-- Members of the owner see its runs, and others do not; nobody but the owner changes them.
CREATE ROLE regress_citer_runs_anna;
CREATE ROLE regress_citer_runs_member IN ROLE regress_citer_runs_anna;
CREATE ROLE regress_citer_runs_other;
GRANT USAGE ON SCHEMA job_runs TO regress_citer_runs_anna;
GRANT SELECT ON item TO regress_citer_runs_anna;
SET ROLE regress_citer_runs_anna;
CALL chunked_iter_run('anna', 'item', 'SELECT 1', max_chunks => 1);
SELECT job, run_no, role FROM chunked_iter_runs;
SET ROLE regress_citer_runs_member;
SELECT job, run_no, role FROM chunked_iter_runs;
UPDATE chunked_iter_runs SET rows_done = 0;
SELECT job, state FROM chunked_iter_progress;
SELECT chunked_iter_forget('anna');
SET ROLE regress_citer_runs_other;
SELECT count(*) FROM chunked_iter_runs;
RESET ROLE;

-- A guard is one of its owner's: a stranger's call under the same name is in nobody's way.
SELECT chunked_iter_guard(1, 'j', 0) <> chunked_iter_guard(2, 'j', 0) AS owners,
       chunked_iter_guard(1, 'j', 0) <> chunked_iter_guard(1, 'j', 1) AS ranges,
       chunked_iter_guard(1, 'j', 0) <> chunked_iter_guard(1, 'k', 0) AS jobs;

-- The columns of the view, in the order in which people read them.
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'chunked_iter_progress'::regclass AND attnum > 0;
CALL chunked_iter_run('bar', 'item', 'SELECT 1', chunk_size => 1, max_chunks => 1);
SELECT percent, bar, remaining, eta FROM chunked_iter_progress WHERE job = 'bar';
CALL chunked_iter_run('bar', max_chunks => 53);
SELECT percent, bar FROM chunked_iter_progress WHERE job = 'bar';
CALL chunked_iter_run('bar', max_chunks => 45);
SELECT percent, bar FROM chunked_iter_progress WHERE job = 'bar';
CALL chunked_iter_run('bar');
SELECT percent, bar, rows_per_second, remaining, eta FROM chunked_iter_progress WHERE job = 'bar';
SELECT job, rows_failed, rows_passed FROM chunked_iter_progress WHERE job = 'j';

-- The speed counts the pause behind a chunk from the first chunk on: 10 rows in a second.
CREATE TABLE seen (rows_per_second double precision, remaining interval, waiting_for text);
CALL chunked_iter_run('paused', 'item',
	'INSERT INTO seen SELECT rows_per_second, remaining, waiting_for FROM chunked_iter_progress WHERE job = ''paused''',
	chunk_size => 10, pause_ms => 1000, max_chunks => 2, statement_is_global => true);
SELECT rows_per_second IS NULL AS unknown, rows_per_second BETWEEN 2 AND 10 AS right_speed,
       remaining BETWEEN '9 s' AND '40 s' AS right_time FROM seen;

SET client_min_messages = warning;
DROP OWNED BY regress_citer_runs_anna, regress_citer_runs_member, regress_citer_runs_other;
DROP ROLE regress_citer_runs_anna, regress_citer_runs_member, regress_citer_runs_other;
DROP SCHEMA job_runs CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
