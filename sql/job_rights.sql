-- A role sees and runs its own jobs, with its own rights and no others.
CREATE ROLE job_anna;
CREATE ROLE job_bert;
CREATE ROLE job_team;
CREATE ROLE job_member IN ROLE job_team;
CREATE ROLE job_stranger NOINHERIT IN ROLE job_team;
CREATE SCHEMA job_rights;
GRANT USAGE ON SCHEMA job_rights TO PUBLIC;
SET search_path = job_rights, public;

CREATE TABLE item (id integer PRIMARY KEY, owner text, secret text);
INSERT INTO item SELECT i, CASE WHEN i <= 60 THEN 'job_anna' ELSE 'job_bert' END, 's' || i FROM generate_series(1, 100) i;
CREATE TABLE seen (who text, id integer);
GRANT SELECT (id, owner) ON item TO job_anna, job_bert, job_team, job_member;
GRANT INSERT, SELECT ON seen TO job_anna, job_bert, job_team;

-- Each role for itself.
SET ROLE job_anna;
CALL chunked_iter_run('anna', 'item', 'INSERT INTO seen SELECT current_user, id FROM chunk', chunk_size => 30, max_chunks => 1);
SET ROLE job_bert;
SELECT count(*) FROM chunked_iter_progress;
SELECT count(*) FROM chunked_iter_jobs;
SELECT count(*) FROM chunked_iter_job_ranges;
UPDATE chunked_iter_jobs SET statement = 'SELECT 1';
UPDATE chunked_iter_job_ranges SET position = NULL;
DELETE FROM chunked_iter_jobs;
INSERT INTO chunked_iter_job_ranges (job, range_no, estimated_rows, chunk_size) VALUES ('anna', 2, 0, 1);
CALL chunked_iter_run('anna');
CALL chunked_iter_run('anna', 'item', 'INSERT INTO seen SELECT current_user, id FROM chunk');
CALL chunked_iter_work('anna');
SELECT chunked_iter_pause('anna');
SELECT chunked_iter_forget('anna');
SET row_security = off;
SELECT chunked_iter_cancel('anna');
RESET row_security;
SET ROLE job_anna;
CALL chunked_iter_run('anna');
SELECT who, count(*) FROM seen GROUP BY who;

-- Columns and tables that it may not use.
CALL chunked_iter_run('secret', 'item', 'INSERT INTO seen SELECT secret, id FROM chunk');
CALL chunked_iter_run('secret', 'item', 'INSERT INTO seen SELECT 1, id FROM chunk', filter => 'secret > ''s5''');
CALL chunked_iter_run('delete', 'item', 'DELETE FROM item WHERE id BETWEEN $1 AND $2');
CALL chunked_iter_run('lock', 'item', 'SELECT 1', lock_rows => 'FOR UPDATE');
CALL chunked_iter_run('skip', 'item', 'INSERT INTO seen SELECT 1 / (id - 7), id FROM chunk', chunk_size => 10, on_error => 'skip', max_chunks => 12);
SELECT key, row FROM chunked_iter_failed_rows;
RESET ROLE;

-- Row-level security on the table.
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON item USING (owner = current_user);
TRUNCATE seen;
SET ROLE job_bert;
CALL chunked_iter_run('bert', 'item', 'INSERT INTO seen SELECT current_user, id FROM chunk', chunk_size => 30);
SELECT who, count(*), min(id) FROM seen GROUP BY who;
RESET ROLE;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;

-- Only the owner runs a job, whose statement anybody might else have written:
-- neither its members nor a superuser do.
TRUNCATE seen;
SET ROLE job_team;
CALL chunked_iter_run('team', 'item', 'INSERT INTO seen SELECT current_user, 1 / (id - 7) + id FROM chunk',
	chunk_size => 30, max_chunks => 8, on_error => 'skip');
SET ROLE job_member;
SELECT job, state, rows_done FROM chunked_iter_progress;
CALL chunked_iter_run('team');
CALL chunked_iter_run('team', throttle_query => 'SELECT false');
CALL chunked_iter_run('team', dry_run => true);
CALL chunked_iter_work('team');
SET ROLE job_stranger;
SELECT job, state FROM chunked_iter_progress;
CALL chunked_iter_run('team');
RESET ROLE;
SELECT job, state, rows_done FROM chunked_iter_progress ORDER BY job;
CALL chunked_iter_run('team');
CALL chunked_iter_run('team', dry_run => true);
CALL chunked_iter_work('team');

-- Nor do they change what it does, make it theirs, or read the rows it kept.
SET ROLE job_member;
SELECT job, statement FROM chunked_iter_jobs;
UPDATE chunked_iter_jobs SET statement = 'SELECT 1';
UPDATE chunked_iter_jobs SET throttle_query = 'SELECT 1', search_path = 'hostile';
UPDATE chunked_iter_jobs SET owner = 'job_member';
INSERT INTO chunked_iter_jobs SELECT (jsonb_populate_record(j, '{"job": "theirs"}')).* FROM chunked_iter_jobs j;
SELECT range_no, rows_done FROM chunked_iter_job_ranges;
UPDATE chunked_iter_job_ranges SET position = NULL;
DELETE FROM chunked_iter_job_ranges;
SELECT * FROM chunked_iter_failed_rows;
DELETE FROM chunked_iter_failed_rows;
SET ROLE job_team;
SELECT statement, throttle_query, search_path, owner, position IS NULL AS moved
FROM chunked_iter_jobs JOIN chunked_iter_job_ranges USING (job);
SELECT key, row FROM chunked_iter_failed_rows;
UPDATE chunked_iter_jobs SET owner = 'job_member';

-- They stop it.
SET ROLE job_member;
SELECT chunked_iter_pause('team');
SELECT job, state FROM chunked_iter_progress;
SET ROLE job_team;
CALL chunked_iter_run('team', max_chunks => 1);
SET ROLE job_member;
SELECT chunked_iter_cancel('team');
SELECT job, state FROM chunked_iter_progress;
SET ROLE job_stranger;
SELECT chunked_iter_cancel('team');
SELECT chunked_iter_forget('team');
SET ROLE job_team;
CALL chunked_iter_run('team');
SET ROLE job_member;
SELECT chunked_iter_forget('team');
RESET ROLE;
SELECT count(*) FROM chunked_iter_jobs WHERE job = 'team';
SELECT count(*) FROM chunked_iter_failed_rows WHERE job = 'team';
SELECT count(*), min(who) FROM seen;

-- Hostile names in front of ours.
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.bad(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.bad);
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called'; END $$;
CREATE TABLE hostile.chunked_iter_jobs (job text);
SET ROLE job_anna;
SET search_path = hostile, pg_catalog, job_rights, public;
CALL chunked_iter_run('hostile', 'item', 'INSERT INTO seen SELECT 1, id FROM chunk', chunk_size => 40);
SELECT chunked_iter_forget('hostile');
RESET ROLE;
SET search_path = job_rights, public;

SET client_min_messages = warning;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
DROP SCHEMA hostile CASCADE;
DROP SCHEMA job_rights CASCADE;
DROP ROLE job_anna, job_bert, job_member, job_stranger, job_team;
