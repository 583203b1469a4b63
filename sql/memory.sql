-- A chunk ends at chunked_iter.chunk_memory as well.
CREATE SCHEMA memory;
SET search_path = memory, public;

CREATE TABLE wide (id integer PRIMARY KEY, body text);
ALTER TABLE wide ALTER body SET STORAGE PLAIN;
INSERT INTO wide SELECT i, repeat('x', 6000) FROM generate_series(1, 200) i;
SET chunked_iter.chunk_memory = '64kB';
SET work_mem = '64kB';
SET temp_file_limit = 0;

-- 1.2 MB in one chunk, were it not for the cap: 11 rows of 6 kB reach 64 kB.
CREATE FUNCTION walk_memory() RETURNS bigint LANGUAGE sql AS
$$SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts WHERE name LIKE 'chunked_iter %'$$;
SELECT count(*), max(bytes) < 4 * 64 * 1024 AS bounded, max(bytes) > 64 * 1024 AS seen
FROM (SELECT walk_memory() AS bytes, (r).id
	  FROM (SELECT chunked_iter(NULL::wide, 1000000) AS r OFFSET 0) s OFFSET 0) s;

-- Values that are stored out of line are fetched one row at a time.
CREATE TABLE toasted (id integer PRIMARY KEY, body text);
ALTER TABLE toasted ALTER body SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT i, repeat('z', 1000000) FROM generate_series(1, 5) i;
SELECT id, length(body) FROM (SELECT (r).* FROM (SELECT chunked_iter(NULL::toasted) AS r OFFSET 0) s OFFSET 0) s;

-- Ties that exceed the cap are kept whole in a temporary file.
CREATE TABLE tied (k integer, body text);
INSERT INTO tied SELECT 1, repeat('t', 1000) FROM generate_series(1, 100) i;
INSERT INTO tied SELECT 2, repeat('u', 1000) FROM generate_series(1, 300) i;
INSERT INTO tied SELECT 3, 'v';
CREATE INDEX ON tied (k);
SELECT split_part(failure('SELECT count(*) FROM (SELECT chunked_iter(NULL::tied, 10, ''k'') OFFSET 0) s'), ':', 1);
RESET temp_file_limit;
SELECT (r).k, count(*), count(DISTINCT (r).body) FROM (SELECT chunked_iter(NULL::tied, 10, 'k') AS r OFFSET 0) s GROUP BY 1 ORDER BY 1;
SELECT array_agg((r).k) = (SELECT array_agg(k ORDER BY k) FROM tied) AS in_order
FROM (SELECT chunked_iter(NULL::tied, 10, 'k') AS r OFFSET 0) s;
-- Ended early, twice in one query.
SELECT (SELECT count(*) FROM (SELECT chunked_iter(NULL::tied, 10, 'k', reverse => n = 1) LIMIT 250) s) FROM generate_series(1, 2) n;

SELECT split_part(failure(format('SET chunked_iter.chunk_memory = %L', value)), ':', 1)
FROM unnest(ARRAY['63kB', '-1', '0', 'little']) AS value;

-- Of a chunk whose rows a job's statement does not use, only the ends are kept.
CREATE TABLE many (id integer PRIMARY KEY, n integer);
INSERT INTO many SELECT i FROM generate_series(1, 20000) i;
SET client_min_messages = warning;
CALL chunked_iter_run('range', 'many', 'UPDATE many SET n = 1 WHERE chunk_range(many)', chunk_size => 10000);
CALL chunked_iter_run('rows', 'many', 'SELECT id FROM chunk', chunk_size => 10000);
SELECT job, rows_done, chunks_done > 2 AS ended_by_memory FROM chunked_iter_progress ORDER BY job;
SELECT count(*) FROM many WHERE n = 1;
SELECT chunked_iter_forget(job) FROM chunked_iter_jobs;
