/*
 * conditions.h
 *	  chunk_range() in a job's statement, as a condition.
 */
#ifndef CITER_JOB_CONDITIONS_H
#define CITER_JOB_CONDITIONS_H

#include "job/state.h"
#include "job/text.h"
#include "walk/walk.h"

typedef struct CiterJobConditions CiterJobConditions;

extern CiterJobConditions *citer_job_conditions_create(CiterJobText *text, const CiterJob *job,
													   const CiterWalk *walk);
extern void citer_job_conditions_expand(CiterJobConditions *conditions, const CiterPosition *after,
										const CiterPosition *last);

#endif							/* CITER_JOB_CONDITIONS_H */
