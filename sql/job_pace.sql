-- How fast a job goes: chunked_iter_tune, duty, rates; jobs that need others;
-- what is tried again.
CREATE SCHEMA job_pace;
SET search_path = job_pace, public;

CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i FROM generate_series(1, 100) i;
ANALYZE item;

-- Tuned from its own statement, in the transaction of a chunk, it changes with the next one.
CREATE TABLE chunks (no serial, rows integer);
CALL chunked_iter_run('tuned', 'item', $$
	INSERT INTO chunks (rows) SELECT count(*) FROM chunk;
	SELECT chunked_iter_tune('tuned', chunk_size => 20) WHERE $2 = 10;
	SELECT chunked_iter_tune('tuned', chunk_size => 5, throttle_query => 'SELECT false') WHERE $2 = 50 $$,
	chunk_size => 10, max_chunks => 5);
SELECT array_agg(rows ORDER BY no) FROM chunks;
SELECT chunk_size, throttle_query FROM chunked_iter_jobs WHERE job = 'tuned';
SELECT chunk_size, throttle_query, pause_ms FROM chunked_iter_job_tunings WHERE job = 'tuned';

-- The next run takes that over; its own arguments come first.
CALL chunked_iter_run('tuned', max_chunks => 1);
SELECT chunk_size, throttle_query FROM chunked_iter_jobs WHERE job = 'tuned';
SELECT count(*) FROM chunked_iter_job_tunings;
SELECT chunked_iter_tune('tuned', chunk_size => 7);
SELECT chunked_iter_tune('tuned', throttle_query => '');
CALL chunked_iter_run('tuned', chunk_size => 8);
SELECT chunk_size, throttle_query FROM chunked_iter_jobs WHERE job = 'tuned';
SELECT array_agg(rows ORDER BY no) FROM chunks;

-- A size counts also if it is read with a throttle query that has the job wait.
CREATE SEQUENCE asked;
TRUNCATE chunks;
CALL chunked_iter_run('tuned to wait', 'item', $$
	INSERT INTO chunks (rows) SELECT count(*) FROM chunk;
	SELECT chunked_iter_tune('tuned to wait', chunk_size => 30,
		throttle_query => 'SELECT nextval(''job_pace.asked'') = 1') WHERE $2 = 10 $$,
	chunk_size => 10);
SELECT array_agg(rows ORDER BY no) FROM chunks;

-- A table called "chunk" in a throttle query is that table.
CREATE TABLE chunk AS SELECT 1 AS id;
CALL chunked_iter_run('named', 'item', 'UPDATE item SET n = 1 FROM chunk WHERE item.id = chunk.id', chunk_size => 50,
	throttle_query => 'SELECT count(*) <> 1 FROM chunk');
CALL chunked_iter_run('named too', 'item', 'INSERT INTO job_pace.chunk SELECT id FROM chunk WHERE n = 2', chunk_size => 50,
	throttle_query => 'SELECT count(*) <> 1 FROM chunk');
DROP TABLE chunk;

-- What tunes, and what is no value.
CALL chunked_iter_run('t', 'item', 'SELECT 1', chunk_size => 10, max_chunks => 1, target_ms => 100, pause_ms => 1,
	duty_percent => 50, max_rows_per_second => 1000, max_wal_per_second => 1000000, throttle_query => 'SELECT false');
CREATE VIEW pace AS SELECT chunk_size, target_ms, pause_ms, throttle_query, duty_percent, max_rows_per_second, max_wal_per_second
  FROM chunked_iter_jobs WHERE job = 't';
SELECT * FROM pace;
SELECT chunked_iter_tune('t', chunk_size => 11, pause_ms => 0, target_ms => 0, throttle_query => '', duty_percent => 0,
	max_rows_per_second => 0, max_wal_per_second => 0);
CALL chunked_iter_run('t', max_chunks => 1);
SELECT * FROM pace;
CALL chunked_iter_run('t', duty_percent => 20, max_chunks => 1);
CALL chunked_iter_run('t', duty_percent => 0, max_chunks => 1);
SELECT duty_percent FROM pace;
SELECT chunked_iter_tune('t', chunk_size => 0);
SELECT chunked_iter_tune('t', pause_ms => -1);
SELECT chunked_iter_tune('t', duty_percent => 101);
SELECT chunked_iter_tune(NULL);
SELECT chunked_iter_tune('nobody');
SELECT chunked_iter_tune('tuned', pause_ms => 1);
CREATE ROLE regress_citer_pace_owner;
CREATE ROLE regress_citer_pace_member IN ROLE regress_citer_pace_owner;
GRANT USAGE ON SCHEMA job_pace TO regress_citer_pace_owner;
GRANT SELECT ON item TO regress_citer_pace_owner;
SET ROLE regress_citer_pace_owner;
CALL chunked_iter_run('owned', 'item', 'SELECT 1', chunk_size => 10, max_chunks => 1);
SET ROLE regress_citer_pace_member;
SELECT chunked_iter_tune('owned', pause_ms => 1);
INSERT INTO chunked_iter_job_tunings (job, pause_ms) VALUES ('owned', 1);
RESET ROLE;
SELECT chunked_iter_tune('owned', pause_ms => 1);
BEGIN READ ONLY;
SELECT chunked_iter_tune('t', pause_ms => 1);
ROLLBACK;

-- How long it takes at a rate: chunks of 10 rows, 9 rests between them.
CREATE FUNCTION paused(name text) RETURNS TABLE (enough boolean, not_much_more boolean) LANGUAGE sql AS
$$ SELECT max(ended_at) - min(started_at) >= '450 ms', sum(seconds_paused) < 1 FROM chunked_iter_runs WHERE job = name $$;
CALL chunked_iter_run('rows', 'item', 'SELECT 1', chunk_size => 10, max_rows_per_second => 200);
SELECT * FROM paused('rows');
CALL chunked_iter_run('wal', 'item', $$ SELECT pg_logical_emit_message(true, '', repeat('x', 10000)) $$,
	chunk_size => 10, max_wal_per_second => 200000);
SELECT * FROM paused('wal');
CALL chunked_iter_run('duty', 'item', 'SELECT pg_sleep(0.02)', chunk_size => 10, duty_percent => 30);
SELECT seconds_paused / seconds_worked BETWEEN 1.6 AND 2.34 AS a_third FROM chunked_iter_runs WHERE job = 'duty';
-- Also between ranges, and the longest rest counts.
CALL chunked_iter_run('ranges', 'item', 'SELECT 1', parts => 10, max_rows_per_second => 200, pause_ms => 1);
SELECT * FROM paused('ranges');

-- Jobs that need others.
CALL chunked_iter_run('needs', 'item', 'SELECT 1', needs => '{rows,t,nobody}');
SELECT count(*) FROM chunked_iter_jobs WHERE job = 'needs';
CALL chunked_iter_run('needs', 'item', 'SELECT 1', needs => '{needs}');
CALL chunked_iter_run('needs', 'item', 'SELECT 1', needs => '{rows,duty}', chunk_size => 10, max_chunks => 1);
CALL chunked_iter_run('needs', needs => '{t}');
SELECT state FROM chunked_iter_progress WHERE job = 'needs';
CALL chunked_iter_run('fails', 'item', 'SELECT 1 / (50 - $2)', chunk_size => 50);
CALL chunked_iter_run('needs', needs => '{fails}');
CALL chunked_iter_run('needs');
CALL chunked_iter_run('after', 'item', 'SELECT 1', needs => '{needs}');
CALL chunked_iter_run('none', 'item', 'SELECT 1', needs => '{}');

-- Waits for the throttle query are no successes: the job gives up after its retries.
CREATE SEQUENCE polls;
CREATE FUNCTION conflict() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$;
CALL chunked_iter_run('retries', 'item', 'SELECT conflict()', retries => 2, max_ms => 20000,
	throttle_query => 'SELECT nextval(''polls'') % 2 = 0');
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'retries';

-- A wrong argument is an error of the call, not of the job.
CALL chunked_iter_run('wrong', 'item', 'UPDATE item SET n = n WHERE chunk_range(item)', chunk_size => 10, max_chunks => 1);
CALL chunked_iter_run('wrong', lock_rows => 'FOR UPDATE SKIP LOCKED');
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'wrong';
CALL chunked_iter_run('wrong');

-- A rest takes no longer than the call may.
CALL chunked_iter_run('rests', 'item', 'SELECT count(*) FROM chunk', chunk_size => 10, pause_ms => 60000, max_ms => 100);
SELECT outcome, chunks_done, ended_at - started_at < '30 s' AS soon FROM chunked_iter_runs WHERE job = 'rests';

SET client_min_messages = warning;
DROP OWNED BY regress_citer_pace_owner, regress_citer_pace_member;
DROP SCHEMA job_pace CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
DROP ROLE regress_citer_pace_owner, regress_citer_pace_member;
