-- What a caller may not read, no plan and no estimate tells of.
CREATE SCHEMA told;
SET search_path = told, public;
SET client_min_messages = warning;
CREATE ROLE regress_chunked_told;
GRANT USAGE ON SCHEMA told TO regress_chunked_told;

CREATE TABLE secret (id integer PRIMARY KEY, salary integer, dept integer);
INSERT INTO secret SELECT i, i * 10, i % 5 FROM generate_series(1, 1000) i;
CREATE INDEX secret_salary ON secret (salary);
CREATE VIEW hidden AS SELECT * FROM secret;
ANALYZE secret;
CREATE TABLE shared (id integer PRIMARY KEY, salary integer, dept integer, owner text);
INSERT INTO shared SELECT i, i * 10, i % 5, CASE WHEN i % 10 = 0 THEN 'regress_chunked_told' ELSE 'other' END FROM generate_series(1, 1000) i;
ALTER TABLE shared ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shared USING (owner = current_user);
GRANT SELECT ON shared TO regress_chunked_told;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM shared WHERE dept = 1;
CREATE VIEW barrier_of_secret WITH (security_barrier) AS SELECT * FROM secret WHERE dept = 1;
GRANT SELECT ON barrier, barrier_of_secret TO regress_chunked_told;
ANALYZE shared;

-- An operator that could tell what it sees, and has an estimate by statistics.
CREATE FUNCTION tells(integer, integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE INFO ''saw %'', $1; RETURN $1 < $2; END';
CREATE OPERATOR <<< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = tells, RESTRICT = scalarltsel);

-- What EXPLAIN estimates, of a table and of its walk.
CREATE FUNCTION estimate(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	estimate text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		estimate := coalesce(estimate, substring(line FROM 'rows=(\d+)'));
	END LOOP;
	RETURN estimate;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SET ROLE regress_chunked_told;
SELECT query, estimate(query)
FROM (VALUES
	('SELECT * FROM chunked_iter(NULL::secret) WHERE salary > 9000'), ('SELECT id FROM chunked_iter(NULL::secret)'), ('SELECT count(*) FROM chunked_iter(NULL::secret)'),
	('SELECT min(id) FROM chunked_iter(NULL::secret)'), ('SELECT chunked_iter(NULL::secret)'), ('SELECT * FROM chunked_iter(NULL::secret, order_by => ''ctid'')'),
	('SELECT * FROM chunked_iter(NULL::secret, filter => ''salary > 9000'', after => ''{5}'')'), ('SELECT * FROM chunked_iter(NULL::hidden, order_by => ''id'')'),
	('SELECT * FROM chunked_iter_query(''SELECT id, salary FROM told.secret'', ''id'') t(id integer, salary integer) WHERE salary > 9000')) q(query);
SELECT failure('SELECT chunked_iter_explain(NULL::secret)');
SELECT failure('SELECT * FROM chunked_iter_ranges(NULL::secret, parts => 2)');
SELECT failure('SELECT * FROM chunked_iter_ranges(NULL::secret, chunk_size => 100, order_by => ''ctid'')');

-- Columns count one by one: those that the query and the walk use.
RESET ROLE;
GRANT SELECT (id, dept) ON secret TO regress_chunked_told;
SET ROLE regress_chunked_told;
SELECT query, estimate(query)
FROM (VALUES
	('SELECT id, dept FROM chunked_iter(NULL::secret)'), ('SELECT count(*) FROM chunked_iter(NULL::secret) WHERE dept = 1'), ('SELECT id FROM chunked_iter(NULL::secret) WHERE salary > 9000'),
	('SELECT id FROM chunked_iter(NULL::secret, filter => ''salary > 9000'')'), ('SELECT id FROM chunked_iter(NULL::secret, order_by => ''salary'')'), ('SELECT * FROM chunked_iter(NULL::secret)'), ('SELECT x FROM chunked_iter(NULL::secret) x')) q(query);

-- A plan that is kept is made again for another role.
RESET ROLE;
SET plan_cache_mode = force_generic_plan;
PREPARE everything(text[]) AS SELECT max(salary) FROM chunked_iter(NULL::secret, after => $1);
EXECUTE everything('{5}');
SET ROLE regress_chunked_told;
SELECT failure('EXPLAIN EXECUTE everything(''{5}'')');
SELECT failure('EXECUTE everything(''{5}'')');
RESET ROLE;
EXECUTE everything('{5}');
RESET plan_cache_mode;

-- Behind policies and security barriers the estimates are those of the server,
-- which has statistics tell nothing to what could pass it on.
SET ROLE regress_chunked_told;
SELECT condition, estimate('SELECT * FROM shared WHERE ' || condition) = estimate('SELECT * FROM chunked_iter(NULL::shared) WHERE ' || condition) AS of_policy,
	estimate('SELECT * FROM barrier WHERE ' || condition) = estimate('SELECT * FROM chunked_iter(NULL::barrier, order_by => ''id'') WHERE ' || condition) AS of_barrier,
	estimate('SELECT * FROM barrier_of_secret WHERE ' || condition) = estimate('SELECT * FROM chunked_iter(NULL::barrier_of_secret, order_by => ''id'') WHERE ' || condition) AS of_view,
	estimate('SELECT * FROM shared WHERE ' || condition) = estimate('SELECT * FROM chunked_iter(NULL::shared, filter => $$' || condition || '$$)') AS of_filter
FROM (VALUES ('salary < 100'), ('salary <<< 100'), ('salary <<< 9000'), ('dept = 1')) c(condition);
RESET ROLE;

DROP SCHEMA told CASCADE;
DROP ROLE regress_chunked_told;
