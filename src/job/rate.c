/*
 * rate.c
 *	  How long a job rests after a chunk.
 *
 * pause_ms is a rest of its own; duty_percent asks for one in proportion to
 * the time that the chunk took.  A rate, of rows or of WAL, says how long the
 * chunk should have taken, its rest included.  The longest of these rests
 * counts.  Sessions that work on a job together share its rates evenly.
 */
#include "postgres.h"

#include "executor/instrument.h"

#include "job/guard.h"
#include "job/pace.h"
#include "job/rate.h"
#include "job/transaction.h"

static void want(CiterRest *rest, double ms, const char *reason);

/* How many bytes of WAL this session has written, its commits included. */
uint64
citer_rate_wal(void)
{
	return pgWalUsage.wal_bytes;
}

/*
 * The rest that the session has to take now, after a chunk.  The WAL is that
 * since run->wal_mark.
 */
CiterRest
citer_rate_rest_after(const CiterJobRun *run, const CiterRateChunk *chunk)
{
	const CiterJob *job = run->job;
	CiterRest	rest = {0, NULL};
	double		worked_ms = citer_pace_now() - chunk->started;
	double		share = 1;		/* of the job's rates */

	if (job->max_rows_per_second > 0 || job->max_wal_per_second > 0)
		share = 1.0 / citer_guard_share(run->role, job->name);
	want(&rest, job->pause_ms, "pause_ms");
	want(&rest, worked_ms * (100 - job->duty_percent) / job->duty_percent, "duty_percent");
	if (job->max_rows_per_second > 0)
		want(&rest, chunk->rows * 1000 / (job->max_rows_per_second * share) - worked_ms,
			 "max_rows_per_second");
	if (job->max_wal_per_second > 0)
		want(&rest, (citer_rate_wal() - run->wal_mark) * 1000 / (job->max_wal_per_second * share) - worked_ms,
			 "max_wal_per_second");
	return rest;
}

/*
 * Takes the rest that the last chunk asked for, or as much of it as the call has
 * time for; false if there is none.
 */
bool
citer_rate_take_rest(CiterJobRun *run)
{
	double		began = citer_pace_now();
	double		ms = run->rest_until - began;

	run->rest_until = 0;
	if (ms <= 0)
		return false;
	citer_job_rest(run, CITER_WAIT_PAUSE, ms);
	run->totals.paused_ms += Min(ms, citer_pace_now() - began);
	return true;
}

/* Makes the rest a longer one. */
static void
want(CiterRest *rest, double ms, const char *reason)
{
	if (ms > rest->ms)
	{
		rest->ms = ms;
		rest->reason = reason;
	}
}
