-- Plans that are kept: with parameters they are what they are with constants,
-- they do what they claim, and they are made again when something has changed.
CREATE SCHEMA prepared;
SET search_path = prepared, public;
SET client_min_messages = error;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, word text);
INSERT INTO item SELECT i, i % 500, 'w' || i FROM generate_series(1, 20000) i;
CREATE INDEX item_grp ON item (grp);
VACUUM ANALYZE item;

-- The lines of a plan that say how rows are found, and in which order.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line !~ 'Walk:|Walk Index|Chunk Size|Snapshot|Sort Key' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;

-- Whether the planner's estimate for the walk in a query is about right.
CREATE FUNCTION estimates(query text, rows float8) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	estimate float8;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		estimate := coalesce(estimate, substring(line FROM 'Custom Scan .* rows=(\d+)')::float8);
	END LOOP;
	RETURN estimate BETWEEN rows * 0.7 AND rows * 1.4;
END $$;

-- Unknown bounds leave order and conditions as they are.
PREPARE of_group(text[], integer) AS SELECT count(*) FROM chunked_iter(NULL::item, after => $1) WHERE grp = $2;
PREPARE ordered(text[]) AS SELECT id FROM chunked_iter(NULL::item, after => $1) ORDER BY id;
PREPARE page(text[], text[], integer) AS SELECT id FROM chunked_iter(NULL::item, $3, 'grp DESC', after => $1, upto => $2) ORDER BY grp DESC, id LIMIT 3;
SET plan_cache_mode = force_generic_plan;
SELECT plan_of('EXECUTE of_group(''{5}'', 7)');
SELECT plan_of('EXECUTE ordered(''{5}'')');
SELECT plan_of('EXECUTE page(''{5}'', ''{3}'', 10)');
EXECUTE of_group('{5}', 7);
EXECUTE of_group('{10000}', 7);
EXECUTE of_group(NULL, NULL);
EXECUTE page('{498,19998}', NULL, 2);
EXECUTE page(NULL, '{499,499}', 1);
EXECUTE page('{3}', '{4}', 1);
RESET plan_cache_mode;

-- At the sixth execution, and after, no more rows are read than at the first.
CREATE FUNCTION rows_read() RETURNS bigint LANGUAGE sql AS
$$SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relid = 'prepared.item'::regclass$$;
DO $$
DECLARE
	before bigint;
	read bigint[];
	most bigint;
BEGIN
	FOR i IN 1 .. 14 LOOP
		before := rows_read();
		EXECUTE format('EXECUTE of_group(''{%s}'', %s)', i, i);
		read := read || rows_read() - before;
	END LOOP;
	SELECT max(r) INTO most FROM unnest(read) r;
	ASSERT most <= 80, read::text;
END $$;
SELECT generic_plans + custom_plans AS executions FROM pg_prepared_statements WHERE name = 'of_group';

-- A condition of LATERAL, and one of a subquery, has the value of each row.
BEGIN;
SELECT planner_defaults();
SELECT plan_of('SELECT * FROM generate_series(1, 3) g, LATERAL (SELECT id FROM chunked_iter(NULL::item) x WHERE x.grp = g ORDER BY id LIMIT 2) s');
ROLLBACK;
SELECT * FROM generate_series(1, 3) g, LATERAL (SELECT id FROM chunked_iter(NULL::item) x WHERE x.grp = g ORDER BY id LIMIT 2) s;
SELECT g, (SELECT max(id) FROM chunked_iter(NULL::item, 7) x WHERE x.grp = g AND x.word > 'w' || g) FROM generate_series(498, 501) g;
SELECT g, id FROM generate_series(1, 2) g, LATERAL (SELECT id FROM chunked_iter(NULL::item, after => ARRAY[(g * 100)::text], upto => ARRAY[(g * 100 + 600)::text]) x WHERE x.grp % 250 = g) s ORDER BY 1, 2;

-- Bounds that are known are in the estimate, those that are not as elsewhere.
SELECT estimates('SELECT * FROM chunked_iter(NULL::item)', 20000), estimates('SELECT * FROM chunked_iter(NULL::item, after => ''{19900}'')', 100),
	estimates('SELECT * FROM chunked_iter(NULL::item, upto => ''{500}'')', 500), estimates('SELECT * FROM chunked_iter(NULL::item, after => ''{1000}'', upto => ''{1500}'')', 500),
	estimates('SELECT * FROM chunked_iter(NULL::item, order_by => ''grp'', after => ''{490}'')', 360), estimates('SELECT * FROM chunked_iter(NULL::item, after => ''{10000}'') WHERE grp = 7', 20),
	estimates('SELECT * FROM chunked_iter(NULL::item, order_by => ''ctid'')', 20000);
SET plan_cache_mode = force_generic_plan;
SELECT estimates('SELECT * FROM chunked_iter(NULL::item, after => ''{19900}'')', 100), estimates('EXECUTE ordered(NULL)', 6667), estimates('EXECUTE of_group(NULL, 1)', 13);
BEGIN;
SELECT planner_defaults();
SELECT plan_of('SELECT i.id FROM chunked_iter(NULL::item, after => ''{19900}'', upto => ''{19910}'') x JOIN item i ON i.id = x.id');
ROLLBACK;

-- What is changed: a generic plan that knows no bounds is made again.
CREATE TABLE changed (id integer PRIMARY KEY, a integer, b text);
INSERT INTO changed SELECT i, 4 - i, 'b' || i FROM generate_series(1, 3) i;
PREPARE first(text[]) AS SELECT id FROM chunked_iter(NULL::changed, after => $1) LIMIT 1;
PREPARE whole(text[]) AS SELECT x FROM chunked_iter(NULL::changed, 2, after => $1) x ORDER BY x.a;
PREPARE used(text[]) AS SELECT a FROM chunked_iter(NULL::changed, 2, after => $1) x WHERE b > 'b0';
EXECUTE first('{1}');
EXECUTE whole('{1}');
EXECUTE used('{1}');
ALTER TABLE changed ADD y integer DEFAULT 5;
EXECUTE first('{1}');
EXECUTE whole('{1}');
EXECUTE used('{1}');
ALTER TABLE changed ALTER a TYPE text;
EXECUTE first('{1}');
EXECUTE whole('{1}');
SELECT failure('EXECUTE used(''{1}'')');
ALTER TABLE changed ALTER a TYPE integer USING a::integer, DROP CONSTRAINT changed_pkey, ADD PRIMARY KEY (a);
EXECUTE first('{1}');
EXECUTE used('{1}');

-- The order of a kept plan is that which it was made for, whatever its text
-- would mean now.
CREATE TABLE meant (id integer PRIMARY KEY);
INSERT INTO meant VALUES (1), (2), (3);
CREATE FUNCTION place(bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1::integer';
PREPARE placed AS SELECT id FROM chunked_iter(NULL::meant, 2, 'place(id)', filter => 'place(id) < 3') ORDER BY place(id::bigint);
EXECUTE placed;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::meant, 2, 'place(id)') ORDER BY place(id::bigint);
CREATE FUNCTION place(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
FETCH ALL FROM c;
COMMIT;
EXECUTE placed;
PREPARE placed_later AS SELECT id FROM chunked_iter(NULL::meant, 2, order_by => 'place(id::bigint)', filter => 'place(id::bigint) IN (SELECT place(i::bigint) FROM generate_series(1, 2) i)');
EXECUTE placed_later;
SELECT id FROM chunked_iter(NULL::meant, 2, 'place(id)', filter => 'place(id) < 3');
DROP FUNCTION place(bigint) CASCADE;
SELECT failure('EXECUTE placed') LIMIT 1;
SELECT failure('EXECUTE placed_later') LIMIT 1;
CREATE FUNCTION place(bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT -$1::integer';
EXECUTE placed_later;

-- The key or the columns change after the start, and before the first row.
BEGIN;
DECLARE c CURSOR FOR SELECT id, grp FROM chunked_iter(NULL::item, 2, 'grp') ORDER BY grp, id;
ALTER TABLE item DROP CONSTRAINT item_pkey;
SELECT failure('FETCH c');
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT max(grp) FROM chunked_iter(NULL::item, 2, 'grp');
ALTER TABLE item ALTER grp DROP NOT NULL;
SELECT failure('FETCH c');
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT word FROM chunked_iter(NULL::item, 2);
ALTER TABLE item DROP word;
SELECT failure('FETCH c');
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT word FROM chunked_iter(NULL::item, 2);
ALTER TABLE item ALTER word TYPE varchar;
SELECT failure('FETCH c');
ROLLBACK;

-- min() and max() together read a row from each end.
SELECT plan_of('SELECT min(id), max(id) FROM chunked_iter(NULL::item)');
SELECT min(id), max(id), max(id) - min(id) FROM chunked_iter(NULL::item, 5) HAVING max(id) > 1;
SELECT min(id), max(id) FROM chunked_iter(NULL::item, 5) WHERE grp = 3;
SELECT min(id), max(id) FROM chunked_iter(NULL::item, 5) WHERE grp = -3;
SELECT plan_of('SELECT min(id), max(id) FROM chunked_iter(NULL::item, after => ''{7}'')');
SELECT min(id), max(id) FROM chunked_iter(NULL::item, 5000, after => '{7}', upto => '{300}');
SELECT plan_of('SELECT min(word), max(word) FROM chunked_iter(NULL::item, order_by => ''word'')');

DEALLOCATE ALL;
DROP SCHEMA prepared CASCADE;
