/*
 * prefetch.h
 *	  Asks for the blocks that an index scan is about to read.
 */
#ifndef CITER_PREFETCH_H
#define CITER_PREFETCH_H

#include "nodes/execnodes.h"

/* What is asked for, and what came of it. */
typedef struct CiterPrefetch
{
	int			entries;		/* of the index to look at, at most; 0: none */
	int			started;		/* blocks that were not in the server's cache */
	bool		in_order;		/* most are next to the one before, so that
								 * the system reads ahead by itself */
} CiterPrefetch;

extern void citer_prefetch_scan(PlanState *plan, CiterPrefetch *prefetch);

#endif							/* CITER_PREFETCH_H */
