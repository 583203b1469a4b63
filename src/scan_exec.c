/*
 * scan_exec.c
 *	  chunked_iter() in FROM as a scan that streams: the executor's side.
 *
 * The scan opens an iterator for the present values of the call's arguments
 * when the first row is asked for, and again after each rescan.  It returns
 * the iterator's slot as it is where it can: on a plain table no row is
 * touched between the chunk and the scan's own projection.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "call.h"
#include "compat.h"
#include "explain.h"
#include "iterator.h"
#include "scan.h"

/* The executor's state of a scan; what is common to all of them comes first. */
typedef struct CiterScanState
{
	CustomScanState css;
	RangeTblFunction *function; /* the call, as the plan was made for it */
	TupleDesc	columns;		/* of its result */
	Index		rti;			/* range table entry of the call */
	List	   *arguments;		/* expression states of the call's arguments */
	List	   *quals;			/* that the walk checks */
	Bitmapset  *used;			/* columns that the query uses */
	bool		has_whole_row;	/* the slot ends with the row as a whole */
	CiterIterator *iterator;	/* NULL before the first row */
	MemoryContext context;		/* holds the iterator */
	CiterCost	cost;			/* of walks that have ended */
} CiterScanState;

static Node *create_scan_state(CustomScan *scan);
static void begin_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_scan(CustomScanState *node);
static TupleTableSlot *next_row(ScanState *node);
static CiterIterator *open_iterator(CiterScanState *state);
static void check_row_type(CiterScanState *state);
static TupleTableSlot *store_row(CiterScanState *state, TupleTableSlot *row);
static Datum row_datum(CiterScanState *state, TupleTableSlot *row);
static bool recheck_row(ScanState *node, TupleTableSlot *slot);
static void end_scan(CustomScanState *node);
static void rescan(CustomScanState *node);
static void close_scan(CiterScanState *state);
static void explain_scan(CustomScanState *node, List *ancestors, ExplainState *es);
static CiterCost total_cost(const CiterScanState *state);
static const CiterWalk *known_walk(CiterScanState *state);
static void complete_options(const CiterScanState *state, CiterOptions *options);

const CustomScanMethods citer_scan_methods = {
	.CustomName = "ChunkedIter",
	.CreateCustomScanState = create_scan_state,
};

static const CustomExecMethods exec_methods = {
	.CustomName = "ChunkedIter",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain_scan,
};

/* Custom scan callback: makes the executor's state. */
static Node *
create_scan_state(CustomScan *scan)
{
	CiterScanState *state = (CiterScanState *) newNode(sizeof(CiterScanState), T_CustomScanState);

	ListCell   *cell;

	state->css.methods = &exec_methods;
	state->function = CITER_SCAN_FUNCTION(scan);
	state->quals = CITER_SCAN_QUALS(scan);
	foreach(cell, CITER_SCAN_COLUMNS(scan))
		state->used = bms_add_member(state->used, lfirst_int(cell));
	state->has_whole_row = bms_is_member(-FirstLowInvalidHeapAttributeNumber, state->used);
	citer_compat_set_slot_ops(&state->css, state->has_whole_row ? &TTSOpsVirtual : &TTSOpsHeapTuple);
	return (Node *) state;
}

/* Custom scan callback: prepares the call's arguments; opens nothing yet. */
static void
begin_scan(CustomScanState *node, EState *estate, int eflags pg_attribute_unused())
{
	CiterScanState *state = (CiterScanState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;

	citer_compat_apply_slot_ops(node, state->has_whole_row ? &TTSOpsVirtual : &TTSOpsHeapTuple);
	state->columns = citer_call_columns(state->function);
	state->rti = bms_singleton_member(scan->custom_relids);
	check_row_type(state);
	state->arguments = ExecInitExprList(scan->custom_exprs, &node->ss.ps);
	state->context = AllocSetContextCreate(estate->es_query_cxt, "chunked_iter scan",
										   ALLOCSET_SMALL_SIZES);
}

/* Custom scan callback: the next row that satisfies the node's quals. */
static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

/* Access method of ExecScan: the next row of the walk, or an empty slot. */
static TupleTableSlot *
next_row(ScanState *node)
{
	CiterScanState *state = (CiterScanState *) node;
	TupleTableSlot *row;

	if (state->iterator == NULL)
		state->iterator = open_iterator(state);
	row = citer_iterator_next(state->iterator);
	if (row == NULL)
		return ExecClearTuple(node->ss_ScanTupleSlot);
	if (!state->has_whole_row && TTS_IS_HEAPTUPLE(row))
		return row;
	return store_row(state, row);
}

/* Opens the iterator for the arguments' present values. */
static CiterIterator *
open_iterator(CiterScanState *state)
{
	ScanState  *node = &state->css.ss;
	MemoryContext caller = MemoryContextSwitchTo(state->context);
	NullableDatum arguments[CITER_ARGUMENTS];
	CiterOptions options;
	CiterIterator *iterator;
	ListCell   *cell;
	int			i = 0;

	foreach(cell, state->arguments)
	{
		arguments[i].value = ExecEvalExpr((ExprState *) lfirst(cell), node->ps.ps_ExprContext,
										  &arguments[i].isnull);
		i++;
	}
	citer_call_read(arguments, i, state->columns, &options);
	complete_options(state, &options);
	iterator = citer_iterator_open(&options);
	MemoryContextSwitchTo(caller);
	return iterator;
}

/*
 * Throws 42804 if the row type is not what the plan was made for: columns
 * were added to, or altered in, a table whose columns are spelled out in a
 * plan that was prepared before.
 */
static void
check_row_type(CiterScanState *state)
{
	TupleDesc	planned = state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	TupleDesc	present = state->columns;
	bool		same = present->natts == planned->natts - (state->has_whole_row ? 1 : 0);

	for (int i = 0; same && i < present->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(present, i);

		same = attribute->attisdropped ||
			attribute->atttypid == TupleDescAttr(planned, i)->atttypid;
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("row type %s was altered after the query was prepared",
						format_type_be(present->tdtypeid)),
				 errhint("Prepare the query again.")));
}

/* Copies a row into the scan's own slot, and its whole behind the columns. */
static TupleTableSlot *
store_row(CiterScanState *state, TupleTableSlot *row)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;
	int			natts = row->tts_tupleDescriptor->natts;

	if (!state->has_whole_row)
		return ExecCopySlot(slot, row);
	ExecClearTuple(slot);
	slot_getallattrs(row);
	memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * natts);
	slot->tts_values[natts] = row_datum(state, row);
	slot->tts_isnull[natts] = false;
	return ExecStoreVirtualTuple(slot);
}

/* The row as a composite value, in memory that is reset for each row. */
static Datum
row_datum(CiterScanState *state, TupleTableSlot *row)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	MemoryContext caller = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	Datum		datum = ExecFetchSlotHeapTupleDatum(row);

	MemoryContextSwitchTo(caller);
	return datum;
}

/*
 * Recheck method of ExecScan, which for a scan with scanrelid 0 has to find
 * the row as well: for the join that is rechecked (EvalPlanQual) that is the
 * very row which it was made from, kept as a whole; in a subquery that a
 * recheck runs from the start, the next row of a walk.
 */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	CiterScanState *state = (CiterScanState *) node;
	EPQState   *recheck = node->ps.state->es_epq_active;
	TupleTableSlot *row;
	bool		found;

	if (recheck->relsubs_rowmark[state->rti - 1] == NULL)
	{
		row = next_row(node);
		if (TupIsNull(row))
			return false;
		if (row != slot)
			ExecCopySlot(slot, row);
		return true;
	}

	if (recheck->relsubs_done[state->rti - 1])
		return false;
	recheck->relsubs_done[state->rti - 1] = true;
	row = MakeSingleTupleTableSlot(state->columns, &TTSOpsVirtual);
	found = EvalPlanQualFetchRowMark(recheck, state->rti, row);
	if (found)
		store_row(state, row);
	ExecDropSingleTupleTableSlot(row);
	return found;
}

/* Custom scan callback: ends the walk, early or late. */
static void
end_scan(CustomScanState *node)
{
	close_scan((CiterScanState *) node);
}

/* Custom scan callback: the next row is the first again. */
static void
rescan(CustomScanState *node)
{
	close_scan((CiterScanState *) node);
	ExecScanReScan(&node->ss);
}

static void
close_scan(CiterScanState *state)
{
	ExecClearTuple(state->css.ss.ss_ScanTupleSlot);
	state->cost = total_cost(state);
	if (state->iterator != NULL)
		citer_iterator_close(state->iterator);
	state->iterator = NULL;
	MemoryContextReset(state->context);
}

/* Custom scan callback: the properties of the walk, and what it has cost. */
static void
explain_scan(CustomScanState *node, List *ancestors pg_attribute_unused(), ExplainState *es)
{
	CiterScanState *state = (CiterScanState *) node;
	const CiterWalk *walk = known_walk(state);
	CiterCost	cost = total_cost(state);

	if (walk != NULL)
		citer_explain_scan(walk, es);
	if (es->analyze)
		citer_explain_cost(walk, &cost, es);
}

/* What all walks of the scan have cost together. */
static CiterCost
total_cost(const CiterScanState *state)
{
	CiterCost	total = state->cost;
	CiterCost	present = {0};

	if (state->iterator != NULL)
		present = citer_iterator_cost(state->iterator);
	total.chunks += present.chunks;
	total.rows += present.rows;
	total.examined += present.examined;
	total.peak_memory = Max(total.peak_memory, present.peak_memory);
	return total;
}

/* The walk under way, or else the one there will be, if that is known. */
static const CiterWalk *
known_walk(CiterScanState *state)
{
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;
	CiterOptions options;

	if (state->iterator != NULL)
		return citer_iterator_walk(state->iterator);
	if (!citer_call_read_constants(scan->custom_exprs, state->columns, &options))
		return NULL;
	complete_options(state, &options);
	return citer_walk_resolve(&options);
}

/* Adds to the request what the planner has found out. */
static void
complete_options(const CiterScanState *state, CiterOptions *options)
{
	options->quals = state->quals;
	options->columns = state->used;
	options->columns_known = true;
	options->measure = state->css.ss.ps.instrument != NULL;
}
