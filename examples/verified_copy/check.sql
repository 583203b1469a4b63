-- Compares "entry" with "entry_copy": which key ranges differ, and then which keys.
-- Both are read in key order, in memory that does not grow, and nothing is
-- sorted or joined as a whole.
--
--   psql -f examples/verified_copy/check.sql
--
-- The job works on a table of ranges, a range a chunk. So the check is resumed as
-- every job is, and several sessions can share it (parts, workers). What is changed
-- in "entry" after it was copied is a difference, too.

CREATE TABLE entry_ranges AS
	SELECT * FROM chunked_iter_ranges(NULL::entry, chunk_size => 10000);
ALTER TABLE entry_ranges ADD PRIMARY KEY (range_no);
CREATE TABLE entry_differs (
	range_no    integer PRIMARY KEY,
	after       text[],
	upto        text[],
	rows        bigint NOT NULL,
	rows_copied bigint NOT NULL);

CALL chunked_iter_run('check_entry', 'entry_ranges', $$
	INSERT INTO entry_differs
	SELECT chunk.range_no, chunk.after, chunk.upto, original.rows, copy.rows
	  FROM chunk,
	       LATERAL (SELECT count(*) AS rows, sum(hashtextextended(e::text, 0)) AS hash
	                  FROM chunked_iter(NULL::entry, order_by => 'id',
	                                    after => chunk.after, upto => chunk.upto) AS e) AS original,
	       LATERAL (SELECT count(*) AS rows, sum(hashtextextended(c::text, 0)) AS hash
	                  FROM chunked_iter(NULL::entry_copy, order_by => 'id',
	                                    after => chunk.after, upto => chunk.upto) AS c) AS copy
	 WHERE (original.rows, original.hash) IS DISTINCT FROM (copy.rows, copy.hash)
	$$, chunk_size => 1);

SELECT range_no, after, upto, rows, rows_copied FROM entry_differs ORDER BY range_no;

SELECT found.*
  FROM entry_differs AS d,
       LATERAL (SELECT coalesce(e.id, c.id) AS id,
                       CASE WHEN c IS NULL THEN 'is missing'
                            WHEN e IS NULL THEN 'is too many'
                            ELSE 'differs'
                       END AS copy
                  FROM chunked_iter(NULL::entry, order_by => 'id',
                                    after => d.after, upto => d.upto) AS e
                  FULL JOIN chunked_iter(NULL::entry_copy, order_by => 'id',
                                         after => d.after, upto => d.upto) AS c
                         ON c.id = e.id
                 WHERE e::text IS DISTINCT FROM c::text) AS found
 ORDER BY found.id;
