/*
 * cost.h
 *	  What a walk costs.
 */
#ifndef CITER_COST_H
#define CITER_COST_H

/* What a walk has cost so far. */
typedef struct CiterCost
{
	int64		chunks;
	int64		rows;			/* read into chunks */
	int64		skipped;		/* rows that others had locked, which SKIP
								 * LOCKED leaves out */
	int64		examined;		/* rows that scans looked at, if measured */
	int64		prefetched;		/* blocks that were asked for beforehand */
	int64		warmed;			/* blocks read in the table's order beforehand */
	Size		peak_memory;	/* bytes of the largest chunk */
} CiterCost;

#endif							/* CITER_COST_H */
