/*
 * run.h
 *	  A job as one session is at work on it.
 */
#ifndef CITER_JOB_RUN_H
#define CITER_JOB_RUN_H

#include "job/arguments.h"
#include "job/pace.h"
#include "job/state.h"
#include "job/statement.h"

/* What this call has done, over all its chunks. */
typedef struct CiterJobTotals
{
	int64		chunks;
	int64		rows;			/* read */
	int64		locked;			/* by others, and skipped by SKIP LOCKED */
	int64		failed;			/* recorded and skipped */
	double		worked_ms;		/* in the transactions of chunks */
	double		throttled_ms;	/* waiting for the throttle query */
	double		paused_ms;		/* between chunks, as the job's pace wants it */

	/* What the statement did, in chunks in which that was counted. */
	int64		counted_chunks;
	int64		unchanged_chunks;	/* in which it changed no row */
	int64		changed;		/* rows */
	int64		changed_own;	/* of the job's relation, by one command */
} CiterJobTotals;

/* Background workers; see workers.c and worker.h. */
typedef struct CiterWorkers CiterWorkers;
typedef struct CiterWorkerShared CiterWorkerShared;

/*
 * What outlives the transactions of a call.  A transaction gets what it needs
 * beside that, and gives what it finds, by an argument of its own.
 */
typedef struct CiterJobRun
{
	MemoryContext context;		/* holds all of it */
	MemoryContext scratch;		/* of transactions; reset before each */
	Oid			procedure;
	Oid			role;			/* of the caller */
	CiterJobArguments arguments;
	bool		helps;			/* by chunked_iter_work */
	bool		detached;		/* in a background worker of its own */
	double		deadline;		/* 0: none */
	CiterJob   *job;			/* NULL: not opened yet */

	/* Given back at the end of the call, whichever way it ends. */
	CiterJobStatement *statement;
	bool		has_job_guard;
	bool		has_presence;	/* counts as a session at work on the job */
	int			guarded_range;	/* 0: none */
	CiterWorkers *workers;		/* that this call has started; NULL: none */

	bool		followed;		/* what has come since all ranges were done */
	bool		revisited;		/* rows that others had locked, as often as
								 * that helps */
	CiterWorkerShared *shared;	/* with these, or by one of them; NULL: none */
	CiterJobTotals totals;
	double		message_mark;	/* when the client last got a message */

	/* Its row in chunked_iter_runs. */
	int64		run_no;			/* 0: none */
	double		note_mark;		/* when it was last written */

	CiterSpeed	speed;			/* of this session */
	double		speed_mark;		/* up to when it is known; 0: never */
	double		rest_until;		/* before the next chunk */
	uint64		wal_mark;		/* bytes written when the last chunk was done */
} CiterJobRun;

#endif							/* CITER_JOB_RUN_H */
