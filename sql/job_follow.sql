-- A job that follows a table that grows: each call goes up to the present end.
CREATE SCHEMA job_follow;
SET search_path = job_follow, public;

CREATE TABLE event (id bigserial PRIMARY KEY, at timestamptz, v integer DEFAULT 0);
CREATE TABLE copy (job text, id bigint);
CREATE VIEW progress AS
SELECT p.job, p.state, p.rows_done, p.chunks_done, p.last_key, p.last_error, j.settled
  FROM chunked_iter_progress p JOIN chunked_iter_jobs j USING (job) ORDER BY p.job;

-- Each row once, from none on.
CALL chunked_iter_run('grow', 'event', $$INSERT INTO copy SELECT 'grow', id FROM event WHERE chunk_range(event)$$,
	follow => true, chunk_size => 2);
SELECT * FROM progress;
CALL chunked_iter_run('grow');
INSERT INTO event (v) SELECT i FROM generate_series(1, 5) i;
CALL chunked_iter_run('grow');
SELECT * FROM progress;
CALL chunked_iter_run('grow');
INSERT INTO event (v) VALUES (6);
CALL chunked_iter_run('grow');
SELECT * FROM progress;
SELECT id, count(*) FROM copy GROUP BY id ORDER BY id;

-- A round that was stopped is finished, and then comes what has come since.
INSERT INTO event (v) SELECT i FROM generate_series(7, 12) i;
CALL chunked_iter_run('grow', max_chunks => 1);
INSERT INTO event (v) SELECT i FROM generate_series(13, 14) i;
SELECT * FROM progress;
SELECT upto FROM chunked_iter_job_ranges WHERE job = 'grow';
CALL chunked_iter_run('grow');
SELECT * FROM progress;
SELECT percent, estimated_rows >= rows_done AS estimated FROM chunked_iter_progress;
-- The last row of a round is gone when the next one begins.
DELETE FROM event WHERE id = 14;
INSERT INTO event (v) VALUES (15);
CALL chunked_iter_run('grow');
SELECT count(*), count(DISTINCT id), max(id) FROM copy;

-- In parts: the last range follows.
CALL chunked_iter_run('parts', 'event', $$INSERT INTO copy SELECT 'parts', id FROM chunk$$, follow => true,
	parts => 3, chunk_size => 2);
INSERT INTO event (v) SELECT i FROM generate_series(16, 20) i;
CALL chunked_iter_run('parts');
SELECT range_no, after, upto, "position", done, rows_done FROM chunked_iter_job_ranges WHERE job = 'parts' ORDER BY range_no;
SELECT count(*), count(DISTINCT id) FROM copy WHERE job = 'parts';

-- Within the user's bounds, and in the filter; a beginning behind all rows there are.
CALL chunked_iter_run('bounds', 'event', $$INSERT INTO copy SELECT 'bounds', id FROM chunk$$, follow => true,
	after => '{20}', upto => '{25}', filter => 'id % 2 = 0');
INSERT INTO event (v) SELECT i FROM generate_series(21, 30) i;
CALL chunked_iter_run('bounds');
CALL chunked_iter_run('bounds');
SELECT id FROM copy WHERE job = 'bounds' ORDER BY id;
CALL chunked_iter_run('parts empty', 'event', $$INSERT INTO copy SELECT 'parts empty', id FROM chunk$$, follow => true,
	after => '{30}', parts => 2);
INSERT INTO event (v) VALUES (31);
CALL chunked_iter_run('parts empty');
SELECT id FROM copy WHERE job = 'parts empty' ORDER BY id;

-- A job that did not follow begins to, and stops.
CALL chunked_iter_run('late', 'event', $$INSERT INTO copy SELECT 'late', id FROM chunk$$);
INSERT INTO event (v) VALUES (32);
CALL chunked_iter_run('late');
CALL chunked_iter_run('late', follow => true);
INSERT INTO event (v) VALUES (33);
CALL chunked_iter_run('late', follow => false);
CALL chunked_iter_run('late', follow => true);
SELECT count(*), count(DISTINCT id), max(id) FROM copy WHERE job = 'late';
-- A session that is lost before the writers have ended leaves its end to the next one.
UPDATE chunked_iter_jobs SET settled = false, state = 'interrupted' WHERE job = 'late';
UPDATE chunked_iter_job_ranges SET done = false WHERE job = 'late';
CALL chunked_iter_work('late');
CALL chunked_iter_run('late');
SELECT * FROM progress WHERE job = 'late';

-- Times, and only those that are old enough.
CREATE TABLE timed (id integer PRIMARY KEY, at timestamptz NOT NULL, local timestamp NOT NULL, day date NOT NULL);
CREATE INDEX ON timed (at, id);
INSERT INTO timed SELECT i, t, t, t FROM generate_series(1, 5) i, LATERAL (SELECT now() - i * interval '1 day') AS s(t);
CALL chunked_iter_run('at', 'timed', $$INSERT INTO copy SELECT 'at', id FROM chunk$$, order_by => 'at', follow => true,
	follow_delay => '36 hours');
CALL chunked_iter_run('local', 'timed', $$INSERT INTO copy SELECT 'local', id FROM chunk$$, order_by => 'local', follow => true,
	follow_delay => '60 hours');
CALL chunked_iter_run('day', 'timed', $$INSERT INTO copy SELECT 'day', id FROM chunk$$, order_by => 'day', follow => true,
	follow_delay => '0 hours');
CALL chunked_iter_run('day before', 'timed', $$INSERT INTO copy SELECT 'day before', id FROM chunk$$, order_by => 'day', follow => true,
	follow_delay => '24 hours', upto => ARRAY[(current_date - 3)::text]);
INSERT INTO timed SELECT 6, t, t, t FROM (SELECT now() - interval '40 hours') AS s(t);
CALL chunked_iter_run('at');
CALL chunked_iter_run('at', follow_delay => '1 hour');
SELECT job, array_agg(id ORDER BY id) FROM copy WHERE job IN ('at', 'local', 'day', 'day before') GROUP BY job ORDER BY job;

-- What cannot be followed.
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, reverse => true);
\echo :SQLSTATE
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, order_by => 'id DESC');
CALL chunked_iter_run('no', 'timed', 'SELECT FROM chunk', follow => true, order_by => 'at, id DESC');
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, order_by => 'at');
\echo :SQLSTATE
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, order_by => 'ctid');
\echo :SQLSTATE
CALL chunked_iter_run('no', 'copy', 'SELECT FROM chunk', follow => true, order_by => 'id');
CALL chunked_iter_run('no', 'progress', 'SELECT FROM chunk', follow => true, order_by => 'job');
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, follow_delay => '1 hour');
\echo :SQLSTATE
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow => true, follow_delay => '-1 hour');
CALL chunked_iter_run('no', 'event', 'SELECT FROM chunk', follow_delay => '1 hour');
\echo :SQLSTATE
CALL chunked_iter_run('reversed', 'event', 'SELECT FROM chunk', follow => true, order_by => 'id DESC', reverse => true);
CALL chunked_iter_run('down', 'event', 'SELECT FROM chunk', order_by => 'id DESC');
CALL chunked_iter_run('down', follow => true);
SELECT state, last_error FROM progress WHERE job = 'down';

-- Keys of all types that grow, alike ones among them.
CREATE TABLE done (i integer);
CREATE PROCEDURE follow_keys(type text, key text) LANGUAGE plpgsql AS $$
DECLARE
	i integer := 0;
	n integer;
BEGIN
	EXECUTE format('CREATE TABLE keys (k %s NOT NULL, i integer, PRIMARY KEY (k, i))', type);
	TRUNCATE done;
	FOREACH n IN ARRAY '{4,0,1,6,3,2}'::int[] LOOP
		EXECUTE format('INSERT INTO keys SELECT %s, i FROM generate_series($1 + 1, $1 + $2) i', key) USING i, n;
		i := i + n;
		CALL chunked_iter_run('keys', to_regclass('keys'), 'INSERT INTO done SELECT i FROM keys WHERE chunk_range(keys)',
			follow => true, chunk_size => 2);
	END LOOP;
	RAISE WARNING '% up to %: each row once is %', type, (SELECT k FROM keys ORDER BY k DESC LIMIT 1),
		ARRAY(SELECT d.i FROM done d ORDER BY d.i) = ARRAY(SELECT generate_series(1, i));
	PERFORM chunked_iter_forget('keys');
	DROP TABLE keys;
END $$;
SET client_min_messages = warning;
CALL follow_keys('smallint', 'i');
CALL follow_keys('bigint', 'i * 10000000000');
CALL follow_keys('numeric(9,3)', 'i / 7.0');
CALL follow_keys('text COLLATE "C"', $$lpad(i::text, 5, '0')$$);
CALL follow_keys('uuid', $$lpad(to_hex(i / 2), 32, '0')::uuid$$);
CALL follow_keys('bytea', $$int4send(i)$$);
CALL follow_keys('timestamptz', $$'2026-01-01 00:00+00'::timestamptz + i / 3 * interval '1 microsecond'$$);
CALL follow_keys('timestamp', $$'2026-01-01'::timestamp + i * interval '1 day'$$);
CALL follow_keys('date', $$'2026-01-01'::date + i / 4$$);
CALL follow_keys('interval', $$i * interval '1 day'$$);
CALL follow_keys('int[]', 'ARRAY[i / 5, i]');
RESET client_min_messages;

-- A sequence that hands out numbers in advance.
ALTER SEQUENCE event_id_seq CACHE 20;
CALL chunked_iter_run('cached', 'event', 'SELECT FROM chunk', follow => true);

SELECT count(chunked_iter_forget(job)) FROM chunked_iter_jobs;
DROP SCHEMA job_follow CASCADE;
