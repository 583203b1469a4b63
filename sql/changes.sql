-- A walk whose relation, role or settings change in its own session between two rows ends with one
-- clear 55000 or goes on with the meaning it had; it never returns anything else.
SET client_min_messages = error;
CREATE SCHEMA changes;
CREATE SCHEMA elsewhere;
SET search_path = changes, public;
CREATE ROLE regress_chunked_other;
GRANT USAGE ON SCHEMA changes TO regress_chunked_other;

CREATE FUNCTION fill(relation regclass) RETURNS void LANGUAGE plpgsql AS
$$BEGIN EXECUTE format('INSERT INTO %s SELECT i, i %% 3, ''n'' || i FROM generate_series(1, 6) i', relation); END$$;
CREATE TABLE item (id integer PRIMARY KEY, grp integer, note text);
SELECT fill('item');
CREATE INDEX item_grp ON item (grp, id);
CREATE TABLE other (LIKE item);
INSERT INTO other SELECT i, 0, 'other' FROM generate_series(11, 16) i;
CREATE TABLE base (id integer PRIMARY KEY, grp integer, note text);
SELECT fill('base');
CREATE VIEW shown AS SELECT * FROM base WHERE grp < 5;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM base;
CREATE UNIQUE INDEX ON kept (id);
CREATE TABLE part (id integer PRIMARY KEY, grp integer, note text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (4);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (4) TO (8);
SELECT fill('part');
CREATE TABLE parent (id integer PRIMARY KEY, grp integer, note text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT fill('child');
CREATE TYPE mood AS ENUM ('1', '2', '3', '4', '5', '6');
CREATE DOMAIN small AS integer CHECK (value < 1000);
CREATE TABLE typed (id integer PRIMARY KEY, mood mood NOT NULL, small small);
INSERT INTO typed SELECT i, i::text::mood, i FROM generate_series(1, 6) i;
CREATE INDEX ON typed (mood, id);
CREATE TYPE shape AS (id integer, note text);
CREATE TABLE shaped OF shape (PRIMARY KEY (id));
INSERT INTO shaped SELECT i FROM generate_series(1, 6) i;
GRANT SELECT ON ALL TABLES IN SCHEMA changes TO regress_chunked_other;

-- Runs a command between the third row of a walk and the rest, and says how the walk ended and what
-- it had returned.  All that the command did is undone.
CREATE FUNCTION walk_across(command text, walk text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	rows refcursor;
	id integer;
	ids text := '';
	state text := 'complete';
BEGIN
	OPEN rows FOR EXECUTE format('SELECT (r).id FROM (SELECT chunked_iter(%s) AS r OFFSET 0) s', walk);
	LOOP
		FETCH rows INTO id;
		EXIT WHEN NOT FOUND;
		ids := ids || ' ' || id;
		IF id = 3 THEN
			EXECUTE command;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN OTHERS THEN
	IF SQLERRM <> 'undo' THEN
		state := SQLSTATE;
	END IF;
	RETURN state || ':' || ids;
END
$$;

-- Walks of a relation that return its row 3 third, in each snapshot mode.
CREATE FUNCTION walks(relation text, VARIADIC orders text[] = ARRAY['id']) RETURNS SETOF text LANGUAGE sql AS
$$SELECT format('NULL::%s, %s, %L, snapshot => %L', relation, chunk_size, order_by, snapshot)
  FROM unnest(orders) AS order_by, generate_series(1, 4) AS chunk_size, unnest(ARRAY['statement', 'chunk']) AS snapshot$$;

-- A table, by its key and in physical order.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('item', 'id', 'ctid') AS walk, unnest(ARRAY[
	'ALTER TABLE item RENAME TO renamed',
	'ALTER TABLE item RENAME id TO key',
	'ALTER TABLE item RENAME note TO remark',
	'ALTER TABLE item SET SCHEMA elsewhere',
	'ALTER SCHEMA changes RENAME TO renamed',
	'DROP TABLE item',
	'TRUNCATE item',
	'ALTER TABLE item ADD COLUMN more integer DEFAULT 7',
	'ALTER TABLE item DROP COLUMN note',
	'ALTER TABLE item DROP COLUMN id',
	'ALTER TABLE item ALTER id TYPE bigint',
	'ALTER TABLE item ALTER note TYPE varchar(20)',
	'CLUSTER item USING item_grp']) AS command
GROUP BY command ORDER BY command COLLATE "C";

-- Another relation of the same name.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('item', 'id', 'ctid') AS walk, unnest(ARRAY[
	'ALTER TABLE item RENAME TO old; ALTER TABLE other RENAME TO item',
	'ALTER TABLE item RENAME TO old; CREATE VIEW item AS SELECT * FROM other',
	'DROP TABLE item; CREATE TABLE item (LIKE other); SELECT fill(''item'')',
	'ALTER SCHEMA changes RENAME TO old; ALTER SCHEMA elsewhere RENAME TO changes; CREATE TABLE item (LIKE old.item)']) AS command
GROUP BY command ORDER BY command COLLATE "C";

-- The types of its columns.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('typed', 'id', 'mood', 'ctid') AS walk, unnest(ARRAY[
	'DROP TYPE mood CASCADE',
	'DROP DOMAIN small CASCADE']) AS command
GROUP BY command ORDER BY command COLLATE "C";
SELECT walk_across('ALTER TYPE shape ADD ATTRIBUTE more integer CASCADE', 'NULL::shaped, 2');

-- Views, and tables that are made of others.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('shown') AS walk, unnest(ARRAY[
	'DROP VIEW shown',
	'ALTER VIEW shown RENAME TO renamed',
	'CREATE OR REPLACE VIEW shown AS SELECT * FROM other',
	'CREATE OR REPLACE VIEW shown AS SELECT *, 1 AS more FROM base',
	'DROP VIEW shown; CREATE TABLE shown AS TABLE other']) AS command
GROUP BY command ORDER BY command COLLATE "C";
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('kept', 'id', 'ctid') AS walk, unnest(ARRAY[
	'REFRESH MATERIALIZED VIEW kept',
	'REFRESH MATERIALIZED VIEW kept WITH NO DATA']) AS command
GROUP BY command ORDER BY command COLLATE "C";

-- Partitions and children.  One snapshot cannot do with other partitions than it began with.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('part', 'id', 'ctid') AS walk, unnest(ARRAY[
	'ALTER TABLE part RENAME TO renamed',
	'ALTER TABLE part ADD COLUMN more integer',
	'DROP TABLE part']) AS command
GROUP BY command ORDER BY command COLLATE "C";
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('part', 'id', 'ctid') AS walk, unnest(ARRAY[
	'DROP TABLE part_2',
	'TRUNCATE part_2',
	'TRUNCATE part',
	'CLUSTER part_2 USING part_2_pkey',
	'ALTER TABLE part DETACH PARTITION part_2',
	'CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (8) TO (12)']) AS command
WHERE walk LIKE '%''statement'''
GROUP BY command ORDER BY command COLLATE "C";
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM unnest(ARRAY['NULL::parent, 2', 'NULL::parent, 1', 'NULL::parent, 3, ''ctid''']) AS walk, unnest(ARRAY[
	'ALTER TABLE child NO INHERIT parent',
	'ALTER TABLE parent ADD COLUMN more integer',
	'CREATE TABLE grandchild () INHERITS (child); INSERT INTO grandchild VALUES (4), (5)',
	'DROP TABLE child',
	'TRUNCATE child']) AS command
GROUP BY command ORDER BY command COLLATE "C";

-- A table that becomes a parent.
SELECT string_agg(DISTINCT walk_across('ALTER TABLE other INHERIT item', walk), ' | ')
FROM walks('item', 'id', 'ctid') AS walk WHERE walk LIKE '%''statement''';

-- Plans that were made under a change that is rolled back are not used again.
CREATE TABLE child_2 (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO child_2 VALUES (7);
SELECT array_agg((r).id) FROM (SELECT chunked_iter(NULL::parent, 4) AS r OFFSET 0) s;
BEGIN;
ALTER TABLE child NO INHERIT parent;
SELECT array_agg((r).id) FROM (SELECT chunked_iter(NULL::parent, 4) AS r OFFSET 0) s;
ROLLBACK;
SELECT array_agg((r).id) FROM (SELECT chunked_iter(NULL::parent, 4) AS r OFFSET 0) s;

-- Policies, for a role that they are for.
CREATE TABLE owned (id integer PRIMARY KEY, grp integer, note text);
SELECT fill('owned');
ALTER TABLE owned OWNER TO regress_chunked_other;
SET ROLE regress_chunked_other;
SELECT string_agg(DISTINCT walk_across('ALTER TABLE owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', walk), ' | ')
FROM walks('owned', 'id', 'ctid') AS walk;
ALTER TABLE owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY every ON owned USING (true);
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('owned', 'id', 'ctid') AS walk, unnest(ARRAY[
	'ALTER POLICY every ON owned USING (id < 5)',
	'CREATE POLICY few ON owned AS RESTRICTIVE USING (id < 5)',
	'DROP POLICY every ON owned',
	'ALTER TABLE owned NO FORCE ROW LEVEL SECURITY',
	'RESET ROLE; ALTER TABLE owned OWNER TO CURRENT_USER; GRANT SELECT ON owned TO regress_chunked_other; SET ROLE regress_chunked_other']) AS command
GROUP BY command ORDER BY command COLLATE "C";
RESET ROLE;

-- The role, also where it is only that of a function.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('item', 'id', 'ctid') AS walk, unnest(ARRAY[
	'SET LOCAL ROLE regress_chunked_other',
	'SET LOCAL SESSION AUTHORIZATION regress_chunked_other']) AS command
GROUP BY command ORDER BY command COLLATE "C";
CREATE FUNCTION fetch_next(rows refcursor) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS
$$DECLARE id integer; BEGIN FETCH rows INTO id; RETURN id; END$$;
ALTER FUNCTION fetch_next OWNER TO regress_chunked_other;
\set VERBOSITY sqlstate
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 1 FROM c;
SELECT fetch_next('c');
ROLLBACK;
\set VERBOSITY default

-- Before the first row there is nothing to compare with, but what is gone is gone.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
DROP TABLE item;
SELECT split_part(failure('FETCH ALL FROM c'), ':', 1);
ROLLBACK;

-- Back to the role of the start: the walk goes on.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
SET ROLE regress_chunked_other;
SELECT count(*) FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
RESET ROLE;
FETCH 2 FROM c;
ROLLBACK;

-- What the errors say.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
ALTER TABLE item RENAME TO renamed;
FETCH 2 FROM c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
DROP TABLE item;
FETCH 2 FROM c;
ROLLBACK;
BEGIN;
SET LOCAL ROLE regress_chunked_other;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
RESET ROLE;
FETCH 2 FROM c;
ROLLBACK;

-- A change that is rolled back before the next row is none.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
SAVEPOINT one;
ALTER TABLE item ADD COLUMN more integer DEFAULT 7;
ALTER TABLE item RENAME TO renamed;
TRUNCATE renamed;
ROLLBACK TO one;
FETCH 5 FROM c;
COMMIT;

-- What changes neither the rows nor their meaning does not disturb a walk.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('item', 'id', 'ctid') AS walk, unnest(ARRAY[
	'ANALYZE item',
	'COMMENT ON TABLE item IS ''walked''',
	'CREATE INDEX ON item (note)',
	'CREATE TABLE new (LIKE item); DROP TABLE new',
	'CREATE TEMPORARY TABLE item (id integer)',
	'DISCARD PLANS',
	'DROP INDEX item_grp',
	'GRANT SELECT ON item TO PUBLIC',
	'SET LOCAL chunked_iter.chunk_memory = ''64kB''',
	'SET LOCAL enable_indexscan = off',
	'SET LOCAL row_security = off',
	'SET LOCAL search_path = ''''',
	'SET LOCAL work_mem = ''64kB''']) AS command
GROUP BY command ORDER BY command COLLATE "C";
SELECT string_agg(DISTINCT walk_across('ANALYZE part', walk), ' | ') FROM walks('part', 'id', 'ctid') AS walk;
SELECT string_agg(DISTINCT walk_across('ALTER TYPE mood RENAME TO temper', walk), ' | ') FROM walks('typed', 'id', 'mood') AS walk;

-- Nor do the session's own writes in one snapshot.
SELECT command, string_agg(DISTINCT walk_across(command, walk), ' | ') AS walks
FROM walks('item', 'id', 'ctid') AS walk, unnest(ARRAY[
	'DELETE FROM item',
	'INSERT INTO item SELECT i FROM generate_series(7, 500) i',
	'UPDATE item SET id = id - 100 WHERE id > 4; UPDATE item SET note = ''''']) AS command
WHERE walk LIKE '%''statement'''
GROUP BY command ORDER BY command COLLATE "C";

-- The names in a walk mean what they meant at its start, and the new search_path is left alone.
CREATE FUNCTION changes.odd(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 1';
CREATE FUNCTION elsewhere.odd(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE FUNCTION changes.odd_one(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN odd($1); END';
CREATE TABLE elsewhere.item (id integer PRIMARY KEY, grp integer, note text);
INSERT INTO elsewhere.item SELECT i FROM generate_series(21, 26) i;
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 1, filter => 'odd(id) AND odd_one(id)') AS r OFFSET 0) s;
DECLARE d CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 1, order_by => 'odd(id), id', snapshot => 'chunk') AS r OFFSET 0) s;
FETCH 1 FROM c;
FETCH 1 FROM d;
SET search_path = elsewhere, public;
FETCH 1 FROM c;
SHOW search_path;
FETCH 2 FROM d;
SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 1) AS r OFFSET 0) s;
SET search_path = '';
FETCH ALL FROM c;
FETCH ALL FROM d;
ROLLBACK;

-- A key that becomes another one ends the walk.
CREATE TABLE scored (id integer PRIMARY KEY);
INSERT INTO scored SELECT generate_series(1, 9);
CREATE FUNCTION score(id integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN id; END';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::scored, 2, 'score(id)');
FETCH 3 FROM c;
CREATE OR REPLACE FUNCTION score(id integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN -id; END';
SELECT failure('FETCH ALL FROM c');
ROLLBACK;
SET changes.sign = '1';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::scored, 2, '(id * current_setting(''changes.sign'')::integer)');
FETCH 3 FROM c;
SET LOCAL changes.sign = '-1';
SELECT failure('FETCH ALL FROM c');
ROLLBACK;

-- So does a function that is defined anew, in the key, the filter, a condition, or what is walked,
-- and also where the server puts the bodies of SQL functions in their place.
CREATE FUNCTION inner_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT id';
CREATE FUNCTION outer_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT changes.inner_score(id)';
CREATE FUNCTION other_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT id';
CREATE FUNCTION is_wanted(id integer) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
CREATE VIEW scores AS SELECT id, outer_score(id) AS score FROM scored;
CREATE TABLE guarded AS TABLE scored;
ALTER TABLE guarded ADD PRIMARY KEY (id), ENABLE ROW LEVEL SECURITY;
CREATE POLICY wanted ON guarded USING (is_wanted(id));
GRANT SELECT ON guarded TO regress_chunked_other;
CREATE FUNCTION walk_across_functions(command text, query text, as_other boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows refcursor;
	id integer;
	ids text := '';
	state text := 'complete';
	self name := current_user;
BEGIN
	IF as_other THEN SET LOCAL ROLE regress_chunked_other; END IF;
	OPEN rows FOR EXECUTE query;
	LOOP
		FETCH rows INTO id;
		EXIT WHEN NOT FOUND;
		ids := ids || ' ' || id;
		IF id = 3 THEN
			PERFORM set_config('role', self, true);
			EXECUTE command;
			IF as_other THEN SET LOCAL ROLE regress_chunked_other; END IF;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN OTHERS THEN
	IF SQLERRM <> 'undo' THEN
		state := SQLSTATE || ' ' || SQLERRM;
	END IF;
	RETURN state || ':' || ids;
END $$;
CREATE TABLE redefinition (what text, command text);
INSERT INTO redefinition VALUES
	('inner', $$CREATE OR REPLACE FUNCTION inner_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN id < 7 THEN id ELSE -id END'$$),
	('outer', $$CREATE OR REPLACE FUNCTION outer_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN id < 7 THEN id ELSE -id END'$$),
	('outer is strict', 'ALTER FUNCTION outer_score STRICT'),
	('the same', $$CREATE OR REPLACE FUNCTION outer_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT changes.inner_score(id)'$$),
	('granted', 'GRANT EXECUTE ON FUNCTION outer_score, inner_score, is_wanted TO regress_chunked_other'),
	('other', $$CREATE OR REPLACE FUNCTION other_score(id integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'$$),
	('wanted', $$CREATE OR REPLACE FUNCTION is_wanted(id integer) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN id < 7; END'$$);
SELECT what, walk, walk_across_functions(command, query, walk = 'policy') AS ends
FROM redefinition, (VALUES
	('key', $$SELECT id FROM chunked_iter(NULL::scored, 2, 'outer_score(id)')$$),
	('filter', $$SELECT id FROM chunked_iter(NULL::scored, 2, filter => 'is_wanted(id) AND outer_score(id) > 0')$$),
	('condition', $$SELECT id FROM chunked_iter(NULL::scored, 2) WHERE is_wanted(id) AND outer_score(id) > 0$$),
	('view', $$SELECT id FROM chunked_iter(NULL::scores, 2, 'score')$$),
	('query', $$SELECT id FROM chunked_iter_query('SELECT id, outer_score(id) FROM scored WHERE is_wanted(id)', 'id', 2) AS t(id integer, score integer)$$),
	('policy', $$SELECT id FROM chunked_iter(NULL::guarded, 2)$$),
	('none', $$SELECT id FROM chunked_iter(NULL::scored, 2)$$)) AS walk(walk, query)
ORDER BY 1, 2;

-- A partition that is attached has no rows in a walk of a view that began before it.
CREATE TABLE divided (id integer) PARTITION BY RANGE (id);
CREATE TABLE divided_1 PARTITION OF divided FOR VALUES FROM (1) TO (4);
CREATE TABLE divided_2 (id integer);
INSERT INTO divided VALUES (1), (2), (3);
INSERT INTO divided_2 VALUES (4);
CREATE VIEW whole AS TABLE divided;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::whole, 1, 'id');
FETCH 1 FROM c;
ALTER TABLE divided ATTACH PARTITION divided_2 FOR VALUES FROM (4) TO (9);
SELECT failure('FETCH ALL FROM c');
ROLLBACK;

-- A table that is filled and walked in the transaction that makes it.
BEGIN;
CREATE TABLE young (id integer PRIMARY KEY, grp integer, note text);
SELECT fill('young');
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::young, 2) AS r OFFSET 0) s;
FETCH 3 FROM c;
SAVEPOINT one;
FETCH 1 FROM c;
ROLLBACK TO one;
FETCH ALL FROM c;
ROLLBACK;

DROP SCHEMA elsewhere CASCADE;
DROP OWNED BY regress_chunked_other;
DROP ROLE regress_chunked_other;
