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
