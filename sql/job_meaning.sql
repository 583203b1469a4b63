-- A job's positions, and its SQL, mean what they meant when they were stored; if they cannot, the job does not go on.
CREATE SCHEMA job_meaning;
SET search_path = job_meaning, public;
SET client_min_messages = error;
CREATE TABLE done (job text, id integer);
CREATE FUNCTION fresh(type text, expression text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS item;
	DELETE FROM chunked_iter_jobs;
	DELETE FROM done;
	EXECUTE format('CREATE TABLE item AS SELECT i AS id, (%s)::%s AS k FROM generate_series(1, 30) i', expression, type);
	ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE INDEX ON item (k, id);
END $$;
CREATE VIEW report AS SELECT j.state, count(*) AS rows, count(DISTINCT d.id) AS ids FROM chunked_iter_progress j JOIN done d USING (job) GROUP BY j.state;
\set start 'CALL chunked_iter_run(''j'', ''item'', ''INSERT INTO done SELECT ''''j'''', id FROM chunk'', order_by => ''k'', chunk_size => 5, max_chunks => 3);'
\set go_on 'CALL chunked_iter_run(''j'');'

-- Labels of an enum that change places; those that are added do no harm.
CREATE TYPE mood AS ENUM ('a', 'b', 'c');
SELECT fresh('mood', '(ARRAY[''a'', ''b'', ''c''])[i % 3 + 1]');
:start
ALTER TYPE mood RENAME VALUE 'a' TO 'z';
ALTER TYPE mood RENAME VALUE 'b' TO 'a';
:go_on
SELECT state, rows_done, last_key, last_error FROM chunked_iter_progress;
ALTER TYPE mood RENAME VALUE 'a' TO 'b';
ALTER TYPE mood RENAME VALUE 'z' TO 'a';
ALTER TYPE mood ADD VALUE 'between' BEFORE 'b';
:go_on
TABLE report;
SELECT key_basis FROM chunked_iter_jobs;

-- The same inside of other types.
CREATE DOMAIN mood_domain AS mood;
CREATE TYPE pair AS (m mood_domain, n integer);
CREATE TYPE pairs AS (p pair[], t text COLLATE "C");
CREATE TYPE mood_range AS RANGE (subtype = mood);
CREATE TABLE kind (type text, expression text);
INSERT INTO kind VALUES ('mood_domain', '''b'''), ('mood[]', 'ARRAY[''b'']'), ('pair[]', 'ARRAY[ROW(''b'', i)::pair]'),
	('pairs', 'ROW(ARRAY[ROW(''b'', i)::pair], ''x'')'), ('mood_range', '''[b,c]'''), ('mood_range[]', 'ARRAY[''[b,c]''::mood_range]');
\set ECHO none
\t
SELECT format('SELECT %L AS type', type), format('SELECT fresh(%L, %L)', type, expression), 'CALL chunked_iter_run(''j'', ''item'', ''SELECT 1 FROM chunk'', order_by => ''k'', chunk_size => 5, max_chunks => 3)',
	'ALTER TYPE mood RENAME VALUE ''a'' TO ''y''', 'CALL chunked_iter_run(''j'', max_chunks => 1)', 'ALTER TYPE mood RENAME VALUE ''y'' TO ''a''', 'CALL chunked_iter_run(''j'')',
	'SELECT state, rows_done FROM chunked_iter_progress'
FROM kind ORDER BY type COLLATE "C" \gexec
\t
\set ECHO all
SELECT fresh('pair', 'ROW(''b'', i)');
:start
ALTER TYPE pair ADD ATTRIBUTE late text;
:go_on
ALTER TYPE pair DROP ATTRIBUTE late;
:go_on
TABLE report;

-- A collation whose version is another, or which is another under the same name.
CREATE COLLATION german (provider = icu, locale = 'de');
SELECT fresh('text COLLATE german', 'chr(97 + i % 26)');
:start
SELECT collversion AS version FROM pg_collation WHERE collname = 'german' \gset
UPDATE pg_collation SET collversion = '1.2.3' WHERE collname = 'german';
\set VERBOSITY terse
:go_on
\set VERBOSITY default
SELECT regexp_replace(last_error, 'version [0-9.]+, recorded as [0-9.]+', 'version N, recorded as N') FROM chunked_iter_progress;
UPDATE pg_collation SET collversion = :'version' WHERE collname = 'german';
:go_on
TABLE report;
SELECT fresh('text COLLATE german', 'chr(97 + i % 26)');
:start
ALTER COLLATION german RENAME TO german_was;
CREATE COLLATION german (provider = icu, locale = 'sv');
ALTER TABLE item ALTER k TYPE text COLLATE german;
\set VERBOSITY terse
:go_on
\set VERBOSITY default
ALTER TABLE item ALTER k TYPE text COLLATE german_was;
DROP COLLATION german;
ALTER COLLATION german_was RENAME TO german;
:go_on
TABLE report;
SELECT fresh('text', 'chr(97 + i % 26)');
:start
UPDATE chunked_iter_jobs SET key_basis = ARRAY(SELECT replace(fact, '(', '(an older ') FROM unnest(key_basis) AS fact);
\set VERBOSITY terse
:go_on
\set VERBOSITY default

-- An operator family of another name.
SELECT fresh('integer', 'i');
:start
ALTER OPERATOR FAMILY integer_ops USING btree RENAME TO other_ops;
:go_on
ALTER OPERATOR FAMILY other_ops USING btree RENAME TO integer_ops;
:go_on
TABLE report;

-- What a user has typed means what it meant in that session: bounds, filter and statement.
SELECT fresh('date', 'date ''2024-01-01'' + i');
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata';
CALL chunked_iter_run('j', 'item', 'INSERT INTO done SELECT ''j'', date ''03/02/2024'' - date ''01/02/2024'' FROM chunk WHERE k <> ''09/01/2024''', order_by => 'k',
	after => '{05/01/2024}', upto => '{12/01/2024}', filter => 'k <> ''10/01/2024''', chunk_size => 2, max_chunks => 1);
SELECT after, upto, "position" FROM chunked_iter_job_ranges;
SET DateStyle = 'ISO, MDY'; RESET TimeZone;
:go_on
SELECT id, count(*) FROM done GROUP BY id;
SELECT settings[1:3] FROM chunked_iter_jobs;

-- Backslashes are read as with standard_conforming_strings on, in checks and in what is run; from 19 on it always is.
CREATE FUNCTION try_set(name text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config(name, value, false);
EXCEPTION WHEN OTHERS THEN
	NULL;
END $$;
CREATE FUNCTION refused(statement text) RETURNS boolean LANGUAGE sql AS $$
SELECT current_setting('standard_conforming_strings') = 'on' OR
	(SELECT bool_or(line ~ '^22023: argument "[a-z_]+" has a backslash in a string') FROM failure(statement) AS line)
$$;
SELECT fresh('text', '''a'' || chr(92) || i');
SET backslash_quote = off; SET array_nulls = off;
SELECT try_set('escape_string_warning', 'off'), try_set('standard_conforming_strings', 'off');
SELECT refused($$CALL chunked_iter_run('j', 'item', E'SELECT ''a\\\\b''', dry_run => true)$$) AS statement,
	refused($$CALL chunked_iter_run('j', 'item', 'SELECT 1', throttle_query => E'SELECT ''\\\\'' = E''\\\\\\\\''', dry_run => true)$$) AS throttle_query,
	refused($$CALL chunked_iter_run('j', 'item', 'SELECT 1', filter => E'k <> ''a\\\\1''', dry_run => true)$$) AS filter,
	refused($$SELECT count(*) FROM chunked_iter(NULL::item, filter => E'k <> ''a\\\\1''')$$) AS walk_filter,
	refused($$SELECT count(*) FROM chunked_iter(NULL::item, order_by => E'k || ''\\\\''')$$) AS order_by,
	refused($$SELECT chunked_iter_key(i, E'k || ''\\\\''') FROM item i$$) AS key,
	refused($$SELECT count(*) FROM chunked_iter_query(E'SELECT k FROM item WHERE k <> ''a\\\\1''', 'k') AS t(k text)$$) AS query;
-- where the setting makes no difference, a backslash is as good as another character
SELECT count(*) FROM chunked_iter(NULL::item, filter => E'k = E''a\\\\1'' -- \\');
SELECT count(*) FROM chunked_iter(NULL::item, order_by => 'k', after => ARRAY['a' || chr(92) || '1']);
SELECT count(*) FROM chunked_iter(NULL::item, order_by => 'k') AS c WHERE k = E'a\\1';
SELECT count(*) FROM chunked_iter_query('SELECT ARRAY[NULL]::text[] IS DISTINCT FROM ''{NULL}''', '1') AS t(differs boolean) WHERE differs;
SELECT try_set('escape_string_warning', 'on'), try_set('standard_conforming_strings', 'on');
RESET backslash_quote; RESET array_nulls;
CALL chunked_iter_run('j', 'item', 'INSERT INTO done SELECT ''j\'', id FROM chunk', filter => 'k <> ''a\1''', chunk_size => 5, max_chunks => 1);
SELECT try_set('escape_string_warning', 'off'), try_set('standard_conforming_strings', 'off');
:go_on
SELECT try_set('escape_string_warning', 'on'), try_set('standard_conforming_strings', 'on');
SELECT job, count(*) FROM done GROUP BY job;
SELECT fresh('text', '''a'' || chr(92) || i');
CALL chunked_iter_run('j', 'item', 'INSERT INTO done SELECT ''j\'', id FROM item WHERE chunk_range(item) AND k <> ''a\2''', order_by => 'k', filter => 'k <> ''a\1''', chunk_size => 5, max_chunks => 1);
SELECT try_set('escape_string_warning', 'off'), try_set('standard_conforming_strings', 'off');
:go_on
CALL chunked_iter_run('k', 'item', 'INSERT INTO done SELECT ''k'', id FROM item WHERE chunk_range(item)', order_by => 'k', filter => 'k <> ''b''', chunk_size => 5);
SELECT try_set('escape_string_warning', 'on'), try_set('standard_conforming_strings', 'on');
SELECT job, count(*), count(DISTINCT id), min(id) FROM done GROUP BY job ORDER BY job;

-- Names are compared as they are, however the session writes them.
SELECT fresh('text COLLATE "C"', 'chr(97 + i % 26)');
SET quote_all_identifiers = on;
:start
RESET quote_all_identifiers;
CALL chunked_iter_run('j', max_chunks => 1);
SET quote_all_identifiers = on;
:go_on
RESET quote_all_identifiers;
SELECT relation, key FROM chunked_iter_jobs;
TABLE report;

-- A query is read anew under other settings, as any statement is.
SELECT fresh('date', 'date ''2024-01-01'' + i');
SET DateStyle = 'SQL, DMY';
SELECT count(*) FROM chunked_iter_query('SELECT k FROM item WHERE k < ''05/01/2024''', 'k') AS t(k date);
SET DateStyle = 'SQL, MDY';
SELECT count(*) FROM chunked_iter_query('SELECT k FROM item WHERE k < ''05/01/2024''', 'k') AS t(k date);
BEGIN;
SET LOCAL DateStyle = 'SQL, DMY';
DECLARE c CURSOR FOR SELECT k = '04/01/2024' FROM chunked_iter_query('SELECT k FROM item WHERE k < ''05/01/2024'' ', 'k', 1) AS t(k date);
FETCH 1 FROM c;
SET LOCAL DateStyle = 'SQL, MDY';
FETCH ALL FROM c;
COMMIT;
RESET DateStyle;

-- A constant that its own text does not stand for is no part of a filter or an order.
CREATE EXTENSION seg;
CREATE TABLE span (id integer PRIMARY KEY, s seg);
INSERT INTO span SELECT i, (1.23456 + i / 1000000.0)::text::seg FROM generate_series(1, 9) i;
SELECT count(*) AS few FROM span WHERE s > '1.234564' \gset
SELECT failure($$SELECT count(*) FROM chunked_iter(NULL::span, filter => 's > ''1.234564''')$$);
SELECT failure($$SELECT count(*) FROM chunked_iter(NULL::span, order_by => 's > ''1.234564''')$$);
SELECT failure($$SELECT count(*) FROM chunked_iter(NULL::span, filter => 'EXISTS (SELECT FROM span o WHERE o.s > ''1.234564'')')$$);
SELECT count(*) FROM chunked_iter(NULL::span, filter => 's > ''1.5''');
SELECT count(*) = :few AS as_many, :few BETWEEN 1 AND 8 AS not_all FROM chunked_iter(NULL::span) AS c WHERE s > '1.234564';
CREATE TABLE routine AS SELECT i AS id, (2107 + i % 2)::oid::regproc AS p FROM generate_series(1, 9) i;
SELECT failure($$SELECT count(*) FROM chunked_iter(NULL::routine, order_by => 'id', filter => 'p <> ''2108''::regproc')$$);
SELECT count(*) FROM chunked_iter(NULL::routine, order_by => 'id', filter => 'p <> ''pg_backend_pid''::regproc AND p <> 2108::oid');
SELECT count(*) FROM chunked_iter(NULL::routine, order_by => 'id') AS c WHERE p <> '2108'::regproc;
DROP TABLE span, routine;
DROP EXTENSION seg;

-- The items of an order refer to columns.
SELECT item, failure(format('SELECT count(*) FROM chunked_iter(NULL::item, order_by => %L)', item))
FROM unnest(ARRAY['2::int', 'id, 2::int', '(1) DESC', '2 DESC', 'NULL::int', '''x''::text', 'k, lower(''X'')', 'id + 2', 'coalesce(k, ''2'')', 'now()', 'ROW(1, 2)', 'item']) AS item;

-- The owner of a job is dropped: superusers see the job, and can forget it or give it away.
CREATE ROLE regress_job_gone; CREATE ROLE regress_job_heir; CREATE ROLE "regress Job""s";
GRANT USAGE ON SCHEMA job_meaning TO regress_job_gone, regress_job_heir, "regress Job""s";
GRANT SELECT ON item TO regress_job_gone, regress_job_heir, "regress Job""s";
SET ROLE "regress Job""s";
CALL chunked_iter_run('odd', 'item', 'SELECT 1 FROM chunk');
SELECT job FROM chunked_iter_progress;
SET ROLE regress_job_gone;
CALL chunked_iter_run('orphan', 'item', 'SELECT 1 FROM chunk', chunk_size => 5, max_chunks => 1);
SELECT job FROM chunked_iter_progress;
RESET ROLE;
DROP OWNED BY regress_job_gone;
DROP ROLE regress_job_gone;
SELECT job, owner, state FROM chunked_iter_jobs JOIN chunked_iter_progress USING (job, state) WHERE job = 'orphan';
CALL chunked_iter_run('orphan');
SET ROLE regress_job_heir;
SELECT job FROM chunked_iter_progress;
RESET ROLE;
UPDATE chunked_iter_jobs SET owner = 'regress_job_heir' WHERE job = 'orphan';
SET ROLE regress_job_heir;
CALL chunked_iter_run('orphan');
SELECT job, state FROM chunked_iter_progress;
RESET ROLE;

SELECT count(chunked_iter_forget(job)) FROM chunked_iter_jobs;
DROP SCHEMA job_meaning CASCADE;
DROP ROLE regress_job_heir, "regress Job""s";
