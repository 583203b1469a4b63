/*
 * job_run.h
 *	  A job as one session is at work on it.
 */
#ifndef CITER_JOB_RUN_H
#define CITER_JOB_RUN_H

#include "job_arguments.h"
#include "job_chunk.h"
#include "job_state.h"
#include "job_statement.h"

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
	bool		resuming;		/* the job that is found is to go on */
	bool		has_job_guard;
	int			guarded_range;	/* 0: none */

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
	int			attempts;		/* at the next chunk that failed */
	CiterJobChunk chunk;		/* the last attempt */
	ErrorData  *skip_error;		/* why a row is passed over */

	/* What has been found out. */
	const char *stopped;		/* a state of the job in which nobody works */
	bool		lost;			/* the range to another session */
	bool		has_to_wait;	/* the throttle query says so */
	double		wait_ms;		/* for how long; 0: not waiting */
	bool		finished;
	bool		unfinished;		/* other sessions have ranges that are not
								 * done */
	const char *new_state;		/* to be stored, with an error or NULL */
	const char *new_error;
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

extern ErrorData *citer_job_transaction(CiterJobRun *run, void (*work) (CiterJobRun *run));
extern void citer_job_run_range(CiterJobRun *run);
extern void citer_job_fail_to_resume(CiterJobRun *run, ErrorData *error);

#endif							/* CITER_JOB_RUN_H */
