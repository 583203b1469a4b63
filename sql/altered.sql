-- Rows that are not as the table has them now: older than a column, with a default that
-- only the catalog has, of children that have other ones, with dropped columns before
-- the others; and rows that are no table's.

CREATE SCHEMA altered;
SET search_path = altered, public;

-- Is a walk the query, with all columns and with some, in both ways in, at each size?
CREATE FUNCTION walks(relation text, variadic columns text[]) RETURNS TABLE (used text, same boolean)
LANGUAGE sql AS $$
	SELECT used, bool_and(
		same_rows(format('SELECT (%s)::text FROM chunked_iter(NULL::%s, %s, ''id'') AS r', used, relation, size),
				  format('SELECT (%s)::text FROM %s AS r ORDER BY id', used, relation))
		AND same_rows(format('SELECT (SELECT (%s)::text FROM (SELECT (w.r).*) AS r) FROM (SELECT chunked_iter(NULL::%s, %s, ''id'') AS r OFFSET 0) AS w', used, relation, size),
					  format('SELECT (%s)::text FROM %s AS r ORDER BY id', used, relation)))
	FROM unnest('r'::text || columns) AS used, unnest(ARRAY[1, 2, 3, 7, 8, 9]) AS size
	GROUP BY used ORDER BY used
$$;

-- columns without a value in older rows; then some with one
CREATE TABLE grown (id integer PRIMARY KEY, a integer);
INSERT INTO grown SELECT i, i * 10 FROM generate_series(1, 4) AS i;
ALTER TABLE grown ADD b integer, ADD c text;
INSERT INTO grown SELECT i, i * 10, i * 100, 'c' || i FROM generate_series(5, 8) AS i;
SELECT * FROM chunked_iter(NULL::grown, 3);
SELECT * FROM walks('grown', 'a', 'b', 'c', 'ROW(id, b)');
ALTER TABLE grown ADD d text DEFAULT 'stored', ADD e integer;
SELECT * FROM walks('grown', 'a', 'b', 'c', 'd', 'e', 'ROW(id, e)');
SELECT d, count(*) FROM chunked_iter(NULL::grown, 3) GROUP BY d;

-- a column that is gone before others, and NULLs
ALTER TABLE grown DROP a;
UPDATE grown SET c = NULL, e = 7 WHERE id = 3;
SELECT * FROM chunked_iter(NULL::grown, 3);
SELECT * FROM walks('grown', 'b', 'c', 'd', 'e', 'ROW(id, e)');

-- a child that began as a table of its own, whose older rows have no value where
-- those of its parent have one
CREATE TABLE parent (id integer NOT NULL, a text);
CREATE TABLE child (LIKE parent);
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child');
ALTER TABLE parent ADD b integer DEFAULT 5, ADD c integer;
ALTER TABLE child ADD b integer, ADD c integer;
ALTER TABLE child INHERIT parent;
CREATE INDEX ON parent (id);
CREATE INDEX ON child (id);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM chunked_iter(NULL::parent, order_by => 'id');
SELECT * FROM walks('parent', 'a', 'b', 'c');
RESET enable_seqscan;
RESET enable_sort;

-- values that are not in a Datum: of each length and alignment, toasted, compressed,
-- expanded by a function
CREATE TABLE long (gone integer, id integer PRIMARY KEY, n name, u uuid, t text, f float8[], j jsonb, p point);
ALTER TABLE long DROP gone;
INSERT INTO long
SELECT i, 'name ' || i, md5(i::text)::uuid, repeat(md5(i::text), i * i), array_fill(i, ARRAY[i]), jsonb_build_object('i', i), point(i, -i)
FROM generate_series(1, 8) AS i;
INSERT INTO long SELECT 9, NULL, NULL, string_agg(md5(i::text), ''), NULL, NULL, NULL FROM generate_series(1, 1000) AS i;
CREATE FUNCTION expanded(a float8[]) RETURNS float8[] LANGUAGE plpgsql STRICT AS
$$ BEGIN a[cardinality(a) + 1] := 0.5; RETURN a; END $$;
CREATE VIEW seen AS SELECT id, t, expanded(f) AS f, j FROM long;
SELECT * FROM walks('long', 'n', 'u', 't', 'f', 'j', 'p', 'ROW(j, n)');
SELECT * FROM walks('seen', 't', 'f', 'j', 'ROW(j, f)');

-- more than chunk_memory: chunks are smaller; ties that go to a file
SET chunked_iter.chunk_memory = '64kB';
CREATE TABLE tied (gone integer, id integer, t text);
ALTER TABLE tied DROP gone;
INSERT INTO tied SELECT i / 100, repeat(md5(i::text), 60) FROM generate_series(1, 300) AS i;
CREATE VIEW ties AS SELECT id, t, id AS same FROM tied;
SELECT same_rows('SELECT ROW(id, count(*), count(DISTINCT t)) FROM chunked_iter(NULL::ties, 10, ''id'') GROUP BY id',
				 'SELECT ROW(id, count(*), count(DISTINCT t)) FROM tied GROUP BY id ORDER BY id');
SELECT same_rows('SELECT sum(length(t)) FROM chunked_iter(NULL::long, 5)', 'SELECT sum(length(t)) FROM long');
RESET chunked_iter.chunk_memory;

-- no columns at all
CREATE TABLE bare ();
INSERT INTO bare DEFAULT VALUES;
SELECT count(*) FROM chunked_iter(NULL::bare, 1, 'ctid');

SET client_min_messages = warning;
DROP SCHEMA altered CASCADE;
