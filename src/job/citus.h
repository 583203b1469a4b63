/*
 * citus.h
 *	  Jobs whose statement names tables of Citus.
 */
#ifndef CITER_JOB_CITUS_H
#define CITER_JOB_CITUS_H

#include "job/state.h"

extern char *citer_job_citus_check(const CiterJob *job, const char *chunk, List *queries);

#endif							/* CITER_JOB_CITUS_H */
