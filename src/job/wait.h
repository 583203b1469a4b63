/*
 * wait.h
 *	  Waiting for a job.
 */
#ifndef CITER_JOB_WAIT_H
#define CITER_JOB_WAIT_H

extern char *citer_job_await(Oid procedure, NullableDatum name, NullableDatum timeout_ms);

#endif							/* CITER_JOB_WAIT_H */
