-- A chunk that fails has moved nothing; the job says why, and goes on once it is mended.
CREATE SCHEMA job_errors;
SET search_path = job_errors, public;

CREATE TABLE item (id integer PRIMARY KEY, v integer NOT NULL);
INSERT INTO item SELECT i, i FROM generate_series(1, 100) i;
CREATE TABLE copy (id integer PRIMARY KEY, v integer CHECK (v <> 77));
CREATE VIEW progress AS
SELECT job, state, rows_done, chunks_done, last_key, last_error FROM chunked_iter_progress;
CREATE VIEW failed AS
SELECT job, key, row, sqlstate, message FROM chunked_iter_failed_rows ORDER BY job, failed_at;

-- Stop is the default.
INSERT INTO copy VALUES (50, 0);
CALL chunked_iter_run('stop', 'item', 'INSERT INTO copy SELECT * FROM chunk', chunk_size => 20);
SELECT * FROM progress;
SELECT count(*) FROM copy;
CALL chunked_iter_run('stop');
SELECT * FROM progress;
DELETE FROM copy WHERE id = 50;
CALL chunked_iter_run('stop', max_chunks => 1);
SELECT * FROM progress;
ALTER TABLE copy DROP CONSTRAINT copy_v_check;
CALL chunked_iter_run('stop');
SELECT * FROM progress;
SELECT count(*) FROM (TABLE item EXCEPT ALL TABLE copy) s;

-- Skip keeps the rows that fail, and only these.
TRUNCATE copy;
ALTER TABLE copy ADD CHECK (v NOT IN (1, 33, 34, 100));
CALL chunked_iter_run('skip', 'item', 'INSERT INTO copy SELECT * FROM chunk', chunk_size => 20, on_error => 'skip');
SELECT job, state, rows_done, last_key FROM progress WHERE job = 'skip';
SELECT * FROM failed;
SELECT count(*), string_agg(id::text, ' ' ORDER BY id) FROM (TABLE item EXCEPT ALL TABLE copy) s;

-- A statement that goes by the bounds.
CALL chunked_iter_run('skip bounds', 'item', 'UPDATE copy SET v = CASE WHEN id = 42 THEN 1 ELSE -v END WHERE id BETWEEN $1 AND $2', chunk_size => 30, on_error => 'skip');
SELECT * FROM failed WHERE job = 'skip bounds';
SELECT sign(v), count(*) FROM copy GROUP BY 1;

-- Of the rows of one key those that fail are skipped.
CREATE TABLE tied (k integer, v integer);
INSERT INTO tied SELECT i / 3, i FROM generate_series(0, 11) i;
CREATE INDEX ON tied (k);
CALL chunked_iter_run('skip ties', 'tied', 'SELECT 1 / (v - 7) FROM chunk', order_by => 'k', chunk_size => 2, on_error => 'skip');
SELECT * FROM failed WHERE job = 'skip ties';
CREATE TABLE tied_copy (k integer, v integer UNIQUE CHECK (v NOT IN (0, 10, 11)));
CALL chunked_iter_run('skip some', 'tied', 'INSERT INTO tied_copy SELECT k, v / 2 * 2 FROM chunk', order_by => 'k',
	filter => 'k > 0', chunk_size => 2, on_error => 'skip');
SELECT * FROM failed WHERE job = 'skip some';
SELECT * FROM tied_copy ORDER BY v;
-- A statement that goes by the bounds does all of them or none.
CALL chunked_iter_run('skip tied bounds', 'tied', 'UPDATE tied SET v = 1 / (v - 7) WHERE k BETWEEN $1 AND $2', order_by => 'k',
	chunk_size => 2, on_error => 'skip');
SELECT * FROM failed WHERE job = 'skip tied bounds';
SELECT * FROM tied ORDER BY k, v;

-- A row that is no jsonb is known by its key, and by its own error.
CREATE TYPE sealed AS ENUM ('a', 'b');
CREATE FUNCTION unseal(sealed) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 'b' THEN RAISE EXCEPTION 'sealed'; END IF;
	RETURN '"opened"';
END $$;
CREATE CAST (sealed AS json) WITH FUNCTION unseal(sealed);
CREATE TABLE letter (id integer PRIMARY KEY, content sealed);
INSERT INTO letter SELECT i, (CASE WHEN i % 2 = 0 THEN 'b' ELSE 'a' END)::sealed FROM generate_series(1, 9) i;
CALL chunked_iter_run('no jsonb', 'letter', 'SELECT 1 / ((id - 3) * (id - 4) * (id - 8)) FROM chunk', on_error => 'skip');
SELECT * FROM failed WHERE job = 'no jsonb';
SELECT job, state, rows_done, last_key FROM progress WHERE job = 'no jsonb';

-- What fails for every row is no reason to skip them all.
CREATE TABLE gone (id integer);
CALL chunked_iter_run('wrong', 'item', 'INSERT INTO gone SELECT id FROM chunk', chunk_size => 20, max_chunks => 1, on_error => 'skip');
ALTER TABLE gone RENAME TO gone_too;
-- That is found before the first chunk of a run, and kept all the same.
CALL chunked_iter_run('wrong');
SELECT * FROM progress WHERE job = 'wrong';
-- Wrong arguments are no errors of the job.
ALTER TABLE gone_too RENAME TO gone;
CALL chunked_iter_run('wrong', max_chunks => 1);
CALL chunked_iter_run('wrong', 'gone');
CALL chunked_iter_run('wrong', chunk_size => 0);
SELECT * FROM progress WHERE job = 'wrong';
ALTER TABLE gone RENAME TO gone_too;
TRUNCATE gone_too;
INSERT INTO gone_too SELECT generate_series(1, 20);

-- A filter that fails.
CALL chunked_iter_run('filter', 'item', 'SELECT 1', filter => '1 / (id - 31) IS NOT NULL', chunk_size => 20, on_error => 'skip');
SELECT * FROM progress WHERE job = 'filter';

-- A constraint that is checked at the commit.
CREATE TABLE late (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO late VALUES (50);
CALL chunked_iter_run('late', 'item', 'INSERT INTO late SELECT id FROM chunk', chunk_size => 20);
SELECT * FROM progress WHERE job = 'late';
CALL chunked_iter_run('late', on_error => 'skip');
SELECT * FROM failed WHERE job = 'late';
SELECT count(*), count(DISTINCT id) FROM late;

-- A trigger that drops rows: what counts are the rows read.
CREATE TABLE picky (id integer);
CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER drop_it BEFORE INSERT ON picky FOR EACH ROW EXECUTE FUNCTION drop_it();
CALL chunked_iter_run('trigger', 'item', 'INSERT INTO picky SELECT id FROM chunk', chunk_size => 20);
SELECT * FROM progress WHERE job = 'trigger';
SELECT count(*) FROM picky;

-- A timeout interrupts the job, and it can go on.
CALL chunked_iter_run('timeout', 'item', 'SELECT CASE WHEN $2 = 40 THEN pg_sleep(60) END', chunk_size => 20, max_chunks => 1);
SET statement_timeout = '100ms';
CALL chunked_iter_run('timeout');
SELECT * FROM progress WHERE job = 'timeout';
CALL chunked_iter_run('timeout', statement_is_global => true, throttle_query => 'SELECT true');
RESET statement_timeout;

-- Retries: as many as are asked for, of the whole transaction.
CREATE SEQUENCE tries;
CREATE FUNCTION fails(state text, times integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('tries') <= times THEN
		RAISE EXCEPTION 'in the way' USING ERRCODE = state;
	END IF;
END $$;
CALL chunked_iter_run('retry', 'item', 'INSERT INTO gone_too SELECT id FROM chunk; SELECT fails(''40001'', 3)', chunk_size => 100);
SELECT * FROM progress WHERE job = 'retry';
SELECT setval('tries', 1, false);
CALL chunked_iter_run('retry too often', 'item', 'INSERT INTO gone_too SELECT id FROM chunk; SELECT fails(''40P01'', 2)', retries => 1);
SELECT * FROM progress WHERE job = 'retry too often';
SELECT setval('tries', 1, false);
CALL chunked_iter_run('retry never', 'item', 'SELECT fails(''55P03'', 1)', retries => 0, on_error => 'skip');
SELECT * FROM progress WHERE job = 'retry never';
SELECT count(*) FROM gone_too WHERE id > 20;

-- No chunk is committed whose position cannot be stored.
CALL chunked_iter_run('range gone', 'item', 'INSERT INTO gone_too SELECT id + 1000 FROM chunk; DELETE FROM chunked_iter_job_ranges WHERE job = ''range gone''', statement_is_global => true);
SELECT count(*) FROM gone_too WHERE id > 1000;

-- Nor is a row skipped for what every row would meet, such as a foreign server that is down.
SELECT setval('tries', 1, false);
CALL chunked_iter_run('no connection', 'item', 'SELECT fails(''08006'', 1000) FROM chunk', on_error => 'skip');
CALL chunked_iter_run('no login', 'item', 'SELECT fails(''28000'', 1000) FROM chunk', on_error => 'skip');
CALL chunked_iter_run('no schema', 'item', 'SELECT fails(''3F000'', 1000) FROM chunk', on_error => 'skip');
CALL chunked_iter_run('read only', 'item', 'SELECT fails(''25006'', 1000) FROM chunk', on_error => 'skip');
SELECT count(*) FROM failed WHERE message = 'in the way';

-- A cancel that comes while a retry is shown to others is one of the call.
CREATE FUNCTION is_cancelled() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'cancelled' USING ERRCODE = '57014'; END$$;
CREATE TRIGGER is_cancelled BEFORE UPDATE ON chunked_iter_job_ranges FOR EACH ROW
	WHEN (new.waiting_for LIKE 'retry%') EXECUTE FUNCTION is_cancelled();
SELECT setval('tries', 1, false);
CALL chunked_iter_run('retry not', 'item', 'SELECT fails(''40001'', 1)');
SELECT * FROM progress WHERE job = 'retry not';
DROP FUNCTION is_cancelled CASCADE;

-- A row edited by hand into nonsense: a clear error, and nothing moves.
CALL chunked_iter_run('nonsense', 'item', 'UPDATE item SET v = 0 WHERE id BETWEEN $1 AND $2', chunk_size => 20, max_chunks => 2);
UPDATE chunked_iter_job_ranges SET position = '{x}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET position = '{1,2}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET position = '{}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET position = '{1000}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET position = '{{1},{2}}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET position = '{40}', upto = NULL WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_job_ranges SET upto = '{100}' WHERE job = 'nonsense';
UPDATE chunked_iter_job_ranges SET position = '{40}', range_no = 2 WHERE job = 'nonsense';
UPDATE chunked_iter_jobs SET parts = 3 WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_jobs SET parts = 1, key = '{nonsense}' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_jobs SET relation_oid = 1 WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
UPDATE chunked_iter_jobs SET statement = 'nonsense' WHERE job = 'nonsense';
CALL chunked_iter_run('nonsense');
\set VERBOSITY terse
UPDATE chunked_iter_jobs SET state = 'nonsense' WHERE job = 'nonsense';
UPDATE chunked_iter_jobs SET chunk_size = -1 WHERE job = 'nonsense';
UPDATE chunked_iter_jobs SET lock_rows = 'FOR UPDATE; DROP TABLE item' WHERE job = 'nonsense';
SELECT v = 0, count(*) FROM item GROUP BY 1;

SET client_min_messages = warning;
DROP SCHEMA job_errors CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
SELECT count(*) FROM chunked_iter_failed_rows;
