/*
 * follow.h
 *	  Goes on with what has come since all ranges were done.
 */
#ifndef CITER_JOB_FOLLOW_H
#define CITER_JOB_FOLLOW_H

#include "job/run.h"

extern bool citer_job_follow(CiterJobRun *run);
extern CiterJobState citer_job_follow_on(CiterJobRun *run);

#endif							/* CITER_JOB_FOLLOW_H */
