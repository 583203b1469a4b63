/*
 * iterator.h
 *	  Walks a relation: open, next row, close.
 */
#ifndef CITER_ITERATOR_H
#define CITER_ITERATOR_H

#include "executor/tuptable.h"

#include "base/options.h"
#include "walk/cost.h"
#include "walk/walk.h"

typedef struct CiterIterator CiterIterator;

extern CiterIterator *citer_iterator_open(const CiterOptions *options);
extern TupleTableSlot *citer_iterator_next(CiterIterator *iterator);
extern bool citer_iterator_next_chunk(CiterIterator *iterator);
extern TupleTableSlot *citer_iterator_next_in_chunk(CiterIterator *iterator);
extern bool citer_iterator_is_done(const CiterIterator *iterator);
extern CiterPosition citer_iterator_first(CiterIterator *iterator);
extern CiterPosition citer_iterator_key(CiterIterator *iterator, TupleTableSlot *slot);
extern const CiterPosition *citer_iterator_position(const CiterIterator *iterator);
extern const CiterPosition *citer_iterator_end(const CiterIterator *iterator);
extern List *citer_iterator_skipped(const CiterIterator *iterator);
extern void citer_iterator_close(CiterIterator *iterator);
extern const CiterWalk *citer_iterator_walk(const CiterIterator *iterator);
extern CiterCost citer_iterator_cost(const CiterIterator *iterator);

#endif							/* CITER_ITERATOR_H */
