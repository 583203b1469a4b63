/*
 * scan_plan.c
 *	  chunked_iter() in FROM as a scan that streams: the planner's side.
 *
 * A function scan runs a set-returning function to its end and keeps all of
 * its rows in a tuplestore before the first one comes out, also with LIMIT.
 * So where the planner considers how to scan a call of chunked_iter in FROM,
 * its function scan is replaced by a custom scan over the same iterator.
 * Nothing has to be preloaded for that: chunked_iter has a support function,
 * which the planner calls before it comes to paths, and calling it loads the
 * library and sets the hook.
 *
 * The server's own function scan stays where a custom scan cannot serve: WITH
 * ORDINALITY and ROWS FROM with several functions.
 *
 * The scan has no relation in the range table, since that has a function, so
 * it is of the kind with scanrelid 0, whose tuples are described by a target
 * list: the columns of the row type, and behind them the row as a whole if
 * the query refers to it.  See "Writing a Custom Scan Provider" in the manual.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_clause.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "call.h"
#include "clause.h"
#include "compat.h"
#include "scan.h"
#include "walk.h"

PG_FUNCTION_INFO_V1(chunked_iter_support_1_0);

static set_rel_pathlist_hook_type previous_pathlist_hook = NULL;

static void replace_function_scan(PlannerInfo *root, RelOptInfo *rel, Index rti,
								  RangeTblEntry *rte);
static bool fits_row_type(RelOptInfo *rel, TupleDesc columns);
static CiterWalk *resolve_call(FuncExpr *call, TupleDesc columns, RelOptInfo *rel,
							   List **clauses);
static List *take_quals(RelOptInfo *rel, FuncExpr *call, TupleDesc columns, List **clauses);
static CiterRelation *known_relation(FuncExpr *call, TupleDesc columns);
static bool can_move(RelOptInfo *rel, RestrictInfo *rinfo);
static bool is_unreadable(Node *node, void *context);
static bool is_hidden_function(Oid function, void *context);
static Bitmapset *used_columns(RelOptInfo *rel, List *clauses);
static void set_cost(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk,
					 List *clauses);
static void set_order(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk);
static Plan *plan_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					   List *targetlist, List *clauses, List *custom_plans);
static List *column_list(const Bitmapset *columns);
static List *describe_scan(Index rti, TupleDesc tupdesc, bool with_whole_row);

const CustomPathMethods citer_scan_path_methods = {
	.CustomName = "ChunkedIter",
	.PlanCustomPath = plan_scan,
};

/* Sets the planner's hook.  Called once, when the library is loaded. */
void
citer_scan_init(void)
{
	RegisterCustomScanMethods(&citer_scan_methods);
	previous_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = replace_function_scan;
	citer_scan_minmax_init();
}

/*
 * chunked_iter_support(internal) RETURNS internal
 *
 * The planner support function of chunked_iter: says how many rows a call
 * returns.  That it is called at all is what matters, see above.
 */
Datum
chunked_iter_support_1_0(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;
		FuncExpr   *call = (FuncExpr *) rows->node;
		CiterWalk  *walk = NULL;

		/* The columns of a query are not known here, but in FROM: see below. */
		if (citer_call_is(rows->node) && !citer_call_is_query(call))
			walk = resolve_call(call, lookup_rowtype_tupdesc_copy(exprType(linitial(call->args)), -1),
								NULL, NULL);
		if (walk == NULL)
			PG_RETURN_POINTER(NULL);
		rows->rows = walk->index_shape.rows;
		PG_RETURN_POINTER(request);
	}
	PG_RETURN_POINTER(NULL);
}

/* Planner hook: a call of chunked_iter alone in FROM gets a custom scan. */
static void
replace_function_scan(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	FuncExpr   *call;
	TupleDesc	columns;
	CiterScanPath *scan;
	Path	   *path;
	CiterWalk  *walk;
	List	   *clauses;

	if (previous_pathlist_hook)
		previous_pathlist_hook(root, rel, rti, rte);
	call = citer_call_find(rte, chunked_iter_support_1_0);
	if (call == NULL)
		return;
	columns = citer_call_columns(linitial(rte->functions));
	if (!fits_row_type(rel, columns))
		return;

	clauses = list_copy(rel->baserestrictinfo);
	walk = resolve_call(call, columns, rel, &clauses);
	if (walk != NULL)
	{
		rel->tuples = walk->index_shape.rows;
		rel->rows = clamp_row_est(rel->tuples * clauselist_selectivity(root, clauses, 0,
																	   JOIN_INNER, NULL));
	}

	scan = (CiterScanPath *) newNode(sizeof(CiterScanPath), T_CustomPath);
	scan->custom.flags = CITER_CUSTOMPATH_FLAGS;
	scan->custom.methods = &citer_scan_path_methods;
	scan->walk = walk;
	path = &scan->custom.path;
	path->pathtype = T_CustomScan;
	path->parent = rel;
	path->pathtarget = rel->reltarget;
	path->param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);

	set_cost(root, rel, path, walk, clauses);
	set_order(root, rel, path, walk);
	rel->pathlist = NIL;
	add_path(rel, path);
}

/*
 * Do the columns that the query refers to exist as it knows them?  A query
 * that was prepared before its table was altered may refer to others, which
 * the server's own scan has an error for.
 */
static bool
fits_row_type(RelOptInfo *rel, TupleDesc columns)
{
	List	   *vars = pull_var_clause((Node *) rel->reltarget->exprs, PVC_RECURSE_PLACEHOLDERS);
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
		vars = list_concat(vars, pull_var_clause((Node *) lfirst_node(RestrictInfo, cell)->clause,
												 PVC_RECURSE_PLACEHOLDERS));
	foreach(cell, vars)
	{
		Var		   *var = lfirst_node(Var, cell);

		if ((Index) var->varno != rel->relid || var->varattno <= 0)
			continue;
		if (var->varattno > columns->natts ||
			TupleDescAttr(columns, var->varattno - 1)->attisdropped ||
			TupleDescAttr(columns, var->varattno - 1)->atttypid != var->vartype)
			return false;
	}
	return true;
}

/*
 * The walk that a call stands for, in the current memory context; NULL unless
 * all of its arguments are known.  Throws what is wrong with them.
 *
 * For a call in FROM rel is given, and *clauses are the conditions on it, of
 * which those that the walk checks are taken off.
 */
static CiterWalk *
resolve_call(FuncExpr *call, TupleDesc columns, RelOptInfo *rel, List **clauses)
{
	CiterOptions options;

	if (!citer_call_read_constants(call->args, columns, &options))
		return NULL;
	if (rel != NULL)
	{
		options.quals = take_quals(rel, call, columns, clauses);
		options.columns = used_columns(rel, *clauses);
		options.columns_known = true;
	}
	return citer_walk_resolve(&options);
}

/*
 * Takes those conditions off the list that the walk itself can check, and
 * returns them over range table entry 1.
 *
 * A condition moves if it means the same in the walk's queries: its variables
 * are columns of the row, it can be read back, and it is not volatile.  One that
 * must not see rows which others have yet to pass (security levels) stays.
 */
static List *
take_quals(RelOptInfo *rel, FuncExpr *call, TupleDesc columns, List **clauses)
{
	CiterRelation *relation;
	List	   *taken = NIL;
	List	   *left = NIL;
	ListCell   *cell;

	if (*clauses == NIL || (relation = known_relation(call, columns)) == NULL)
		return NIL;
	foreach(cell, *clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		Node	   *qual = copyObject((Node *) rinfo->clause);

		ChangeVarNodes(qual, rel->relid, 1, 0);
		if (can_move(rel, rinfo) && citer_clause_reads_back(relation, qual))
			taken = lappend(taken, qual);
		else
			left = lappend(left, rinfo);
	}
	*clauses = left;
	return taken;
}

/* What a call walks; NULL if that is a query which is not known yet. */
static CiterRelation *
known_relation(FuncExpr *call, TupleDesc columns)
{
	Const	   *query = linitial(call->args);

	if (!citer_call_is_query(call))
		return citer_relation_open(columns->tdtypeid);
	if (!IsA(query, Const) || query->constisnull)
		return NULL;
	return citer_relation_of_query(TextDatumGetCString(query->constvalue), columns);
}

static bool
can_move(RelOptInfo *rel, RestrictInfo *rinfo)
{
	Node	   *clause = (Node *) rinfo->clause;
	Bitmapset  *columns = NULL;

	if (rinfo->pseudoconstant || !bms_is_subset(rinfo->clause_relids, rel->relids) ||
		(rinfo->security_level > rel->baserestrict_min_security && !rinfo->leakproof) ||
		is_unreadable(clause, NULL) || contain_subplans(clause) ||
		contain_volatile_functions(clause))
		return false;
	pull_varattnos(clause, rel->relid, &columns);
	return !bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns);
}

/*
 * Expression walker: is there something that does not read back from SQL?  A
 * parameter has no value there, an anonymous row no input function; and what
 * is in a schema that the caller has no right to use cannot be named, though
 * the query may have it from a view.  What is visible can.
 */
static bool
is_unreadable(Node *node, void *context)
{
	Oid			type = InvalidOid;

	if (node == NULL)
		return false;
	if (IsA(node, Param) || check_functions_in_node(node, is_hidden_function, NULL))
		return true;
	if (IsA(node, Const) || IsA(node, RelabelType) || IsA(node, CoerceViaIO) ||
		IsA(node, CoerceToDomain))
		type = exprType(node);
	if (OidIsValid(type) && (get_typtype(type) == TYPTYPE_PSEUDO || !TypeIsVisible(type)))
		return true;
	return expression_tree_walker(node, is_unreadable, context);
}

static bool
is_hidden_function(Oid function, void *context pg_attribute_unused())
{
	return function >= FirstNormalObjectId && !FunctionIsVisible(function);
}

/* The columns that a scan hands on or looks at, as pull_varattnos() has them. */
static Bitmapset *
used_columns(RelOptInfo *rel, List *clauses)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(cell, clauses)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &columns);
	return columns;
}

/*
 * Sets the path's rows and cost; the clauses are those that the scan checks
 * itself.  What is not known of the walk is what the planner assumes of any
 * function.
 */
static void
set_cost(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk, List *clauses)
{
	QualCost	qual_cost;

	cost_qual_eval(&qual_cost, clauses, root);
	path->rows = path->param_info ? path->param_info->ppi_rows : rel->rows;
	path->startup_cost = qual_cost.startup + path->pathtarget->cost.startup;
	path->total_cost = path->startup_cost +
		rel->tuples * (2 * cpu_tuple_cost + qual_cost.per_tuple) +
		path->rows * path->pathtarget->cost.per_tuple;
	if (walk != NULL)
	{
		path->startup_cost += walk->index_shape.startup_cost;
		path->total_cost += walk->index_shape.total_cost;
	}
}

/*
 * Tells the planner in which order the rows come, and to plan again when the
 * relation changes, on which that depends.
 */
static void
set_order(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk)
{
	List	   *sort_clauses = NIL;
	List	   *targetlist = NIL;

	if (walk == NULL)
		return;
	if (walk->relation->query == NULL)
		root->glob->relationOids = lappend_oid(root->glob->relationOids, walk->relation->relid);
	/* A member of a UNION ALL has no order of its own for the planner. */
	if (walk->key->physical || rel->reloptkind != RELOPT_BASEREL ||
		!has_useful_pathkeys(root, rel))
		return;
	for (int i = 0; i < walk->key->nelements; i++)
	{
		CiterKeyElement *element = &walk->key->elements[i];
		SortGroupClause *clause = makeNode(SortGroupClause);
		Node	   *expr = copyObject((Node *) element->expr);

		ChangeVarNodes(expr, 1, rel->relid, 0);
		targetlist = lappend(targetlist, makeTargetEntry((Expr *) expr, i + 1, NULL, false));
		clause->tleSortGroupRef = assignSortGroupRef(llast(targetlist), targetlist);
		clause->sortop = element->descending ? element->greater_operator : element->less_operator;
		clause->nulls_first = element->nulls_first;
		citer_compat_set_descending(clause, element->descending);
		sort_clauses = lappend(sort_clauses, clause);
	}
	path->pathkeys = truncate_useless_pathkeys(root, rel,
											   make_pathkeys_for_sortclauses(root, sort_clauses,
																			 targetlist));
}

/* Custom path callback: makes the plan node. */
static Plan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *targetlist,
		  List *clauses, List *custom_plans pg_attribute_unused())
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	FuncExpr   *call = citer_call_find(rte, chunked_iter_support_1_0);
	CustomScan *scan = makeNode(CustomScan);
	TupleDesc	result = citer_call_columns(linitial(rte->functions));
	List	   *moved = take_quals(rel, call, result, &clauses);
	Bitmapset  *columns = used_columns(rel, clauses);
	bool		has_whole_row = bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns);

	scan->scan.plan.targetlist = targetlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	scan->methods = &citer_scan_methods;
	scan->custom_exprs = ((CiterScanPath *) path)->backwards ?
		citer_call_reversed_arguments(call) : call->args;
	scan->custom_scan_tlist = describe_scan(rel->relid, result, has_whole_row);
	scan->custom_private = list_make3(linitial(rte->functions), moved, column_list(columns));
	return &scan->scan.plan;
}

/* The members of a set, as a list that can be part of a plan. */
static List *
column_list(const Bitmapset *columns)
{
	List	   *list = NIL;

	for (int column = -1; (column = bms_next_member(columns, column)) >= 0;)
		list = lappend_int(list, column);
	return list;
}

/* The target list that describes a scan's tuples. */
static List *
describe_scan(Index rti, TupleDesc tupdesc, bool with_whole_row)
{
	List	   *targetlist = NIL;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		Expr	   *expr;

		if (attribute->attisdropped)
			expr = (Expr *) makeNullConst(INT4OID, -1, InvalidOid);
		else
			expr = (Expr *) makeVar(rti, i + 1, attribute->atttypid, attribute->atttypmod,
									attribute->attcollation, 0);
		targetlist = lappend(targetlist, makeTargetEntry(expr, i + 1, NULL, false));
	}
	if (with_whole_row)
		targetlist = lappend(targetlist,
							 makeTargetEntry((Expr *) makeVar(rti, InvalidAttrNumber,
															  tupdesc->tdtypeid, -1,
															  InvalidOid, 0),
											 tupdesc->natts + 1, NULL, false));
	return targetlist;
}
