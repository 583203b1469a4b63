-- The relations and functions that random calls are about.
CREATE EXTENSION chunked_iter;
CREATE SCHEMA fuzz;
GRANT USAGE, CREATE ON SCHEMA fuzz TO PUBLIC;
SET search_path = fuzz, public;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SEQUENCE numbers;

CREATE TABLE item (id integer PRIMARY KEY, a integer, b text, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i, nullif(i % 5, 0), 'b' || i % 3 FROM generate_series(1, 30) AS i;
CREATE TABLE gone (id integer PRIMARY KEY, a integer, b text, x integer);
ALTER TABLE gone DROP COLUMN x, ADD COLUMN n numeric DEFAULT 'NaN';
INSERT INTO gone SELECT i, i % 4, chr(64 + i) FROM generate_series(1, 12) AS i;
CREATE TABLE odd (id bigint, a double precision, b text COLLATE "C", "quo""te; --" mood, "select" bytea, d positive, j jsonb, p pair, arr integer[], ts timestamptz, r int4range, pt point);
INSERT INTO odd VALUES
	(1, 'NaN', '', 'sad', '\x00', 1, '{}', (1, 'x'), '{1,2}', 'infinity', '[1,3)', '(1,2)'),
	(NULL, '-infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(9223372036854775807, '-0', E'\n''"\\', 'glad', '\xff', 2147483647, '[1]', (NULL, NULL), '{}', '4713-01-01 BC', 'empty', NULL);
CREATE TABLE composite (id integer, a integer, b text, PRIMARY KEY (a, id));
INSERT INTO composite SELECT i, i / 4, 'c' FROM generate_series(1, 20) AS i;
CREATE TABLE empty ();
INSERT INTO empty DEFAULT VALUES;
CREATE TABLE parted (id integer, a integer, b text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (100);
ALTER TABLE parted ADD PRIMARY KEY (id);
INSERT INTO parted SELECT i, i % 3, 'p' FROM generate_series(1, 20) AS i;
CREATE TABLE unparted (id integer, a integer) PARTITION BY LIST (a);
CREATE TABLE parent (id integer PRIMARY KEY, a integer);
CREATE TABLE child (b text) INHERITS (parent);
INSERT INTO parent SELECT i, i FROM generate_series(1, 5) AS i;
INSERT INTO child SELECT i, i, 'child' FROM generate_series(3, 8) AS i;
CREATE VIEW seen AS SELECT id, a, b FROM item WHERE a > 1;
CREATE VIEW bad AS SELECT id, a, 1 / (id - 5) AS b FROM item;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM item WHERE id % 2 = 0;
CREATE MATERIALIZED VIEW filled AS SELECT * FROM item;
CREATE MATERIALIZED VIEW unfilled AS SELECT * FROM item WITH NO DATA;
CREATE UNLOGGED TABLE unlogged (id uuid PRIMARY KEY, a integer, b text);
INSERT INTO unlogged SELECT md5(i::text)::uuid, i FROM generate_series(1, 10) AS i;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE elsewhere (id integer, a integer, b text) SERVER nowhere;
CREATE TABLE sealed (id integer PRIMARY KEY, a integer, b text);
INSERT INTO sealed SELECT i, i, 's' FROM generate_series(1, 10) AS i;
ALTER TABLE sealed ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON sealed USING (id % 2 = 0);
CREATE TABLE secret (id integer PRIMARY KEY, a integer, b text);
CREATE TABLE deferred (id integer PRIMARY KEY, a integer UNIQUE DEFERRABLE INITIALLY DEFERRED, b text);
INSERT INTO deferred SELECT i, i FROM generate_series(1, 10) AS i;
CREATE TABLE sink (id text, a text);

CREATE FUNCTION fails(state text, value integer) RETURNS integer LANGUAGE plpgsql AS
$$BEGIN IF value % 7 = 3 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = state; END IF; RETURN value; END$$;
CREATE FUNCTION writes(value integer) RETURNS integer LANGUAGE plpgsql AS
$$BEGIN INSERT INTO fuzz.sink VALUES (value); RETURN value; END$$;
CREATE FUNCTION lies(value integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN PERFORM set_config('search_path', 'pg_catalog', true); RETURN -value; END$$;

CREATE ROLE fuzz_user;
CREATE ROLE fuzz_member IN ROLE fuzz_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA fuzz TO fuzz_user;
REVOKE ALL ON secret FROM fuzz_user;
ANALYZE;
