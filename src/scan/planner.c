/*
 * planner.c
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
 * The call is resolved there, once: the order, the columns, the conditions
 * that the walk checks itself and the estimates all come from that one walk.
 * The bounds, the size of a chunk and the snapshot may be unknown (parameters of
 * a prepared statement); they change neither the rows' order nor their kind.
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
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "scan/call.h"
#include "scan/scan.h"
#include "walk/clause.h"
#include "walk/explain.h"
#include "walk/walk.h"

PG_FUNCTION_INFO_V1(chunked_iter_support_1_0);

static set_rel_pathlist_hook_type previous_pathlist_hook = NULL;

static double estimate_rows(FuncExpr *call);
static CiterScanCall *find_call(PlannerInfo *root, Node *node);
static void replace_function_scan(PlannerInfo *root, RelOptInfo *rel, Index rti,
								  RangeTblEntry *rte);
static CiterScanCall *resolve_call(RelOptInfo *rel, RangeTblEntry *rte);
static void check_row_type(RelOptInfo *rel, TupleDesc columns);
static CiterRelation *known_relation(FuncExpr *call, TupleDesc columns);
static Bitmapset *used_columns(RelOptInfo *rel, List *clauses);
static void set_rows(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterScanCall *scan);
static void set_cost(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterScanCall *scan);
static void set_order(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk);
static int	limited_rows(PlannerInfo *root, RelOptInfo *rel, const Path *path,
						 const CiterScanCall *scan);
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
 * returns.  That it is called at all is what matters, see above.  For
 * chunked_iter_key it looks at the argument.
 */
Datum
chunked_iter_support_1_0(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;
		CiterScanCall *scan = find_call(rows->root, rows->node);

		if (scan != NULL)
			rows->rows = scan->rows;
		else if (citer_call_is(rows->node))
			rows->rows = estimate_rows((FuncExpr *) rows->node);
		else
			PG_RETURN_POINTER(NULL);
		PG_RETURN_POINTER(rows->rows > 0 ? request : NULL);
	}
	if (IsA(request, SupportRequestSimplify))
	{
		SupportRequestSimplify *simplify = (SupportRequestSimplify *) request;

		citer_call_check_key(simplify->fcall, simplify->root);
	}
	PG_RETURN_POINTER(NULL);
}

/* The rows of a call in the select list; 0 if that is not known. */
static double
estimate_rows(FuncExpr *call)
{
	CiterScanCall scan = {.call = call};
	CiterOptions options;

	/* The columns of a query are not known here. */
	if (citer_call_is_query(call))
		return 0;
	scan.columns = lookup_rowtype_tupdesc_copy(exprType(linitial(call->args)), -1);
	if (!citer_call_read_known(call->args, scan.columns, &options))
		return 0;
	scan.walk = citer_walk_resolve(&options);
	citer_scan_estimate(&scan, &options);
	return scan.rows;
}

/* The call in FROM that is this expression; NULL if there is none. */
static CiterScanCall *
find_call(PlannerInfo *root, Node *node)
{
	for (int rti = 1; root != NULL && rti < root->simple_rel_array_size; rti++)
	{
		RelOptInfo *rel = root->simple_rel_array[rti];
		RangeTblEntry *rte = root->simple_rte_array[rti];

		if (rel != NULL && rel->rtekind == RTE_FUNCTION &&
			(Node *) citer_call_find(rte, chunked_iter_support_1_0) == node)
			return resolve_call(rel, rte);
	}
	return NULL;
}

/* Planner hook: a call of chunked_iter alone in FROM gets a custom scan. */
static void
replace_function_scan(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CiterScanPath *scan;
	Path	   *path;

	if (previous_pathlist_hook)
		previous_pathlist_hook(root, rel, rti, rte);
	if (citer_call_find(rte, chunked_iter_support_1_0) == NULL)
		return;
	/* One that was shown to be empty has not been prepared for another path. */
	if (IS_DUMMY_REL(rel))
		return;

	scan = (CiterScanPath *) newNode(sizeof(CiterScanPath), T_CustomPath);
	scan->custom.flags = CITER_CUSTOMPATH_FLAGS;
	scan->custom.methods = &citer_scan_path_methods;
	scan->call = resolve_call(rel, rte);
	path = &scan->custom.path;
	path->pathtype = T_CustomScan;
	path->parent = rel;
	path->pathtarget = rel->reltarget;
	path->param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);

	citer_scan_add_dependencies(root, scan->call);
	set_rows(root, rel, path, scan->call);
	set_cost(root, rel, path, scan->call);
	set_order(root, rel, path, scan->call->walk);
	scan->first_rows = limited_rows(root, rel, path, scan->call);
	rel->pathlist = NIL;
	add_path(rel, path);
}

/*
 * Resolves a call in FROM with what the query wants of it, unless that is done
 * already.  Throws what is wrong with it, privileges included.  The relation is
 * locked before its row type is looked at.
 */
static CiterScanCall *
resolve_call(RelOptInfo *rel, RangeTblEntry *rte)
{
	CiterScanCall *scan = rel->fdw_private;
	CiterOptions options;
	TupleDesc	columns;
	Oid			relid;

	if (scan != NULL)
		return scan;
	scan = palloc0(sizeof(CiterScanCall));
	scan->call = citer_call_find(rte, chunked_iter_support_1_0);
	relid = get_typ_typrelid(exprType(linitial(scan->call->args)));
	if (OidIsValid(relid))
		LockRelationOid(relid, AccessShareLock);
	columns = citer_call_columns(linitial(rte->functions));
	scan->columns = CreateTupleDescCopyConstr(columns);
	ReleaseTupleDesc(columns);
	check_row_type(rel, scan->columns);
	if (citer_call_read_known(scan->call->args, scan->columns, &options))
	{
		if (rel->baserestrictinfo != NIL)
			citer_scan_take_quals(rel, known_relation(scan->call, scan->columns), &scan->quals);
		options.planner.quals = scan->quals.quals;
		options.planner.nparams = list_length(scan->quals.params);
		options.planner.param_types = citer_scan_param_types(scan->quals.params);
		options.columns = used_columns(rel, list_difference_ptr(rel->baserestrictinfo,
																scan->quals.clauses));
		options.columns_known = true;
		scan->walk = citer_walk_resolve(&options);
		citer_scan_estimate(scan, &options);
	}
	rel->fdw_private = scan;
	return scan;
}

/*
 * 0A000 unless the columns that the query refers to exist as it knows them: a
 * query that was prepared before its table was altered may refer to others.
 * The server says the same of a table.
 */
static void
check_row_type(RelOptInfo *rel, TupleDesc columns)
{
	List	   *vars = pull_var_clause((Node *) rel->reltarget->exprs, PVC_RECURSE_PLACEHOLDERS);
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
		vars = list_concat(vars, pull_var_clause((Node *) lfirst_node(RestrictInfo, cell)->clause,
												 PVC_RECURSE_PLACEHOLDERS));
	foreach(cell, vars)
	{
		Var		   *var = lfirst_node(Var, cell);
		Form_pg_attribute column;

		if ((Index) var->varno != rel->relid || var->varattno <= 0)
			continue;
		column = var->varattno <= columns->natts ?
			TupleDescAttr(columns, var->varattno - 1) : NULL;
		if (column == NULL || column->attisdropped || column->atttypid != var->vartype)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cached plan must not change result type"),
					 errdetail("Column %d of row type %s had type %s when the statement was written.",
							   var->varattno, format_type_be(columns->tdtypeid),
							   format_type_be(var->vartype)),
					 errhint("Prepare the statement again, or create the view again.")));
	}
}

/* What a call walks that is known. */
static CiterRelation *
known_relation(FuncExpr *call, TupleDesc columns)
{
	Const	   *query = linitial(call->args);

	if (!citer_call_is_query(call))
		return citer_relation_open(columns->tdtypeid);
	return citer_clause_query(TextDatumGetCString(castNode(Const, query)->constvalue), columns);
}

/* The columns that a scan returns or checks, as pull_varattnos() has them. */
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

/* Sets how many rows come from the walk, and from the path. */
static void
set_rows(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterScanCall *scan)
{
	List	   *clauses = list_difference_ptr(rel->baserestrictinfo, scan->quals.clauses);

	if (scan->walk != NULL)
	{
		rel->tuples = scan->rows;
		rel->rows = clamp_row_est(rel->tuples * clauselist_selectivity(root, clauses, 0,
																	   JOIN_INNER, NULL));
		if (path->param_info != NULL)
			path->param_info->ppi_rows =
				clamp_row_est(rel->rows * clauselist_selectivity(root, path->param_info->ppi_clauses,
																 rel->relid, JOIN_INNER, NULL));
	}
	path->rows = path->param_info ? path->param_info->ppi_rows : rel->rows;
}

/*
 * Sets the path's cost, that of the conditions which the scan checks itself
 * included.  What is not known of the walk is what the planner assumes of any
 * function.
 */
static void
set_cost(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterScanCall *scan)
{
	List	   *clauses = list_difference_ptr(rel->baserestrictinfo, scan->quals.clauses);
	QualCost	qual_cost;

	if (path->param_info != NULL)
		clauses = list_concat(clauses, path->param_info->ppi_clauses);
	cost_qual_eval(&qual_cost, clauses, root);
	path->startup_cost = scan->startup_cost + qual_cost.startup + path->pathtarget->cost.startup;
	path->total_cost = scan->total_cost + qual_cost.startup + path->pathtarget->cost.startup +
		rel->tuples * (2 * cpu_tuple_cost + qual_cost.per_tuple) +
		path->rows * path->pathtarget->cost.per_tuple;
}

/* Tells the planner in which order the rows come. */
static void
set_order(PlannerInfo *root, RelOptInfo *rel, Path *path, const CiterWalk *walk)
{
	List	   *sort_clauses = NIL;
	List	   *targetlist = NIL;

	/* A member of a UNION ALL has no order of its own for the planner. */
	if (walk == NULL || walk->key->physical || rel->reloptkind != RELOPT_BASEREL ||
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

/*
 * The rows after which a LIMIT stops the scan, if that is known and may be the
 * first ones: nothing else is in FROM, and no row is sorted or left out before it
 * is counted.  Else 0.
 */
static int
limited_rows(PlannerInfo *root, RelOptInfo *rel, const Path *path, const CiterScanCall *scan)
{
	if (root->limit_tuples < 1 || root->limit_tuples > CITER_CHUNK_SIZE_MAX ||
		!bms_equal(rel->relids, root->all_baserels) ||
		list_difference_ptr(rel->baserestrictinfo, scan->quals.clauses) != NIL ||
		!pathkeys_contained_in(root->query_pathkeys, path->pathkeys))
		return 0;
	return (int) root->limit_tuples;
}

/* Custom path callback: makes the plan node. */
static Plan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *targetlist,
		  List *clauses, List *custom_plans pg_attribute_unused())
{
	const CiterScanCall *call = ((CiterScanPath *) path)->call;
	bool		backwards = ((CiterScanPath *) path)->backwards;
	RangeTblFunction *function = linitial(planner_rt_fetch(rel->relid, root)->functions);
	CustomScan *scan = makeNode(CustomScan);
	List	   *private = NIL;
	Bitmapset  *columns;

	clauses = list_difference_ptr(clauses, call->quals.clauses);
	columns = used_columns(rel, clauses);
	scan->scan.plan.targetlist = targetlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	scan->methods = &citer_scan_methods;
	scan->custom_exprs = list_concat(backwards ? citer_call_reversed_arguments(call->call) :
									 copyObject(call->call->args), call->quals.params);
	scan->custom_scan_tlist = describe_scan(rel->relid, call->columns,
											bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns));

	/* In the order of CiterScanPrivate. */
	private = list_make4(function, column_list(columns), call->quals.quals,
						 makeInteger(((CiterScanPath *) path)->first_rows));
	if (call->walk != NULL)
	{
		private = lappend(private, call->walk->key->order);
		private = lappend(private, call->walk->filter_clause);
		private = lappend(private, citer_scan_claim(call->walk->key, backwards));
		private = lappend(private, citer_explain_words(call->walk, backwards));
	}
	scan->custom_private = private;
	if (!citer_call_is_query(call->call))
		citer_scan_add_relation(root, get_typ_typrelid(call->columns->tdtypeid));
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
