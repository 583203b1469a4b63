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

#include "job/pace.h"
#include "job/rate.h"

static void want(CiterRest *rest, double ms, const char *reason);

/* How many bytes of WAL this session has written, its commits included. */
uint64
citer_rate_wal(void)
{
	return pgWalUsage.wal_bytes;
}

/* The rest that the job has to take now, after a chunk. */
CiterRest
citer_rate_rest(const CiterJob *job, const CiterRateChunk *chunk)
{
	CiterRest	rest = {0, NULL};
	double		worked_ms = citer_pace_now() - chunk->started;

	want(&rest, job->pause_ms, "pause_ms");
	want(&rest, worked_ms * (100 - job->duty_percent) / job->duty_percent, "duty_percent");
	if (job->max_rows_per_second > 0)
		want(&rest, chunk->rows * 1000.0 * chunk->sessions / job->max_rows_per_second - worked_ms,
			 "max_rows_per_second");
	if (job->max_wal_per_second > 0)
		want(&rest, chunk->wal * 1000.0 * chunk->sessions / job->max_wal_per_second - worked_ms,
			 "max_wal_per_second");
	return rest;
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
