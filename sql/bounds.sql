-- Bookmarks: where a walk starts and stops.
SET client_min_messages = error;
CREATE SCHEMA bounds;
SET search_path = bounds, public;

CREATE TABLE visit (day date, room text COLLATE "C", note text);
INSERT INTO visit
SELECT nullif(d, '2024-01-02'), nullif(r, 'b'), d || r
FROM unnest(ARRAY['2024-01-01', '2024-01-02', '2024-01-03']::date[]) d, unnest(ARRAY['a', 'b', 'c']) r;
ALTER TABLE visit ADD id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY;

SELECT chunked_iter_key(v, 'day DESC, room') AS key, v.note FROM visit v ORDER BY day DESC, room, id;

-- After each row, up to each row: what is before and behind it in the oracle.
WITH oracle AS (
	SELECT v, row_number() OVER w AS n, chunked_iter_key(v, 'day DESC, room') AS key
	FROM visit v WINDOW w AS (ORDER BY day DESC, room, id))
SELECT chunk_size,
	   bool_and(same_rows(
		   format('SELECT chunked_iter(NULL::visit, %s, ''day DESC, room'', after => %L)', chunk_size, o.key),
		   format('SELECT v FROM visit v ORDER BY day DESC, room, id OFFSET %s', o.n))) AS after,
	   bool_and(same_rows(
		   format('SELECT chunked_iter(NULL::visit, %s, ''day DESC, room'', upto => %L)', chunk_size, o.key),
		   format('SELECT v FROM visit v ORDER BY day DESC, room, id LIMIT %s', o.n))) AS upto,
	   bool_and(same_rows(
		   format('SELECT chunked_iter(NULL::visit, %s, ''day DESC, room'', reverse => true, after => %L)', chunk_size, o.key),
		   format('SELECT v FROM visit v ORDER BY day NULLS LAST, room DESC, id DESC OFFSET %s', 10 - o.n))) AS reverse_after
FROM oracle o, unnest(ARRAY[1, 2, 3, 9]) AS chunk_size
GROUP BY chunk_size ORDER BY chunk_size;

-- Between any two rows.
WITH oracle AS (
	SELECT row_number() OVER w AS n, chunked_iter_key(v, 'day DESC, room') AS key
	FROM visit v WINDOW w AS (ORDER BY day DESC, room, id))
SELECT bool_and(same_rows(
	format('SELECT chunked_iter(NULL::visit, 2, ''day DESC, room'', after => %L, upto => %L, snapshot => %L)', a.key, b.key, snapshot),
	format('SELECT v FROM visit v ORDER BY day DESC, room, id OFFSET %s LIMIT %s', a.n, greatest(b.n - a.n, 0))))
FROM oracle a, oracle b, unnest(ARRAY['statement', 'chunk']) AS snapshot;

-- The first elements of a key stand for all keys that begin with them.
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day, room', after => '{2024-01-01}');
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day, room', upto => '{2024-01-01}');
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day, room', after => '{2024-01-01,a}');
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day, room', after => '{NULL,a}');
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day NULLS FIRST, room', after => '{NULL}', upto => '{2024-01-03,a}');

-- An empty bookmark is none; keys that no row has; a start behind the end.
SELECT count(*) FROM chunked_iter(NULL::visit, after => '{}', upto => '{}');
SELECT note FROM chunked_iter(NULL::visit, order_by => 'day, room', after => '{2024-01-02,zzz}', upto => '{2030-01-01,zzz}');
SELECT count(*) FROM chunked_iter(NULL::visit, after => '{5}', upto => '{3}');
SELECT count(*) FROM chunked_iter(NULL::visit, after => '{5}', upto => '{5}');
SELECT count(*) FROM chunked_iter(NULL::visit, reverse => true, after => '{5}', upto => '{3}');

-- A bookmark means the same whatever the two sessions' settings.
CREATE TABLE moment (
	at timestamptz, span interval, x double precision, bytes bytea, amount money, cls regclass,
	PRIMARY KEY (at, span, x, bytes, amount, cls));
INSERT INTO moment
SELECT '2024-03-04 05:06:07.000001+00'::timestamptz + i * interval '1 microsecond',
	   (-i) * interval '1 month 2 days 03:04:05.000006', 1 / (i + 2.0)::float8, decode('00ff5c', 'hex'), 1234.5 * i, 'moment'
FROM generate_series(1, 5) i;
CREATE TABLE kept (n integer, key text[]);
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'; SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -5; SET bytea_output = 'escape';
INSERT INTO kept SELECT row_number() OVER (ORDER BY at), chunked_iter_key(m) FROM moment m;
RESET ALL;
SET search_path = bounds, public; SET client_min_messages = error;
-- The table's OID, which is last, is not for a test.
SELECT key[1:5] FROM kept ORDER BY n;
SET DateStyle = 'German, MDY'; SET TimeZone = 'America/St_Johns'; SET IntervalStyle = 'sql_standard';
SELECT bool_and(same_rows(
	format('SELECT chunked_iter(NULL::moment, 2, after => %L)', key),
	format('SELECT m FROM moment m ORDER BY at, span, x, bytes, amount, cls OFFSET %s', n)))
FROM kept;
-- A key typed by hand is read under the session's own settings.
SET DateStyle = 'SQL, DMY';
SELECT count(*) FROM chunked_iter(NULL::visit, order_by => 'day', after => '{02/01/2024}', upto => '{03/01/2024}');
RESET ALL;
SET search_path = bounds, public; SET client_min_messages = error;

-- A walk taken up again and again, page by page.
CREATE FUNCTION pages(page integer) RETURNS SETOF visit LANGUAGE plpgsql AS $$
DECLARE
	bookmark text[];
	v visit;
	found_any boolean := true;
BEGIN
	WHILE found_any LOOP
		found_any := false;
		FOR v IN SELECT (r).* FROM (SELECT chunked_iter(NULL::visit, order_by => 'room DESC', after => bookmark) AS r LIMIT page) s LOOP
			RETURN NEXT v;
			bookmark := chunked_iter_key(v, 'room DESC');
			found_any := true;
		END LOOP;
	END LOOP;
END $$;
SELECT page, same_rows(format('SELECT pages(%s)', page), 'SELECT v FROM visit v ORDER BY room DESC, id')
FROM generate_series(1, 10) page;

-- Pages share their plans, and the plans that are kept are few.
CREATE FUNCTION kept_plans() RETURNS bigint LANGUAGE sql AS
$$SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'chunked_iter plan'$$;
SELECT kept_plans() AS before \gset
SELECT sum((SELECT count(*) FROM chunked_iter(NULL::visit, 50, after => ARRAY[(i % 9)::text]))) FROM generate_series(1, 1000) i;
SELECT kept_plans() - :before <= 2 AS shared;
SELECT count(*) FROM (SELECT (SELECT count(*) FROM chunked_iter(NULL::visit, i)) FROM generate_series(1, 300) i) s;
SELECT kept_plans();
