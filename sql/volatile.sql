-- A key has to be the same each time that a row is read: volatile columns of views and
-- queries cannot be ordered by, wherever they come from. Others can, beside them.
SET client_min_messages = error;
CREATE SCHEMA volatile;
SET search_path = volatile, public;
CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL);
INSERT INTO item SELECT i, i % 7 FROM generate_series(1, 100) i;
ANALYZE item;
SELECT failure($$SELECT chunked_iter(NULL::item, order_by => 'random()')$$);

-- Queries with a column k, and whether it is the same each time; "rows" can differ, where all
-- decide by themselves whether they are there.
CREATE TABLE shape (n integer GENERATED ALWAYS AS IDENTITY, stable boolean, query text);
INSERT INTO shape (stable, query) VALUES
	(false, 'SELECT random() AS k FROM generate_series(1, 100)'),
	(true, 'SELECT id::float8 AS k, random() FROM item'),
	(true, 'SELECT extract(epoch FROM now())::float8 + id AS k FROM item'),
	(false, 'SELECT k FROM (SELECT id, random() AS k FROM item) AS s'),
	(true, 'SELECT id::float8 AS k FROM (SELECT id, random() AS r FROM item) AS s'),
	(false, 'SELECT id + r AS k FROM (SELECT id, random() AS r FROM item) AS s'),
	(false, 'SELECT (SELECT r) AS k FROM (SELECT id, random() AS r FROM item) AS s'),
	(false, 'SELECT (SELECT i.id + random() FROM item AS i WHERE i.id = o.id) AS k FROM item AS o'),
	(false, 'WITH c AS (SELECT random() AS k FROM item) SELECT k FROM c'),
	(true, 'WITH c AS (SELECT id, random() AS r FROM item) SELECT id::float8 AS k FROM c'),
	(false, 'WITH c AS (SELECT id, random() AS r FROM item), d AS (TABLE c) SELECT (SELECT r FROM d AS e WHERE e.id = d.id) AS k FROM d'),
	(false, 'WITH RECURSIVE c AS (SELECT random() AS k UNION ALL SELECT k + 1 FROM c WHERE k < 9) SELECT k FROM c'),
	(true, 'WITH RECURSIVE c AS (SELECT 0::float8 AS k UNION ALL SELECT k + 1 FROM c WHERE k < 9) SELECT k FROM c'),
	(false, 'SELECT id::float8 AS k FROM item UNION ALL SELECT random() FROM item'),
	(true, 'SELECT id::float8 AS k FROM item EXCEPT SELECT k FROM (SELECT random() AS k FROM item) AS s'),
	(false, 'SELECT random() AS k FROM item EXCEPT SELECT id FROM item'),
	(true, 'SELECT a.id::float8 AS k FROM item AS a LEFT JOIN item AS b ON a.id = b.id AND random() < 2'),
	(false, 'SELECT b.id::float8 AS k FROM item AS a LEFT JOIN item AS b ON a.id = b.id AND random() < 2'),
	(false, 'SELECT k::float8 FROM (SELECT * FROM item WHERE random() < 2) AS a(k, g) RIGHT JOIN item AS b ON a.k = b.id'),
	(false, 'SELECT id::float8 AS k FROM (SELECT * FROM item WHERE random() < 2) AS a FULL JOIN (SELECT 1 AS id) AS b USING (id)'),
	(true, 'SELECT b.id::float8 AS k FROM item AS a LEFT JOIN item AS b ON a.id = b.id'),
	(false, 'SELECT k FROM item JOIN (SELECT id, random() AS k FROM item) AS s USING (id)'),
	(true, 'SELECT id::float8 AS k FROM item JOIN (SELECT id, random() AS r FROM item) AS s USING (id)'),
	(false, 'SELECT j.k FROM (item JOIN (SELECT id, random() AS k FROM item) AS s USING (id)) AS j'),
	(false, 'SELECT k FROM item, LATERAL (SELECT id + random() AS k) AS l'),
	(false, 'SELECT k FROM (SELECT random() AS r FROM item) AS s, LATERAL (SELECT s.r AS k) AS l'),
	(true, 'SELECT k FROM (SELECT id::float8, random() AS r FROM item) AS s, LATERAL (SELECT s.id AS k) AS l'),
	(false, 'SELECT i::float8 AS k FROM generate_series(1, (100 * random())::integer) AS i'),
	(true, 'SELECT i::float8 AS k FROM generate_series(1, 100) AS i'),
	(false, 'SELECT v AS k FROM (VALUES (random()), (1)) AS v(v)'),
	(true, 'SELECT v AS k FROM (VALUES (1::float8), (2)) AS v(v)'),
	(false, 'SELECT k FROM (SELECT random() AS k FROM item GROUP BY 1) AS s'),
	(true, 'SELECT grp::float8 AS k, sum(random()) FROM item GROUP BY grp'),
	(false, 'SELECT sum(random()) AS k FROM item GROUP BY grp'),
	(true, 'SELECT grp::float8 AS k FROM item WHERE random() < 2 GROUP BY grp'),
	(false, 'SELECT count(*)::float8 AS k FROM item WHERE random() < 2 GROUP BY grp'),
	(false, 'SELECT count(*)::float8 AS k FROM item TABLESAMPLE BERNOULLI (50) GROUP BY grp'),
	(true, 'SELECT count(*)::float8 AS k FROM item TABLESAMPLE BERNOULLI (100) REPEATABLE (1) GROUP BY grp'),
	(true, 'SELECT rank() OVER (ORDER BY id)::float8 AS k FROM item'),
	(false, 'SELECT rank() OVER (ORDER BY random())::float8 AS k FROM item'),
	(false, 'SELECT rank() OVER (ORDER BY id)::float8 AS k FROM item WHERE random() < 2'),
	(true, 'SELECT id::float8 AS k FROM item WHERE random() < 2'),
	(true, 'SELECT id::float8 AS k FROM item ORDER BY id LIMIT 20'),
	(false, 'SELECT id::float8 AS k FROM item ORDER BY random() LIMIT 20'),
	(false, 'SELECT k FROM (SELECT id::float8 AS k FROM item WHERE random() < 0.5 LIMIT 20) AS s'),
	(false, 'SELECT DISTINCT ON (grp) id::float8 AS k FROM item ORDER BY grp, random()'),
	(true, 'SELECT DISTINCT ON (grp) id::float8 AS k FROM item ORDER BY grp, id');

-- As views, as views over views, and as queries: each row once, or 42P17.
CREATE FUNCTION walked(walk text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	same boolean;
BEGIN
	EXECUTE format('SELECT array_agg(k) IS NOT DISTINCT FROM (SELECT array_agg(k ORDER BY k) FROM (%s) AS plain) FROM %s', query, walk) INTO same;
	RETURN CASE WHEN same THEN 'the same' ELSE 'not the same' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE result AS SELECT n, stable, query, ''::text AS as_view, ''::text AS as_view_of_view, ''::text AS as_query FROM shape;
DO $$
DECLARE
	s shape;
BEGIN
	FOR s IN SELECT * FROM shape LOOP
		EXECUTE format('CREATE VIEW shown AS %s', s.query);
		CREATE VIEW shown_again AS SELECT k FROM shown;
		UPDATE result SET as_view = walked('chunked_iter(NULL::shown, 3, ''k'')', s.query),
			as_view_of_view = walked('chunked_iter(NULL::shown_again, 3, ''coalesce(k, 1)'')', s.query),
			as_query = walked(format('chunked_iter_query(%L, ''k'', 3) AS t(k float8)', format('SELECT k FROM (%s) AS s', s.query)), s.query)
		WHERE n = s.n;
		DROP VIEW shown, shown_again;
	END LOOP;
END $$;
SELECT stable, as_view, as_view_of_view, as_query, count(*) FROM result GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT * FROM result WHERE NOT (stable AND ARRAY['the same'] @> ARRAY[as_view, as_view_of_view, as_query]
	OR NOT stable AND ARRAY['42P17'] @> ARRAY[as_view, as_view_of_view, as_query]);

-- What it says.
CREATE VIEW shown AS SELECT id, random() AS r FROM item;
\set VERBOSITY default
SELECT count(*) FROM chunked_iter(NULL::shown, order_by => 'id, r DESC');
SELECT count(*) FROM chunked_iter(NULL::shown, order_by => 'id + r');
SELECT count(*) FROM chunked_iter_query('SELECT random() AS r FROM generate_series(1, 100)', 'r', chunk_size => 10) AS t(r float8);
CALL chunked_iter_run('volatile', 'shown', 'SELECT FROM chunk', order_by => 'r');
CALL chunked_iter_run('volatile', 'shown', 'SELECT FROM shown WHERE chunk_range(shown)', order_by => 'id', filter => 'r < 2');
SELECT count(*) FROM chunked_iter_jobs;

-- A row that is at hand has its key, whatever it was computed by.
SELECT count(*) FROM shown WHERE chunked_iter_key(shown, 'r DESC')::float8[] = ARRAY[r];

-- A filter may use one: it decides of each row once, and the end of the walk is none for other rows.
SELECT snapshot, reverse, bool_and(n BETWEEN 1 AND 99 AND n = distinct_n AND lowest) AS right
FROM unnest(ARRAY['statement', 'chunk']) AS snapshot, unnest(ARRAY[false, true]) AS reverse, generate_series(1, 20) AS run,
	LATERAL (SELECT count(*) AS n, count(DISTINCT id) AS distinct_n, bool_and(r < 0.5) AS lowest
			 FROM chunked_iter(NULL::shown, 10 + 0 * run, 'id', reverse, 'r < 0.5', snapshot => snapshot)) AS walk
GROUP BY 1, 2 ORDER BY 1, 2;
-- The same where the view or a policy has it.
CREATE VIEW sampled AS SELECT * FROM item WHERE random() < 0.5;
CREATE TABLE guarded AS TABLE item;
ALTER TABLE guarded ADD PRIMARY KEY (id), ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sample ON guarded USING (random() < 0.5);
CREATE ROLE regress_chunked_sample;
GRANT USAGE ON SCHEMA volatile TO regress_chunked_sample;
GRANT SELECT ON guarded TO regress_chunked_sample;
SELECT bool_and(n BETWEEN 1 AND 99) FROM generate_series(1, 40) AS run,
	LATERAL (SELECT count(*) AS n FROM chunked_iter(NULL::sampled, 10 + 0 * run, 'id', snapshot => 'chunk')) AS walk;
SET ROLE regress_chunked_sample;
SELECT bool_and(n BETWEEN 1 AND 99) FROM generate_series(1, 40) AS run,
	LATERAL (SELECT count(*) AS n FROM chunked_iter(NULL::guarded, 10 + 0 * run, snapshot => 'chunk')) AS walk;
SET row_security = off;
SELECT chunked_iter_key(ROW(1, 2)::guarded);
SELECT failure($$SELECT chunked_iter(NULL::guarded)$$);
RESET row_security;
RESET ROLE;

-- Views that go round in a circle fail as they do in the server.
CREATE VIEW ring AS SELECT 1 AS k;
CREATE VIEW round AS TABLE ring;
CREATE OR REPLACE VIEW ring AS TABLE round;
SELECT failure($$SELECT chunked_iter(NULL::ring, order_by => 'k')$$);
DROP VIEW round, ring CASCADE;

DROP SCHEMA volatile CASCADE;
DROP ROLE regress_chunked_sample;
