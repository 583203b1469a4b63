-- A page of 50 rows, at more and more depth: by OFFSET, and by the key of the last
-- row of the page before. The median of ROUNDS each; prints a CSV.

SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP SCHEMA IF EXISTS chunked_iter_pages CASCADE;
CREATE SCHEMA chunked_iter_pages;
SELECT format('SET search_path = chunked_iter_pages, %I', nspname)
  FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
 WHERE extname = 'chunked_iter' \gexec
SET jit = off;

CREATE TABLE entry (id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL);
INSERT INTO entry
SELECT 3 * i, 'Entry number ' || i, rpad(md5(i::text), 120, '.')
  FROM generate_series(1, 1000000) AS i;
VACUUM (ANALYZE) entry;

CREATE TABLE measured (depth integer, way text, ms float8);

CREATE PROCEDURE measure(depth integer, way text, page text) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
BEGIN
	FOR round IN 0 .. 9 LOOP
		started := clock_timestamp();
		EXECUTE page;
		IF round > 0 THEN
			INSERT INTO measured
			VALUES (depth, way, extract(epoch FROM clock_timestamp() - started) * 1000);
		END IF;
	END LOOP;
END
$$;

SELECT format('CALL measure(%s, %L, %L)', depth, way, page)
  FROM unnest('{0,100,300,1000,3000,10000,30000,100000,300000,900000}'::integer[]) AS depth,
	   LATERAL (VALUES
		('offset', format('SELECT * FROM entry ORDER BY id LIMIT 50 OFFSET %s', depth)),
		('after', format('SELECT * FROM chunked_iter(NULL::entry, 50, after => %L) LIMIT 50',
						 ARRAY[3 * depth]))) AS ways(way, page)
 ORDER BY depth, way \gexec

COPY (SELECT depth,
			 percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE way = 'offset') AS offset_ms,
			 percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE way = 'after') AS after_ms
		FROM measured GROUP BY depth ORDER BY depth)
  TO STDOUT (FORMAT csv, HEADER);

DROP SCHEMA chunked_iter_pages CASCADE;
