-- Each type that can be ordered is a key whose bookmarks are exact, or is refused.
SET client_min_messages = error;
CREATE SCHEMA bookmark_types;
CREATE SCHEMA contrib;
SET search_path = bookmark_types, contrib, public;
CREATE EXTENSION citext SCHEMA contrib;
CREATE EXTENSION cube SCHEMA contrib;
CREATE EXTENSION hstore SCHEMA contrib;
CREATE EXTENSION isn SCHEMA contrib;
CREATE EXTENSION ltree SCHEMA contrib;
CREATE EXTENSION seg SCHEMA contrib;
CREATE TYPE mood AS ENUM ('sad', 'NULL', 'it''s "fine"', '{,}', E'back\\slash', 'happy');
CREATE TYPE pair AS (a mood, b timestamptz, c text);
CREATE TYPE float_range AS RANGE (subtype = double precision);
CREATE DOMAIN span AS interval CHECK (value > '-1000 years');
CREATE FUNCTION twice(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION twice(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1 || $1';

-- Values that are awkward to write; '' stands for the default ones.
CREATE TABLE sample (type text PRIMARY KEY, literals text[]);
INSERT INTO sample VALUES
	('', '{1,2,3,4}'),
	('"char"', '{a,b,"\"","\\"}'),
	('bit', '{0,1}'),
	('boolean', '{f,t}'),
	('bit varying', '{0,1,1010101010101,""}'),
	('bytea', '{"\\x00","\\xff5c27","\\x5c5c","\\x"}'),
	('character', '{a,"\"","\\",","}'),
	('character varying', '{NULL,null,"\\N","a b ",""}'),
	('cidr', '{10.0.0.0/8,"::/0","2001:db8::/32"}'),
	('date', '{"0001-02-03 BC",1999-04-05,infinity,-infinity,"99999-12-31","0099-01-02"}'),
	('double precision', '{NaN,-Infinity,0.1,0.30000000000000004,-0,5e-324,1.7976931348623157e308}'),
	('inet', '{10.1.2.3/8,"::1","::ffff:1.2.3.4",255.255.255.255}'),
	('interval', '{"-1 mon +2 days -00:00:00.000001","1 mon","-3 days","-2 days -03:04:05","178000000 years","-4 hours"}'),
	('jsonb', '{"{\"a\": 1.50}","[null]","\"\\u0041\\n\"",null}'),
	('macaddr', '{08:00:2b:01:02:03,ff:ff:ff:ff:ff:ff}'),
	('macaddr8', '{08:00:2b:01:02:03:04:05,ff:ff:ff:ff:ff:ff:ff:ff}'),
	('money', '{-1.23,1234.56,-92233720368547758.08}'),
	('name', '{a,"\"","a b",""}'),
	('numeric', '{NaN,1e-100,0.10,1e100,-0.123456789012345678901234567890}'),
	('oidvector', '{"","1 2","1 3"}'),
	('pg_lsn', '{0/0,16/B374D848,FFFFFFFF/FFFFFFFF}'),
	('real', '{0.1,0.10000001,1e-45,3.4028235e38}'),
	('regclass', '{pg_class,bookmark_types.sample,-}'),
	('regcollation', '{"\"C\"","\"default\""}'),
	('regconfig', '{simple,english}'),
	('regdictionary', '{simple,english_stem}'),
	('regnamespace', '{pg_catalog,bookmark_types}'),
	('regoper', '{0,"pg_catalog.||/"}'),
	('regoperator', '{"pg_catalog.+(integer,integer)","pg_catalog.+(bigint,bigint)"}'),
	('regproc', '{now,-,twice_text}'),
	('regprocedure', '{now(),bookmark_types.twice(integer),bookmark_types.twice(text)}'),
	('regrole', '{pg_monitor,pg_read_all_stats,-}'),
	('regtype', '{integer,bookmark_types.mood,timestamptz[]}'),
	('text', '{NULL,"","\\","''","\"",",","{}"," a "}'),
	('tid', '{"(0,1)","(1,0)","(4294967295,65535)"}'),
	('time without time zone', '{00:00,24:00,12:34:56.000001}'),
	('time with time zone', '{00:00+00,24:00-15:59:59,12:34:56.000001+00:44:30}'),
	('timestamp without time zone', '{"4713-01-01 BC",1901-02-03 04:05:06.000001,infinity,"99999-01-02"}'),
	('timestamp with time zone', '{"4713-01-02 BC",1901-02-03 04:05:06.000001+00:44:30,-infinity,"99999-01-02","1960-01-01 00:00:00"}'),
	('tsquery', '{"a & !( b | c:*A )","''it''''s'' <2> \\\\b"}'),
	('tsvector', '{"a:1A b","''it''''s'':2 \\\\b",""}'),
	('uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}'),
	('int4range', '{empty,"(,)","[1,5)"}'), ('int8range', '{empty,"[1,5)"}'),
	('numrange', '{"(0.10,NaN]","[,1)"}'),
	('daterange', '{"[1999-04-05,infinity)","[,0099-01-02]"}'),
	('tsrange', '{"[1999-04-05 00:00:00.000001,infinity]"}'),
	('tstzrange', '{"[1901-02-03 04:05:06.000001+00:44:30,)"}'),
	('int4multirange', '{"{}","{[1,5),[7,9)}"}'), ('int8multirange', '{"{[1,5)}"}'),
	('nummultirange', '{"{(0.10,1]}"}'), ('datemultirange', '{"{[1999-04-05,infinity)}"}'),
	('tsmultirange', '{"{[1999-04-05 00:00:00.000001,infinity]}"}'),
	('tstzmultirange', '{"{[1901-02-03 04:05:06.000001+00:44:30,)}"}'),
	('mood', '{sad,NULL,happy,"{,}","back\\slash","it''s \"fine\""}'),
	('pair', '{"(sad,1901-02-03 04:05:06+00:44:30,)","(\"back\\\\slash\",-infinity,\"a,b\\\\\")","(,,)","(happy,,NULL)"}'),
	('float_range', '{"[0.1,0.30000000000000004)",empty}'),
	('float_multirange', '{"{[0.1,0.30000000000000004)}"}'),
	('span', '{"-1 mon +2 days -00:00:00.000001","1 mon","-3 days"}'),
	('citext', '{A,b,NULL,"\\"}'),
	('cube', '{"(0.1,0.30000000000000004),(1,2)","(5e-324)","(1e100)"}'),
	('hstore', '{"\"a\"=>NULL","\"a\"=>\"NULL\"","\"\\\\\"=>\"\\\"\"",""}'),
	('ltree', '{a.b.c,"",A_1}'),
	('seg', '{1.234561,1.234562,1.234563}');
INSERT INTO sample SELECT type, ARRAY['9780393040029', '978-0-393-04003-6']
FROM unnest(ARRAY['ean13', 'isbn13', 'isbn']) type
UNION ALL VALUES ('ismn', '{979-0-060-11561-5}'::text[]), ('ismn13', '{979-0-060-11561-5}'),
	('issn', '{1436-4522}'), ('issn13', '{1436-4522}'), ('upc', '{220356483481}');

-- All of them, by themselves and in arrays.
CREATE TABLE kind (no integer PRIMARY KEY, type text NOT NULL, literals text[] NOT NULL);
WITH orderable AS (
	SELECT t.oid, format_type(t.oid, NULL) AS name
	FROM pg_type t
	WHERE t.typtype NOT IN ('p') AND t.typnamespace IN ('pg_catalog'::regnamespace, 'contrib'::regnamespace, 'bookmark_types'::regnamespace)
	  AND t.typcategory <> 'A' AND (t.typrelid = 0 OR t.oid = 'pair'::regtype)
	  AND (t.typtype IN ('e', 'r', 'm', 'd', 'c')
		OR EXISTS (SELECT FROM pg_opclass o WHERE o.opcintype = t.oid AND o.opcdefault AND o.opcmethod = 403)
		OR EXISTS (SELECT FROM pg_cast c JOIN pg_opclass o ON o.opcintype = c.casttarget AND o.opcdefault AND o.opcmethod = 403
			WHERE c.castsource = t.oid AND c.castmethod = 'b' AND c.castcontext = 'i'))
	  AND t.typname NOT IN ('regdatabase', '_regdatabase', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list')
), literal AS (
	SELECT o.name, coalesce(s.literals, d.literals) AS literals
	FROM orderable o JOIN sample d ON d.type = '' LEFT JOIN sample s ON s.type = o.name
)
INSERT INTO kind
SELECT row_number() OVER (ORDER BY array_type, name COLLATE "C"), name || CASE WHEN array_type THEN '[]' ELSE '' END,
	CASE WHEN array_type THEN ARRAY[literals::text, ARRAY[literals[1], NULL]::text, '{NULL}', '{}'] ELSE literals END
FROM literal, unnest(ARRAY[false, true]) AS array_type;
SELECT count(*) > 120 AS enough FROM kind;

-- A table for each, and its ordered rows.
CREATE FUNCTION make(kind) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE t%s (k %s, id integer PRIMARY KEY)', $1.no, $1.type);
	FOR i IN 1 .. cardinality($1.literals) LOOP
		EXECUTE format('INSERT INTO t%1$s VALUES (%2$L, %3$s), (%2$L, %4$s)', $1.no,
			replace($1.literals[i], 'twice_text', 'twice(text)'::regprocedure::oid::text), i, 100 + i);
	END LOOP;
	EXECUTE format('INSERT INTO t%s VALUES (NULL, 99); CREATE INDEX ON t%1$s (k, id)', $1.no);
END $$;
SELECT count(make(k)) = count(*) AS made FROM kind k;
CREATE TABLE oracle (no integer PRIMARY KEY, ids integer[]);
\set ECHO none
SELECT format('INSERT INTO oracle SELECT %s, array_agg(id ORDER BY k, id) FROM t%1$s', no) FROM kind ORDER BY no \gexec
\set ECHO all

CREATE TABLE done (job text, no serial, id integer);
CREATE FUNCTION pages(no integer) RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE
	bookmark text[];
	row_id integer;
BEGIN
	LOOP
		EXECUTE format('SELECT (r).id, chunked_iter_key(r, ''k'') FROM (SELECT chunked_iter(NULL::t%s, 1, ''k'', after => $1) AS r LIMIT 1) s', no)
		INTO row_id, bookmark USING bookmark;
		EXIT WHEN row_id IS NULL;
		RETURN NEXT row_id;
	END LOOP;
END $$;
CREATE FUNCTION ids(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT array_agg(id) FROM (%s) AS s(id)', sql) INTO result;
	RETURN result;
EXCEPTION WHEN feature_not_supported THEN
	RETURN '0A000';
END $$;

-- Walks, pages and ranges under settings that are not the server's own.
\set hostile 'SET array_nulls = off; SET DateStyle = ''SQL, DMY''; SET IntervalStyle = sql_standard; SET TimeZone = ''Africa/Monrovia''; SET extra_float_digits = -15; SET bytea_output = escape; SET xmloption = document; SET backslash_quote = off; SET quote_all_identifiers = on; SET search_path = bookmark_types, public; DO $$BEGIN SET escape_string_warning = off; SET standard_conforming_strings = off; EXCEPTION WHEN OTHERS THEN NULL; END$$;'
:hostile
CREATE TABLE result AS
SELECT k.no, k.type, w.*
FROM kind k JOIN oracle o USING (no) CROSS JOIN LATERAL (
	SELECT coalesce(nullif(ids(format('SELECT (chunked_iter(NULL::t%s, 1, ''k'')).id', k.no)), o.ids::text), 'exact') AS walk,
		coalesce(nullif(ids(format('SELECT pages(%s)', k.no)), o.ids::text), 'exact') AS pages,
		coalesce(nullif(ids(format('SELECT r.id FROM chunked_iter_ranges(NULL::t%s, chunk_size => 1, order_by => ''k'') g, '
			'LATERAL chunked_iter(NULL::t%1$s, 1, ''k'', after => g.after, upto => g.upto) r', k.no)), o.ids::text), 'exact') AS ranges) w;
SELECT type, walk, pages, ranges FROM result WHERE (walk, pages, ranges) <> ('exact', 'exact', 'exact') ORDER BY no;

-- Jobs, which stop under those settings and go on under others.
\set ECHO none
\set VERBOSITY sqlstate
SELECT format('CALL chunked_iter_run(%L, %L, %L, chunk_size => 1, order_by => ''k'', max_chunks => 3)',
	type, 't' || no, format('INSERT INTO done (job, id) SELECT %L, id FROM chunk', type))
FROM kind ORDER BY no \gexec
RESET ALL;
SET search_path = bookmark_types, contrib, public; SET client_min_messages = error; SET TimeZone = 'Asia/Kolkata';
SELECT format('CALL chunked_iter_run(%L)', job) FROM chunked_iter_jobs ORDER BY job COLLATE "C" \gexec
\set ECHO all
\set VERBOSITY default
SELECT type, d.ids FROM kind LEFT JOIN oracle o USING (no)
LEFT JOIN (SELECT job, array_agg(id ORDER BY no) AS ids FROM done GROUP BY job) d ON d.job = type
WHERE d.ids IS DISTINCT FROM o.ids ORDER BY no;

-- What the error says, and where a walk reads on from without a bookmark.
SELECT no AS seg FROM kind WHERE type = 'seg' \gset
SELECT failure(format('SELECT chunked_iter_key(t, ''k'') FROM t%s AS t WHERE id = 1', :seg));
SELECT failure(format('SELECT chunked_iter_key(t, ''k'') FROM t%s AS t WHERE id = 1', (SELECT no FROM kind WHERE type = 'regproc[]')));
SELECT id FROM chunked_iter(NULL::t:seg, 1, 'k::text');
-- A byte that is no character: 16 and later write it as an escape.
CREATE TABLE high (k "char", id integer PRIMARY KEY);
INSERT INTO high SELECT (i - 128)::"char", i FROM generate_series(0, 255) i;
SELECT ids('SELECT g.range_no FROM chunked_iter_ranges(NULL::high, chunk_size => 1, order_by => ''k'') g')
	IN ('0A000', (SELECT array_agg(i) FROM generate_series(1, 256) i)::text) AS exact_or_refused;

RESET ALL;
SET client_min_messages = error;
SELECT count(chunked_iter_forget(job)) > 100 AS forgotten FROM chunked_iter_jobs;
DROP SCHEMA bookmark_types CASCADE;
DROP SCHEMA contrib CASCADE;
