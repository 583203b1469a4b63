-- The same walk in chunks of ten rows: with nothing logged, within the limits,
-- and without them. Memory is that of the log, looked at as the walk goes on.

SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP SCHEMA IF EXISTS chunked_iter_query_log CASCADE;
CREATE SCHEMA chunked_iter_query_log;
SELECT format('SET search_path = chunked_iter_query_log, %I', nspname)
  FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
 WHERE extname = 'chunked_iter' \gexec
SET jit = off;

CREATE TABLE entry (id bigint PRIMARY KEY, val integer NOT NULL);
INSERT INTO entry SELECT i, i % 1000 FROM generate_series(1, 10 * :queries) AS i;
VACUUM (ANALYZE) entry;

CREATE TABLE samples (mode text, queries bigint, bytes bigint);
CREATE TABLE walks (mode text, ms float8);

CREATE FUNCTION log_memory() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT max(memory_bytes)
	  FROM (SELECT * FROM chunked_iter_query_log_growth() OFFSET 0) AS g
	 WHERE queries = (SELECT max(queries) FROM chunked_iter_query_log_growth())
$$;

CREATE PROCEDURE measure(mode text, debug text, entries text, memory text) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
BEGIN
	PERFORM set_config('chunked_iter.queries_limit', entries, false),
			set_config('chunked_iter.queries_memory', memory, false),
			set_config('chunked_iter.debug', debug, false);
	FOR round IN 0 .. 5 LOOP
		PERFORM chunked_iter_reset_queries();
		started := clock_timestamp();
		PERFORM count(*) FROM chunked_iter(NULL::entry, 10);
		IF round > 0 THEN
			INSERT INTO walks
			VALUES (mode, extract(epoch FROM clock_timestamp() - started) * 1000);
		END IF;
	END LOOP;
	PERFORM chunked_iter_reset_queries();
	INSERT INTO samples
	SELECT mode, s.id / 10, log_memory()
	  FROM (SELECT e.id FROM chunked_iter(NULL::entry, 10) AS e OFFSET 0) AS s
	 WHERE s.id % ((SELECT count(*) FROM entry) / 100) = 0;
	PERFORM chunked_iter_reset_queries(), set_config('chunked_iter.debug', 'off', false);
END
$$;

CALL measure('off', 'off', '9000', '16MB');
CALL measure('within limits', 'chunks', '9000', '16MB');
CALL measure('without limits', 'chunks', '-1', '-1');
