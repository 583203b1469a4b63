-- Ranges of keys: together they are the walk, and about equally large.
SET client_min_messages = error;
CREATE SCHEMA ranges;
SET search_path = ranges, public;

-- What walking all ranges of a split gives, and what the split looks like.
CREATE FUNCTION walk_ranges(rel text, split text, walk text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN EXECUTE format('SELECT * FROM chunked_iter_ranges(NULL::%s, %s)', rel, split) LOOP
		RETURN QUERY EXECUTE format(
			'SELECT r::text FROM (SELECT chunked_iter(NULL::%s, 7, after => %L, upto => %L%s) AS r) s', rel, r.after, r.upto, walk);
	END LOOP;
END $$;
CREATE FUNCTION sizes(rel text, split text, walk text) RETURNS TABLE (range_no integer, linked boolean, estimated bigint, counted bigint)
LANGUAGE plpgsql AS $$
DECLARE
	r record;
	previous text[];
BEGIN
	FOR r IN EXECUTE format('SELECT * FROM chunked_iter_ranges(NULL::%s, %s)', rel, split) LOOP
		EXECUTE format('SELECT count(*) FROM chunked_iter(NULL::%s, 1000000, after => %L, upto => %L%s)', rel, r.after, r.upto, walk) INTO counted;
		range_no := r.range_no;
		linked := r.after IS NOT DISTINCT FROM previous;
		estimated := r.estimated_rows;
		RETURN NEXT;
		previous := r.upto;
	END LOOP;
	IF previous IS NOT NULL THEN RAISE EXCEPTION 'the last range ends at %', previous; END IF;
END $$;

CREATE TABLE visit (id integer PRIMARY KEY, day date, room text, name text COLLATE "C" NOT NULL, uid uuid NOT NULL);
INSERT INTO visit
SELECT i * i, nullif('2024-01-01'::date + i % 7, '2024-01-03'), nullif(chr(97 + i % 5), 'b'), 'x' || i % 3, md5(i::text)::uuid
FROM generate_series(1, 100) i;
CREATE INDEX ON visit (day DESC, room);

-- So many parts, and so many rows.
SELECT * FROM chunked_iter_ranges(NULL::visit, 3);
SELECT * FROM chunked_iter_ranges(NULL::visit, chunk_size => 40);
SELECT * FROM chunked_iter_ranges(NULL::visit, chunk_size => 50);
SELECT * FROM chunked_iter_ranges(NULL::visit, 1);
SELECT * FROM chunked_iter_ranges(NULL::visit, 3, order_by => 'day DESC, room', filter => 'id % 2 = 0');

-- Every key once, whatever the key.
CREATE TABLE orders (order_by text, oracle text);
INSERT INTO orders VALUES
	('id', 'id'), ('id DESC', 'id DESC'), ('day DESC, room', 'day DESC, room, id'),
	('day NULLS FIRST, room DESC NULLS LAST', 'day NULLS FIRST, room DESC NULLS LAST, id'),
	('room, day DESC', 'room, day DESC, id'), ('uid', 'uid, id'), ('name DESC', 'name DESC, id'), ('lower(room) NULLS FIRST', 'lower(room) NULLS FIRST, id');
SELECT order_by,
	   bool_and(same_rows(format('SELECT walk_ranges(''visit'', %L, %L)', split, argument),
						  format('SELECT v::text FROM visit v ORDER BY %s', oracle))) AS whole,
	   bool_and((SELECT bool_and(linked AND counted > 0 AND counted = estimated) FROM sizes('visit', split, argument))) AS exact
FROM orders, format(', order_by => %L', order_by) AS argument,
	 unnest(ARRAY['1', '2', '7', 'chunk_size => 33', 'chunk_size => 100']) AS given,
	 concat(given, argument) AS split
GROUP BY order_by ORDER BY order_by;
-- Parts differ by no more than a row, and there are never more than rows.
SELECT parts, count(*) AS ranges, max(counted) - min(counted) <= 1 AS even
FROM unnest(ARRAY[1, 3, 64, 99, 1000]) AS parts, LATERAL sizes('visit', parts::text, '')
GROUP BY parts ORDER BY parts;
SELECT * FROM sizes('visit', '4, filter => ''id < 100''', ', filter => ''id < 100''');
SELECT * FROM chunked_iter_ranges(NULL::visit, 4, filter => 'id < 0');
SELECT * FROM chunked_iter_ranges(NULL::visit, chunk_size => 10, filter => 'id < 0');

-- Where nothing breaks ties, no range ends within a group of them.
CREATE TABLE tied (k integer, n integer);
INSERT INTO tied SELECT nullif(i % 10, 0), i FROM generate_series(1, 100) i;
INSERT INTO tied SELECT 5, i FROM generate_series(101, 300) i;
SELECT * FROM chunked_iter_ranges(NULL::tied, 4, order_by => 'k');
SELECT * FROM chunked_iter_ranges(NULL::tied, chunk_size => 25, order_by => 'k DESC');
SELECT split, bool_and(linked AND counted = estimated) AS exact, sum(counted)
FROM unnest(ARRAY['2', '4', '20', 'chunk_size => 1', 'chunk_size => 10']) AS split, LATERAL sizes('tied', split || ', order_by => ''k''', ', order_by => ''k''')
GROUP BY split ORDER BY split;

-- In physical order, by blocks.
CREATE TABLE heap (id integer, pad text);
INSERT INTO heap SELECT i, repeat('x', 100) FROM generate_series(1, 10000) i;
ANALYZE heap;
SELECT split, bool_and(linked) AS linked, count(*) AS ranges, sum(counted), max(counted) - min(counted) < 200 AS even,
	   max(abs(counted - estimated)) < 200 AS estimated
FROM unnest(ARRAY['1', '2', '7', '10000', 'chunk_size => 3000']) AS split, LATERAL sizes('heap', split, '')
GROUP BY split ORDER BY split;
SELECT split, same_rows(format('SELECT walk_ranges(''heap'', %L, '''')', split), 'SELECT h::text FROM heap h ORDER BY ctid')
FROM unnest(ARRAY['7', 'chunk_size => 1000']) AS split;
TRUNCATE heap;
SELECT * FROM chunked_iter_ranges(NULL::heap, 3);
SELECT * FROM chunked_iter_ranges(NULL::heap, chunk_size => 3);
SELECT * FROM chunked_iter_ranges(NULL::heap, chunk_size => 3, order_by => 'id');

-- Partitioned tables, views, queries behind views.
CREATE TABLE parted (id integer, k integer, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (3);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (3) TO (10);
INSERT INTO parted SELECT i, i % 10 FROM generate_series(1, 200) i;
SELECT * FROM sizes('parted', '4', '');
SELECT failure('SELECT chunked_iter_ranges(NULL::parted, 2, order_by => ''ctid'')');
CREATE VIEW both_sides AS SELECT id, k FROM parted UNION ALL SELECT -id, k FROM parted;
SELECT * FROM chunked_iter_ranges(NULL::both_sides, 4, order_by => 'id');
SELECT * FROM chunked_iter_ranges(NULL::both_sides, chunk_size => 150, order_by => 'k DESC');

-- A table that is large is sampled: clustered and skewed keys, ties, NULLs.
CREATE TABLE large (a integer, b double precision NOT NULL, id integer NOT NULL) WITH (fillfactor = 10);
INSERT INTO large SELECT nullif((i / 1000.0)::integer % 7, 3), exp(i / 3000.0), i FROM generate_series(1, 200000) i;
ALTER TABLE large ADD PRIMARY KEY (b);
CREATE INDEX ON large (a, b DESC);
SELECT pg_relation_size('large') / 8192 > 10240 AS is_large;
VACUUM ANALYZE large;
SELECT order_by, parts, count(*) AS ranges, bool_and(linked) AS linked, sum(counted) AS rows,
	   max(counted) < 1.1 * avg(counted) AS even, max(abs(counted - estimated)) < 0.1 * avg(counted) AS estimated
FROM unnest(ARRAY['b', 'a, b DESC', 'a DESC NULLS LAST, id']) AS order_by, unnest(ARRAY[2, 8]) AS parts,
	 LATERAL sizes('large', format('%s, order_by => %L', parts, order_by), format(', order_by => %L', order_by))
GROUP BY order_by, parts ORDER BY order_by, parts;
-- It reads a part of the table, once for all parts.
CREATE FUNCTION blocks_read(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	line text;
	blocks bigint := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
		CONTINUE WHEN line !~ '^ *Buffers: shared';
		RETURN coalesce(substring(line FROM 'hit=(\d+)')::bigint, 0) + coalesce(substring(line FROM 'read=(\d+)')::bigint, 0);
	END LOOP;
	RETURN blocks;
END $$;
SELECT blocks_read('SELECT * FROM chunked_iter_ranges(NULL::large, 8, order_by => ''a, b DESC'')') < pg_relation_size('large') / 8192 / 5 AS sampled;
-- Ranges of so many rows look at every key once, in the index.
-- (Indexes have a function of their own from PostgreSQL 20 on.)
SELECT coalesce(to_regproc('pg_stat_get_xact_idx_tuples_returned'), 'pg_stat_get_xact_tuples_returned') AS keys_returned \gset
BEGIN;
SELECT :keys_returned('large_pkey'::regclass) AS keys, pg_stat_get_xact_tuples_returned('large'::regclass) AS rows \gset
SELECT count(*) FROM chunked_iter_ranges(NULL::large, chunk_size => 1000);
SELECT :keys_returned('large_pkey'::regclass) - :keys AS keys, pg_stat_get_xact_tuples_returned('large'::regclass) - :rows AS rows;
COMMIT;
-- A filter that leaves little of the sample: all keys are looked at.
SELECT * FROM sizes('large', '4, filter => ''id % 1000 = 0''', ', filter => ''id % 1000 = 0''');
DROP TABLE large;

-- The same of partitions of all sizes, which are read directly or through their parent.
CREATE TABLE spread (id integer, pad text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE spread_1 PARTITION OF spread FOR VALUES FROM (0) TO (100) WITH (fillfactor = 10);
CREATE TABLE spread_2 PARTITION OF spread FOR VALUES FROM (100) TO (60000) WITH (fillfactor = 10);
CREATE TABLE spread_3 PARTITION OF spread FOR VALUES FROM (60000) TO (200000) WITH (fillfactor = 10);
INSERT INTO spread SELECT i, 'x' FROM generate_series(1, 150000) i;
VACUUM ANALYZE spread;
CREATE ROLE regress_chunked_spread;
GRANT USAGE ON SCHEMA ranges TO regress_chunked_spread;
GRANT SELECT ON spread TO regress_chunked_spread;
SELECT count(*) AS ranges, bool_and(linked) AS linked, sum(counted) AS rows, max(counted) < 1.1 * avg(counted) AS even, max(abs(counted - estimated)) < 0.1 * avg(counted) AS estimated
FROM sizes('spread', '5, order_by => ''id % 10, id''', ', order_by => ''id % 10, id''');
SET ROLE regress_chunked_spread;
SELECT count(*) AS ranges, bool_and(linked) AS linked, sum(counted) AS rows, max(counted) < 1.3 * avg(counted) AS even, max(abs(counted - estimated)) < 0.3 * avg(counted) AS estimated
FROM sizes('spread', '5, order_by => ''id % 10, id''', ', order_by => ''id % 10, id''');
RESET ROLE;
DROP TABLE spread;
DROP OWNED BY regress_chunked_spread;
DROP ROLE regress_chunked_spread;

-- With the caller's rights.
CREATE ROLE regress_chunked_ranges;
GRANT USAGE ON SCHEMA ranges TO regress_chunked_ranges;
GRANT SELECT (id, day) ON visit TO regress_chunked_ranges;
GRANT SELECT ON tied TO regress_chunked_ranges;
ALTER TABLE tied ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON tied USING (k < 4);
SET ROLE regress_chunked_ranges;
SELECT * FROM chunked_iter_ranges(NULL::visit, 2);
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, 2, order_by => ''room'')');
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, 2, filter => ''room IS NULL'')');
SELECT failure('SELECT chunked_iter_ranges(NULL::heap, 2)');
SELECT * FROM chunked_iter_ranges(NULL::tied, 2, order_by => 'k');
RESET ROLE;
REVOKE ALL ON visit, tied FROM regress_chunked_ranges;
REVOKE SELECT (id, day) ON visit FROM regress_chunked_ranges;
REVOKE ALL ON SCHEMA ranges FROM regress_chunked_ranges;
DROP ROLE regress_chunked_ranges;

-- What is refused.
SELECT failure('SELECT chunked_iter_ranges(NULL::visit)');
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, 2, 2)');
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, 0)');
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, 10001)');
SELECT failure('SELECT chunked_iter_ranges(NULL::visit, chunk_size => 0)');
SELECT failure('SELECT chunked_iter_ranges(NULL::integer, 2)');
SELECT failure('SELECT chunked_iter_ranges(NULL::both_sides, 2)');
