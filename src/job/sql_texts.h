/*
 * sql_texts.h
 *	  The texts of the statements on the tables of jobs.
 */
#ifndef CITER_JOB_SQL_TEXTS_H
#define CITER_JOB_SQL_TEXTS_H

typedef enum CiterJobSql
{
	CITER_JOB_SQL_READ,
	CITER_JOB_SQL_STATE,
	CITER_JOB_SQL_BLOCKED,
	CITER_JOB_SQL_DETACHED,
	CITER_JOB_SQL_INSERT,
	CITER_JOB_SQL_START,
	CITER_JOB_SQL_LIMIT,
	CITER_JOB_SQL_SET_STATE,
	CITER_JOB_SQL_FAIL,
	CITER_JOB_SQL_REQUEST,
	CITER_JOB_SQL_DROP_REQUEST,
	CITER_JOB_SQL_TUNE,
	CITER_JOB_SQL_DROP_TUNING,
	CITER_JOB_SQL_MISSING_NEEDS,
	CITER_JOB_SQL_FINISH,
	CITER_JOB_SQL_DELETE,
	CITER_JOB_SQL_DELETE_REQUEST,
	CITER_JOB_SQL_DELETE_TUNING,
	CITER_JOB_SQL_DELETE_RANGES,
	CITER_JOB_SQL_DELETE_FAILED_ROWS,
	CITER_JOB_SQL_DELETE_PASSED_ROWS,
	CITER_JOB_SQL_INSERT_RANGE,
	CITER_JOB_SQL_LIST_RANGES,
	CITER_JOB_SQL_UNFINISHED_RANGES,
	CITER_JOB_SQL_LOCK_RANGE,
	CITER_JOB_SQL_LOCK_RANGE_AT,
	CITER_JOB_SQL_LOCK_SAME,
	CITER_JOB_SQL_ADVANCE,
	CITER_JOB_SQL_ADVANCE_AT,
	CITER_JOB_SQL_WAIT,
	CITER_JOB_SQL_WAIT_JOB,
	CITER_JOB_SQL_LOOK,
	CITER_JOB_SQL_REOPEN,
	CITER_JOB_SQL_SETTLE,
	CITER_JOB_SQL_WRITERS,
	CITER_JOB_SQL_CACHED,
	CITER_JOB_SQL_LOCK_JOB,
	CITER_JOB_SQL_SUM_FAILED,
	CITER_JOB_SQL_NEXT_FAILED,
	CITER_JOB_SQL_DROP_FAILED,
	CITER_JOB_SQL_DROP_FAILED_KEY,
	CITER_JOB_SQL_COUNT_FAILED_KEY,
	CITER_JOB_SQL_KEEP_PASSED,
	CITER_JOB_SQL_NEXT_PASSED,
	CITER_JOB_SQL_DROP_PASSED,
	CITER_JOB_SQL_END_RUNS,
	CITER_JOB_SQL_INSERT_RUN,
	CITER_JOB_SQL_PRUNE_RUNS,
	CITER_JOB_SQL_UPDATE_RUN,
	CITER_JOB_SQL_DELETE_RUNS,
	CITER_JOB_SQL_COUNT
} CiterJobSql;

/*
 * Adds a failed row, whose range is locked: its job, range, key, sqlstate and
 * message, and the row by an SQL expression, of $6 perhaps.
 */
#define CITER_JOB_SQL_FAILED(row) \
	"INSERT INTO @.chunked_iter_failed_rows (job, range_no, failed_no, key, sqlstate, message, \"row\")" \
	" SELECT $1, $2, coalesce(pg_catalog.max(f.failed_no), 0) + 1, $3, $4, $5, " row \
	" FROM @.chunked_iter_failed_rows AS f WHERE f.job = $1 AND f.range_no = $2"

/* Drops one failed row of a job, range and key that is equal to a row. */
#define CITER_JOB_SQL_TAKE_FAILED \
	"DELETE FROM @.chunked_iter_failed_rows AS f WHERE f.job = $1 AND f.range_no = $2 AND f.failed_no =" \
	" (SELECT min(e.failed_no) FROM @.chunked_iter_failed_rows AS e" \
	" WHERE e.job = $1 AND e.range_no = $2 AND e.key = $3 AND e.\"row\" = pg_catalog.to_jsonb($4))"

extern const char *const citer_job_sql_texts[CITER_JOB_SQL_COUNT];

#endif							/* CITER_JOB_SQL_TEXTS_H */
