-- Nothing that others have put into the schema of the extension is called in
-- place of pg_catalog's, by CREATE EXTENSION or later.
CREATE ROLE regress_citer_planter;
CREATE ROLE regress_citer_user;
CREATE DATABASE chunked_iter_script;
\set main :DBNAME
\c chunked_iter_script
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA planted AUTHORIZATION regress_citer_planter;
GRANT USAGE ON SCHEMA planted TO regress_citer_user;

-- What the script calls: known names in front of a parenthesis, and symbols.
CREATE TABLE script AS
SELECT regexp_replace(pg_read_file(setting || '/extension/chunked_iter--1.0.sql'), E'--[^\n]*', '', 'g') AS text
  FROM pg_config WHERE name = 'SHAREDIR';
CREATE TABLE called AS
SELECT DISTINCT proname AS name
  FROM script, regexp_matches(text, '(\w+)\s*\(', 'g') AS found, pg_proc
 WHERE proname = found[1] AND pronamespace = 'pg_catalog'::regnamespace;
CREATE TABLE operators AS
SELECT DISTINCT oprname AS name
  FROM script, pg_operator
 WHERE oprkind = 'b' AND oprnamespace = 'pg_catalog'::regnamespace
   AND (strpos(text, ' ' || oprname || ' ') > 0 OR strpos(text, 'pg_catalog.' || oprname || ')') > 0 OR oprname IN ('=', '<>', '<=', '~~'));
GRANT SELECT ON called, operators TO PUBLIC;
SELECT count(*) >= 10 AS enough FROM called;
SELECT name FROM called WHERE name IN ('array_agg', 'pg_extension_config_dump', 'pg_has_role', 'quote_ident', 'string_agg') ORDER BY name;

-- Overloads of each that take the arguments as they come; who runs one learns of it.
SET SESSION AUTHORIZATION regress_citer_planter;
SET search_path = planted;
DO $$
DECLARE
	types CONSTANT text[] := '{name,text,int2,int4,int8,oid,numeric,float8,regrole,jsonb,timestamptz,text[]}';
	body CONSTANT text := $body$ RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''planted code was run''; END'$body$;
	called CONSTANT name[] := ARRAY(SELECT name FROM public.called);
	operators CONSTANT name[] := ARRAY(SELECT name FROM public.operators);
	name text;
	a text;
	b text;
BEGIN
	FOREACH name IN ARRAY called LOOP
		EXECUTE format('CREATE FUNCTION %I()', name) || body;
	END LOOP;
	FOREACH a IN ARRAY types LOOP
		FOREACH name IN ARRAY called LOOP
			EXECUTE format('CREATE FUNCTION %I(secs %s)', name, a) || body;
		END LOOP;
		FOREACH b IN ARRAY types LOOP
			FOREACH name IN ARRAY called LOOP
				EXECUTE format('CREATE FUNCTION %I(%s, %s)', name, a, b) || body;
			END LOOP;
			EXECUTE format('CREATE FUNCTION symbol(%s, %s)', a, b) || body;
			FOREACH name IN ARRAY operators LOOP
				EXECUTE format('CREATE OPERATOR %s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = symbol)', name, a, b);
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;

-- Types and relations of the same names, too.
CREATE DOMAIN regrole AS pg_catalog.text CHECK (false);
CREATE DOMAIN text AS pg_catalog.int4 CHECK (false);
CREATE TABLE pg_locks ();
CREATE TABLE pg_database ();
CREATE TABLE pg_stat_activity ();
RESET SESSION AUTHORIZATION;
RESET search_path;

-- A call that is not qualified would be theirs.
SET search_path = planted;
SELECT pg_has_role('pg_monitor'::pg_catalog.regrole, 'USAGE');
RESET search_path;

CREATE EXTENSION chunked_iter SCHEMA planted;

-- What is stored refers to pg_catalog and to the extension's own objects only.
WITH RECURSIVE ours AS (
	SELECT classid, objid FROM pg_depend
	 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'chunked_iter')
	UNION
	SELECT d.classid, d.objid FROM pg_depend AS d
	  JOIN ours ON d.refclassid = ours.classid AND d.refobjid = ours.objid
	 WHERE d.deptype IN ('a', 'i', 'P', 'S')
), uses AS (
	SELECT DISTINCT d.classid, d.objid, d.refclassid, d.refobjid, d.refobjsubid
	  FROM ours JOIN pg_depend AS d USING (classid, objid)
	 WHERE (d.refclassid, d.refobjid) NOT IN (SELECT * FROM ours)
	   AND d.refclassid NOT IN ('pg_extension'::regclass, 'pg_namespace'::regclass)
)
SELECT pg_describe_object(classid, objid, 0) AS object, refers.identity AS "refers to"
  FROM uses, pg_identify_object(refclassid, refobjid, refobjsubid) AS refers
 WHERE refers.schema IS DISTINCT FROM 'pg_catalog' ORDER BY 1, 2;

-- Jobs of another role run none of it either, nor does who looks at them.
CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 20);
GRANT SELECT ON item TO regress_citer_user;
SET SESSION AUTHORIZATION regress_citer_user;
CALL planted.chunked_iter_run('job', 'item', 'SELECT 1 / (id - 7) FROM chunk', chunk_size => 3, on_error => 'skip', parts => 2, max_chunks => 4);
SELECT job, state, rows_done, percent, last_key FROM planted.chunked_iter_progress;
CALL planted.chunked_iter_run('job');
RESET SESSION AUTHORIZATION;
SELECT job, state, rows_done, percent FROM planted.chunked_iter_progress;
SELECT j.owner, f.key, f."row", f.sqlstate FROM planted.chunked_iter_failed_rows AS f JOIN planted.chunked_iter_jobs AS j USING (job);
SET search_path = planted, public;
CALL chunked_iter_run('own', 'item', 'TABLE chunk', max_chunks => 1, chunk_size => 5);
SELECT job, state FROM chunked_iter_progress ORDER BY job;
SELECT chunked_iter_pause('own');
SELECT chunked_iter_cancel('own');
SELECT chunked_iter_forget('own');
SELECT count(*) FROM chunked_iter(NULL::item, after => '{15}');

\c :main
DROP DATABASE chunked_iter_script;
DROP ROLE regress_citer_planter, regress_citer_user;
