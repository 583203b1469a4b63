-- Rows that failed: how many a job may skip, and once more when they are mended.
CREATE SCHEMA job_again;
SET search_path = job_again, public;

CREATE TABLE item (id integer PRIMARY KEY, d integer NOT NULL, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i, sign(i % 10) FROM generate_series(1, 100) i;
CREATE VIEW failed AS
SELECT job, key, message FROM chunked_iter_failed_rows ORDER BY job, range_no, failed_no;
CREATE VIEW totals AS
SELECT job, sum(rows_done) AS rows_done, sum(rows_changed) AS rows_changed, sum(rows_failed) AS rows_failed
  FROM chunked_iter_job_ranges GROUP BY job ORDER BY job;

-- The row that is one too many is not recorded, and neither is its chunk done.
CALL chunked_iter_run('half', 'item', 'UPDATE item SET n = n + 1 / d WHERE chunk_range(item)',
	chunk_size => 7, on_error => 'skip', max_failed => 4);
\echo :SQLSTATE
SELECT state, rows_done, last_key, last_error FROM chunked_iter_progress;
SELECT * FROM failed;
CALL chunked_iter_run('half', max_failed => 5);
SELECT * FROM failed;
CALL chunked_iter_run('half', max_failed => 10);
SELECT * FROM totals;
SELECT n, count(*), count(*) FILTER (WHERE d = 0) AS zero FROM item GROUP BY n ORDER BY n;
CALL chunked_iter_run('none', 'item', 'UPDATE item SET n = n + 0 / d WHERE chunk_range(item)',
	on_error => 'skip', max_failed => 0);
SELECT chunked_iter_forget('none');

-- In parts it is those of all ranges.
CALL chunked_iter_run('parts', 'item', 'SELECT 1 / d FROM chunk', chunk_size => 7, on_error => 'skip',
	parts => 3, max_failed => 4);
SELECT count(*) FROM failed WHERE job = 'parts';
SELECT chunked_iter_forget('parts');

-- Once more: some are mended, some gone, some as they were.
UPDATE item SET d = 1 WHERE id IN (10, 20, 100);
DELETE FROM item WHERE id IN (30, 40);
CALL chunked_iter_retry_failed('half');
SELECT * FROM failed;
SELECT * FROM totals;
SELECT state, rows_done, percent FROM chunked_iter_progress;
UPDATE item SET d = 1;
CALL chunked_iter_retry_failed('half');
CALL chunked_iter_retry_failed('half');
SELECT * FROM totals;
SELECT n, count(*) FROM item GROUP BY n;

-- A job that is paused, in descending order, with a filter that leaves out what is
-- done by hand, by each way to name rows.
UPDATE item SET n = 0, d = sign(id % 5);
CALL chunked_iter_run('ways', 'item', 'UPDATE item SET n = n + 1 / d WHERE chunk_range(item); '
	'UPDATE item SET n = n + 10 WHERE id >= $2 AND id <= $1; '
	'UPDATE item SET n = item.n + 100 FROM chunk WHERE item.id = chunk.id',
	chunk_size => 8, order_by => 'id DESC', on_error => 'skip', max_chunks => 20, statement_is_global => true);
SELECT state, rows_done, rows_changed FROM chunked_iter_progress WHERE job = 'ways';
UPDATE item SET d = 1;
CALL chunked_iter_retry_failed('ways');
SELECT state FROM chunked_iter_progress WHERE job = 'ways';
SELECT * FROM failed;
CALL chunked_iter_run('ways');
SELECT n, count(*) FROM item GROUP BY n;

CALL chunked_iter_run('filtered', 'item', 'UPDATE item SET n = n + 1 / (n - 111) WHERE chunk_range(item)',
	filter => 'n = 111 AND id < 4', on_error => 'skip');
UPDATE item SET n = 0 WHERE id = 2;
CALL chunked_iter_retry_failed('filtered');
SELECT * FROM failed;
SELECT chunked_iter_forget('filtered');

-- A key of several columns, one of which can be NULL.
CREATE TABLE pair (a integer, b text, id integer PRIMARY KEY, d integer);
INSERT INTO pair SELECT nullif(i % 3, 0), 'b' || i % 2, i, i % 2 FROM generate_series(1, 12) i;
CREATE INDEX ON pair (a DESC, b, id);
CALL chunked_iter_run('pair', 'pair', 'UPDATE pair SET d = d + 5 / d WHERE chunk_range(pair)', order_by => 'a DESC, b',
	on_error => 'skip', chunk_size => 5);
SELECT * FROM failed;
UPDATE pair SET d = -5 WHERE d = 0 AND id <> 6;
CALL chunked_iter_retry_failed('pair');
SELECT * FROM failed;
SELECT d, count(*) FROM pair GROUP BY d ORDER BY d;
SELECT chunked_iter_forget('pair');

-- Where rows tie, those that passed are not done again.
CREATE TABLE tied (k integer, v integer);
INSERT INTO tied SELECT i / 3, i FROM generate_series(0, 11) i;
CREATE INDEX ON tied (k);
CREATE TABLE copy (how text, v integer CHECK (v % 5 <> 3));
CALL chunked_iter_run('rows', 'tied', $$INSERT INTO copy SELECT 'rows', v FROM chunk$$,
	order_by => 'k', on_error => 'skip', chunk_size => 4);
CALL chunked_iter_run('range', 'tied', $$INSERT INTO copy SELECT 'range', v FROM tied WHERE chunk_range(tied)$$,
	order_by => 'k', on_error => 'skip', chunk_size => 4);
SELECT * FROM failed;
ALTER TABLE copy DROP CONSTRAINT copy_v_check;
UPDATE tied SET v = 80 WHERE v = 8;
CALL chunked_iter_retry_failed('rows');
CALL chunked_iter_retry_failed('range');
SELECT * FROM failed;
SELECT how, array_agg(v ORDER BY v) FROM copy GROUP BY how ORDER BY how;

-- Who may not, and where it cannot be.
CALL chunked_iter_run('places', 'tied', 'SELECT 1 / (v - 5) FROM chunk', order_by => 'ctid', on_error => 'skip');
CALL chunked_iter_retry_failed('places');
\echo :SQLSTATE
CALL chunked_iter_retry_failed('nobody');
\echo :SQLSTATE
CALL chunked_iter_retry_failed(NULL);
BEGIN;
CALL chunked_iter_retry_failed('rows');
ROLLBACK;
CREATE ROLE citer_again;
SET ROLE citer_again;
CALL chunked_iter_retry_failed('rows');
RESET ROLE;
DROP ROLE citer_again;
-- An error that is not one of a row ends the call, and leaves the job as it is.
ALTER TABLE copy RENAME TO copied;
CALL chunked_iter_retry_failed('rows');
ALTER TABLE copied RENAME TO copy;
SELECT state, last_error FROM chunked_iter_progress WHERE job = 'rows';
CALL chunked_iter_run('cancelled', 'item', 'SELECT 1 / (id - 5) FROM chunk', on_error => 'skip', max_chunks => 1);
SELECT chunked_iter_cancel('cancelled');
CALL chunked_iter_retry_failed('cancelled');
\echo :SQLSTATE

-- Rows can be revisited where a key is one row.
CALL chunked_iter_run('visit', 'tied', 'SELECT FROM chunk', order_by => 'k', lock_rows => 'FOR UPDATE SKIP LOCKED', revisit => true);
\echo :SQLSTATE
CALL chunked_iter_run('visit', 'tied', 'SELECT FROM chunk', order_by => 'ctid', lock_rows => 'FOR UPDATE SKIP LOCKED', revisit => true);
CALL chunked_iter_run('rows', revisit => true);

SELECT chunked_iter_forget(job) FROM chunked_iter_jobs ORDER BY job;
DROP SCHEMA job_again CASCADE;
