/*
 * report.h
 *	  What the client is told of a job's run.
 */
#ifndef CITER_JOB_REPORT_H
#define CITER_JOB_REPORT_H

#include "job/run.h"

/* What has come of the rows that had failed. */
typedef struct CiterJobRetried
{
	int64		tried;
	int64		failed;			/* of these, once more */
	int64		gone;
	int64		locked;			/* keys of which others have locked rows */
	int64		changed;		/* rows that cannot be told from others of
								 * their key */
} CiterJobRetried;

extern void citer_job_report_progress(CiterJobRun *run, const CiterJobRange *range, int64 rows_done);
extern void citer_job_report_end(const CiterJobRun *run, CiterJobState state);
extern void citer_job_report_retried(const CiterJobRun *run, const CiterJobRetried *retried);

#endif							/* CITER_JOB_REPORT_H */
