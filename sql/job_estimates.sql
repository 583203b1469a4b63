-- How many rows a job is said to have: those between its bounds, so that percent
-- and eta mean something.
CREATE SCHEMA job_estimates;
SET search_path = job_estimates, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, note text);
INSERT INTO item SELECT i, i / 100, repeat('x', 20) FROM generate_series(0, 9999) i;
CREATE INDEX ON item (grp, id DESC);
ANALYZE item;
CREATE TABLE never (LIKE item);

-- Runs the first chunk; what is estimated beside what there is
CREATE PROCEDURE estimate(job text, there integer, order_by text DEFAULT NULL, after text[] DEFAULT NULL,
	upto text[] DEFAULT NULL, filter text DEFAULT NULL, parts integer DEFAULT 1)
LANGUAGE plpgsql AS $$
DECLARE
	p record;
BEGIN
	CALL chunked_iter_run(job, 'item', 'SELECT FROM chunk', chunk_size => 10,
		max_chunks => 1, order_by => order_by, after => after, upto => upto, filter => filter, parts => parts);
	SELECT INTO p * FROM chunked_iter_progress AS c WHERE c.job = estimate.job;
	RAISE NOTICE '% of % rows: %, percent is %', job, there,
		CASE WHEN p.estimated_rows BETWEEN 0.9 * there AND 1.1 * there + 1 THEN 'right'
			ELSE 'not ' || p.estimated_rows END,
		CASE WHEN p.percent BETWEEN 1000.0 / there * 0.9 - 0.1 AND 1000.0 / there * 1.1 + 0.1 THEN 'right'
			ELSE 'not ' || p.percent END;
END $$;

CALL estimate('all', 10000);
CALL estimate('after', 4000, after => '{5999}');
CALL estimate('upto', 2000, upto => '{1999}');
CALL estimate('between', 1000, after => '{6999}', upto => '{7999}');
CALL estimate('by group', 1000, order_by => 'grp, id DESC', after => '{9}', upto => '{19}');
CALL estimate('from within a group', 4050, order_by => 'grp, id DESC', after => '{9,950}', upto => '{49}');
CALL estimate('filter', 2000, after => '{5999}', filter => 'id >= 8000');
CALL estimate('parts', 1000, after => '{6999}', upto => '{7999}', parts => 3);
CALL estimate('ctid', 10000, order_by => 'ctid');
SELECT ctid AS middle FROM item WHERE id = 5000 \gset
CALL estimate('ctid after', 5000, order_by => 'ctid', after => ARRAY[:'middle']);

SET client_min_messages = warning;
DROP SCHEMA job_estimates CASCADE;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
