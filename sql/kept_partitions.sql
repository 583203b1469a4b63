-- A walk of a table with children, or with policies, that was resolved before is
-- not resolved again, unless these have changed.
CREATE SCHEMA kept_partitions;
SET search_path = kept_partitions, public;
SET client_min_messages = error;

CREATE TABLE part (id integer PRIMARY KEY, word text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
CREATE TABLE parts PARTITION OF part FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (id);
CREATE TABLE part_3 PARTITION OF parts FOR VALUES FROM (20) TO (30);
INSERT INTO part SELECT i, 'w' || i FROM generate_series(1, 29) i;
CREATE TABLE parent (id integer PRIMARY KEY, word text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE grandchild (PRIMARY KEY (id)) INHERITS (child);
INSERT INTO parent SELECT i, 'parent' FROM generate_series(1, 10, 3) i;
INSERT INTO child SELECT i, 'child' FROM generate_series(2, 10, 3) i;
INSERT INTO grandchild SELECT i, 'grandchild' FROM generate_series(3, 10, 3) i;

CREATE FUNCTION kept() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
$$SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'chunked_iter resolved'$$;
CREATE FUNCTION page(tab text, after integer, size integer DEFAULT 4, arguments text DEFAULT '')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ids text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' '') FROM (SELECT id FROM chunked_iter(NULL::%I, 10, after => ARRAY[$2]%s) LIMIT $1) s', tab, arguments)
	INTO ids USING size, after::text;
	RETURN ids;
END $$;

-- Two each, as it is planned and as it runs, from wherever it begins.
SELECT page('part', 7), kept(), page('part', 18), page('part', 27), kept();
SELECT page('part', 12, 4, ', order_by => ''id DESC'''), kept(), page('part', 23, 6, ', order_by => ''id DESC'''), kept();
SELECT page('parent', 4), kept(), page('parent', 0), kept();
SELECT string_agg(id::text, ' ') FROM (SELECT id FROM chunked_iter(NULL::parent, 3, order_by => 'ctid')) s;
SELECT string_agg(id::text, ' ') FROM (SELECT id FROM chunked_iter(NULL::parent, 3, order_by => 'ctid')) s;
SELECT kept();

-- Partitions that come and go, at each level, and what is done to one.
CREATE TABLE part_4 PARTITION OF parts FOR VALUES FROM (30) TO (40);
INSERT INTO part_4 SELECT i, 'w' FROM generate_series(30, 39) i;
SELECT page('part', 27);
CREATE TABLE part_5 (LIKE part INCLUDING INDEXES);
INSERT INTO part_5 SELECT i, 'w' FROM generate_series(40, 45) i;
ALTER TABLE part ATTACH PARTITION part_5 DEFAULT;
SELECT page('part', 38);
ALTER TABLE part DETACH PARTITION part_2;
SELECT page('part', 7);
SELECT page('part', 12, 4, ', order_by => ''id DESC''');
ALTER TABLE parts DETACH PARTITION part_3;
SELECT page('part', 7);
DROP TABLE part_4;
SELECT page('part', 7);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE parts ATTACH PARTITION part_3 FOR VALUES FROM (20) TO (30);
SELECT page('part', 7, 15);
TRUNCATE part_2;
SELECT page('part', 7);
ALTER TABLE part_3 RENAME TO renamed;
SELECT page('part', 7);
ALTER TABLE part DROP word, ADD word integer;
SELECT page('part', 7);
ALTER TABLE part DROP CONSTRAINT part_pkey;
SELECT failure('SELECT page(''part'', 7)') LIMIT 1;
ALTER TABLE part ADD PRIMARY KEY (id);
SELECT page('part', 7);

-- Children, and children of children.
ALTER TABLE grandchild NO INHERIT child;
SELECT page('parent', 0);
ALTER TABLE grandchild INHERIT parent;
SELECT page('parent', 0);
ALTER TABLE grandchild NO INHERIT parent, INHERIT child;
DROP TABLE child CASCADE;
SELECT page('parent', 0);

-- ... and when that is rolled back.
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO child VALUES (2, 'child');
CREATE TABLE other (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO other VALUES (3, 'other');
SELECT page('parent', 0);
BEGIN;
ALTER TABLE child NO INHERIT parent;
SELECT page('parent', 0);
ROLLBACK;
SELECT page('parent', 0);
BEGIN;
CREATE TABLE another (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO another VALUES (0, 'another');
SELECT page('parent', -1);
SAVEPOINT s;
DROP TABLE other;
SELECT page('parent', -1);
ROLLBACK TO s;
SELECT page('parent', -1);
ROLLBACK;
SELECT page('parent', -1);

-- The only child, with the plans of views, queries and filters that read its parent.
CREATE TABLE sole (id integer PRIMARY KEY);
CREATE TABLE sole_child (PRIMARY KEY (id)) INHERITS (sole);
INSERT INTO sole VALUES (1), (3);
INSERT INTO sole_child VALUES (2), (4);
CREATE VIEW sole_view AS SELECT * FROM sole;
CREATE VIEW soles AS
SELECT (SELECT string_agg(id::text, ' ') FROM chunked_iter(NULL::sole, 3)) AS of_table,
	(SELECT string_agg(id::text, ' ') FROM chunked_iter(NULL::sole_view, 3, order_by => 'id')) AS of_view,
	(SELECT string_agg(id::text, ' ') FROM chunked_iter_query('SELECT * FROM kept_partitions.sole', 'id', 3) AS t(id integer)) AS of_query,
	(SELECT string_agg(id::text, ' ') FROM chunked_iter(NULL::renamed, 3, filter => 'id - 20 IN (SELECT s.id FROM kept_partitions.sole s)')) AS of_filter;
BEGIN;
DROP TABLE sole_child;
TABLE soles;
ROLLBACK;
TABLE soles;
BEGIN;
SAVEPOINT s;
ALTER TABLE sole_child NO INHERIT sole;
TABLE soles;
ROLLBACK TO s;
TABLE soles;
COMMIT;
ALTER TABLE sole_child NO INHERIT sole;
TABLE soles;

DROP VIEW soles;

-- What has only written rows keeps walks, too, as a job does.
SELECT kept() AS before \gset
DO $$
BEGIN
	FOR i IN 1 .. 6 LOOP
		INSERT INTO other VALUES (10 + i, 'other');
		PERFORM page('parent', i, 4, format(', order_by => ''id + %s''', i));
		COMMIT;
	END LOOP;
END $$;
SELECT kept() - :before > 6 AS most;

-- A walk under way is still compared with what it was.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::parent, 2);
FETCH 2 c;
CREATE TABLE another (PRIMARY KEY (id)) INHERITS (parent);
SELECT page('parent', -1);
SELECT split_part(failure('FETCH 3 c'), E'\n', 1);
ROLLBACK;

-- Policies: changed, of others' making, switched off.
CREATE ROLE regress_kept_one;
CREATE ROLE regress_kept_two;
GRANT USAGE ON SCHEMA kept_partitions TO regress_kept_one, regress_kept_two;
CREATE TABLE secret (id integer PRIMARY KEY, owner text);
INSERT INTO secret SELECT i, 'regress_kept_' || CASE i % 2 WHEN 0 THEN 'one' ELSE 'two' END FROM generate_series(1, 20) i;
CREATE TABLE allowed (id integer PRIMARY KEY);
INSERT INTO allowed SELECT generate_series(1, 20, 5);
GRANT SELECT ON secret, allowed TO regress_kept_one, regress_kept_two;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (owner = current_user);
SET ROLE regress_kept_one;
SELECT page('secret', 5), page('secret', 9);
SET ROLE regress_kept_two;
SELECT page('secret', 5), kept() AS before, page('secret', 9), kept() AS after;
SET row_security = off;
SELECT split_part(failure('SELECT page(''secret'', 5)'), E'\n', 1);
RESET row_security;
RESET ROLE;
ALTER POLICY own ON secret USING (owner = current_user AND id % 3 = 0);
SET ROLE regress_kept_two;
SELECT page('secret', 5);
RESET ROLE;
GRANT regress_kept_one TO regress_kept_two;
CREATE POLICY all_for_one ON secret TO regress_kept_one USING (id > 10);
SET ROLE regress_kept_two;
SELECT page('secret', 5);
RESET ROLE;
REVOKE regress_kept_one FROM regress_kept_two;
SET ROLE regress_kept_two;
SELECT page('secret', 5);
RESET ROLE;
-- One that names another table is not kept.
DROP POLICY own ON secret;
CREATE POLICY listed ON secret USING (EXISTS (SELECT FROM allowed a WHERE a.id = secret.id));
SET ROLE regress_kept_two;
SELECT page('secret', 5), kept() AS before, page('secret', 5), kept() AS after;
RESET ROLE;
DROP OWNED BY regress_kept_one, regress_kept_two;
DROP ROLE regress_kept_one, regress_kept_two;
