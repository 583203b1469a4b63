/*
 * revisit.h
 *	  Goes over the rows again that others had locked.
 */
#ifndef CITER_JOB_REVISIT_H
#define CITER_JOB_REVISIT_H

#include "job/run.h"

extern CiterJobState citer_job_revisit(CiterJobRun *run);

#endif							/* CITER_JOB_REVISIT_H */
