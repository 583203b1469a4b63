/*
 * range.h
 *	  Works through a range of a job, chunk by chunk.
 */
#ifndef CITER_JOB_RANGE_H
#define CITER_JOB_RANGE_H

#include "job/run.h"

extern CiterJobState citer_job_run_range(CiterJobRun *run, int range_no);
extern CiterJobState citer_job_pause_at_limit(CiterJobRun *run);

#endif							/* CITER_JOB_RANGE_H */
