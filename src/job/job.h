/*
 * job.h
 *	  Jobs: a statement for each chunk of a relation, one transaction a chunk.
 */
#ifndef CITER_JOB_H
#define CITER_JOB_H

#include "postgres.h"

#include "job/arguments.h"

extern void citer_job_run(Oid procedure, const NullableDatum *arguments);
extern void citer_job_work(Oid procedure, const NullableDatum *arguments);
extern void citer_job_retry_failed(Oid procedure, const NullableDatum *arguments);
extern void citer_job_dry_run(Oid procedure, const NullableDatum *arguments);

#endif							/* CITER_JOB_H */
