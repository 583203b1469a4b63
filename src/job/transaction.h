/*
 * transaction.h
 *	  Work in a transaction of its own, with its errors caught.
 */
#ifndef CITER_JOB_TRANSACTION_H
#define CITER_JOB_TRANSACTION_H

#include "job/run.h"

/* How a transaction of a job ended. */
typedef enum CiterJobOutcome
{
	CITER_OUTCOME_COMMITTED,
	CITER_OUTCOME_WAITS,		/* committed, and the job has to wait */
	CITER_OUTCOME_STOPPED,		/* committed, and the job is not to go on */
	CITER_OUTCOME_RETRY,		/* rolled back, to be tried again now */
	CITER_OUTCOME_FAILED		/* rolled back, with an error */
} CiterJobOutcome;

/*
 * What is done in a transaction; returns one of the first three outcomes.  The
 * argument carries what it needs and what it finds, which holds if it commits.
 */
typedef CiterJobOutcome (*CiterJobWork) (CiterJobRun *run, void *argument);

/* How often in a row a transaction is tried again. */
typedef struct CiterJobRetries
{
	int			max;
	int			done;
	bool		without_snapshot;	/* for what may take long and reads
									 * nothing */
	bool		in_slices;		/* lock_timeout is one of ours: at its end the
								 * job has to wait */
} CiterJobRetries;

extern CiterJobOutcome citer_job_try(CiterJobRun *run, CiterJobWork work, void *argument,
									 CiterJobRetries *retries, ErrorData **error);
extern CiterJobOutcome citer_job_do(CiterJobRun *run, CiterJobWork work, void *argument,
									ErrorData **error);
extern void citer_job_rest(CiterJobRun *run, CiterPaceWait what, double ms);
extern void citer_job_sleep(double ms);
extern void citer_job_sleep_for(CiterPaceWait what, double ms);

#endif							/* CITER_JOB_TRANSACTION_H */
