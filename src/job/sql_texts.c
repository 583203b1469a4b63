/*
 * sql_texts.c
 *	  The texts of the statements on the tables of jobs.
 *
 * "@" stands for the extension's schema.  All other names are found in
 * pg_catalog, see sql.c.
 */
#include "postgres.h"

#include "job/sql_texts.h"

/*
 * The state of a job j: what was requested, unless it has succeeded, or has
 * failed and was only requested to pause.  Requests have a table of their own, so
 * that the job does not wait for the end of a transaction that makes one.
 */
#define STATE \
	"coalesce((SELECT q.request FROM @.chunked_iter_job_requests AS q WHERE q.job = j.job" \
	" AND (j.state NOT IN ('succeeded', 'failed') OR (j.state = 'failed' AND q.request = 'cancelled')))," \
	" j.state)"

/* What the arguments behind statement_is_global have set. */
#define PACE_COLUMNS \
	"workers, follow, follow_delay, nap_ms, max_failed, revisit, needs, duty_percent, " \
	"max_rows_per_second, max_wal_per_second"

/*
 * What chunked_iter_tune may change while the job runs, from its row t if there
 * is one.  0 and '' mean the same as NULL.
 */
#define TUNED_COLUMNS \
	"coalesce(t.chunk_size, j.chunk_size), coalesce(t.target_ms, j.target_ms), " \
	"coalesce(t.pause_ms, j.pause_ms), nullif(coalesce(t.throttle_query, j.throttle_query), ''), " \
	"coalesce(t.duty_percent, j.duty_percent), coalesce(t.max_rows_per_second, j.max_rows_per_second), " \
	"coalesce(t.max_wal_per_second, j.max_wal_per_second)"

#define JOB_COLUMNS \
	STATE ", relation, relation_oid, relation_storage, database_id, key, has_index, " \
	"statement, search_path, order_by, reverse, filter, after, upto, parts, " \
	"lock_rows, retries, on_error, statement_is_global, " \
	"owner, to_regrole(quote_ident(owner::text))::oid, key_basis, settings, " \
	"workers, follow, follow_delay, nap_ms, max_failed, revisit, needs, " \
	"(SELECT q.requested_at FROM @.chunked_iter_job_requests AS q WHERE q.job = j.job), " \
	"t.tuned_at, j.detached, " TUNED_COLUMNS

/* The guards of a job that say that sessions are at work on it. */
#define GUARDS \
	"CROSS JOIN LATERAL (SELECT @.chunked_iter_guard(o.o, j.job, 0) AS job," \
	" @.chunked_iter_guard(o.o, j.job, -1) AS presence, @.chunked_iter_guard(o.o, j.job, -3) AS coming" \
	" FROM coalesce(to_regrole(quote_ident(j.owner::text))::oid, 0::oid) AS o OFFSET 0) AS g"

/* The sessions, other than this one, that hold them. */
#define AT_WORK \
	"(SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.objsubid = 17225" \
	" AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())" \
	" AND ((l.classid::bigint << 32) | l.objid::bigint) IN (g.job, g.presence, g.coming)" \
	" AND l.pid IS DISTINCT FROM pg_backend_pid()) AS l"

/*
 * A range is found by its key, or by where its row was last: while somebody
 * holds an old snapshot, the look-up by key passes over all its old versions.
 */
#define LOCK_RANGE \
	"SELECT " STATE ", r.done, r.after, r.upto, r.\"position\", r.chunk_size, r.rows_per_second," \
	" r.rows_done, r.estimated_rows, r.ctid, j.xmin, " TUNED_COLUMNS \
	" FROM @.chunked_iter_job_ranges AS r JOIN @.chunked_iter_jobs AS j ON j.job = r.job" \
	" LEFT JOIN @.chunked_iter_job_tunings AS t ON t.job = j.job" \
	" WHERE r.job = $1 AND r.range_no = $2"

/*
 * The same for a range of which all is known that could be read, as long as
 * nobody has changed it or the job, or asks for something: then this is most of
 * what is kept of a chunk before its statement, and takes half of the time.
 */
#define LOCK_SAME \
	"SELECT r.ctid FROM @.chunked_iter_job_ranges AS r" \
	" WHERE r.job = $1 AND r.range_no = $2 AND r.ctid = $3 AND r.\"position\" = $4 AND NOT r.done" \
	" AND EXISTS (SELECT FROM @.chunked_iter_jobs AS j WHERE j.job = $1 AND j.xmin = $5)" \
	" AND NOT EXISTS (SELECT FROM @.chunked_iter_job_requests AS q WHERE q.job = $1)" \
	" AND NOT EXISTS (SELECT FROM @.chunked_iter_job_tunings AS t WHERE t.job = $1) FOR UPDATE"

#define ADVANCE \
	"UPDATE @.chunked_iter_job_ranges SET \"position\" = $3, done = $4, rows_done = rows_done + $5," \
	" chunks_done = chunks_done + $6, chunk_size = $7, rows_per_second = $8, waiting_for = $9," \
	" rows_failed = rows_failed + $11, rows_passed = rows_passed + $12," \
	" rows_changed = CASE WHEN $10 IS NULL THEN rows_changed ELSE coalesce(rows_changed, 0) + $10 END," \
	" updated_at = clock_timestamp()" \
	" WHERE job = $1 AND range_no = $2"

/*
 * The first failed, or passed, row of a job behind a range and number, and the
 * last number there is in its range.
 */
#define NEXT_ROW(kind) \
	"SELECT f.range_no, f." kind "_no, f.key," \
	" (SELECT max(e." kind "_no) FROM @.chunked_iter_" kind "_rows AS e" \
	" WHERE e.job = f.job AND e.range_no = f.range_no)" \
	" FROM @.chunked_iter_" kind "_rows AS f WHERE f.job = $1 AND (f.range_no, f." kind "_no) > ($2, $3)" \
	" ORDER BY f.range_no, f." kind "_no LIMIT 1"

const char *const citer_job_sql_texts[CITER_JOB_SQL_COUNT] = {
	[CITER_JOB_SQL_READ] =
	"SELECT " JOB_COLUMNS " FROM @.chunked_iter_jobs AS j"
	" LEFT JOIN @.chunked_iter_job_tunings AS t ON t.job = j.job WHERE j.job = $1",
	[CITER_JOB_SQL_STATE] =
	"SELECT " STATE ", EXISTS (SELECT FROM " AT_WORK "), (SELECT q.xmin FROM @.chunked_iter_job_requests AS q WHERE q.job = j.job)"
	" FROM @.chunked_iter_jobs AS j " GUARDS " WHERE j.job = $1",
	[CITER_JOB_SQL_BLOCKED] =
	"WITH RECURSIVE waits AS (SELECT l.pid FROM @.chunked_iter_jobs AS j " GUARDS
	" CROSS JOIN LATERAL " AT_WORK " WHERE j.job = $1"
	" UNION SELECT b.pid FROM waits AS w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid))"
	" SELECT FROM waits AS w WHERE w.pid = pg_backend_pid()",
	[CITER_JOB_SQL_DETACHED] =
	"SELECT j.job, to_regrole(quote_ident(j.owner::text))::oid,"
	" (j.stop_chunks - (SELECT sum(r.chunks_done) FROM @.chunked_iter_job_ranges AS r WHERE r.job = j.job))::bigint,"
	" (extract(epoch FROM j.stop_at - clock_timestamp()) * 1000)::bigint FROM @.chunked_iter_jobs AS j"
	" WHERE j.detached AND " STATE " = 'running' AND ($1 OR j.owner = current_user)"
	" AND j.database_id = $2 ORDER BY j.job",
	[CITER_JOB_SQL_INSERT] =
	"INSERT INTO @.chunked_iter_jobs (job, state, relation, relation_oid, relation_storage,"
	" database_id, key, has_index, statement, search_path, order_by, reverse, filter, after, upto, parts,"
	" chunk_size, lock_rows, target_ms, pause_ms, throttle_query, retries, on_error, statement_is_global,"
	" " PACE_COLUMNS ", key_basis, settings, detached, settled)"
	" VALUES ($1, 'running', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
	" $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, NOT $25)",
	[CITER_JOB_SQL_START] =
	"UPDATE @.chunked_iter_jobs SET state = 'running', relation_oid = $2, relation_storage = $3,"
	" database_id = $4, chunk_size = $5, lock_rows = $6, target_ms = $7, pause_ms = $8,"
	" throttle_query = $9, retries = $10, on_error = $11, statement_is_global = $12,"
	" workers = $13, follow = $14, follow_delay = $15, nap_ms = $16, max_failed = $17, revisit = $18,"
	" needs = $19, duty_percent = $20, max_rows_per_second = $21, max_wal_per_second = $22, detached = $23,"
	" settled = NOT $14 OR (follow AND settled), stop_chunks = NULL, stop_at = NULL,"
	" last_error = NULL, waiting_for = NULL, updated_at = clock_timestamp()"
	" WHERE job = $1",
	[CITER_JOB_SQL_LIMIT] =
	"UPDATE @.chunked_iter_jobs AS j SET stop_at = $3, stop_chunks = CASE WHEN $2 IS NOT NULL"
	" THEN least(9223372036854775807, $2 + (SELECT sum(r.chunks_done) FROM @.chunked_iter_job_ranges AS r"
	" WHERE r.job = j.job)) END WHERE j.job = $1",
	[CITER_JOB_SQL_SET_STATE] =
	"UPDATE @.chunked_iter_jobs SET state = $2, last_error = coalesce($3, last_error),"
	" waiting_for = NULL, updated_at = clock_timestamp() WHERE job = $1 AND state IN ('running', 'interrupted')",
	[CITER_JOB_SQL_FAIL] =
	"UPDATE @.chunked_iter_jobs SET state = 'failed', last_error = $2, waiting_for = NULL,"
	" updated_at = clock_timestamp()"
	" WHERE job = $1 AND state NOT IN ('succeeded', 'cancelled')",
	[CITER_JOB_SQL_REQUEST] =
	"INSERT INTO @.chunked_iter_job_requests AS q (job, request) VALUES ($1, $2)"
	" ON CONFLICT (job) DO UPDATE SET request = excluded.request, requested_at = clock_timestamp()",
	[CITER_JOB_SQL_DROP_REQUEST] =
	"DELETE FROM @.chunked_iter_job_requests WHERE job IN"
	" (SELECT q.job FROM @.chunked_iter_job_requests AS q WHERE q.job = $1 AND q.requested_at = $2"
	" FOR UPDATE SKIP LOCKED)",
	[CITER_JOB_SQL_TUNE] =
	"INSERT INTO @.chunked_iter_job_tunings AS t (job, chunk_size, target_ms, pause_ms, throttle_query,"
	" duty_percent, max_rows_per_second, max_wal_per_second) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	" ON CONFLICT (job) DO UPDATE SET chunk_size = coalesce(excluded.chunk_size, t.chunk_size),"
	" target_ms = coalesce(excluded.target_ms, t.target_ms),"
	" pause_ms = coalesce(excluded.pause_ms, t.pause_ms),"
	" throttle_query = coalesce(excluded.throttle_query, t.throttle_query),"
	" duty_percent = coalesce(excluded.duty_percent, t.duty_percent),"
	" max_rows_per_second = coalesce(excluded.max_rows_per_second, t.max_rows_per_second),"
	" max_wal_per_second = coalesce(excluded.max_wal_per_second, t.max_wal_per_second),"
	" tuned_at = clock_timestamp()",
	[CITER_JOB_SQL_DROP_TUNING] =
	"DELETE FROM @.chunked_iter_job_tunings WHERE job IN"
	" (SELECT t.job FROM @.chunked_iter_job_tunings AS t WHERE t.job = $1 AND t.tuned_at = $2"
	" FOR UPDATE SKIP LOCKED)",
	[CITER_JOB_SQL_MISSING_NEEDS] =
	"SELECT n.name, p.state FROM unnest($2) WITH ORDINALITY AS n (name, no)"
	" LEFT JOIN @.chunked_iter_progress AS p ON p.job = n.name"
	" WHERE n.name <> $1 AND p.state IS DISTINCT FROM 'succeeded' ORDER BY n.no",
	[CITER_JOB_SQL_FINISH] =
	"UPDATE @.chunked_iter_jobs SET state = 'succeeded', waiting_for = NULL, updated_at = clock_timestamp()"
	" WHERE job = $1 AND state IN ('running', 'interrupted') AND NOT EXISTS"
	" (SELECT FROM @.chunked_iter_job_ranges AS r WHERE r.job = $1 AND NOT r.done)"
	" AND ($2 OR NOT EXISTS (SELECT FROM @.chunked_iter_passed_rows AS p WHERE p.job = $1)) AND NOT EXISTS"
	" (SELECT FROM @.chunked_iter_job_requests AS q WHERE q.job = $1)",
	[CITER_JOB_SQL_DELETE] =
	"DELETE FROM @.chunked_iter_jobs WHERE job = $1",
	[CITER_JOB_SQL_DELETE_REQUEST] =
	"DELETE FROM @.chunked_iter_job_requests WHERE job = $1",
	[CITER_JOB_SQL_DELETE_TUNING] =
	"DELETE FROM @.chunked_iter_job_tunings WHERE job = $1",
	[CITER_JOB_SQL_DELETE_RANGES] =
	"DELETE FROM @.chunked_iter_job_ranges WHERE job = $1",
	[CITER_JOB_SQL_DELETE_FAILED_ROWS] =
	"DELETE FROM @.chunked_iter_failed_rows WHERE job = $1",
	[CITER_JOB_SQL_DELETE_PASSED_ROWS] =
	"DELETE FROM @.chunked_iter_passed_rows WHERE job = $1",
	[CITER_JOB_SQL_INSERT_RANGE] =
	"INSERT INTO @.chunked_iter_job_ranges (job, range_no, after, upto, \"position\", done, estimated_rows, chunk_size)"
	" VALUES ($1, $2, $3, $4, $3, $5, $6, $7)",
	[CITER_JOB_SQL_LIST_RANGES] =
	"SELECT r.range_no, r.done, r.after, r.upto, r.\"position\", r.estimated_rows, r.rows_done"
	" FROM @.chunked_iter_job_ranges AS r WHERE r.job = $1 ORDER BY r.range_no",
	[CITER_JOB_SQL_UNFINISHED_RANGES] =
	"SELECT r.range_no FROM @.chunked_iter_job_ranges AS r"
	" WHERE r.job = $1 AND r.range_no > $2 AND NOT r.done"
	" AND EXISTS (SELECT FROM @.chunked_iter_jobs AS j WHERE j.job = $1 AND j.settled)"
	" ORDER BY r.range_no LIMIT $3",
	[CITER_JOB_SQL_LOCK_RANGE] = LOCK_RANGE " FOR UPDATE OF r",
	[CITER_JOB_SQL_LOCK_RANGE_AT] = LOCK_RANGE " AND r.ctid = $3 FOR UPDATE OF r",
	[CITER_JOB_SQL_LOCK_SAME] = LOCK_SAME,
	[CITER_JOB_SQL_ADVANCE] = ADVANCE " RETURNING ctid",
	[CITER_JOB_SQL_ADVANCE_AT] = ADVANCE " AND ctid = $13 RETURNING ctid",
	[CITER_JOB_SQL_WAIT] =
	"UPDATE @.chunked_iter_job_ranges SET waiting_for = $2, updated_at = clock_timestamp()"
	" WHERE job = $1 AND range_no = $3",
	[CITER_JOB_SQL_WAIT_JOB] =
	"UPDATE @.chunked_iter_jobs SET waiting_for = $2, updated_at = clock_timestamp() WHERE job = $1",
	[CITER_JOB_SQL_LOOK] =
	"SELECT j.settled, NOT EXISTS (SELECT FROM @.chunked_iter_job_ranges AS r WHERE r.job = $1 AND NOT r.done)"
	" FROM @.chunked_iter_jobs AS j WHERE j.job = $1",
	/* What is known to be done needs no estimate any more. */
	[CITER_JOB_SQL_REOPEN] =
	"UPDATE @.chunked_iter_job_ranges SET done = range_no <> $2,"
	" upto = CASE WHEN range_no = $2 THEN $3 ELSE upto END,"
	" estimated_rows = rows_done + CASE WHEN range_no = $2 THEN $4 ELSE 0 END, updated_at = clock_timestamp()"
	" WHERE job = $1 AND (range_no = $2 OR estimated_rows <> rows_done)",
	[CITER_JOB_SQL_SETTLE] =
	"UPDATE @.chunked_iter_jobs SET settled = $2 WHERE job = $1",
	[CITER_JOB_SQL_WRITERS] =
	"SELECT DISTINCT l.virtualtransaction FROM pg_locks AS l WHERE l.locktype = 'relation' AND l.granted"
	" AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
	" AND l.relation = ANY ($2) AND l.pid IS DISTINCT FROM pg_backend_pid()"
	" AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')",
	[CITER_JOB_SQL_CACHED] =
	"SELECT s.seqrelid::regclass::text, s.seqcache FROM pg_sequence AS s JOIN pg_depend AS d"
	" ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid"
	" WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $2 AND d.refobjsubid = $3"
	" AND d.deptype IN ('a', 'i') AND s.seqcache > 1",
	[CITER_JOB_SQL_LOCK_JOB] =
	"SELECT FROM @.chunked_iter_jobs AS j WHERE j.job = $1 FOR NO KEY UPDATE",
	[CITER_JOB_SQL_SUM_FAILED] =
	"SELECT coalesce(sum(r.rows_failed), 0)::bigint FROM @.chunked_iter_job_ranges AS r WHERE r.job = $1",
	[CITER_JOB_SQL_NEXT_FAILED] = NEXT_ROW("failed"),
	[CITER_JOB_SQL_DROP_FAILED] =
	"DELETE FROM @.chunked_iter_failed_rows WHERE job = $1 AND range_no = $2 AND failed_no = $3",
	[CITER_JOB_SQL_DROP_FAILED_KEY] =
	"DELETE FROM @.chunked_iter_failed_rows WHERE job = $1 AND range_no = $2 AND failed_no <= $3 AND key = $4",
	[CITER_JOB_SQL_COUNT_FAILED_KEY] =
	"SELECT count(*) FROM @.chunked_iter_failed_rows WHERE job = $1 AND range_no = $2 AND key = $3",
	[CITER_JOB_SQL_KEEP_PASSED] =
	"INSERT INTO @.chunked_iter_passed_rows (job, range_no, passed_no, key)"
	" SELECT $1, $2, coalesce(max(p.passed_no), 0) + 1, $3"
	" FROM @.chunked_iter_passed_rows AS p WHERE p.job = $1 AND p.range_no = $2",
	[CITER_JOB_SQL_NEXT_PASSED] = NEXT_ROW("passed"),
	[CITER_JOB_SQL_DROP_PASSED] =
	"DELETE FROM @.chunked_iter_passed_rows WHERE job = $1 AND range_no = $2 AND passed_no = $3",
	[CITER_JOB_SQL_END_RUNS] =
	"UPDATE @.chunked_iter_runs AS r SET ended_at = updated_at, outcome = 'interrupted'"
	" WHERE job = $1 AND ended_at IS NULL AND (pid = pg_backend_pid() OR NOT EXISTS"
	" (SELECT FROM pg_locks AS l WHERE l.pid = r.pid AND l.locktype = 'advisory' AND l.objsubid = 17225))",
	[CITER_JOB_SQL_INSERT_RUN] =
	"INSERT INTO @.chunked_iter_runs (job, run_no, call, started_at)"
	" SELECT $1, coalesce(max(r.run_no), 0) + 1, $2, $3 FROM @.chunked_iter_runs AS r WHERE r.job = $1"
	" ON CONFLICT DO NOTHING RETURNING run_no",
	[CITER_JOB_SQL_PRUNE_RUNS] =
	"DELETE FROM @.chunked_iter_runs WHERE job = $1 AND run_no <= $2",
	[CITER_JOB_SQL_UPDATE_RUN] =
	"UPDATE @.chunked_iter_runs SET rows_done = $3, rows_changed = $4, chunks_done = $5, rows_failed = $6,"
	" rows_passed = $7, seconds_worked = $8, seconds_throttled = $9, seconds_paused = $10, outcome = $11,"
	" error = $12, updated_at = $13, ended_at = CASE WHEN $11 IS NULL THEN NULL ELSE $13 END"
	" WHERE job = $1 AND run_no = $2",
	[CITER_JOB_SQL_DELETE_RUNS] =
	"DELETE FROM @.chunked_iter_runs WHERE job = $1",
};
