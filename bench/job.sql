-- A job in four calls of three seconds: at full speed, with a pause after each
-- chunk, held off by its throttle query most of the time, and at full speed again.
-- Prints a CSV of chunked_iter_runs: when each call was at work, and what it did.

SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP SCHEMA IF EXISTS chunked_iter_job CASCADE;
CREATE SCHEMA chunked_iter_job;
SELECT format('SET search_path = chunked_iter_job, %I', nspname)
  FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
 WHERE extname = 'chunked_iter' \gexec

CREATE TABLE entry (id bigint PRIMARY KEY, val integer NOT NULL);
INSERT INTO entry SELECT i, i FROM generate_series(1, 3000000) AS i;
VACUUM (ANALYZE) entry;

CALL chunked_iter_run('picture', 'entry',
	'UPDATE entry SET val = val + 1 WHERE chunk_range(entry)', max_ms => 3000);
SELECT pg_sleep(1) \g /dev/null
CALL chunked_iter_run('picture', pause_ms => 10, max_ms => 3000);
SELECT pg_sleep(1) \g /dev/null
CALL chunked_iter_run('picture', pause_ms => 0, max_ms => 3000,
	throttle_query => 'SELECT extract(milliseconds FROM clock_timestamp())::integer % 1000 < 700');
SELECT pg_sleep(1) \g /dev/null
CALL chunked_iter_run('picture', throttle_query => '', max_ms => 3000);

COPY (SELECT run_no,
			 extract(epoch FROM started_at - min(started_at) OVER ()) AS started,
			 extract(epoch FROM ended_at - min(started_at) OVER ()) AS ended,
			 coalesce(sum(rows_done) OVER (ORDER BY run_no ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW), 0) AS rows_before,
			 sum(rows_done) OVER (ORDER BY run_no) AS rows_after,
			 seconds_worked, seconds_throttled, seconds_paused, outcome
		FROM chunked_iter_runs WHERE job = 'picture' ORDER BY run_no)
  TO STDOUT (FORMAT csv, HEADER);

SELECT chunked_iter_forget('picture') \g /dev/null
DROP SCHEMA chunked_iter_job CASCADE;
