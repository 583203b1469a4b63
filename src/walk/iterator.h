/*
 * iterator.h
 *	  Walks a relation: open, next row, close.
 */
#ifndef CITER_ITERATOR_H
#define CITER_ITERATOR_H

#include "executor/tuptable.h"

#include "base/options.h"
#include "walk/walk.h"

typedef struct CiterIterator CiterIterator;

/* What a walk has cost so far. */
typedef struct CiterCost
{
	int64		chunks;
	int64		rows;			/* read into chunks */
	int64		passed;			/* rows that others had locked and SKIP LOCKED
								 * has passed over */
	int64		examined;		/* rows that scans looked at, if measured */
	Size		peak_memory;	/* bytes of the largest chunk */
} CiterCost;

extern CiterIterator *citer_iterator_open(const CiterOptions *options);
extern TupleTableSlot *citer_iterator_next(CiterIterator *iterator);
extern bool citer_iterator_next_chunk(CiterIterator *iterator);
extern TupleTableSlot *citer_iterator_next_in_chunk(CiterIterator *iterator);
extern bool citer_iterator_is_done(const CiterIterator *iterator);
extern CiterPosition citer_iterator_first(CiterIterator *iterator);
extern CiterPosition citer_iterator_key(CiterIterator *iterator, TupleTableSlot *slot);
extern const CiterPosition *citer_iterator_position(const CiterIterator *iterator);
extern const CiterPosition *citer_iterator_end(const CiterIterator *iterator);
extern void citer_iterator_close(CiterIterator *iterator);
extern const CiterWalk *citer_iterator_walk(const CiterIterator *iterator);
extern CiterCost citer_iterator_cost(const CiterIterator *iterator);

#endif							/* CITER_ITERATOR_H */
