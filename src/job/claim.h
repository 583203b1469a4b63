/*
 * claim.h
 *	  One free range of a job after the other.
 */
#ifndef CITER_JOB_CLAIM_H
#define CITER_JOB_CLAIM_H

#include "job/run.h"

extern CiterJobState citer_job_work_on_ranges(CiterJobRun *run);

#endif							/* CITER_JOB_CLAIM_H */
