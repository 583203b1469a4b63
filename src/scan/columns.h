/*
 * columns.h
 *	  A projection that picks columns.
 */
#ifndef CITER_SCAN_COLUMNS_H
#define CITER_SCAN_COLUMNS_H

#include "nodes/execnodes.h"

typedef struct CiterScanColumns CiterScanColumns;

extern CiterScanColumns *citer_scan_columns_create(PlanState *scan);
extern TupleTableSlot *citer_scan_columns_pick(const CiterScanColumns *columns, TupleTableSlot *row);

#endif							/* CITER_SCAN_COLUMNS_H */
