/*
 * control.h
 *	  What other sessions do to a job.
 */
#ifndef CITER_JOB_CONTROL_H
#define CITER_JOB_CONTROL_H

extern void citer_job_pause(Oid procedure, NullableDatum name);
extern void citer_job_cancel(Oid procedure, NullableDatum name);
extern void citer_job_forget(Oid procedure, NullableDatum name);

#endif							/* CITER_JOB_CONTROL_H */
