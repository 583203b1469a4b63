/*
 * skip.h
 *	  Rows that fail, recorded and skipped.
 */
#ifndef CITER_JOB_SKIP_H
#define CITER_JOB_SKIP_H

#include "job/state.h"
#include "job/statement.h"
#include "walk/iterator.h"

/* A chunk of one key, or of few. */
typedef struct CiterJobSkip
{
	const CiterJob *job;
	const CiterJobRange *range;
	CiterIterator *iterator;
	const CiterWalk *walk;		/* the iterator's */
	CiterJobStatement *statement;
	Tuplestorestate *rows;
	int64		nrows;
	bool		by_key;			/* rows are recorded by their key alone, since
								 * they are not read with all their columns */
	const CiterJobBounds *bounds;
	CiterJobEffect *effect;		/* of the statement, on the rows it did */

	/* What is found. */
	int64		failed;			/* rows recorded */
	char	   *failure;		/* the last one's key and error; NULL: none */
	int64		retried;		/* rows that were recorded before; -1: all,
								 * see take_recorded() */
} CiterJobSkip;

extern void citer_job_skip_failing(CiterJobSkip *skip);

#endif							/* CITER_JOB_SKIP_H */
