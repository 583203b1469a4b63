/*
 * retry.h
 *	  Runs a job's statement again for the rows that failed.
 */
#ifndef CITER_JOB_RETRY_H
#define CITER_JOB_RETRY_H

#include "job/run.h"

extern void citer_job_retry_rows(CiterJobRun *run);

#endif							/* CITER_JOB_RETRY_H */
