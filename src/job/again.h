/*
 * again.h
 *	  One key of a job once more: that of a row which failed, or was locked.
 */
#ifndef CITER_JOB_AGAIN_H
#define CITER_JOB_AGAIN_H

#include "job/chunk.h"
#include "job/run.h"
#include "job/transaction.h"

/* The argument of its transaction; see CiterJobChunk for the texts. */
typedef struct CiterJobAgain
{
	CiterJobKept row;			/* the last one that was looked at */
	CiterJobChunkMode mode;		/* of the next attempt */

	/* What the attempt finds. */
	CiterJobKept next;
	CiterJobState state;		/* of the job */
	CiterJobRange range;
	CiterJobChunk chunk;
} CiterJobAgain;

extern void citer_job_again_lock(CiterJobRun *run, CiterJobAgain *again);
extern void citer_job_again_run(CiterJobRun *run, CiterJobAgain *again);
extern bool citer_job_again_by_key(CiterJobAgain *again);

#endif							/* CITER_JOB_AGAIN_H */
