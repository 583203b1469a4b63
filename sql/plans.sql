-- With an index that matches the order, no row is read in vain.
CREATE SCHEMA plans;
SET search_path = plans, public;

CREATE TABLE reading (id bigint PRIMARY KEY, a integer NOT NULL, b integer NOT NULL, c integer);
INSERT INTO reading SELECT i, i % 5, (i * 7) % 1000, nullif((i * 3) % 50, 7) FROM generate_series(1, 10000) i;
CREATE INDEX reading_a_b ON reading (a, b DESC, id);
CREATE INDEX reading_c ON reading (c NULLS FIRST, id DESC);
ANALYZE reading;

-- The plans, as the executor gets them, without what is the same in all.
CREATE FUNCTION plan_lines(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('SELECT chunked_iter_explain(%s)', call) LOOP
		IF line ~ 'chunks?(, |:)|->|Cond:|Filter:|Sort|Removed' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;

SELECT plan_lines('NULL::reading');
SELECT plan_lines('NULL::reading, reverse => true, upto => ARRAY[''5'']');
SELECT plan_lines('NULL::reading, order_by => ''a, b DESC''');
SELECT plan_lines('NULL::reading, order_by => ''a, b DESC'', reverse => true');
SELECT plan_lines('NULL::reading, order_by => ''c NULLS FIRST, id DESC''');
SELECT plan_lines('NULL::reading, order_by => ''c NULLS FIRST, id DESC'', after => ARRAY[NULL, ''9'']');
SELECT plan_lines('NULL::reading, order_by => ''ctid''');

-- Rows that scans read for a walk, per row that came out, in this transaction.
CREATE FUNCTION rows_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
	FROM pg_stat_xact_user_tables WHERE relid = 'plans.reading'::regclass
$$;
CREATE FUNCTION examined_per_row(call text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	before bigint := rows_read();
	returned bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT chunked_iter(%s) OFFSET 0) s', call) INTO returned;
	RETURN round((rows_read() - before)::numeric / returned, 2);
END $$;

SELECT order_by, reverse, chunk_size,
	   examined_per_row(format('NULL::reading, %s, %L, %L', chunk_size, order_by, reverse)) AS whole,
	   examined_per_row(format('NULL::reading, %s, %L, %L, after => %L', chunk_size, order_by, reverse, middle)) AS second_half
FROM (VALUES
	(NULL, '{5000}'), ('a, b DESC', '{2,500}'), ('c NULLS FIRST, id DESC', '{NULL,5000}'),
	('c DESC NULLS LAST', '{25}'), ('ctid', '(20,5)')) AS orders(order_by, bookmark),
	unnest(ARRAY[false, true]) AS reverse, unnest(ARRAY[7, 1000]) AS chunk_size,
	LATERAL (SELECT CASE WHEN order_by = 'ctid' THEN '{"(20,5)"}' ELSE bookmark END AS middle) m
WHERE NOT (reverse AND order_by = 'ctid')
ORDER BY order_by NULLS FIRST, reverse, chunk_size;

-- For one chunk of a small table the planner's own choice is to sort it.
CREATE TABLE tiny (id integer PRIMARY KEY, note text);
INSERT INTO tiny SELECT i, 'x' FROM generate_series(1, 3) i;
ANALYZE tiny;
BEGIN;
SELECT planner_defaults();
EXPLAIN (COSTS OFF) SELECT * FROM tiny ORDER BY id LIMIT 1000;
ROLLBACK;
SELECT plan_lines('NULL::tiny');

-- Without an index: a warning, which names the index that helps.
SELECT count(*) FROM (SELECT chunked_iter(NULL::reading, 3000, 'b DESC NULLS LAST') OFFSET 0) s;

-- Its estimates do not count what the planner adds for a sort that it was told to avoid:
-- so much that the query around the walk would be compiled.
CREATE FUNCTION costs(query text) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN ARRAY[plan -> 0 -> 'Plan' ->> 'Startup Cost', plan -> 0 -> 'Plan' ->> 'Total Cost'];
END $$;
SELECT 1e6 > ALL (costs(query)) AS plausible, query
FROM (VALUES ('SELECT * FROM chunked_iter(NULL::reading, 3000, ''b DESC NULLS LAST'')'),
	('SELECT count(*) FROM chunked_iter(NULL::reading, order_by => ''c + 1'', after => ''{5}'')')) AS q(query);
-- They count the sort of each chunk: of ten here, and of two.
SELECT (costs('SELECT * FROM chunked_iter(NULL::reading, 1000, ''b DESC NULLS LAST'')'))[2] >
	2 * (costs('SELECT * FROM chunked_iter(NULL::reading, 5000, ''b DESC NULLS LAST'')'))[2] AS by_chunks;

CREATE INDEX ON plans.reading (b DESC NULLS LAST, id);
SELECT count(*) FROM (SELECT chunked_iter(NULL::reading, 3000, 'b DESC NULLS LAST') OFFSET 0) s;

-- It is said once in a session for a table and an order, also if a query begins the walk many times.
SELECT n, x.id FROM generate_series(1, 3) n, LATERAL (SELECT id FROM chunked_iter(NULL::reading, order_by => 'a, c', after => ARRAY[n::text]) LIMIT 1) x ORDER BY n;
SELECT id FROM chunked_iter(NULL::reading, 2, 'a, c') LIMIT 2;
SELECT id FROM chunked_iter(NULL::reading, 2, 'a, c DESC') LIMIT 2;

-- The session remembers the last 64 of them.
SET client_min_messages = error;
DO $$ BEGIN FOR i IN 1 .. 64 LOOP PERFORM id FROM chunked_iter(NULL::reading, 2, 'c + ' || i) LIMIT 1; END LOOP; END $$;
RESET client_min_messages;
SELECT id FROM chunked_iter(NULL::reading, 2, 'c + 1') LIMIT 2;
SELECT id FROM chunked_iter(NULL::reading, 2, 'a, c') LIMIT 2;

-- A table of a few chunks, or of a few thousand rows, does not need an index; a filter does not make one small.
CREATE TABLE few AS SELECT i AS id, i % 7 AS v FROM generate_series(1, 2900) i;
ANALYZE few;
SELECT id FROM chunked_iter(NULL::few, 2, 'v, id') LIMIT 2;
SELECT id FROM chunked_iter(NULL::reading, 4000, 'c DESC') LIMIT 2;
SELECT id FROM chunked_iter(NULL::reading, 3000, 'c DESC', filter => 'b % 7 = 3') LIMIT 2;

-- An index of the first columns is put to use, and what is missing is named.
CREATE INDEX reading_b_a ON reading (b, a);
SELECT count(*) FROM (SELECT chunked_iter(NULL::reading, 100, 'b, a, c') OFFSET 0) s;
SELECT examined_per_row('NULL::reading, 1000, ''b, a, c''') < 1.1 AS few_in_vain;

-- No index can hold a key that is not immutable, so none is named.
SELECT count(*) FROM (SELECT chunked_iter(NULL::reading, 3000, 'to_char(b, ''9999'')') OFFSET 0) s;

-- With a filter the planner chooses: here the filter's own index and a sort.
CREATE TABLE log_line (id integer PRIMARY KEY, level integer, message text);
INSERT INTO log_line SELECT i, CASE WHEN i % 2500 = 0 THEN 1 ELSE 0 END, 'm' FROM generate_series(1, 20000) i;
CREATE INDEX log_line_level ON log_line (level) WHERE level > 0;
ANALYZE log_line;
SELECT plan_lines('NULL::log_line, filter => ''level > 0''');
SELECT chunked_iter(NULL::log_line, 3, filter => 'level > 0');

-- Between bounds a walk costs a part of that, also of what is sorted before its first row.
SELECT bool_and(part < 0.1 * whole) AS a_part
FROM unnest(costs('SELECT * FROM chunked_iter(NULL::log_line, upto => ''{200}'') WHERE message = ''x'''),
			costs('SELECT * FROM chunked_iter(NULL::log_line) WHERE message = ''x''')) AS c(part, whole);

-- It is weighed for the whole walk: a filter that lets most rows pass leaves
-- the key's index in place, also between two bounds, in a view and behind a
-- policy; and one that lets none pass is no reason to ask for an index.
SELECT plan_lines('NULL::log_line, filter => ''level >= 0'', upto => ARRAY[''19000'']');
SELECT plan_lines('NULL::log_line, filter => ''level >= 0'', snapshot => ''chunk''');
CREATE VIEW log_view AS SELECT * FROM log_line WHERE message = 'm';
SELECT plan_lines('NULL::log_view, order_by => ''id'', snapshot => ''chunk''');
SELECT count(*) FROM (SELECT chunked_iter(NULL::log_line, filter => 'false')) s;
