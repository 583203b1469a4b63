-- Every kind of relation, all rows of each.
SET client_min_messages = error;
CREATE SCHEMA relations;
SET search_path = relations, public;

-- A partitioned table, one partition of which has its columns elsewhere.
CREATE TABLE parted (id integer, k integer, note text) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5);
CREATE TABLE parted_2 (note text, gone integer, k integer, id integer);
ALTER TABLE parted_2 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (5) TO (10);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT i, nullif(i % 12, 11), 'x' || i FROM generate_series(1, 40) i;

-- Without a key: in physical order, table by table.
SELECT chunk_size,
	   same_rows(format('SELECT chunked_iter(NULL::parted, %s)', chunk_size),
				 'SELECT p FROM parted p ORDER BY tableoid, ctid')
FROM unnest(ARRAY[1, 3, 39, 40, 41]) AS chunk_size;
SELECT failure('SELECT chunked_iter(NULL::parted, after => ''{"(0,1)"}'')');

-- With one.
DELETE FROM parted WHERE k IS NULL;
ALTER TABLE parted ADD PRIMARY KEY (k, id);
SELECT chunk_size, order_by, reverse,
	   same_rows(format('SELECT chunked_iter(NULL::parted, %s, %L, %L)', chunk_size, order_by, reverse),
				 format('SELECT p FROM parted p ORDER BY %s', CASE WHEN reverse THEN backward ELSE forward END))
FROM (VALUES (NULL, 'k, id', 'k DESC, id DESC'), ('note DESC', 'note DESC, k, id', 'note, k DESC, id DESC')) o(order_by, forward, backward),
	 unnest(ARRAY[false, true]) AS reverse, unnest(ARRAY[1, 7, 100]) AS chunk_size
ORDER BY 2 NULLS FIRST, 3, 1;
SELECT chunked_iter_explain(NULL::parted, after => '{3}');

-- An inheritance parent: its primary key does not hold for its children.
CREATE TABLE parent (id integer PRIMARY KEY, note text);
CREATE TABLE child (extra integer) INHERITS (parent);
INSERT INTO parent SELECT i, 'parent' FROM generate_series(1, 10) i;
INSERT INTO child SELECT i, 'child', i FROM generate_series(5, 15) i;
SELECT chunk_size, same_rows(format('SELECT (r).id FROM (SELECT chunked_iter(NULL::parent, %s) AS r OFFSET 0) s', chunk_size),
							 'SELECT id FROM parent ORDER BY id')
FROM unnest(ARRAY[1, 2, 3, 100]) AS chunk_size;
SELECT same_rows('SELECT r::text FROM (SELECT chunked_iter(NULL::parent, 2) AS r OFFSET 0) s ORDER BY 1', 'SELECT p::text FROM parent p ORDER BY 1');
SELECT same_rows('SELECT chunked_iter(NULL::parent, 2, ''ctid'')', 'SELECT p FROM parent p ORDER BY tableoid, ctid');
SELECT same_rows('SELECT chunked_iter(NULL::child, 2)', 'SELECT c FROM child c ORDER BY ctid');

-- Unique indexes that prove nothing: nullable, partial, deferrable, over an
-- expression, coarser than the order.
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE weak (a integer, b integer NOT NULL, c integer NOT NULL, d text NOT NULL COLLATE nocase);
CREATE UNIQUE INDEX ON weak (a);
CREATE UNIQUE INDEX ON weak (b) WHERE b > 0;
ALTER TABLE weak ADD UNIQUE (c) DEFERRABLE;
CREATE UNIQUE INDEX ON weak ((b + c));
CREATE UNIQUE INDEX ON weak (d COLLATE "C");
SELECT chunked_iter_explain(NULL::weak, order_by => 'b') LIMIT 3;
INSERT INTO weak SELECT NULL, 0, i, chr(96 + i) FROM generate_series(1, 20) i;
INSERT INTO weak SELECT NULL, 0, -i, chr(64 + i) FROM generate_series(1, 20) i WHERE i <> 20;
INSERT INTO weak VALUES (NULL, 1, 100, 'zz');
-- Ties are kept whole.
SELECT chunk_size, order_by, count(*), count(DISTINCT (r).c),
	   array_agg((r).b) = (SELECT array_agg(b ORDER BY b) FROM weak) AS in_order
FROM unnest(ARRAY[1, 2, 39, 40, 41]) AS chunk_size, unnest(ARRAY['b', 'b, a']) AS order_by,
	 LATERAL (SELECT chunked_iter(NULL::weak, chunk_size, order_by) AS r OFFSET 0) s
GROUP BY 1, 2 ORDER BY 2, 1;
SELECT count(*), count(DISTINCT (r).d COLLATE "C") FROM (SELECT chunked_iter(NULL::weak, 1, 'd') AS r OFFSET 0) s;
-- A good one is found, the older of two, and the primary key before both.
CREATE UNIQUE INDEX weak_good ON weak (c, b);
CREATE UNIQUE INDEX weak_also_good ON weak (c) INCLUDE (d);
SELECT chunked_iter_explain(NULL::weak) LIMIT 4;
ALTER TABLE weak ADD id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
SELECT chunked_iter_explain(NULL::weak) LIMIT 4;
SELECT chunked_iter_explain(NULL::weak, order_by => 'b, c DESC', reverse => true) LIMIT 4;

-- Views.
CREATE VIEW big_ids AS SELECT id, note FROM parted WHERE id > 10;
SELECT failure('SELECT chunked_iter(NULL::big_ids)');
SELECT chunk_size, same_rows(format('SELECT chunked_iter(NULL::big_ids, %s, ''id'')', chunk_size), 'SELECT v FROM big_ids v ORDER BY id')
FROM unnest(ARRAY[1, 3, 100]) AS chunk_size;
CREATE VIEW groups AS SELECT k % 3 AS g, count(*) AS n, NULL::integer AS nothing FROM parted GROUP BY 1;
SELECT chunked_iter(NULL::groups, 1, 'nothing, g DESC');

-- Materialized views.
CREATE MATERIALIZED VIEW stored AS SELECT id, note FROM parted;
SELECT same_rows('SELECT chunked_iter(NULL::stored, 7)', 'SELECT s FROM stored s ORDER BY ctid');
SELECT same_rows('SELECT chunked_iter(NULL::stored, 7, ''id DESC'')', 'SELECT s FROM stored s ORDER BY id DESC');
REFRESH MATERIALIZED VIEW stored WITH NO DATA;
SELECT failure('SELECT chunked_iter(NULL::stored)');

-- Foreign tables have no default order either.
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far (id integer NOT NULL) SERVER nowhere;
SELECT failure('SELECT chunked_iter(NULL::far)');
SELECT failure('SELECT chunked_iter(NULL::far, order_by => ''id'')');

-- Temporary and unlogged tables, a table of no columns, catalogs.
CREATE TEMP TABLE passing (id integer PRIMARY KEY);
INSERT INTO passing SELECT generate_series(1, 10);
SELECT same_rows('SELECT chunked_iter(NULL::passing, 3)', 'SELECT p FROM passing p ORDER BY id');
CREATE TABLE nothing_in_it ();
INSERT INTO nothing_in_it SELECT FROM generate_series(1, 10);
SELECT count(*) FROM (SELECT chunked_iter(NULL::nothing_in_it, 3) OFFSET 0) s;
SELECT same_rows('SELECT (r).oid FROM (SELECT chunked_iter(NULL::pg_type, 100) AS r OFFSET 0) s', 'SELECT oid FROM pg_type ORDER BY oid');

-- The heaps of a partitioned table are read one by one: directly, unless the
-- caller may not, or a policy or a filter on whole rows asks for the parent.
CREATE TABLE heaps (id integer, note text) PARTITION BY HASH (id);
CREATE TABLE heaps_0 PARTITION OF heaps FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE heaps_1 (note text, id integer);
ALTER TABLE heaps ATTACH PARTITION heaps_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO heaps SELECT i, 'x' FROM generate_series(1, 30) i;
CREATE ROLE regress_chunked_heaps;
GRANT USAGE ON SCHEMA relations TO regress_chunked_heaps;
GRANT SELECT ON heaps TO regress_chunked_heaps;
CREATE FUNCTION from_lines(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('SELECT chunked_iter_explain(%s)', call) LOOP
		IF line ~ '^ *FROM' THEN RETURN NEXT line; END IF;
	END LOOP;
END $$;
SELECT from_lines('NULL::heaps');
SELECT from_lines('NULL::heaps, filter => ''heaps IS NOT NULL''');
SELECT same_rows('SELECT chunked_iter(NULL::heaps, 4, filter => ''heaps IS NOT NULL AND id <> 7'')', 'SELECT h FROM heaps h WHERE id <> 7 ORDER BY tableoid, ctid');
SET ROLE regress_chunked_heaps;
SELECT from_lines('NULL::heaps');
SELECT same_rows('SELECT chunked_iter(NULL::heaps, 4)', 'SELECT h FROM heaps h ORDER BY tableoid, ctid');
RESET ROLE;
ALTER TABLE heaps ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON heaps USING (id < 10);
GRANT SELECT ON heaps_0, heaps_1 TO regress_chunked_heaps;
SET ROLE regress_chunked_heaps;
SELECT from_lines('NULL::heaps');
SELECT same_rows('SELECT chunked_iter(NULL::heaps, 4)', 'SELECT h FROM heaps h ORDER BY tableoid, ctid');
SELECT count(*) FROM chunked_iter(NULL::heaps);
-- Rights on the heaps alone are not enough.
RESET ROLE;
ALTER TABLE heaps DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON heaps FROM regress_chunked_heaps;
SET ROLE regress_chunked_heaps;
SELECT failure('SELECT chunked_iter(NULL::heaps)');
RESET ROLE;
REVOKE ALL ON heaps, heaps_0, heaps_1 FROM regress_chunked_heaps;
REVOKE ALL ON SCHEMA relations FROM regress_chunked_heaps;
DROP ROLE regress_chunked_heaps;

-- A plan that was made while a child was away is not used when it is back.
CREATE TABLE clan (id integer PRIMARY KEY);
CREATE TABLE clan_1 (PRIMARY KEY (id)) INHERITS (clan);
CREATE TABLE clan_2 (PRIMARY KEY (id)) INHERITS (clan);
INSERT INTO clan_1 VALUES (1), (2), (3);
INSERT INTO clan_2 VALUES (4);
BEGIN;
ALTER TABLE clan_1 NO INHERIT clan;
SELECT count(*) FROM chunked_iter(NULL::clan);
ROLLBACK;
SELECT count(*) FROM chunked_iter(NULL::clan);

-- The physical order is that of tables: whatever else is refused, in every mode,
-- by itself or as a part.
CREATE FOREIGN TABLE far_too (id integer NOT NULL) SERVER nowhere;
CREATE TABLE near (id integer NOT NULL);
CREATE FOREIGN TABLE far_child () INHERITS (near) SERVER nowhere;
CREATE FOREIGN TABLE far_parent (id integer NOT NULL) SERVER nowhere;
CREATE TABLE near_child () INHERITS (far_parent);
CREATE TABLE mixed (id integer NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE near_part PARTITION OF mixed FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE far_part PARTITION OF mixed FOR VALUES FROM (10) TO (20) SERVER nowhere;
CREATE VIEW seen AS SELECT * FROM near;
SELECT relation, failure
FROM unnest(ARRAY['far_too', 'near', 'far_parent', 'mixed', 'seen']) AS relation, unnest(ARRAY['statement', 'chunk']) AS mode,
	failure(format('SELECT chunked_iter(NULL::%I, order_by => ''ctid'', snapshot => %L)', relation, mode))
WHERE failure NOT LIKE 'HINT%';
SELECT failure('SELECT * FROM chunked_iter_ranges(NULL::far_too, 2, order_by => ''CTID'')');
CALL chunked_iter_run('far', 'far_too', 'SELECT FROM chunk', order_by => 'ctid');

-- But a view may have a column of that name.
INSERT INTO near_part SELECT generate_series(1, 9);
CREATE VIEW placed AS SELECT ctid, id FROM near_part;
SELECT same_rows('SELECT chunked_iter(NULL::placed, 2, ''ctid'')', 'SELECT p FROM placed p ORDER BY ctid');
