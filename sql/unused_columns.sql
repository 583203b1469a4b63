-- What a query does not use of a view or a query is not computed, and what it does
-- not use of a table is not read: in FROM, under aggregates, in jobs.

CREATE SCHEMA unused_columns;
SET search_path = unused_columns, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer, body text);
INSERT INTO item SELECT i, i % 3, 'body ' || i FROM generate_series(1, 10) AS i;
CREATE VIEW bad_item AS SELECT id, grp, 1 / (id - 5) AS bad FROM item;

-- the table's own answer, and the walk's
SELECT sum(grp) FROM bad_item;
SELECT sum(grp) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id');
SELECT id FROM chunked_iter(NULL::bad_item, 3, order_by => 'id') WHERE grp = 2;
SELECT count(*) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id');
SELECT max(id) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id');
SELECT sum(t.grp) FROM chunked_iter_query('SELECT id, grp, 1 / (id - 5) FROM item', 'id', 3)
	AS t(id integer, grp integer, bad integer);

-- used: as an output, in a condition, in the row as a whole
\set VERBOSITY terse
SELECT sum(bad) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id');
SELECT count(*) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id') WHERE bad > 0;
SELECT count(t) FROM chunked_iter(NULL::bad_item, 3, order_by => 'id') AS t;

-- the key alone is not enough: it is computed
SELECT count(*) FROM chunked_iter(NULL::bad_item, 3, order_by => 'bad');

-- jobs: what the statement does not use of "chunk"
CREATE TABLE done (id integer);
CALL chunked_iter_run('unused', 'bad_item', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 3, order_by => 'id');
SELECT count(*), count(DISTINCT id) FROM done;
CALL chunked_iter_run('used', 'bad_item', 'INSERT INTO done SELECT bad FROM chunk', chunk_size => 3, order_by => 'id');
SELECT count(*) FROM done;

-- a row that cannot be computed as a whole is recorded by its key, with the
-- error of the statement; one of several rows of a key, too
TRUNCATE done;
ALTER TABLE done ADD CONSTRAINT small CHECK (id NOT IN (5, 7));
CALL chunked_iter_run('skips', 'bad_item', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 3,
	order_by => 'id', on_error => 'skip');
SELECT count(*), count(DISTINCT id) FROM done;
SELECT key, "row", sqlstate, message FROM chunked_iter_failed_rows WHERE job = 'skips' ORDER BY key;
TRUNCATE done;
CALL chunked_iter_run('skips ties', 'bad_item', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 3,
	order_by => 'grp', filter => 'grp = 2', on_error => 'skip');
SELECT count(*), count(DISTINCT id) FROM done;
SELECT key, "row", sqlstate, message FROM chunked_iter_failed_rows WHERE job = 'skips ties' ORDER BY key;

-- what the statement itself cannot read of a row ends the job
CALL chunked_iter_run('reads', 'bad_item', 'INSERT INTO done SELECT bad FROM chunk', chunk_size => 3,
	order_by => 'id', on_error => 'skip');
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'reads';

SELECT chunked_iter_forget(job) FROM unnest(ARRAY['unused', 'used', 'skips', 'skips ties', 'reads']) AS job;
SET client_min_messages = warning;
DROP SCHEMA unused_columns CASCADE;
