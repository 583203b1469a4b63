/*
 * last_row.h
 *	  Some columns of the last row of a chunk.
 */
#ifndef CITER_LAST_ROW_H
#define CITER_LAST_ROW_H

#include "executor/tuptable.h"
#include "nodes/bitmapset.h"

typedef struct CiterLastRow CiterLastRow;

extern CiterLastRow *citer_last_row_create(TupleDesc tupdesc, const Bitmapset *columns);
extern void citer_last_row_set(CiterLastRow *last, TupleTableSlot *row);
extern TupleTableSlot *citer_last_row_slot(const CiterLastRow *last);

#endif							/* CITER_LAST_ROW_H */
