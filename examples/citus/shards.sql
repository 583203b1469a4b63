-- A job for each shard of a distributed table of Citus, on the worker that has
-- it: all at once, each with its position beside its rows. Run it on the
-- coordinator, again to go on where something has stopped it.
--
--   psql -v job=shout -v table=entry
--        -v statement='UPDATE %1$s AS s SET title = upper(title) WHERE chunk_range(s)'
--        -f examples/citus/shards.sql
--
-- In the statement %1$s stands for the shard. No shard may move meanwhile, nor
-- before all of it has succeeded: its worker keeps the position.

-- The extension has to be on the workers, too.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
SELECT count(*) AS workers
  FROM run_command_on_workers('SET citus.enable_ddl_propagation = off; CREATE EXTENSION IF NOT EXISTS chunked_iter')
 WHERE success;

SELECT success, count(*) AS shards, max(CASE WHEN NOT success THEN result END) AS error
  FROM run_command_on_placements(:'table',
	format('CALL chunked_iter_run(%L, %L, %L)', :'job' || ' %1$s', '%1$s', :'statement'))
 GROUP BY success;
