-- A walk that was resolved before is not resolved again, unless something has
-- changed that it was made of.
CREATE SCHEMA kept;
SET search_path = kept, public;
SET client_min_messages = error;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, word text);
INSERT INTO item SELECT i, 500 - i % 500, 'w' || i FROM generate_series(1, 2000) i;
ANALYZE item;

-- How many are kept, and how much memory they take.
CREATE FUNCTION kept() RETURNS bigint LANGUAGE sql AS
$$SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'chunked_iter resolved'$$;
CREATE FUNCTION kept_memory() RETURNS bigint LANGUAGE sql AS
$$SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts WHERE name = 'chunked_iter resolved'$$;

-- A page and its last key, as a client asks for them again and again.
CREATE FUNCTION page(arguments text DEFAULT 'after => ''{990}''') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ids text;
	key text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' ''), (array_agg(key))[count(*)] FROM (SELECT id, chunked_iter_key(i)::text AS key FROM chunked_iter(NULL::item, 10, %s) i LIMIT 3) s', arguments)
	INTO ids, key;
	RETURN ids || ' ' || key;
END $$;

-- Two for the query (as it is planned, and as it runs) and one for the key.
SELECT page();
SELECT kept() AS before, page(), page('after => ''{5}'''), kept() AS after;
SELECT page('order_by => ''grp''');
SELECT kept() AS before, page('order_by => ''grp''');
SELECT kept() AS after;
-- A walk under way holds on to its own, whatever else comes; few are kept, of few bytes.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 10);
FETCH 2 c;
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		PERFORM page(format('order_by => ''grp, id + %s''', i));
	END LOOP;
END $$;
SELECT kept() <= 33 AS few, kept_memory() < 4000000 AS small;
FETCH 12 c;
COMMIT;

-- Columns, keys and indexes.
SELECT page();
ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (grp, id);
SELECT page('after => ''{499}''');
ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id);
SELECT page();
ALTER TABLE item ALTER grp TYPE numeric, ADD more integer DEFAULT 7;
SELECT page(), page('order_by => ''grp DESC, more, id DESC''');
ALTER TABLE item ALTER grp DROP NOT NULL;
INSERT INTO item VALUES (2001, NULL, 'null');
SELECT page('order_by => ''grp NULLS FIRST''');
SELECT page('order_by => ''grp, id DESC'', after => ''{500,2000}''');
CREATE INDEX item_grp ON item (grp, id DESC);
SELECT chunked_iter_explain(NULL::item, order_by => 'grp, id DESC') LIMIT 4;
ALTER INDEX item_grp RENAME TO item_group;
SELECT chunked_iter_explain(NULL::item, order_by => 'grp, id DESC') LIMIT 4;
DROP INDEX item_group;
SELECT chunked_iter_explain(NULL::item, order_by => 'grp, id DESC') LIMIT 4;
ALTER TABLE item DROP more;
SELECT page();
-- ... and back again, when that is rolled back.
BEGIN;
ALTER TABLE item RENAME id TO number;
ALTER TABLE item ADD id integer DEFAULT 3;
SELECT page();
ROLLBACK;
SELECT page();

-- Names.
ALTER TABLE item RENAME TO thing;
CREATE TABLE item AS SELECT id * 10 AS id, grp, word FROM thing;
ALTER TABLE item ADD PRIMARY KEY (id);
SELECT page();
DROP TABLE item;
ALTER TABLE thing RENAME TO item;
SELECT page();
ALTER SCHEMA kept RENAME TO other;
SET search_path = other, public;
SELECT page();
ALTER SCHEMA other RENAME TO kept;
SET search_path = kept, public;
SELECT page();

-- What a piece of SQL means: functions, operators, settings, search_path.
CREATE FUNCTION wanted(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
SELECT page('filter => ''wanted(id)''');
CREATE OR REPLACE FUNCTION wanted(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 3 = 0';
SELECT page('filter => ''wanted(id)''');
CREATE FUNCTION public.wanted(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 5 = 0';
SET search_path = public, kept;
SELECT page('filter => ''wanted(id)''');
SET search_path = kept, public;
SELECT page('filter => ''wanted(id)''');
DROP FUNCTION wanted(integer);
SELECT page('filter => ''wanted(id)''');
DROP FUNCTION public.wanted(integer);
SELECT * FROM failure('SELECT page(''filter => ''''wanted(id)'''''')') LIMIT 1;
ALTER TABLE item ADD at timestamptz;
UPDATE item SET at = timestamptz '2026-01-01 00:00 UTC' + id * interval '1 minute';
SET TimeZone = 'UTC';
SELECT page('filter => ''at >= ''''2026-01-01 10:00''''''');
SET TimeZone = 'Europe/Paris';
SELECT page('filter => ''at >= ''''2026-01-01 10:00''''''');
SET DateStyle = 'ISO, MDY';
SELECT page('filter => ''at >= ''''02/01/2026''''''');
SET DateStyle = 'ISO, DMY';
SELECT page('filter => ''at >= ''''02/01/2026''''''');
RESET DateStyle;
RESET TimeZone;
ALTER TABLE item DROP at;

-- Who asks: column privileges, memberships, policies.
CREATE ROLE regress_kept_reader;
CREATE ROLE regress_kept_all;
GRANT USAGE ON SCHEMA kept TO regress_kept_reader;
GRANT SELECT (id, grp) ON item TO regress_kept_reader;
GRANT SELECT ON item TO regress_kept_all;
GRANT regress_kept_all TO regress_kept_reader;
CREATE FUNCTION ids() RETURNS SETOF integer LANGUAGE sql AS
$$SELECT id FROM chunked_iter(NULL::item, 10, 'grp') LIMIT 2$$;
CREATE FUNCTION words() RETURNS SETOF text LANGUAGE sql AS
$$SELECT word FROM chunked_iter(NULL::item, 10, 'grp') LIMIT 2$$;
SET ROLE regress_kept_reader;
SELECT ids(), words();
RESET ROLE;
REVOKE regress_kept_all FROM regress_kept_reader;
SET ROLE regress_kept_reader;
SELECT ids();
SELECT failure('SELECT words()');
RESET ROLE;
GRANT SELECT (word) ON item TO regress_kept_reader;
SET ROLE regress_kept_reader;
SELECT ids(), words();
RESET ROLE;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY late_ones ON item TO regress_kept_reader USING (id > 600);
SET ROLE regress_kept_reader;
SELECT ids(), words();
RESET ROLE;
DROP POLICY late_ones ON item;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SET ROLE regress_kept_reader;
SELECT ids(), words();
RESET ROLE;
DROP OWNED BY regress_kept_reader, regress_kept_all;
DROP ROLE regress_kept_reader, regress_kept_all;

-- A table that gets a child, and loses it.
SELECT page('after => ''{1999}''');
CREATE TABLE child (CHECK (id > 5000)) INHERITS (item);
INSERT INTO child VALUES (6000, 1, 'child');
SELECT page('after => ''{1999}''');
DROP TABLE child;
SELECT page('after => ''{1999}''');

-- An error in the middle leaves nothing pinned.
SELECT split_part(failure(format('SELECT count(1 / (id - 995)) FROM chunked_iter(NULL::item, 10, ''id + %s'')', i)), ':', 1)
FROM generate_series(1, 3) i;
DO $$
BEGIN
	FOR i IN 1 .. 40 LOOP
		PERFORM page(format('order_by => ''grp, id - %s''', i));
	END LOOP;
END $$;
SELECT kept() <= 32 AS few;
