-- Partitions in the order of a walk: it is cut where they begin, and read section
-- by section.
SET client_min_messages = error;
CREATE SCHEMA partitions;
SET search_path = partitions, public;

-- Whether a walk of a table is one SELECT, from both ends and in pieces: at most
-- one row for each, with what is not.
CREATE FUNCTION differs(rel text, order_by text, forward text, backward text)
RETURNS TABLE (chunk_size integer, reverse boolean, filter text)
LANGUAGE plpgsql AS $$
DECLARE
	walked text[];
	expected text[];
BEGIN
	FOREACH chunk_size IN ARRAY ARRAY[1, 3, 17, 1000] LOOP
		FOREACH reverse IN ARRAY ARRAY[false, true] LOOP
			FOREACH filter IN ARRAY ARRAY['true', 'id % 3 > 0'] LOOP
				EXECUTE format('SELECT array_agg(s::text ORDER BY n) FROM (SELECT *, row_number() OVER () AS n
								FROM chunked_iter(NULL::%s, %s, %L, %L, %L)) s', rel, chunk_size, order_by, reverse, filter) INTO walked;
				EXECUTE format('SELECT array_agg(s::text ORDER BY n) FROM (SELECT *, row_number() OVER (ORDER BY %s) AS n
								FROM %s WHERE %s) s', CASE WHEN reverse THEN backward ELSE forward END, rel, filter) INTO expected;
				IF walked IS DISTINCT FROM expected THEN
					RETURN NEXT;
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;

-- The same from each row to each other, with the rows that a walk finds there.
CREATE FUNCTION differs_between(rel text, order_by text)
RETURNS TABLE (after text[], upto text[])
LANGUAGE plpgsql AS $$
DECLARE
	keys text[][];
	found bigint;
	last_place integer;
BEGIN
	EXECUTE format('SELECT array_agg(k::text ORDER BY n) FROM (SELECT chunked_iter_key(r, %L) AS k, row_number() OVER () AS n
					FROM (SELECT chunked_iter(NULL::%s, 1000, %L) AS r OFFSET 0) s) s', order_by, rel, order_by) INTO keys;
	last_place := array_length(keys, 1);
	FOR i IN 1 .. last_place BY 7 LOOP
		FOR j IN i .. last_place BY 6 LOOP
			after := keys[i]::text[];
			upto := keys[j]::text[];
			EXECUTE format('SELECT count(*) FROM chunked_iter(NULL::%s, 4, %L, after => $1, upto => $2)', rel, order_by)
				INTO found USING after, upto;
			IF found <> j - i THEN
				RETURN NEXT;
			END IF;
		END LOOP;
	END LOOP;
END
$$;

-- How the first chunk is read: the conditions, and the scans.
CREATE FUNCTION first_chunk(rel text, order_by text = NULL)
RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	is_first boolean := false;
BEGIN
	FOR line IN EXECUTE format('SELECT chunked_iter_explain(NULL::%s, order_by => %L)', rel, order_by) LOOP
		is_first := line ~ '^First chunk' OR (is_first AND line !~ '^Later chunks');
		CONTINUE WHEN NOT is_first OR line !~ '^First|WHERE| on |Append' OR line ~ 'Replaces: ';
		RETURN NEXT line;
	END LOOP;
END
$$;

-- Ranges with a gap, rows in none of them, and NULLs; a partition has its columns
-- elsewhere.
CREATE TABLE ranged (id integer NOT NULL, k integer, note text) PARTITION BY RANGE (k);
CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO (3);
CREATE TABLE ranged_2 (note text, gone integer, k integer, id integer NOT NULL);
ALTER TABLE ranged_2 DROP gone;
ALTER TABLE ranged ATTACH PARTITION ranged_2 FOR VALUES FROM (3) TO (5);
CREATE TABLE ranged_3 PARTITION OF ranged FOR VALUES FROM (8) TO (9);
CREATE TABLE ranged_4 PARTITION OF ranged FOR VALUES FROM (9) TO (12);
CREATE TABLE ranged_rest PARTITION OF ranged DEFAULT;
INSERT INTO ranged SELECT i, nullif(i % 16 - 1, 14), 'x' || i FROM generate_series(1, 70) i;
CREATE INDEX ON ranged (k, id);
ANALYZE ranged;
SELECT differs('ranged', 'k, id', 'k, id', 'k DESC, id DESC');
SELECT differs('ranged', 'k NULLS FIRST, id DESC', 'k NULLS FIRST, id DESC', 'k DESC NULLS LAST, id');
SELECT differs('ranged', 'k DESC NULLS LAST, id', 'k DESC NULLS LAST, id', 'k NULLS FIRST, id DESC');
SELECT differs('ranged', 'k DESC, id', 'k DESC, id', 'k, id DESC');
SELECT differs('ranged', 'id', 'id', 'id DESC');
SELECT differs_between('ranged', order_by) FROM unnest(ARRAY['k, id', 'k DESC, id', 'k NULLS FIRST, id DESC', 'k DESC NULLS LAST, id', 'id']) order_by;
-- Ties are kept together.
SELECT chunk_size, count(*), count(DISTINCT id) FROM unnest(ARRAY[1, 4, 9]) chunk_size, LATERAL (SELECT * FROM chunked_iter(NULL::ranged, chunk_size, 'k')) s GROUP BY 1 ORDER BY 1;
SELECT first_chunk('ranged', 'k, id');
SELECT first_chunk('ranged', 'k DESC NULLS LAST, id');
SELECT first_chunk('ranged', 'id');

-- Lists, in which values of several partitions take turns, and one of NULL.
CREATE TABLE listed (id integer NOT NULL, k text COLLATE "C") PARTITION BY LIST (k);
CREATE TABLE listed_1 PARTITION OF listed FOR VALUES IN ('b', 'a', 'z');
CREATE TABLE listed_2 PARTITION OF listed FOR VALUES IN (NULL, 'c''\');
CREATE TABLE listed_3 PARTITION OF listed FOR VALUES IN ('d');
CREATE TABLE listed_rest PARTITION OF listed DEFAULT;
INSERT INTO listed SELECT i, (ARRAY['a', 'b', 'bb', 'c''\', 'd', 'e', 'z', NULL])[i % 8 + 1] FROM generate_series(1, 50) i;
CREATE INDEX ON listed (k, id);
ANALYZE listed;
SELECT differs('listed', 'k, id', 'k, id', 'k DESC, id DESC');
SELECT differs('listed', 'k DESC NULLS LAST, id', 'k DESC NULLS LAST, id', 'k NULLS FIRST, id DESC');
SELECT differs_between('listed', order_by) FROM unnest(ARRAY['k, id', 'k DESC, id', 'k NULLS FIRST, id']) order_by;
-- Another collation is another order.
SELECT differs('listed', 'k COLLATE "POSIX", id', 'k COLLATE "POSIX", id', 'k COLLATE "POSIX" DESC, id DESC');
SELECT first_chunk('listed', 'k, id');

-- Bounds of two columns, partitions of partitions, and a key in other types.
CREATE TYPE grade AS ENUM ('low', 'middle', 'high');
CREATE DOMAIN day AS date;
CREATE TABLE two (id integer NOT NULL, a integer NOT NULL, b day NOT NULL, g grade NOT NULL, PRIMARY KEY (a, b, g, id)) PARTITION BY RANGE (a, b);
CREATE TABLE two_1 PARTITION OF two FOR VALUES FROM (MINVALUE, MINVALUE) TO (2, '2026-01-03');
CREATE TABLE two_2 PARTITION OF two FOR VALUES FROM (2, '2026-01-03') TO (2, '2026-01-05') PARTITION BY LIST (g);
CREATE TABLE two_3 PARTITION OF two FOR VALUES FROM (2, '2026-01-05') TO (3, MINVALUE) PARTITION BY HASH (id);
CREATE TABLE two_4 PARTITION OF two FOR VALUES FROM (3, MINVALUE) TO (MAXVALUE, MAXVALUE) PARTITION BY RANGE (b);
CREATE TABLE two_2_1 PARTITION OF two_2 FOR VALUES IN ('low', 'high');
CREATE TABLE two_2_2 PARTITION OF two_2 FOR VALUES IN ('middle');
CREATE TABLE two_3_1 PARTITION OF two_3 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE two_3_2 PARTITION OF two_3 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE two_4_1 PARTITION OF two_4 FOR VALUES FROM (MINVALUE) TO ('2026-01-04');
CREATE TABLE two_4_2 PARTITION OF two_4 FOR VALUES FROM ('2026-01-04') TO (MAXVALUE);
INSERT INTO two SELECT i, i % 5, date '2026-01-01' + i % 7, (enum_range(NULL::grade))[i % 3 + 1] FROM generate_series(1, 80) i;
ANALYZE two;
SELECT differs('two', NULL, 'a, b, g, id', 'a DESC, b DESC, g DESC, id DESC');
SELECT differs('two', 'a DESC, id', 'a DESC, id, b, g', 'a, id DESC, b DESC, g DESC');
SELECT differs('two', 'b, a DESC', 'b, a DESC, g, id', 'b DESC, a, g DESC, id DESC');
SELECT differs_between('two', order_by) FROM unnest(ARRAY[NULL, 'a DESC, id']) order_by;
SELECT first_chunk('two');
SELECT differs('two_4', 'b, id', 'b, id, a, g', 'b DESC, id DESC, a DESC, g DESC'), differs('two_2', 'g DESC, id', 'g DESC, id, a, b', 'g, id DESC, a DESC, b DESC');
SELECT first_chunk('two_4', 'b, id');
SELECT first_chunk('two_2', 'g, id');

-- An expression, and time stamps, whose text depends on settings.
CREATE TABLE computed (id integer, at timestamptz) PARTITION BY RANGE ((-id));
CREATE TABLE computed_1 PARTITION OF computed FOR VALUES FROM (-100) TO (-20);
CREATE TABLE computed_2 PARTITION OF computed FOR VALUES FROM (-20) TO (1);
INSERT INTO computed SELECT i, timestamptz '2026-01-01 UTC' + i * interval '1 hour' FROM generate_series(1, 40) i;
SELECT differs('computed', '-id', '-id', 'id');
SELECT first_chunk('computed', '-id');
CREATE TABLE timed (id integer, at timestamptz) PARTITION BY RANGE (at);
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
CREATE TABLE timed_1 PARTITION OF timed FOR VALUES FROM ('01/01/2026 00:00') TO ('02/01/2026 00:00');
CREATE TABLE timed_2 PARTITION OF timed FOR VALUES FROM ('02/01/2026 00:00') TO ('01/02/2026 00:00');
INSERT INTO timed SELECT * FROM computed;
SELECT differs('timed', 'at', 'at', 'at DESC');
SET datestyle = 'SQL, MDY';
SET timezone = 'America/New_York';
SELECT differs('timed', 'at', 'at', 'at DESC');
RESET datestyle;
RESET timezone;

-- Who may not read the partitions reads them through their parent, under its
-- policies.
CREATE ROLE regress_partitions;
GRANT USAGE ON SCHEMA partitions TO regress_partitions;
GRANT SELECT ON two TO regress_partitions;
SET ROLE regress_partitions;
SELECT failure('SELECT FROM two_1');
SELECT count(*), count(DISTINCT id) FROM chunked_iter(NULL::two, 7);
RESET ROLE;
ALTER TABLE two ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON two USING (id % 2 = 1);
SET ROLE regress_partitions;
SELECT count(*), count(DISTINCT id), bool_and(id % 2 = 1) FROM chunked_iter(NULL::two, 7);
RESET ROLE;
ALTER TABLE two DISABLE ROW LEVEL SECURITY;

-- A chunk reads no other partitions than those that it has rows of, and begins with
-- one; sections with few rows are read together, more and more of them.
CREATE TABLE many (id integer PRIMARY KEY, k integer) PARTITION BY RANGE (id);
DO $$ BEGIN FOR i IN 0 .. 99 LOOP EXECUTE format('CREATE TABLE many_%s PARTITION OF many FOR VALUES FROM (%s) TO (%s)', i, i * 10, i * 10 + 10); END LOOP; END $$;
INSERT INTO many SELECT i, i FROM generate_series(0, 999) i;
ANALYZE many;
-- (Indexes have a function of their own from PostgreSQL 20 on.)
SELECT coalesce(to_regproc('pg_stat_get_xact_idx_numscans'), 'pg_stat_get_xact_numscans') AS numscans \gset
CREATE VIEW scanned AS
	SELECT t.relid::regclass AS scanned FROM pg_partition_tree('many_pkey') t WHERE t.isleaf AND :numscans(t.relid) > 0 ORDER BY 1;
BEGIN;
SELECT id FROM chunked_iter(NULL::many, 10, after => '{555}') LIMIT 3;
TABLE scanned;
SELECT id FROM chunked_iter(NULL::many, 10) LIMIT 3;
TABLE scanned;
COMMIT;
SET chunked_iter.debug = chunks;
SELECT chunked_iter_reset_queries() >= 0;
SELECT count(*), sum(id) FROM chunked_iter(NULL::many, 100);
SELECT count(*) < 30 AS few, count(DISTINCT sql) < 16 AS fewer FROM chunked_iter_queries();
SELECT chunked_iter_reset_queries() >= 0;
SELECT count(*), sum(id) FROM chunked_iter(NULL::many, 100, filter => 'k = 999');
SELECT count(*) < 10 AS few FROM chunked_iter_queries();
SET chunked_iter.debug = off;
EXPLAIN (COSTS OFF) SELECT id FROM chunked_iter(NULL::ranged, order_by => 'k, id');

-- Where each chunk has to start many partitions, chunks grow: not if each has a
-- snapshot of its own, nor in a job.
CREATE TABLE hashed (id integer PRIMARY KEY, k integer DEFAULT 0) PARTITION BY HASH (id);
DO $$ BEGIN FOR i IN 0 .. 39 LOOP EXECUTE format('CREATE TABLE hashed_%s PARTITION OF hashed FOR VALUES WITH (MODULUS 40, REMAINDER %s)', i, i); END LOOP; END $$;
INSERT INTO hashed SELECT i FROM generate_series(1, 3000) i;
ANALYZE hashed;
CREATE FUNCTION chunks(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM ' || call LOOP
		CONTINUE WHEN line !~ 'Chunk(s|_| S)|Rows per';
		RETURN NEXT trim(line);
	END LOOP;
END
$$;
SELECT chunks('chunked_iter(NULL::hashed, 100)');
SELECT chunks('chunked_iter(NULL::hashed, 100, snapshot => ''chunk'')');
SELECT same_rows('SELECT id FROM chunked_iter(NULL::hashed, 7)', 'SELECT id FROM hashed ORDER BY id');
CALL chunked_iter_run('grown', 'hashed', 'UPDATE hashed h SET k = 1 FROM chunk WHERE h.id = chunk.id', chunk_size => 500);
SELECT rows_done, chunks_done FROM chunked_iter_progress WHERE job = 'grown';
CALL chunked_iter_run('cut', 'many', 'UPDATE many m SET k = -1 FROM chunk WHERE m.id = chunk.id', chunk_size => 70, lock_rows => 'FOR UPDATE');
SELECT rows_done, chunks_done, (SELECT count(*) FROM many WHERE k = -1) FROM chunked_iter_progress WHERE job = 'cut';
SELECT chunked_iter_forget(job) FROM unnest(ARRAY['grown', 'cut']) job;

DROP SCHEMA partitions CASCADE;
DROP ROLE regress_partitions;
