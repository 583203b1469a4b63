-- dry_run says what a job would do, and writes nothing.
CREATE SCHEMA job_dry_run;
SET search_path = job_dry_run, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, n integer NOT NULL DEFAULT 0)
	WITH (autovacuum_enabled = off);
INSERT INTO item SELECT i, i % 7, 0 FROM generate_series(1, 5000) i;
CREATE INDEX ON item (grp DESC, id);
ANALYZE item;
SELECT planner_defaults();
SET enable_hashjoin = off;
SET enable_mergejoin = off;

-- In a transaction block, even one that must not write.
BEGIN READ ONLY;
CALL chunked_iter_run('dry', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', dry_run => true);
CALL chunked_iter_run('dry', 'item', $$
	INSERT INTO item SELECT -id, grp FROM chunk;
	DELETE FROM item USING chunk WHERE item.id = chunk.id;
	SELECT 1;
$$, order_by => 'grp DESC', chunk_size => 100, lock_rows => 'FOR UPDATE', after => '{5}', upto => '{2,1000}', filter => 'n = 0', dry_run => true);
SELECT pg_current_xact_id_if_assigned();
COMMIT;
SELECT count(*) FROM chunked_iter_jobs;
SELECT count(*), sum(n) FROM item;

CALL chunked_iter_run('dry', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', order_by => 'grp DESC', filter => 'n >= 0', after => '{5,4000}', chunk_size => 1000, dry_run => true);

-- Its estimates are for these very bounds, whichever plans the session prefers.
SET plan_cache_mode = force_generic_plan;
CALL chunked_iter_run('dry', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 2000, dry_run => true);
RESET plan_cache_mode;

-- Its errors are those of the job.
CALL chunked_iter_run('dry', 'item', 'UPDATE item SET nonsense = 1', dry_run => true);
CALL chunked_iter_run('dry', 'item', '', dry_run => true);
CALL chunked_iter_run('dry', dry_run => true);

-- Of a job that has begun it says what is left.
CALL chunked_iter_run('begun', 'item', 'UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2', chunk_size => 2000, parts => 2, max_chunks => 2);
CALL chunked_iter_run('begun', dry_run => true);
SELECT state, rows_done FROM chunked_iter_progress;
CALL chunked_iter_run('begun', filter => 'true', dry_run => true);
CREATE TABLE empty (id integer PRIMARY KEY);
CALL chunked_iter_run('empty', 'empty', 'SELECT 1', dry_run => true);

SET client_min_messages = warning;
DROP SCHEMA job_dry_run CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
