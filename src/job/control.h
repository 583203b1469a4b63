/*
 * control.h
 *	  What other sessions do to a job.
 */
#ifndef CITER_JOB_CONTROL_H
#define CITER_JOB_CONTROL_H

#include "job/state.h"

extern void citer_job_pause(Oid procedure, NullableDatum name);
extern void citer_job_cancel(Oid procedure, NullableDatum name);
extern void citer_job_forget(Oid procedure, NullableDatum name);
extern CiterJob *citer_job_control_find(Oid procedure, NullableDatum name);
extern void citer_job_control_check_unfinished(const CiterJob *job, CiterJobState state);

#endif							/* CITER_JOB_CONTROL_H */
