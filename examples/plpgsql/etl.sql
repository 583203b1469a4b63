-- A procedure that transforms a table chunk by chunk and commits after each
-- one. A FOR loop with COMMIT in it would read all rows at its first commit;
-- here only the key of the last row crosses a commit, and it is kept in the
-- transaction of the work, so that a run that was stopped can be called again
-- and goes on behind the last row committed.
--
--   psql -f examples/plpgsql/etl.sql

CREATE TABLE IF NOT EXISTS author_day (
	author  text,
	day     date,
	entries bigint NOT NULL,
	UNIQUE (author, day));
CREATE TABLE IF NOT EXISTS etl_progress (job text PRIMARY KEY, bookmark text[] NOT NULL);

CREATE OR REPLACE PROCEDURE count_entries(size integer DEFAULT 1000)
LANGUAGE plpgsql AS $$
DECLARE
	at text[] := (SELECT bookmark FROM etl_progress WHERE job = 'count_entries');
	rows entry[];
BEGIN
	LOOP
		rows := ARRAY(SELECT e FROM chunked_iter(NULL::entry, size, after => at) AS e LIMIT size);
		EXIT WHEN cardinality(rows) = 0;

		INSERT INTO author_day AS d
		SELECT coalesce(author, 'nobody'), written::date, count(*)
		  FROM unnest(rows) GROUP BY 1, 2
		ON CONFLICT (author, day) DO UPDATE SET entries = d.entries + EXCLUDED.entries;

		at := chunked_iter_key(rows[cardinality(rows)]);
		INSERT INTO etl_progress VALUES ('count_entries', at)
		ON CONFLICT (job) DO UPDATE SET bookmark = EXCLUDED.bookmark;
		COMMIT;
	END LOOP;
END
$$;

CALL count_entries();
