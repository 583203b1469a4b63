/*
 * runs.h
 *	  The history of a job: a row for each call.
 */
#ifndef CITER_JOB_RUNS_H
#define CITER_JOB_RUNS_H

#include "job/transaction.h"

extern void citer_job_runs_begin(CiterJobRun *run);
extern void citer_job_runs_note(CiterJobRun *run);
extern void citer_job_runs_end(const CiterJobRun *run, CiterJobState state, const char *error);
extern CiterJobOutcome citer_job_runs_store_end(CiterJobRun *run, void *state);

#endif							/* CITER_JOB_RUNS_H */
