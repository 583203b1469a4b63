/*
 * executor.c
 *	  chunked_iter() in FROM as a scan that streams: the executor's side.
 *
 * The scan opens an iterator for the present values of the call's arguments
 * when the first row is asked for, and again after each rescan.  Its slot is a
 * virtual one, which gets the columns that are used of each row as they lie in
 * the chunk.
 *
 * Expressions are compiled for the row type that the plan was made for.  So
 * that is compared at the start, when the relation is locked, and again with
 * what the walk has found when it is opened; and so is the key, on which the
 * plan may rest.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "base/compat.h"
#include "scan/call.h"
#include "scan/columns.h"
#include "scan/scan.h"
#include "walk/explain.h"
#include "walk/iterator.h"

/* The executor's state of a scan; what is common to all of them comes first. */
typedef struct CiterScanState
{
	CustomScanState css;
	RangeTblFunction *function; /* the call, as the plan was made for it */
	TupleDesc	columns;		/* of its result; pinned */
	Index		rti;			/* range table entry of the call */
	int			narguments;		/* of the call, in custom_exprs */
	ExprState **expressions;	/* states of custom_exprs; NULL: a constant */
	Bitmapset  *used;			/* columns, as the plan has them */
	int			last_used;		/* the last of them; all for the whole row */
	CiterPlannerOptions planner;	/* what the plan decides of a request */
	List	   *claim;			/* what the plan rests on; NIL: nothing */
	List	   *words;			/* what is told of the walk; NIL: not known */
	bool		has_whole_row;	/* the slot ends with the row as a whole */
	CiterScanColumns *picked;	/* what the projection is; NULL: more */
	CiterIterator *iterator;	/* NULL before the first row */
	MemoryContext context;		/* holds the iterator */
	CiterCost	cost;			/* of walks that have ended */
} CiterScanState;

static Node *create_scan_state(CustomScan *scan);
static void begin_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_scan(CustomScanState *node);
static TupleTableSlot *next_row(ScanState *node);
static pg_noinline CiterIterator *open_iterator(CiterScanState *state);
static void evaluate(CiterScanState *state, NullableDatum *values);
static NullableDatum *copy_params(CiterScanState *state, const NullableDatum *values);
static void read_plan(CiterScanState *state, const CustomScan *scan);
static void check_planned_type(CiterScanState *state);
static void check_walk(const CiterScanState *state, const CiterWalk *walk);
static TupleTableSlot *store_row(CiterScanState *state, TupleTableSlot *row);
static pg_noinline Datum row_datum(CiterScanState *state, TupleTableSlot *row);
static bool recheck_row(ScanState *node, TupleTableSlot *slot);
static void end_scan(CustomScanState *node);
static void rescan(CustomScanState *node);
static void close_scan(CiterScanState *state);
static void explain_scan(CustomScanState *node, List *ancestors, ExplainState *es);
static void explain_walk(CiterScanState *state, List *words, ExplainState *es);
static void explain_expressions(CiterScanState *state, List *ancestors, ExplainState *es);
static void explain_bound(const char *label, Node *bound, List *context, ExplainState *es);
static CiterCost total_cost(const CiterScanState *state);
static void complete_options(const CiterScanState *state, CiterOptions *options,
							 NullableDatum *params);

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

	state->css.methods = &exec_methods;
	read_plan(state, scan);
	return (Node *) state;
}

/* Reads what the planner has stored in the plan; see CiterScanPrivate. */
static void
read_plan(CiterScanState *state, const CustomScan *scan)
{
	List	   *private = scan->custom_private;
	List	   *params;
	ListCell   *cell;

	state->function = list_nth_node(RangeTblFunction, private, CITER_SCAN_FUNCTION);
	state->narguments = list_length(((FuncExpr *) state->function->funcexpr)->args);
	foreach(cell, (List *) list_nth(private, CITER_SCAN_COLUMNS))
		state->used = bms_add_member(state->used, lfirst_int(cell));
	state->has_whole_row = bms_is_member(-FirstLowInvalidHeapAttributeNumber, state->used);
	state->last_used = state->has_whole_row ? list_length(scan->custom_scan_tlist) - 1 :
		Max(0, bms_prev_member(state->used, -1) + FirstLowInvalidHeapAttributeNumber);
	state->planner.first_rows = intVal(list_nth(private, CITER_SCAN_FIRST_ROWS));
	if (list_length(private) <= CITER_SCAN_ORDER)
		return;

	params = list_copy_tail(scan->custom_exprs, state->narguments);
	state->planner.nparams = list_length(params);
	state->planner.param_types = citer_scan_param_types(params);
	state->planner.quals = list_nth(private, CITER_SCAN_QUALS);
	state->planner.resolved = true;
	state->planner.order = list_nth(private, CITER_SCAN_ORDER);
	state->planner.filter_clause = list_nth(private, CITER_SCAN_FILTER);
	state->claim = list_nth(private, CITER_SCAN_CLAIM);
	state->words = list_nth(private, CITER_SCAN_WORDS);
}

/*
 * Custom scan callback: prepares the call's arguments; opens nothing yet.  The
 * relation is locked to the end of the transaction before its row type is
 * looked at.
 */
static void
begin_scan(CustomScanState *node, EState *estate, int eflags pg_attribute_unused())
{
	CiterScanState *state = (CiterScanState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	ListCell   *cell;
	Oid			relid = get_typ_typrelid(exprType(linitial(scan->custom_exprs)));

	if (OidIsValid(relid))
		LockRelationOid(relid, AccessShareLock);
	state->columns = citer_call_columns(state->function);
	state->rti = bms_singleton_member(scan->custom_relids);
	check_planned_type(state);
	state->expressions = palloc(sizeof(ExprState *) * list_length(scan->custom_exprs));
	foreach(cell, scan->custom_exprs)
		state->expressions[foreach_current_index(cell)] = IsA(lfirst(cell), Const) ? NULL :
		ExecInitExpr(lfirst(cell), &node->ss.ps);
	state->picked = citer_scan_columns_create(&node->ss.ps);
	state->context = AllocSetContextCreate(estate->es_query_cxt, "chunked_iter scan",
										   ALLOCSET_SMALL_SIZES);
}

/*
 * Custom scan callback: the next row that satisfies the node's quals.  Without any
 * it is ExecScan() with what is not needed left out.
 */
static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	PlanState  *ps = &node->ss.ps;
	const CiterScanColumns *picked = ((CiterScanState *) node)->picked;
	TupleTableSlot *row;

	if (ps->qual != NULL || ps->state->es_epq_active != NULL)
		return ExecScan(&node->ss, next_row, recheck_row);
	CHECK_FOR_INTERRUPTS();
	ResetExprContext(ps->ps_ExprContext);
	row = next_row(&node->ss);
	if (ps->ps_ProjInfo == NULL)
		return row;
	if (TupIsNull(row))
		return ExecClearTuple(ps->ps_ResultTupleSlot);
	if (picked != NULL)
		return citer_scan_columns_pick(picked, row);
	ps->ps_ExprContext->ecxt_scantuple = row;
	return ExecProject(ps->ps_ProjInfo);
}

/* Access method of ExecScan: puts the next row of the walk, or none, into the scan's slot. */
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
	return state->has_whole_row ? store_row(state, row) : row;
}

/* Opens the iterator for the present values of arguments and parameters. */
static CiterIterator *
open_iterator(CiterScanState *state)
{
	MemoryContext caller = MemoryContextSwitchTo(state->context);
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;
	NullableDatum *values = palloc(sizeof(NullableDatum) * list_length(scan->custom_exprs));
	CiterOptions options;
	CiterIterator *iterator;

	evaluate(state, values);
	citer_call_read(values, state->narguments, state->columns, &options);
	complete_options(state, &options, copy_params(state, values + state->narguments));
	iterator = citer_iterator_open(&options);
	check_walk(state, citer_iterator_walk(iterator));
	MemoryContextSwitchTo(caller);
	return iterator;
}

/* The present values of all expressions, which the next row may change. */
static void
evaluate(CiterScanState *state, NullableDatum *values)
{
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;
	ListCell   *cell;

	foreach(cell, scan->custom_exprs)
	{
		const Const *constant = lfirst(cell);
		ExprState  *expression = state->expressions[foreach_current_index(cell)];

		if (expression != NULL)
			values->value = ExecEvalExpr(expression, state->css.ss.ps.ps_ExprContext,
										 &values->isnull);
		else
		{
			values->value = constant->constvalue;
			values->isnull = constant->constisnull;
		}
		values++;
	}
}

/* Values of the parameters that last as long as the walk. */
static NullableDatum *
copy_params(CiterScanState *state, const NullableDatum *values)
{
	NullableDatum *params = palloc(sizeof(NullableDatum) * Max(state->planner.nparams, 1));

	for (int i = 0; i < state->planner.nparams; i++)
	{
		int16		length;
		bool		by_value;

		params[i] = values[i];
		if (values[i].isnull)
			continue;
		get_typlenbyval(state->planner.param_types[i], &length, &by_value);
		params[i].value = datumCopy(values[i].value, by_value, length);
	}
	return params;
}

/*
 * Throws 42804 if the row type is not what the plan was made for: the lock that
 * keeps it as it is was taken a moment after the plan was found to be valid.
 */
static void
check_planned_type(CiterScanState *state)
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
				 errhint("Run the query again.")));
}

/*
 * 55000 unless the walk that is open has the columns, and the key, that the
 * plan was made for: this session can have changed them since.
 */
static void
check_walk(const CiterScanState *state, const CiterWalk *walk)
{
	if (citer_relation_same_columns(walk->relation->tupdesc, state->columns) &&
		(state->claim == NIL || equal(citer_scan_claim(walk->key, false), state->claim)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s was changed after the walk was planned",
					citer_relation_describe(walk->relation)),
			 errdetail("Its columns, or the key that it is walked by, are not what they were."),
			 errhint("Start the walk again.")));
}

/*
 * Puts a row of another slot into the scan's own, and the row as a whole behind its
 * columns.  The values stay where they are.
 */
static TupleTableSlot *
store_row(CiterScanState *state, TupleTableSlot *row)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;
	int			natts = state->last_used;

	ExecClearTuple(slot);
	slot_getsomeattrs(row, natts);
	memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * natts);
	if (state->has_whole_row)
	{
		slot->tts_values[natts] = row_datum(state, row);
		slot->tts_isnull[natts] = false;
	}
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
recheck_row(ScanState *node, TupleTableSlot *slot pg_attribute_unused())
{
	CiterScanState *state = (CiterScanState *) node;
	EPQState   *recheck = node->ps.state->es_epq_active;
	TupleTableSlot *row;
	bool		found;

	if (recheck->relsubs_rowmark[state->rti - 1] == NULL)
		return !TupIsNull(next_row(node));
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
	CiterScanState *state = (CiterScanState *) node;

	close_scan(state);
	ReleaseTupleDesc(state->columns);
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

/*
 * Custom scan callback: the properties of the walk, and what it has cost.
 * Nothing is looked up for that; see citer_explain_words().
 */
static void
explain_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CiterScanState *state = (CiterScanState *) node;
	CiterCost	cost = total_cost(state);
	List	   *words = state->words;

	if (words == NIL && state->iterator != NULL)
		words = citer_explain_words(citer_iterator_walk(state->iterator), false);
	if (words != NIL)
		explain_walk(state, words, es);
	explain_expressions(state, ancestors, es);
	if (es->analyze)
		citer_explain_cost(words, &cost, es);
}

/* The walk under way, or else the one there will be, as far as that is known. */
static void
explain_walk(CiterScanState *state, List *words, ExplainState *es)
{
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;
	List	   *arguments = list_truncate(list_copy(scan->custom_exprs), state->narguments);
	CiterOptions options;

	if (state->iterator != NULL)
	{
		const CiterWalk *walk = citer_iterator_walk(state->iterator);

		citer_explain_scan(words, walk->chunk_size, walk->snapshot, es);
	}
	else if (citer_call_read_known(arguments, state->columns, &options))
		citer_explain_scan(words, options.chunk_size, options.snapshot, es);
}

/* The bounds of the walk, and the parameters of its filter. */
static void
explain_expressions(CiterScanState *state, List *ancestors, ExplainState *es)
{
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &scan->scan.plan, ancestors);
	StringInfoData params;

	explain_bound("Walk After", citer_call_after(scan->custom_exprs, state->narguments), context, es);
	explain_bound("Walk Up To", citer_call_upto(scan->custom_exprs, state->narguments), context, es);
	if (state->planner.nparams == 0)
		return;
	initStringInfo(&params);
	for (int i = 0; i < state->planner.nparams; i++)
		appendStringInfo(&params, "%s$%d = %s", i > 0 ? ", " : "", i + 1,
						 deparse_expression(list_nth(scan->custom_exprs, state->narguments + i),
											context, es->verbose, false));
	ExplainPropertyText("Walk Parameters", params.data, es);
}

/* A bound as it was given, a constant as a text[], unless it is known to be none. */
static void
explain_bound(const char *label, Node *bound, List *context, ExplainState *es)
{
	if (IsA(bound, Const))
	{
		if (((Const *) bound)->constisnull)
			return;
		bound = copyObject(bound);
		((Const *) bound)->consttype = TEXTARRAYOID;
	}
	ExplainPropertyText(label, deparse_expression(bound, context, false, false), es);
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
	total.prefetched += present.prefetched;
	total.warmed += present.warmed;
	total.peak_memory = Max(total.peak_memory, present.peak_memory);
	return total;
}

/*
 * Adds to the request what the planner has found out; the parameters' values
 * are NULL if they are not known.
 */
static void
complete_options(const CiterScanState *state, CiterOptions *options, NullableDatum *params)
{
	options->columns = state->used;
	options->columns_known = true;
	options->planner = state->planner;
	options->planner.param_values = params;
	options->planner.rows = state->css.ss.ps.plan->plan_rows;
	options->planner.slot = state->has_whole_row ? NULL : state->css.ss.ss_ScanTupleSlot;
	options->planner.measure = state->css.ss.ps.instrument != NULL;
}
