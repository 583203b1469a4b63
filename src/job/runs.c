/*
 * runs.c
 *	  The history of a job: a row for each call.
 *
 * A call inserts its row in its first transaction, and writes what it has done
 * so far with a chunk now and then, not with each: that would double what is
 * written about it.  The row ends with the transaction that ends the call.  A
 * session that dies leaves a row without an end; the next run of the job ends
 * it, for nobody else runs the job then.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "job/pace.h"
#include "job/runs.h"
#include "job/sql.h"

/* Between two notes of what a call has done so far. */
#define NOTE_MS 1000.0

static void insert_row(CiterJobRun *run);
static void store(const CiterJobRun *run, const char *outcome, const char *error);
static void add_seconds(CiterJobValues *values, double ms);

/*
 * Inserts the row of this call, whose job is there, and drops those that are
 * too many.  Does nothing if none are kept.
 */
void
citer_job_runs_begin(CiterJobRun *run)
{
	CiterJobValues values = citer_job_values(run->job->name);
	int			limit = citer_settings_runs_limit();

	run->run_no = 0;
	run->note_mark = citer_pace_now();
	if (limit == 0)
		return;
	if (!run->helps)
		citer_job_sql_run(run->procedure, CITER_JOB_SQL_END_RUNS, &values);
	do
		insert_row(run);
	while (run->run_no == 0);
	if (limit > 0 && run->run_no > limit)
	{
		citer_job_add_bigint(&values, run->run_no - limit);
		citer_job_sql_run(run->procedure, CITER_JOB_SQL_PRUNE_RUNS, &values);
	}
}

/* Stores what the call has done, if that has not been stored for a while. */
void
citer_job_runs_note(CiterJobRun *run)
{
	double		now = citer_pace_now();

	if (now - run->note_mark < NOTE_MS)
		return;
	run->note_mark = now;
	store(run, NULL, NULL);
}

/*
 * Stores what the call has done, and that it ends, with the job in this state: a
 * session that helped can end before the job.  "error" may be NULL.
 */
void
citer_job_runs_end(const CiterJobRun *run, CiterJobState state, const char *error)
{
	store(run, citer_job_is_active(state) ? "ended" : citer_job_state_name(state), error);
}

/* Work of its own: the call ends, and its job has the state already. */
CiterJobOutcome
citer_job_runs_store_end(CiterJobRun *run, void *state)
{
	citer_job_runs_end(run, *(const CiterJobState *) state, NULL);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Inserts the row under the next number; run->run_no stays 0 if another
 * session was faster, whose row can be seen then.
 */
static void
insert_row(CiterJobRun *run)
{
	CiterJobValues values = citer_job_values(run->job->name);

	citer_job_add_text(&values, !run->helps ? "run" : MyBackendType == B_BG_WORKER ? "worker" : "work");
	citer_job_add(&values, TIMESTAMPTZOID,
				  TimestampTzGetDatum(GetCurrentStatementStartTimestamp()), false);
	citer_job_sql_run(run->procedure, CITER_JOB_SQL_INSERT_RUN, &values);
	if (SPI_processed > 0)
		run->run_no = citer_job_get_bigint(1, 0);
	SPI_freetuptable(SPI_tuptable);
}

/* Stores what the call has done; a NULL outcome means that it goes on. */
static void
store(const CiterJobRun *run, const char *outcome, const char *error)
{
	const CiterJobTotals *totals = &run->totals;
	CiterJobValues values;

	if (run->run_no == 0)
		return;
	values = citer_job_values(run->job->name);
	citer_job_add_bigint(&values, run->run_no);
	citer_job_add_bigint(&values, totals->rows);
	citer_job_add(&values, INT8OID, Int64GetDatum(totals->changed), totals->counted_chunks == 0);
	citer_job_add_bigint(&values, totals->chunks);
	citer_job_add_bigint(&values, totals->failed);
	citer_job_add_bigint(&values, totals->locked);
	add_seconds(&values, totals->worked_ms);
	add_seconds(&values, totals->throttled_ms);
	add_seconds(&values, totals->paused_ms);
	citer_job_add_text(&values, outcome);
	citer_job_add_text(&values, error);
	citer_job_add(&values, TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	citer_job_sql_run(run->procedure, CITER_JOB_SQL_UPDATE_RUN, &values);
}

static void
add_seconds(CiterJobValues *values, double ms)
{
	citer_job_add(values, FLOAT8OID, Float8GetDatum(rint(ms) / 1000), false);
}
