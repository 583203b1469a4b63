/*
 * rate.h
 *	  How long a job rests after a chunk.
 */
#ifndef CITER_JOB_RATE_H
#define CITER_JOB_RATE_H

#include "job/run.h"

/* What a chunk has taken. */
typedef struct CiterRateChunk
{
	double		started;		/* by citer_pace_now() */
	int64		rows;
} CiterRateChunk;

/* A rest, and which of the job's arguments asks for it, as it is named. */
typedef struct CiterRest
{
	double		ms;
	const char *reason;			/* NULL: no rest */
} CiterRest;

extern uint64 citer_rate_wal(void);
extern CiterRest citer_rate_rest_after(const CiterJobRun *run, const CiterRateChunk *chunk);
extern bool citer_rate_take_rest(CiterJobRun *run);

#endif							/* CITER_JOB_RATE_H */
