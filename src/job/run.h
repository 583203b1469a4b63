/*
 * run.h
 *	  A job as one session is at work on it.
 */
#ifndef CITER_JOB_RUN_H
#define CITER_JOB_RUN_H

#include "job/arguments.h"
#include "job/chunk.h"
#include "job/state.h"
#include "job/statement.h"

typedef struct CiterJobRun
{
	MemoryContext context;		/* holds all of it, over all transactions */
	MemoryContext scratch;		/* emptied before each chunk */
	Oid			procedure;
	Oid			role;			/* of the caller */
	CiterJobArguments arguments;
	bool		helps;			/* by chunked_iter_work */
	CiterJob   *job;
	CiterJobStatement *statement;
	bool		has_job_guard;
	bool		has_presence;	/* counts as a session at work on the job */
	int			guarded_range;	/* 0: none */

	/* The job's, as far as this session knows it. */
	CiterJobState state;

	/* Limits of this call. */
	int64		nchunks;
	double		deadline;		/* 0: none */

	/* The range at work. */
	CiterJobRange range;
	bool		position_known; /* to this session, from its last chunk */
	NullableDatum position;
	int			chunk_size;		/* as adapted */
	int			limit;			/* rows of the next chunk: fewer while an
								 * error is being narrowed down */
	bool		by_row;			/* that chunk is to be done row by row */
	CiterJobChunk chunk;		/* the last attempt */
	bool		lost;			/* the range to another session */
	int			attempts;		/* at the transaction that failed */

	double		wait_ms;		/* for the throttle query; 0: not waiting */
	bool		waits_for_others;	/* and others can see so */
	double		started;		/* when the chunk was */
	double		speed_mark;		/* when the one before was done */
	double		message_mark;
	int64		rows;			/* done in this call */
	int64		passed;			/* locked by others, and passed over */
	int64		skipped;		/* failed, and passed over */

	/* What the statement did, in chunks in which that was counted. */
	int64		nchunks_counted;
	int64		nchunks_unchanged;	/* in which it changed no row */
	int64		changed;		/* rows */
	int64		changed_own;	/* of the job's relation, by one command */
} CiterJobRun;

/* How a transaction of a job ended. */
typedef enum CiterJobOutcome
{
	CITER_OUTCOME_COMMITTED,
	CITER_OUTCOME_WAITS,		/* committed, and the job has to wait */
	CITER_OUTCOME_STOPPED,		/* committed, and the job is not to go on */
	CITER_OUTCOME_RETRY,		/* rolled back, to be tried again now */
	CITER_OUTCOME_FAILED		/* rolled back, with an error */
} CiterJobOutcome;

/* What is done in a transaction; returns one of the first three outcomes. */
typedef CiterJobOutcome (*CiterJobWork) (CiterJobRun *run, void *argument);

extern CiterJobOutcome citer_job_try(CiterJobRun *run, CiterJobWork work, void *argument,
									 int retries, ErrorData **error);
extern CiterJobOutcome citer_job_do(CiterJobRun *run, CiterJobWork work, void *argument,
									ErrorData **error);
extern bool citer_job_in_the_way(const ErrorData *error);
extern void citer_job_sleep(double ms);

extern void citer_job_run_range(CiterJobRun *run);
extern void citer_job_fail_to_resume(CiterJobRun *run, ErrorData *error);

#endif							/* CITER_JOB_RUN_H */
