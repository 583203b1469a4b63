/*
 * check.h
 *	  Refuses statements that cannot do the rows of each chunk.
 */
#ifndef CITER_JOB_CHECK_H
#define CITER_JOB_CHECK_H

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

extern void citer_job_check_kind(const CiterJob *job, Node *command);
extern void citer_job_check_command(const CiterJobCheck *check, Query *command);
pg_noreturn extern void citer_job_check_refuse_range(const CiterJobText *text,
													 const CiterJobTextRange *range,
													 const CiterRelation *relation);
extern char *citer_job_check_params(const CiterKey *key);
extern char *citer_job_check_advice(const CiterRelation *relation);

#endif							/* CITER_JOB_CHECK_H */
