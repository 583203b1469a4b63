/*
 * skip.h
 *	  Rows that fail, recorded and skipped.
 */
#ifndef CITER_JOB_SKIP_H
#define CITER_JOB_SKIP_H

#include "job/state.h"
#include "job/statement.h"
#include "walk/walk.h"

/* A chunk of one key. */
typedef struct CiterJobSkip
{
	const CiterJob *job;
	const CiterJobRange *range;
	const CiterWalk *walk;
	CiterJobStatement *statement;
	Tuplestorestate *rows;
	int64		nrows;
	bool		by_key;			/* rows are recorded by their key alone, since
								 * they are not read with all their columns */
	const CiterJobBounds *bounds;
	NullableDatum position;		/* the last key as text[] */
	CiterJobEffect *effect;		/* of the statement, on the rows it did */
} CiterJobSkip;

extern int64 citer_job_skip_failing(const CiterJobSkip *skip);

#endif							/* CITER_JOB_SKIP_H */
