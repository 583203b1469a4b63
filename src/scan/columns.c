/*
 * columns.c
 *	  A projection that picks columns.
 *
 * What a query takes of a scan is mostly columns as they are, and NULL for each that
 * it does not use.  They are copied from one slot to the other, which takes a third of
 * the time of the server's expressions, and nothing to prepare for the few rows of a page.
 */
#include "postgres.h"

#include "executor/executor.h"

#include "scan/columns.h"

struct CiterScanColumns
{
	TupleTableSlot *result;		/* a virtual slot */
	int			ncolumns;
	struct
	{
		int			from;
		int			to;
	}			columns[FLEXIBLE_ARRAY_MEMBER];
};

/*
 * Describes the projection of a scan whose rows are in a virtual slot, in the current
 * memory context; NULL if it does more than pick columns, or there is none.
 */
CiterScanColumns *
citer_scan_columns_create(PlanState *scan)
{
	List	   *targetlist = scan->plan->targetlist;
	TupleTableSlot *result = scan->ps_ResultTupleSlot;
	CiterScanColumns *columns;
	ListCell   *cell;

	if (scan->ps_ProjInfo == NULL || !TTS_IS_VIRTUAL(result))
		return NULL;
	columns = palloc(offsetof(CiterScanColumns, columns) +
					 sizeof(columns->columns[0]) * list_length(targetlist));
	columns->result = result;
	columns->ncolumns = 0;
	foreach(cell, targetlist)
	{
		const Expr *expr = lfirst_node(TargetEntry, cell)->expr;

		if (IsA(expr, Var) && ((const Var *) expr)->varattno > 0)
		{
			columns->columns[columns->ncolumns].from = ((const Var *) expr)->varattno - 1;
			columns->columns[columns->ncolumns++].to = foreach_current_index(cell);
		}
		else if (!IsA(expr, Const) || !((const Const *) expr)->constisnull)
			return NULL;
	}
	return columns;
}

/*
 * The projection of a row.  The NULLs are set each time: the slot belongs to the node
 * above, and what writes rows, as a trigger does, may change it.
 */
TupleTableSlot *
citer_scan_columns_pick(const CiterScanColumns *columns, TupleTableSlot *row)
{
	TupleTableSlot *result = columns->result;

	Assert(TTS_IS_VIRTUAL(row));
	ExecClearTuple(result);
	memset(result->tts_isnull, true, sizeof(bool) * result->tts_tupleDescriptor->natts);
	for (int i = 0; i < columns->ncolumns; i++)
	{
		int			from = columns->columns[i].from;
		int			to = columns->columns[i].to;

		result->tts_values[to] = row->tts_values[from];
		result->tts_isnull[to] = row->tts_isnull[from];
	}
	return ExecStoreVirtualTuple(result);
}
