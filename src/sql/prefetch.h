/*
 * prefetch.h
 *	  Has the blocks that an index scan is about to read in a cache beforehand.
 */
#ifndef CITER_PREFETCH_H
#define CITER_PREFETCH_H

#include "nodes/execnodes.h"

/* What is asked for, and what came of it. */
typedef struct CiterPrefetch
{
	int			entries;		/* of the index to look at, at most; 0: none */
	double		rows;			/* that are expected to be read by this query
								 * and those after it */
	Oid			warm_table;		/* whose blocks have been read beforehand */
	BlockNumber warmed;			/* where they end; both are moved on */

	int			started;		/* blocks that were not in the server's cache */
	int			read;			/* blocks read beforehand that were not there */
	bool		in_order;		/* most are next to the one before, so that
								 * the system reads ahead by itself */
} CiterPrefetch;

extern void citer_prefetch_scan(PlanState *plan, CiterPrefetch *prefetch);

#endif							/* CITER_PREFETCH_H */
