-- All SQL runs with the caller's rights, and nobody's operators get in.
SET client_min_messages = error;
CREATE SCHEMA rights;
SET search_path = rights, public;
CREATE ROLE regress_chunked_reader;
CREATE ROLE regress_chunked_tenant;
GRANT USAGE ON SCHEMA rights TO regress_chunked_reader, regress_chunked_tenant;

CREATE TABLE secret (id integer PRIMARY KEY, owner name, body text);
INSERT INTO secret SELECT i, CASE i % 2 WHEN 0 THEN 'regress_chunked_tenant' ELSE 'other' END, 'b' || i FROM generate_series(1, 10) i;

-- No privilege on the table, on one of its columns.
SET ROLE regress_chunked_reader;
SELECT failure('SELECT chunked_iter(NULL::secret)');
SELECT failure('SELECT chunked_iter_explain(NULL::secret)');
RESET ROLE;
GRANT SELECT (id, owner) ON secret TO regress_chunked_reader;
SET ROLE regress_chunked_reader;
SELECT failure('SELECT chunked_iter(NULL::secret)');
RESET ROLE;
GRANT SELECT ON secret TO regress_chunked_reader, regress_chunked_tenant;
SET ROLE regress_chunked_reader;
SELECT count(*) FROM chunked_iter(NULL::secret, 3);
RESET ROLE;

-- Row-level security, for a plan that is shared by both roles.
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (owner = current_user);
SET ROLE regress_chunked_tenant;
SELECT (r).id FROM (SELECT chunked_iter(NULL::secret, 2) AS r OFFSET 0) s;
SET ROLE regress_chunked_reader;
SELECT count(*) FROM chunked_iter(NULL::secret, 2);
SET row_security = off;
SELECT failure('SELECT chunked_iter(NULL::secret, 2)');
RESET row_security;
RESET ROLE;
SELECT count(*) FROM chunked_iter(NULL::secret, 2);

-- A filter cannot look past a policy or a security barrier.
CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
$$BEGIN RAISE INFO 'saw %', $1; RETURN true; END$$;
CREATE VIEW own_secrets WITH (security_barrier) AS SELECT * FROM secret WHERE owner = current_user;
GRANT SELECT ON own_secrets TO regress_chunked_tenant;
SET ROLE regress_chunked_tenant;
SELECT count(*) FROM chunked_iter(NULL::secret, filter => 'peek(body)');
SELECT count(*) FROM chunked_iter(NULL::own_secrets, order_by => 'id', filter => 'peek(body)');
RESET ROLE;

-- In a function of another owner, as that owner.
CREATE FUNCTION count_secrets() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = rights, public AS 'SELECT count(*) FROM chunked_iter(NULL::secret, 2)';
SET ROLE regress_chunked_reader;
SELECT count_secrets();
RESET ROLE;

-- Operators and functions in front of pg_catalog, and some that fit varchar
-- better than the built-in ones, are not called.
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.never(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile operator called'; END$$;
CREATE FUNCTION hostile.never(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile operator called'; END$$;
CREATE FUNCTION hostile.never(tid, tid) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile operator called'; END$$;
DO $$
DECLARE
	op text;
	type text;
BEGIN
	FOREACH op IN ARRAY ARRAY['<', '<=', '=', '>=', '>'] LOOP
		FOREACH type IN ARRAY ARRAY['integer', 'varchar', 'tid'] LOOP
			EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = hostile.never)', op, type);
			EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = hostile.never)', op, type);
		END LOOP;
	END LOOP;
END $$;
CREATE TABLE plain (id integer PRIMARY KEY, word varchar(20) NOT NULL, day date);
INSERT INTO plain SELECT i, 'w' || i % 3 FROM generate_series(1, 10) i;
CREATE INDEX ON plain (word DESC, id);
SET search_path = hostile, rights, public, pg_catalog;
SELECT (r).id FROM (SELECT chunked_iter(NULL::plain, 4, after => '{2}', upto => '{9}') AS r OFFSET 0) s;
SELECT (r).id, (r).word FROM (SELECT chunked_iter(NULL::plain, 2, 'word DESC', after => '{w2}') AS r OFFSET 0) s;
SELECT count(*) FROM (SELECT chunked_iter(NULL::plain, 4, 'ctid', upto => '{"(0,9)"}') OFFSET 0) s;
SELECT chunked_iter_key(p, 'word') FROM plain p LIMIT 1;
-- The user's own text means what it says, though.
SELECT failure('SELECT chunked_iter(NULL::plain, filter => ''id = 3'')');
SET search_path = rights, public;
DROP SCHEMA hostile CASCADE;

-- A plan has in it what a function returned that another role may call, and is not for this one.
CREATE FUNCTION hidden() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 7; END';
REVOKE ALL ON FUNCTION hidden() FROM public;
GRANT SELECT ON plain TO regress_chunked_reader;
SELECT id FROM chunked_iter(NULL::plain, filter => 'id = hidden()');
SET ROLE regress_chunked_reader;
SELECT failure('SELECT id FROM chunked_iter(NULL::plain, filter => ''id = hidden()'')');
RESET ROLE;

-- The extension is for superusers to install, once, in any schema.
SELECT failure('CREATE EXTENSION chunked_iter');
SELECT extrelocatable FROM pg_extension WHERE extname = 'chunked_iter';
ALTER EXTENSION chunked_iter SET SCHEMA rights;
SELECT count(*) FROM rights.chunked_iter(NULL::plain);
ALTER EXTENSION chunked_iter SET SCHEMA public;
BEGIN;
DROP EXTENSION chunked_iter;
CREATE FUNCTION public.chunked_iter_key(rec anyelement, order_by text DEFAULT NULL) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';
SELECT failure('CREATE EXTENSION chunked_iter SCHEMA public');
ROLLBACK;
DO $$
BEGIN
	EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_chunked_reader', current_database());
END $$;
BEGIN;
DROP EXTENSION chunked_iter;
SET LOCAL ROLE regress_chunked_reader;
SELECT failure('CREATE EXTENSION chunked_iter');
ROLLBACK;

DO $$
BEGIN
	EXECUTE format('REVOKE CREATE ON DATABASE %I FROM regress_chunked_reader', current_database());
END $$;
DROP SCHEMA rights CASCADE;
DROP ROLE regress_chunked_reader, regress_chunked_tenant;
