/*
 * row_values.h
 *	  The values of a row in one piece of memory that may be moved.
 */
#ifndef CITER_ROW_VALUES_H
#define CITER_ROW_VALUES_H

#include "executor/tuptable.h"

typedef struct CiterRowValues CiterRowValues;

extern CiterRowValues *citer_row_values_create(TupleDesc tupdesc, int ncolumns);
extern Size citer_row_values_length(const CiterRowValues *values, TupleTableSlot *slot);
extern void citer_row_values_write(const CiterRowValues *values, TupleTableSlot *slot, char *row);
extern TupleTableSlot *citer_row_values_read(const CiterRowValues *values, char *row,
											 TupleTableSlot *slot);

#endif							/* CITER_ROW_VALUES_H */
