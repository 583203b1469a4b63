-- A walk of each shard on the worker that has it, all at once, under the
-- workers' own snapshots. What comes back is one text a shard.
--
--   psql -v table=entry -f examples/citus/walks.sql

SELECT count(*) AS shards, sum(result::bigint) AS written_by_somebody
  FROM run_command_on_shards(:'table',
	$$SELECT count(*) FROM chunked_iter(NULL::%s, filter => 'author IS NOT NULL')$$);
