-- One table: medians, their ratio, and how far the ratio went in the rounds.

\echo
SELECT format('%s rows, %s MB, %s rounds, PostgreSQL %s',
			  :rows, pg_table_size('t') / 1000000, :rounds,
			  current_setting('server_version')) AS title \gset
\echo :title
\echo

WITH medians AS (
	SELECT pair,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE side = 'A') AS a_ms,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE side = 'B') AS b_ms
	  FROM times GROUP BY pair
), spreads AS (
	SELECT pair, min(a.ms / b.ms) AS low, max(a.ms / b.ms) AS high
	  FROM (SELECT * FROM times WHERE side = 'A') AS a
	  JOIN (SELECT * FROM times WHERE side = 'B') AS b USING (pair, round)
	 GROUP BY pair
)
SELECT a AS "A", b AS "B",
	   to_char(a_ms, 'FM999990.000') AS "A ms",
	   to_char(b_ms, 'FM999990.000') AS "B ms",
	   to_char(a_ms / b_ms, 'FM9990.00') AS "A/B",
	   to_char(low, 'FM9990.00') || ' - ' || to_char(high, 'FM9990.00') AS "spread",
	   trim_scale(target)::text || CASE WHEN slack > 0 THEN to_char(slack, ' "+" FM0.00') ELSE '' END AS "target",
	   CASE WHEN target IS NULL THEN ''
			WHEN a_ms / b_ms <= target + slack THEN 'target met'
			ELSE 'target missed' END AS "result"
  FROM pairs JOIN medians USING (pair) JOIN spreads USING (pair)
 ORDER BY pair;
\echo Times are of one call. The spread is that of A/B, round by round.
