-- Bad input: a clear error each, with its SQLSTATE.
CREATE SCHEMA faults;
SET search_path = faults, public;

CREATE TABLE thing (id integer PRIMARY KEY, note text, doc json, place point);
INSERT INTO thing SELECT i, 'n' || i FROM generate_series(1, 20) i;
CREATE TYPE pair AS (a integer, b integer);
CREATE DOMAIN thing_domain AS thing;

-- Not a table's row type.
SELECT failure('SELECT chunked_iter(NULL::integer)');
SELECT failure('SELECT chunked_iter(NULL::thing[])');
SELECT failure('SELECT chunked_iter(NULL::record)');
SELECT failure('SELECT chunked_iter(NULL)');
SELECT failure('SELECT chunked_iter(NULL::pair)');
SELECT failure('SELECT chunked_iter(NULL::thing_domain)');
SELECT failure('SELECT chunked_iter_explain(NULL::integer)');
SELECT failure('SELECT chunked_iter_key(1)');
SELECT failure('SELECT chunked_iter_key(r) FROM (SELECT 1 AS a) r');

-- A table's name in place of a NULL of its row type is found out where it stands, before any column of the result.
\set VERBOSITY default
SELECT id, note FROM chunked_iter('thing', order_by => 'note') AS t WHERE t.id > 5;
SELECT chunked_iter_explain('faults.thing', 10, filter => 'id > 5');
SELECT range_no FROM chunked_iter_ranges('thing', parts => 4);
SELECT id FROM chunked_iter('SELECT id FROM thing', 10);
SELECT * FROM chunked_iter('thing'::regclass);
SELECT * FROM chunked_iter_ranges('pg_class'::regclass, 4);
SELECT * FROM chunked_iter('thing'::text);
SELECT * FROM chunked_iter(NULL::text);
PREPARE name(unknown) AS SELECT * FROM chunked_iter($1);
EXECUTE name('thing');
DEALLOCATE name;
CREATE TABLE names (name chunked_iter_table_name);
SELECT chunked_iter(name) FROM names;
INSERT INTO names VALUES ('thing');
DROP TABLE names;

-- Calls that are right stay what they are.
SELECT count(*) FROM chunked_iter(NULL::thing);
SELECT count(*) FROM chunked_iter(NULL::faults.thing, '10', NULL, NULL, NULL, NULL, NULL, NULL);
SELECT count(*) FROM chunked_iter(rel => NULL::thing, filter => NULL, snapshot => 'chunk');
SELECT count(*) FROM chunked_iter((SELECT thing FROM thing LIMIT 1), after => '{5}');
SELECT count(*) FROM chunked_iter(NULL::thing, after => ARRAY['5'], upto => NULL);
SELECT count(*) FROM chunked_iter_ranges(NULL::thing, '2');
SELECT count(*) > 3 AS explained FROM chunked_iter_explain(NULL::thing, order_by => NULL);
DO $$
DECLARE
	a_thing thing;
	untyped text;
BEGIN
	RAISE INFO '% %', (SELECT count(*) FROM chunked_iter(a_thing, order_by => untyped)), (SELECT count(*) FROM chunked_iter(NULL::thing, 5, untyped));
END $$;

-- Not a row: its name is told where it is known.
SELECT chunked_iter_key(id) FROM thing;
SELECT chunked_iter_key(t.id, 'note') FROM chunked_iter(NULL::thing) AS t;
SELECT chunked_iter_key(id) FROM (SELECT * FROM thing) AS t;
SELECT chunked_iter_key('thing');
SELECT chunked_iter_key(relname) FROM pg_class;
\set VERBOSITY terse

-- Numbers and words.
SELECT failure(format('SELECT chunked_iter(NULL::thing, %s)', n)) FROM unnest(ARRAY[0, -1, 1000000001, 2147483647]) n;
SELECT count(*) FROM chunked_iter(NULL::thing, 1000000000);
SELECT failure('SELECT chunked_iter(NULL::thing, snapshot => ''Statement'')');
SELECT failure('SELECT chunked_iter(NULL::thing, snapshot => '''')');

-- ORDER BY lists: the parser's error points into the user's text.
\set VERBOSITY default
SELECT chunked_iter(NULL::thing, order_by => 'note, nonsense DESC');
SELECT chunked_iter(NULL::thing, order_by => 'note DESC NULLS');
SELECT chunked_iter(NULL::thing, order_by => '');
SELECT chunked_iter(NULL::thing, order_by => 'note || ''é'', doc');
SELECT chunked_iter(NULL::thing, order_by => 'id, count(*)');
SELECT chunked_iter(NULL::thing, order_by => '7');
SELECT chunked_iter(NULL::thing, order_by => 'ORDER BY note');
SELECT failure(format('SELECT chunked_iter(NULL::thing, order_by => %L)', order_by))
FROM unnest(ARRAY['id, random()', 'row_number() OVER ()', '(SELECT 1)', 'generate_series(1, 2)', 'place',
				  'id LIMIT 3', 'id FOR UPDATE', 'id; DROP TABLE thing', 'id UNION SELECT 1', 'id FETCH FIRST ROW ONLY',
				  'tableoid', 'ctid DESC', 'id, ctid', 'ctid::text', 'note USING =']) AS order_by;
SELECT failure('SELECT chunked_iter(NULL::thing, order_by => ''ctid'', reverse => true)');
SELECT failure('SELECT chunked_iter_key(thing, ''nonsense'') FROM thing');
SELECT failure('SELECT chunked_iter_key(thing, ''ctid'') FROM thing');

-- Filters.
SELECT chunked_iter(NULL::thing, filter => 'note = ''é'' AND nonsense');
SELECT chunked_iter(NULL::thing, filter => 'id > 3) OR (true');
SELECT chunked_iter(NULL::thing, filter => 'WHERE id > 3');
SELECT * FROM chunked_iter(NULL::thing, filter => 't.id > 3') AS t;
SELECT failure(format('SELECT chunked_iter(NULL::thing, filter => %L)', filter))
FROM unnest(ARRAY['', 'id', 'id >', 'count(*) > 1', 'id > $1', 'true ORDER BY id', 'true; DELETE FROM thing', 'true GROUP BY id',
				  'true LIMIT 1', '/* open', 'id = ''x''']) AS filter;
SELECT failure('SELECT count(*) FROM chunked_iter(NULL::thing, filter => ''1 / (id - 5) > 0'')');

-- Bookmarks.
SELECT failure('SELECT chunked_iter(NULL::thing, after => ''{1,2}'')');
SELECT failure('SELECT chunked_iter(NULL::thing, order_by => ''note'', upto => ''{a,2,3}'')');
SELECT failure('SELECT chunked_iter(NULL::thing, after => ''{{1},{2}}'')');
SELECT chunked_iter(NULL::thing, order_by => 'note', after => '{a,one}');
SELECT failure('SELECT chunked_iter(NULL::thing, order_by => ''ctid'', after => ''{1}'')');

-- Nothing was lost on the way.
SELECT count(*) FROM chunked_iter(NULL::thing);

-- NULLs.
SELECT chunked_iter_key(NULL::thing);
SELECT chunked_iter_key(thing, NULL) FROM thing LIMIT 1;

-- More key columns than an index can have.
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE broad (' || string_agg(format('c%s integer', i), ', ') || ')' FROM generate_series(1, 60) i);
	EXECUTE (SELECT 'INSERT INTO broad SELECT ' || string_agg(format('i %% (%s + 1)', i), ', ') || ' FROM generate_series(1, 200) i' FROM generate_series(1, 60) i);
	SET LOCAL client_min_messages = error;
	RAISE INFO '%', (SELECT same_rows(format('SELECT chunked_iter(NULL::broad, 7, %L)', list), 'SELECT b FROM broad b ORDER BY ' || list)
					 FROM (SELECT string_agg(format('c%s%s', i, CASE WHEN i % 2 = 0 THEN ' DESC' END), ', ') AS list FROM generate_series(1, 60) i) s);
END $$;
