-- Jobs that run in background workers: start, wait, resume.
CREATE ROLE detached_anna LOGIN;
CREATE ROLE detached_bert LOGIN;
CREATE ROLE detached_member IN ROLE detached_anna;
CREATE ROLE detached_group NOLOGIN;
CREATE SCHEMA job_detached;
GRANT USAGE ON SCHEMA job_detached TO PUBLIC;
SET search_path = job_detached, public;

CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i FROM generate_series(1, 1000) i;
ANALYZE item;
CREATE TABLE seen (id integer, pid integer, session text, role text, path text, setting text);
GRANT SELECT, UPDATE ON item TO detached_anna;
GRANT INSERT, SELECT ON seen TO detached_anna;
GRANT SELECT ON item TO detached_group;
GRANT INSERT ON seen TO detached_group;

SELECT chunked_iter_start('update', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', chunk_size => 100);
SELECT chunked_iter_wait('update');
SELECT job, state, parts, rows_done, rows_changed FROM chunked_iter_progress;
SELECT n, count(*) FROM item GROUP BY n;
SELECT chunked_iter_start('update');
SELECT chunked_iter_wait('update', timeout_ms => 0);
CALL chunked_iter_run('update');

-- With workers, and with limits.
SELECT chunked_iter_start('share', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', chunk_size => 10, workers => 2);
SELECT chunked_iter_wait('share');
SELECT n, count(*) FROM item GROUP BY n;
SELECT chunked_iter_start('limit', 'item', 'SELECT 1', chunk_size => 100, max_chunks => 3, max_ms => 60000);
SELECT chunked_iter_wait('limit');
SELECT state, chunks_done FROM chunked_iter_progress WHERE job = 'limit';
SELECT chunked_iter_start('limit', chunk_size => 300);
SELECT chunked_iter_wait('limit');
SELECT state, chunks_done FROM chunked_iter_progress WHERE job = 'limit';

-- It is made at once, with the errors of chunked_iter_run, and runs when that is committed.
SELECT chunked_iter_start('wrong', 'item', 'UPDATE item SET m = 0 WHERE chunk_range(item)');
SELECT chunked_iter_start('wrong', 'item');
SELECT chunked_iter_start('wrong', 'item', 'SELECT 1', workers => 0);
SELECT chunked_iter_start(NULL);
BEGIN;
SELECT chunked_iter_start('block', 'item', 'UPDATE item SET n = 0 WHERE chunk_range(item)');
SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'block';
SAVEPOINT one;
SELECT chunked_iter_start('block');
ROLLBACK TO one;
SELECT chunked_iter_wait('block');
ROLLBACK;
SELECT chunked_iter_wait('block');
BEGIN;
SELECT chunked_iter_start('block', 'item', 'UPDATE item SET n = 0 WHERE chunk_range(item)');
SELECT chunked_iter_start('block');
COMMIT;
BEGIN;
SAVEPOINT one;
SELECT chunked_iter_start('block', 'item', 'UPDATE item SET n = 7 WHERE chunk_range(item)');
ROLLBACK TO one;
SELECT chunked_iter_start('block', 'item', 'UPDATE item SET n = 8 WHERE chunk_range(item)');
COMMIT;
SELECT chunked_iter_wait('block');
SELECT n, count(*) FROM item GROUP BY n;

-- A start that is rolled back does not have an old job go on.
CALL chunked_iter_run('old', 'item', 'UPDATE item SET n = 9 WHERE chunk_range(item)', chunk_size => 100, max_chunks => 1);
UPDATE chunked_iter_jobs SET state = 'running' WHERE job = 'old';
BEGIN;
SELECT chunked_iter_start('old');
ROLLBACK;
SELECT chunked_iter_wait('old');
SELECT state, chunks_done FROM chunked_iter_progress WHERE job = 'old';
SELECT chunked_iter_resume();

-- Only those that were started in the background are resumed, and here.
UPDATE chunked_iter_jobs SET detached = true WHERE job = 'old';
SELECT database_id AS home FROM chunked_iter_jobs WHERE job = 'old' \gset
UPDATE chunked_iter_jobs SET database_id = '1/2/3' WHERE job = 'old';
SELECT chunked_iter_resume();
UPDATE chunked_iter_jobs SET database_id = :'home' WHERE job = 'old';
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('old');
SELECT chunked_iter_resume();
SELECT n, count(*) FROM item GROUP BY n;

-- What is resumed has what is left of the limits of its start, and the next start none.
SELECT chunked_iter_start('limited', 'item', 'SELECT 1', chunk_size => 100, max_chunks => 2);
SELECT chunked_iter_wait('limited');
UPDATE chunked_iter_jobs SET state = 'running', stop_chunks = stop_chunks + 3 WHERE job = 'limited' RETURNING stop_chunks, stop_at;
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('limited');
SELECT state, chunks_done, stop_chunks FROM chunked_iter_progress JOIN chunked_iter_jobs USING (job, state) WHERE job = 'limited';
-- that was the last of them when its session died
UPDATE chunked_iter_jobs SET state = 'running' WHERE job = 'limited';
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('limited');
SELECT chunked_iter_start('limited', max_ms => 600000, max_chunks => 1);
SELECT chunked_iter_wait('limited');
UPDATE chunked_iter_jobs SET state = 'running', stop_chunks = NULL, stop_at = stop_at - interval '10 min' WHERE job = 'limited'
	RETURNING stop_at BETWEEN now() - interval '1 min' AND now() + interval '1 min' AS at;
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('limited');
SELECT state, chunks_done FROM chunked_iter_progress WHERE job = 'limited';
SELECT chunked_iter_start('limited', max_ms => 9223372036854775807, max_chunks => 1);
SELECT chunked_iter_wait('limited');
SELECT stop_chunks, stop_at FROM chunked_iter_jobs WHERE job = 'limited';
SELECT chunked_iter_start('limited', max_ms => 1, max_chunks => 9223372036854775807);
SELECT chunked_iter_wait('limited');
SELECT stop_chunks FROM chunked_iter_jobs WHERE job = 'limited';
CALL chunked_iter_run('limited');
SELECT chunks_done, stop_chunks, stop_at FROM chunked_iter_progress JOIN chunked_iter_jobs USING (job) WHERE job = 'limited';

-- Its error is kept.
SELECT chunked_iter_start('error', 'item', 'UPDATE item SET n = 1 / (id - 700) WHERE chunk_range(item)', chunk_size => 100, workers => 2, parts => 4);
SELECT chunked_iter_wait('error');
SELECT last_error FROM chunked_iter_progress WHERE job = 'error';
SELECT chunked_iter_start('gone', 'item', 'SELECT 1', chunk_size => 100, max_chunks => 1);
SELECT chunked_iter_wait('gone');
ALTER TABLE item RENAME TO items;
SELECT chunked_iter_start('gone');
ALTER TABLE items RENAME TO item;

-- Stopped like any other.
SELECT chunked_iter_start('stop', 'item', 'SELECT 1', chunk_size => 10, pause_ms => 100);
DO $$
BEGIN
	WHILE (SELECT pid IS NULL FROM chunked_iter_progress WHERE job = 'stop') LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT chunked_iter_wait('stop', 0);
SELECT chunked_iter_start('stop');
CALL chunked_iter_run('stop');
SELECT chunked_iter_pause('stop');
SELECT chunked_iter_wait('stop');
SELECT chunked_iter_start('stop');
SELECT chunked_iter_cancel('stop');
SELECT chunked_iter_wait('stop');
SELECT chunked_iter_start('stop');
SELECT chunked_iter_forget('stop');
SELECT chunked_iter_wait('stop');
-- Who has waited for it finds no worker in the way, also not one that has come too late.
CREATE PROCEDURE stop_and_go() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..20 LOOP
		PERFORM chunked_iter_start('again', 'item', 'SELECT 1', chunk_size => 10, pause_ms => 60000);
		COMMIT;
		PERFORM chunked_iter_pause('again');
		COMMIT;
		PERFORM chunked_iter_wait('again');
	END LOOP;
END $$;
CALL stop_and_go();
SELECT chunked_iter_cancel('again'), chunked_iter_forget('again');
SELECT chunked_iter_wait('update', -1);
SELECT chunked_iter_wait(NULL);
BEGIN READ ONLY;
SELECT chunked_iter_start('read', 'item', 'SELECT 1');
ROLLBACK;
CREATE TEMPORARY TABLE mine (id integer PRIMARY KEY);
SELECT chunked_iter_start('temp', 'mine', 'SELECT 1');
CREATE TABLE still (id integer PRIMARY KEY);
SELECT chunked_iter_start('dry', 'still', 'SELECT 1', dry_run => true);

-- A new session of the owner's, with the path that the job was made under.
SET my.setting = 'mine';
SET ROLE detached_anna;
SELECT chunked_iter_start('anna', 'item', 'INSERT INTO seen SELECT id, pg_backend_pid(), session_user, current_user, current_setting(''search_path''), current_setting(''my.setting'', true) FROM chunk', pause_ms => 1);
SELECT chunked_iter_wait('anna');
SELECT count(*), session, role, path, setting FROM seen GROUP BY 2, 3, 4, 5;

-- Nobody else starts it: not a member of its role, and a superuser only as its owner.
UPDATE chunked_iter_jobs SET state = 'running' WHERE job = 'anna';
SET ROLE detached_member;
SELECT chunked_iter_start('anna');
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('anna', 10);
SET ROLE detached_bert;
SELECT chunked_iter_start('anna');
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('anna');
RESET ROLE;
SELECT chunked_iter_start('anna');
UPDATE chunked_iter_job_ranges SET done = false, position = NULL WHERE job = 'anna';
TRUNCATE seen;
SELECT chunked_iter_resume();
SELECT chunked_iter_wait('anna');
SELECT count(*), session, role, path, setting FROM seen GROUP BY 2, 3, 4, 5;

-- A role that cannot log in is lent by a SECURITY DEFINER function: no worker is there then
-- as the session's own role, to which a statement could go back.  (From PostgreSQL 17 on one
-- can be there as the role that is lent.)
SET client_min_messages = error;
CREATE FUNCTION lend_start() RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.chunked_iter_start('lent', 'job_detached.item',
		'INSERT INTO job_detached.seen SELECT id, 0, session_user, current_user FROM chunk');
	RETURN 'started';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN replace(SQLERRM, 'cannot start job "lent" in the background within a security-definer function', 'started');
END $$;
CREATE FUNCTION lend_resume() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT public.chunked_iter_resume()';
ALTER FUNCTION lend_start() OWNER TO detached_group;
ALTER FUNCTION lend_resume() OWNER TO detached_group;
TRUNCATE seen;
SELECT lend_start();
SELECT count(chunked_iter_wait(job)) < 2 AS waited FROM chunked_iter_jobs WHERE job = 'lent';
SELECT count(*) FROM seen WHERE session <> 'detached_group';
SET ROLE detached_group;
CALL chunked_iter_run('lent back', 'item', 'INSERT INTO job_detached.seen SELECT id, 0, session_user, current_user FROM chunk', max_chunks => 1, chunk_size => 100);
UPDATE chunked_iter_jobs SET state = 'running', detached = true WHERE job = 'lent back';
RESET ROLE;
TRUNCATE seen;
SELECT lend_resume() < 2 AS resumed;
SELECT count(chunked_iter_wait(job)) < 2 AS waited FROM chunked_iter_jobs WHERE job = 'lent back';
SELECT count(*) FROM seen WHERE session <> 'detached_group';
SELECT count(chunked_iter_forget(job)) > 0 AS forgotten FROM chunked_iter_jobs WHERE job LIKE 'lent%';

-- One that rests or naps hears that it is to stop.
SET client_min_messages = error;
SELECT chunked_iter_start('rests', 'item', 'SELECT count(*) FROM chunk', chunk_size => 10, pause_ms => 600000);
SELECT chunked_iter_start('naps', 'item', 'SELECT count(*) FROM chunk', follow => true, nap_ms => 600000);
DO $$ BEGIN
	WHILE (SELECT count(*) < 2 FROM chunked_iter_progress WHERE job IN ('rests', 'naps') AND waiting_for IN ('pause_ms', 'nap_ms')) LOOP
		PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
	END LOOP;
END $$;
-- which it does not in the transaction that asks
SELECT chunked_iter_cancel('naps'), chunked_iter_wait('naps', 2000);
BEGIN;
SAVEPOINT one;
SELECT chunked_iter_pause('naps');
RELEASE one;
SELECT chunked_iter_wait('naps', 2000);
ROLLBACK;
SELECT chunked_iter_cancel('rests'), chunked_iter_pause('naps');
SELECT chunked_iter_wait('rests', 60000), chunked_iter_wait('naps', 60000);

-- A pause that comes while its worker begins is for this start.
CREATE SEQUENCE look;
GRANT USAGE ON look TO detached_anna;
CREATE FUNCTION wait_at_second_look(job text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF job = 'asked' AND (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'chunked_iter worker' THEN
		IF nextval('job_detached.look') = 2 THEN
			PERFORM pg_advisory_xact_lock(1);
		END IF;
	END IF;
	RETURN true;
END $$;
CREATE POLICY slow ON chunked_iter_jobs AS RESTRICTIVE USING (wait_at_second_look(job));
SELECT pg_advisory_lock(1);
SET ROLE detached_anna;
SELECT chunked_iter_start('asked', 'item', 'SELECT 1', pause_ms => 600000, chunk_size => 10);
RESET ROLE;
DO $$ BEGIN
	WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted) AND clock_timestamp() < now() + interval '1 min' LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT chunked_iter_pause('asked');
SELECT pg_advisory_unlock(1);
SELECT chunked_iter_wait('asked', 10000);
SELECT state, chunks_done FROM chunked_iter_progress WHERE job = 'asked';
DROP POLICY slow ON chunked_iter_jobs;

-- Who starts a job as another role waits for it in vain in the same transaction.
BEGIN;
SET LOCAL ROLE detached_anna;
SELECT chunked_iter_start('hers', 'item', 'SELECT count(*) FROM chunk');
RESET ROLE;
SELECT chunked_iter_wait('hers');
ROLLBACK;

SET client_min_messages = warning;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
DROP SCHEMA job_detached CASCADE;
DROP ROLE detached_anna, detached_bert, detached_member, detached_group;
