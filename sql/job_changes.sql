-- What happens to the table between two runs of a job, or two chunks.
CREATE SCHEMA job_changes;
SET search_path = job_changes, public;
CREATE FUNCTION fresh() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = error;
	DROP TABLE IF EXISTS item, renamed, item2 CASCADE;
	DELETE FROM chunked_iter_jobs;
	CREATE TABLE item (id integer, grp integer NOT NULL, n integer NOT NULL DEFAULT 0, note text, PRIMARY KEY (id));
	INSERT INTO item SELECT i, i % 10, 0 FROM generate_series(1, 100) i;
	CREATE INDEX item_grp ON item (grp DESC, id);
END $$;
CREATE VIEW progress AS SELECT job, state, rows_done, last_key, last_error FROM chunked_iter_progress;
CREATE TABLE log (v text);
\set start 'CALL chunked_iter_run(''by id'', ''item'', ''UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2'', chunk_size => 30, max_chunks => 1);'
\set start_grp 'CALL chunked_iter_run(''by grp'', ''item'', ''UPDATE item SET n = item.n + 1 FROM chunk WHERE item.id = chunk.id'', order_by => ''grp DESC'', chunk_size => 30, max_chunks => 1);'
\set go_on 'CALL chunked_iter_run(''by id'');'
\set go_on_grp 'CALL chunked_iter_run(''by grp'');'

-- Dropped; dropped and made anew; swapped; renamed; moved.
SELECT fresh() AS dropped;
:start
DROP TABLE item;
:go_on
SELECT * FROM progress;
CREATE TABLE item (id integer PRIMARY KEY, n integer);
:go_on
SELECT fresh() AS swapped;
:start
CREATE TABLE item2 (LIKE item INCLUDING ALL);
ALTER TABLE item RENAME TO renamed;
:go_on
ALTER TABLE item2 RENAME TO item;
:go_on
SELECT * FROM progress;
ALTER TABLE item RENAME TO item2;
ALTER TABLE renamed RENAME TO item;
:go_on
SELECT n, count(*) FROM item GROUP BY n;

-- The key is another one.
SELECT fresh() AS other_type;
:start
ALTER TABLE item ALTER id TYPE bigint;
:go_on
SELECT fresh() AS other_key;
:start
ALTER TABLE item DROP CONSTRAINT item_pkey;
:go_on
ALTER TABLE item ADD PRIMARY KEY (grp, id);
:go_on
ALTER TABLE item DROP CONSTRAINT item_pkey;
ALTER TABLE item ADD PRIMARY KEY (id);
:go_on
SELECT n, count(*) FROM item GROUP BY n;
SELECT fresh() AS nullable;
:start_grp
ALTER TABLE item DROP CONSTRAINT item_pkey;
:go_on_grp
SELECT * FROM progress;

-- The index is gone.
SELECT fresh() AS no_index;
:start_grp
DROP INDEX item_grp;
:go_on_grp
CREATE INDEX ON item (grp DESC, id);
:go_on_grp
SELECT n, count(*) FROM item GROUP BY n;

-- There was none from the start: a warning, and it works.
SELECT fresh() AS never_an_index;
DROP INDEX item_grp;
:start_grp
:go_on_grp
SELECT n, count(*) FROM item GROUP BY n;

-- Other changes do not matter: columns come and go, rows too, the table is rewritten.
SELECT fresh() AS columns;
CALL chunked_iter_run('columns', 'item', 'INSERT INTO log SELECT chunk::text FROM chunk', chunk_size => 1, max_chunks => 1);
ALTER TABLE item ADD COLUMN late text DEFAULT 'new';
CALL chunked_iter_run('columns', max_chunks => 1);
ALTER TABLE item DROP COLUMN note;
CALL chunked_iter_run('columns', max_chunks => 1);
VACUUM FULL item;
CALL chunked_iter_run('columns', max_chunks => 1);
CALL chunked_iter_run('self made', 'item', 'ALTER TABLE item ADD COLUMN IF NOT EXISTS made integer DEFAULT 5; INSERT INTO log SELECT CASE WHEN id = 1 THEN left(chunk::text, 10) ELSE chunk::text END FROM chunk', chunk_size => 1, max_chunks => 2);
TABLE log;

-- In physical order rows must stay where they are.
SELECT fresh() AS physical;
CALL chunked_iter_run('ctid', 'item', 'INSERT INTO log SELECT id FROM chunk', order_by => 'ctid', chunk_size => 30, max_chunks => 1);
VACUUM FULL item;
CALL chunked_iter_run('ctid');
CREATE TABLE parent (id integer);
CREATE TABLE child () INHERITS (parent);
CALL chunked_iter_run('children', 'parent', 'SELECT 1');

-- Restored in another database, a job finds its table by its name; moved by hand it does not.
SELECT fresh() AS restored;
:start
DROP TABLE item;
CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT generate_series(1, 100);
:go_on
UPDATE chunked_iter_jobs SET database_id = '1/1';
:go_on
SELECT n, count(*) FROM item GROUP BY n;
SELECT relation_oid = 'item'::regclass AS found, database_id <> '1/1' AS here FROM chunked_iter_jobs;

-- A chunk of one row has the index that larger ones have.
SELECT fresh() AS one_row;
CREATE TABLE event (a integer, b integer NOT NULL, e integer NOT NULL, PRIMARY KEY (e, b, a));
INSERT INTO event SELECT g, 1, CASE WHEN g % 2 = 0 THEN g % 8 ELSE g END FROM generate_series(1, 100) g;
CREATE INDEX ON event (e);
CALL chunked_iter_run('events', 'event', 'SELECT count(*) FROM chunk', chunk_size => 10, max_chunks => 1);
CALL chunked_iter_run('events', chunk_size => 1);
SELECT state, rows_done FROM progress;

-- The extension itself moves and goes.
SELECT fresh() AS extension;
:start
CREATE SCHEMA new_home;
ALTER EXTENSION chunked_iter SET SCHEMA new_home;
CALL new_home.chunked_iter_run('by id', max_chunks => 1);
SELECT state, rows_done FROM new_home.chunked_iter_progress;
CALL new_home.chunked_iter_run('moves', 'item', 'ALTER EXTENSION chunked_iter SET SCHEMA public', chunk_size => 30);
CALL chunked_iter_run('by id', max_chunks => 1);
SET client_min_messages = warning;
DROP SCHEMA job_changes CASCADE;
DROP SCHEMA new_home;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
