/*
 * merged.h
 *	  Joins to "chunk" that the chunk's range stands for.
 */
#ifndef CITER_JOB_MERGED_H
#define CITER_JOB_MERGED_H

#include "utils/queryenvironment.h"

#include "job/state.h"
#include "walk/walk.h"

/* "chunk" as the parser finds it, and what it takes to do without it. */
typedef struct CiterJobRows
{
	EphemeralNamedRelationData enr;
	Oid			relid;			/* of the job's relation */
	Bitmapset  *key;			/* its columns, as pull_varattnos() gives them */
} CiterJobRows;

extern void citer_job_merged_init(void);
extern void citer_job_merge(CiterJobRows *rows, const Query *query, const CiterJob *job,
							const CiterWalk *walk);
extern bool citer_job_is_merged(const CiterJobRows *rows);

#endif							/* CITER_JOB_MERGED_H */
