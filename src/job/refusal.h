/*
 * refusal.h
 *	  The errors for statements that a job refuses.
 */
#ifndef CITER_JOB_REFUSAL_H
#define CITER_JOB_REFUSAL_H

#include "base/compat.h"
#include "job/state.h"
#include "job/text.h"
#include "walk/walk.h"

/*
 * What a statement is held against.  Its parameters are the first and the last
 * key of the chunk, as the user writes them; those behind are of chunk_range().
 */
typedef struct CiterJobCheck
{
	const CiterJob *job;
	const CiterWalk *walk;
	const CiterJobText *text;	/* expanded */
} CiterJobCheck;

pg_noreturn extern void citer_job_refuse(const CiterJobCheck *check, const char *message,
										 const char *detail);
pg_noreturn extern void citer_job_refuse_range(const CiterJobText *text,
											   const CiterJobTextRange *range,
											   const CiterRelation *relation);
extern char *citer_job_describe_params(const CiterKey *key);
extern char *citer_job_advise(const char *alias);

#endif							/* CITER_JOB_REFUSAL_H */
