/*
 * iterator.h
 *	  Walks a relation: open, next row, close.
 */
#ifndef CITER_ITERATOR_H
#define CITER_ITERATOR_H

#include "executor/tuptable.h"

#include "options.h"

typedef struct CiterIterator CiterIterator;

extern CiterIterator *citer_iterator_open(const CiterOptions *options);
extern TupleTableSlot *citer_iterator_next(CiterIterator *iterator);
extern void citer_iterator_close(CiterIterator *iterator);

#endif							/* CITER_ITERATOR_H */
