/*
 * begin.h
 *	  The first transaction of a call: the job is made, or found to go on.
 */
#ifndef CITER_JOB_BEGIN_H
#define CITER_JOB_BEGIN_H

#include "job/transaction.h"

extern CiterJobOutcome citer_job_look_if_wanted(CiterJobRun *run, void *argument);
extern CiterJobOutcome citer_job_begin_run(CiterJobRun *run, void *resuming);
extern CiterJobOutcome citer_job_begin_help(CiterJobRun *run, void *argument);
extern bool citer_job_open(CiterJobRun *run, bool *resuming);
extern void citer_job_drop_statement(CiterJobRun *run);
pg_noreturn extern void citer_job_refuse_busy(const char *job);

#endif							/* CITER_JOB_BEGIN_H */
