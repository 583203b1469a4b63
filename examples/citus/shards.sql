-- A job for each shard of a distributed table of Citus, on the worker that has
-- it: all at once, each with its position beside its rows. Run it on the
-- coordinator, again to go on where something has stopped it, until all shards
-- succeed.
--
--   psql -v job=shout -v table=entry [-v chunk_size=1000]
--        -v statement='UPDATE %1$s AS s SET title = upper(title) WHERE chunk_range(s)'
--        -f examples/citus/shards.sql
--
-- In the statement %1$s stands for the shard. No shard may move meanwhile, nor
-- before all of it has succeeded: its worker keeps the position. A worker whose
-- coordinator has gone finishes the chunks of its shards by itself; to run this
-- again says then that another session is at work (55P03).

\if :{?chunk_size}
\else
	\set chunk_size 1000
\endif

-- The extension has to be on the workers, too.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
SELECT count(*) AS workers
  FROM run_command_on_workers('SET citus.enable_ddl_propagation = off; CREATE EXTENSION IF NOT EXISTS chunked_iter')
 WHERE success;

SELECT success, count(*) AS shards, max(CASE WHEN NOT success THEN result END) AS error
  FROM run_command_on_placements(:'table',
	format('CALL chunked_iter_run(%L, %L, %L, chunk_size => %s)',
		:'job' || ' %1$s', '%1$s', :'statement', :chunk_size))
 GROUP BY success;
