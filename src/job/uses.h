/*
 * uses.h
 *	  What a job's statement uses of the chunk, and the job has to read.
 */
#ifndef CITER_JOB_USES_H
#define CITER_JOB_USES_H

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

typedef struct CiterJobUses
{
	bool		rows;
	bool		bounds;			/* $1 ... */
	Bitmapset  *columns;		/* of the rows, as pull_varattnos() gives them */
	List	   *updated;		/* OIDs of relations whose rows are updated */
	List	   *written;		/* those, and all others that are written to */
} CiterJobUses;

extern void citer_job_uses_add(CiterJobUses *uses, const char *chunk, int nbounds, List *queries);

#endif							/* CITER_JOB_USES_H */
