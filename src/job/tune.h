/*
 * tune.h
 *	  Changes how a job is done while it runs.
 */
#ifndef CITER_JOB_TUNE_H
#define CITER_JOB_TUNE_H

extern void citer_job_tune(Oid procedure, const NullableDatum *arguments);

#endif							/* CITER_JOB_TUNE_H */
