-- after and upto take arrays of what keys are made of, as clients bind them.
CREATE SCHEMA bookmark_arrays;
SET search_path = bookmark_arrays, public;
SET client_min_messages = warning;

CREATE TABLE item (id integer PRIMARY KEY, v integer NOT NULL);
INSERT INTO item SELECT i, i FROM generate_series(1, 20) AS i;
ANALYZE item;

-- Any of the functions, any of the arrays; NULLs and no elements are what they are in a text[].
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY[5], upto => ARRAY[9::bigint]);
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY[5::smallint], upto => ARRAY[9::numeric]);
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY['5'::text], upto => ARRAY['9'::varchar]);
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY['5'::char(3)], upto => ARRAY['9'::name]);
SELECT array_agg(id) FROM chunked_iter(NULL::item, order_by => 'v % 3, id', after => ARRAY[1, 10], upto => ARRAY[2]);
SELECT count(*) FROM chunked_iter(NULL::item, order_by => 'nullif(v, 7)', after => ARRAY[17, NULL]);
SELECT count(*) FROM chunked_iter(NULL::item, order_by => 'nullif(v, 7)', after => ARRAY[20], upto => ARRAY[NULL::integer, 7]);
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY[]::integer[], upto => NULL::bigint[]);
SELECT count(*) FROM chunked_iter_query('SELECT id FROM item', 'id', after => ARRAY[5], upto => ARRAY[9::numeric]) AS t(id integer);
SELECT line FROM chunked_iter_explain(NULL::item, after => ARRAY[5], upto => ARRAY[9]) AS line;
SELECT (chunked_iter(NULL::item, after => ARRAY[18])).id;
SELECT i.id, w.id AS next FROM item AS i, LATERAL chunked_iter(NULL::item, after => ARRAY[i.id], upto => ARRAY[i.id + 1]) AS w WHERE i.v % 9 = 0;
SELECT sum(id) FROM chunked_iter(NULL::item, after => (SELECT array_agg(v) FROM item WHERE v = 18));
DO $$
DECLARE
	numbers integer[] := ARRAY[18];
	texts text[] := ARRAY['19'];
BEGIN
	RAISE WARNING '%, %', (SELECT count(*) FROM chunked_iter(NULL::item, after => numbers)),
		(SELECT count(*) FROM chunked_iter(NULL::item, after => texts));
	CALL chunked_iter_run('integers', 'item', 'UPDATE item SET v = v WHERE chunk_range(item)', after => numbers, upto => ARRAY[19]);
END
$$;
SELECT j.after, j.upto, r.after, r.upto, r.rows_done FROM chunked_iter_jobs AS j JOIN chunked_iter_job_ranges AS r USING (job);
CALL chunked_iter_run('integers', after => ARRAY[17]);
SELECT chunked_iter_forget('integers');

-- Each is the text that the type itself reads, under any settings.
CREATE TABLE kinds (u uuid, d date, t timestamp, z timestamptz, n numeric, PRIMARY KEY (u, d, t, z, n));
SET TimeZone = 'Asia/Kolkata';
INSERT INTO kinds SELECT md5(i::text)::uuid, '2026-01-01'::date + i, '2026-01-01'::timestamp + i * interval '1.000001 hours',
	'2026-01-01'::timestamptz + i * interval '1.000001 hours', i / 7.0 FROM generate_series(1, 50) AS i;
INSERT INTO kinds SELECT '00000000-0000-0000-0000-000000000000', x, x::timestamp, x::timestamptz, 'NaN'
FROM unnest(ARRAY['infinity', '-infinity', '0044-03-15 BC', '0099-12-31', '99999-01-02']::date[]) AS x;
CREATE FUNCTION exact(k kinds, of text, read_as text, OUT exact boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM chunked_iter(NULL::kinds, order_by => %2$L, after => ARRAY[($1).%1$s])) '
		'= count(*) FILTER (WHERE %2$s > CAST(($1).%1$s AS %3$s)) FROM kinds', of, read_as,
		(SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attname = read_as)) INTO exact USING k;
END
$$;
CREATE VIEW exactness AS SELECT of, read_as, bool_and(exact(k, of, read_as)) AS exact
FROM kinds AS k, (VALUES ('u', 'u'), ('d', 'd'), ('t', 't'), ('z', 'z'), ('n', 'n'), ('d', 't'), ('d', 'z'), ('t', 'z'), ('z', 't'), ('t', 'd'), ('z', 'd')) AS c(of, read_as)
GROUP BY of, read_as ORDER BY of, read_as;
TABLE exactness;
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Africa/Monrovia'; SET IntervalStyle = sql_standard; SET extra_float_digits = -15;
SELECT * FROM exactness WHERE NOT exact;
RESET DateStyle; RESET TimeZone; RESET IntervalStyle; RESET extra_float_digits;

-- The planner knows a constant array as it knows a literal.
CREATE FUNCTION plan(bound text) RETURNS TABLE (line text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('EXPLAIN SELECT id FROM chunked_iter(NULL::item, after => %s)', bound);
END
$$;
SELECT substring(line FROM 'rows=\d+|Walk After.*') AS known FROM plan('ARRAY[15]') WHERE line ~ 'rows=|Walk After';
SELECT bound, array_agg(line) = (SELECT array_agg(line) FROM plan('''{15}''')) AS same
FROM unnest(ARRAY['ARRAY[''15'']', 'ARRAY[15]', 'ARRAY[15::bigint]', 'ARRAY[15::numeric]', 'ARRAY[''15''::varchar]', '''{15}''::text[]']) AS bound, plan(bound)
GROUP BY bound ORDER BY bound COLLATE "C";
PREPARE longs(bigint[]) AS SELECT id FROM chunked_iter(NULL::item, after => $1, upto => ARRAY[9]);
EXPLAIN (COSTS OFF) EXECUTE longs('{5}');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE longs('{5}');
EXECUTE longs('{7}');
EXECUTE longs(NULL) \g /dev/null
RESET plan_cache_mode;

-- A parameter has the type that it is first used as, and serves as the other, too.
PREPARE bound_first AS SELECT count(*) FROM chunked_iter(NULL::item, after => $1) AS i GROUP BY $1::text[];
PREPARE text_first AS WITH given AS (SELECT $1::text[]) SELECT count(*) FROM given, chunked_iter(NULL::item, after => $1);
SELECT name, parameter_types FROM pg_prepared_statements WHERE name LIKE '%first' ORDER BY name;
EXECUTE bound_first('{18}');
EXECUTE text_first('{18}');
DEALLOCATE ALL;
CREATE TABLE kept (key text[]);
INSERT INTO kept VALUES ('{18}'::chunked_iter_bookmark);
TABLE kept;

-- The binary form is that of text[].
CREATE TABLE bound (b chunked_iter_bookmark, t text[]);
INSERT INTO bound VALUES ('{a,NULL,"b c"}', '{a,NULL,"b c"}'), ('{}', '{}'), ('[2:3]={1,2}', '[2:3]={1,2}'), (NULL, NULL);
SELECT chunked_iter_bookmark_send(b) = array_send(t) AS same, b, b::text[] = t AS equal FROM bound;
COPY bound TO PROGRAM 'cat > bookmark_arrays.copy' (FORMAT binary);
COPY bound (t, b) FROM PROGRAM 'cat bookmark_arrays.copy; rm bookmark_arrays.copy' (FORMAT binary);
SELECT t, count(*), count(*) FILTER (WHERE b::text[] = t) AS equal FROM bound GROUP BY t ORDER BY t;

-- A view keeps a bound as it was written, and can be made of its own text.
CREATE VIEW bounded AS SELECT id FROM chunked_iter(NULL::item, after => ARRAY[5], upto => '{7}'::text[])
UNION ALL SELECT id FROM chunked_iter(NULL::item, after => '{9}', upto => ARRAY['11']);
SELECT regexp_matches(pg_get_viewdef('bounded', true), '(after => \S+), (upto => [^)]*)', 'g') AS bounds;
DO $$BEGIN EXECUTE 'CREATE VIEW again AS ' || pg_get_viewdef('bounded'); END$$;
SELECT pg_get_viewdef('bounded') = pg_get_viewdef('again') AS same, array_agg(id) AS ids FROM again;

-- What is no key, and arrays whose text would depend on settings.
CREATE FUNCTION failure_of(bound text) RETURNS SETOF text LANGUAGE sql AS $$
SELECT failure(format('SELECT * FROM chunked_iter(NULL::bookmark_arrays.item, after => %s)', bound))
$$;
SELECT failure_of(bound)
FROM unnest(ARRAY['''5''', '''{5''', '''{{5}}''', 'ARRAY[[5]]', 'ARRAY[1, 2]', 'ARRAY[5.5]', 'ARRAY[timestamptz ''2026-01-01 00:00+00'']']) AS bound;
SELECT line
FROM unnest(ARRAY['5', '''{5}''::text', 'ARRAY[5::real]', 'ARRAY[true]', 'ARRAY[interval ''1 day'']', 'ARRAY[1::oid]']) AS bound, failure_of(bound) AS line
WHERE line LIKE '_____: %';
SELECT failure('SELECT chunked_iter_bookmark_of(ARRAY[interval ''1 day''])');

-- Other functions take what they took before.
CREATE FUNCTION of_text(text[]) RETURNS integer LANGUAGE sql AS 'SELECT cardinality($1)';
\set VERBOSITY terse
SELECT of_text(ARRAY[5]);
\echo :LAST_ERROR_SQLSTATE
SELECT of_text('{5}'), of_text(ARRAY['5']), ARRAY['5'] = '{5}' AS equal;

-- No rights are needed; types and functions of the same names, of somebody else, are not met.
CREATE ROLE regress_citer_binder;
CREATE SCHEMA theirs AUTHORIZATION regress_citer_binder;
GRANT USAGE ON SCHEMA bookmark_arrays TO regress_citer_binder;
GRANT SELECT ON item TO regress_citer_binder;
SET SESSION AUTHORIZATION regress_citer_binder;
SET search_path = theirs, bookmark_arrays, public;
CREATE FUNCTION chunked_iter_bookmark_of(anyarray) RETURNS public.chunked_iter_bookmark LANGUAGE plpgsql AS 'BEGIN RAISE ''theirs''; END';
CREATE FUNCTION chunked_iter_bookmark_of(integer[]) RETURNS public.chunked_iter_bookmark LANGUAGE plpgsql AS 'BEGIN RAISE ''theirs''; END';
CREATE DOMAIN chunked_iter_bookmark AS text[] CHECK (false);
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY[5], upto => '{9}');
SELECT count(*) FROM chunked_iter(NULL::item, after => ARRAY['5'], upto => ARRAY[9::bigint]);
CREATE CAST (real[] AS public.chunked_iter_bookmark) WITH INOUT AS IMPLICIT;
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
SET search_path = bookmark_arrays, public;
DROP OWNED BY regress_citer_binder;
DROP ROLE regress_citer_binder;

DROP SCHEMA bookmark_arrays CASCADE;
