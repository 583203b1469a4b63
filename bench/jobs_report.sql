-- Two tables: each way of a job beside the loop by hand, or two workers beside
-- one; and what each way did to the server.

SET search_path = chunked_iter_jobs;

\echo
SELECT format('Jobs: %s rows in chunks of 1000, %s rounds, PostgreSQL %s',
			  (SELECT count(*) FROM origin), max(round), current_setting('server_version')) AS title
  FROM runs \gset
\echo :title
\echo

WITH pairs (nr, kind, a, b, target) AS (VALUES
	(1, 'UPDATE', 'job, chunk_range', 'loop', 1.1),
	(2, 'UPDATE', 'job, FROM chunk', 'loop', 1.15),
	(3, 'UPDATE', 'one statement', 'loop', NULL),
	(4, 'INSERT', 'job, chunk_range', 'loop', NULL),
	(5, 'INSERT', 'job, FROM chunk', 'loop', NULL),
	(6, 'INSERT', 'one statement', 'loop', NULL),
	(7, 'DELETE', 'job, chunk_range', 'loop', NULL),
	(8, 'DELETE', 'job, FROM chunk', 'loop', 1.2),
	(9, 'DELETE', 'one statement', 'loop', NULL),
	(10, 'WORKERS', 'workers => 2', 'workers => 1', 0.588),
	(11, 'SNAPSHOT', 'last chunks', 'first chunks', 1.1),
	(12, 'QUEUE', 'job, continued', 'walk, with after', NULL),
	(13, 'QUEUE', 'walk, from the beginning', 'walk, with after', NULL),
	(14, 'QUEUE', 'walk, once more', 'walk, with after', NULL),
	(15, 'QUEUE', 'SELECT min(id)', 'walk, with after', NULL)
), figures AS (
	SELECT nr, p.kind, p.a, p.b, p.target,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY a.ms) AS a_ms,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY b.ms) AS b_ms,
		   min(a.ms / b.ms) AS low, max(a.ms / b.ms) AS high
	  FROM pairs AS p
	  JOIN runs AS a ON a.kind = p.kind AND a.way = p.a AND a.round > 0
	  JOIN runs AS b ON b.kind = p.kind AND b.way = p.b AND b.round = a.round
	 GROUP BY nr, p.kind, p.a, p.b, p.target
)
SELECT kind, a AS "A", b AS "B",
	   to_char(a_ms, 'FM999990') AS "A ms", to_char(b_ms, 'FM999990') AS "B ms",
	   to_char(a_ms / b_ms, 'FM9990.00') AS "A/B",
	   to_char(low, 'FM9990.00') || ' - ' || to_char(high, 'FM9990.00') AS "spread",
	   target::text AS "target",
	   CASE WHEN target IS NULL THEN '' WHEN a_ms / b_ms <= target THEN 'target met'
			ELSE 'target missed' END AS "result"
  FROM figures ORDER BY nr;

\echo
SELECT r.kind, r.way,
	   to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ms) FILTER (WHERE r.round > 0), 'FM999990') AS "ms",
	   (SELECT to_char(max(extract(epoch FROM pg_xact_commit_timestamp(l.xid) - l.at)) * 1000, 'FM999990.0')
		  FROM locked AS l
		 WHERE l.way = r.kind || ' ' || r.way
		   AND current_setting('track_commit_timestamp')::boolean) AS "rows locked, ms",
	   to_char(avg(r.wal_bytes) FILTER (WHERE r.round > 0) / 1e6, 'FM999990') AS "WAL, MB",
	   max(r.dead_rows) FILTER (WHERE r.round > 0) AS "dead rows"
  FROM runs AS r WHERE r.kind NOT IN ('SNAPSHOT', 'QUEUE') GROUP BY r.kind, r.way
 ORDER BY array_position('{UPDATE,INSERT,DELETE,WORKERS}', r.kind), min(r.ms);
\echo A row is locked from the start of the statement that changes it to its commit;
\echo that is measured in a round that does not count. Nothing is vacuumed meanwhile.
\echo SNAPSHOT: chunks of a row, while another session holds an old snapshot.
\echo QUEUE: 100 rows behind those that were deleted, nine tenths of the table.
