-- How far the jobs of shards.sql are, over all nodes.
--
--   psql -v job=shout -f examples/citus/progress.sql

SELECT sum(jobs) AS jobs, sum(succeeded) AS succeeded, sum(rows_done) AS rows_done,
	   round(sum(percents) / nullif(sum(jobs), 0), 1) AS percent,
	   max(last_error) AS last_error
  FROM run_command_on_all_nodes(format(
	$$SELECT json_build_object('jobs', count(*), 'succeeded', count(*) FILTER (WHERE state = 'succeeded'),
		'rows_done', sum(rows_done), 'percents', sum(percent), 'last_error', max(last_error))
	  FROM chunked_iter_progress WHERE starts_with(job, %L)$$, :'job' || ' ')) AS node,
	   json_to_record(node.result::json) AS progress(jobs bigint, succeeded bigint, rows_done bigint,
		percents numeric, last_error text);
