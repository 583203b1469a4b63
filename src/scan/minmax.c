/*
 * minmax.c
 *	  min() and max() of a walk's key: the first row has the answer.
 *
 * The server answers SELECT min(id) FROM t from one row of an index, but only
 * where FROM has a table (see planagg.c).  Here the same is done for a walk
 * that is alone in FROM: where its first row, or the first one of the
 * reversed walk, is the answer to all the query's aggregates, a LIMIT 1 is put
 * between the walk and the aggregates.  Where each of the two answers some, both
 * are read: the least of the two is the least of all.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planner.h"
#include "optimizer/prep.h"
#include "rewrite/rewriteManip.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "scan/scan.h"

static create_upper_paths_hook_type previous_upper_hook = NULL;

static void consider_first_row(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
							   RelOptInfo *output, void *extra);
static Path *find_scan(RelOptInfo *input, CiterScanPath **scan);
static List *aggregates_of(PlannerInfo *root, RelOptInfo *output);
static bool rows_answer(const CiterScanPath *scan, List *aggregates, bool forwards,
						bool backwards);
static bool first_row_answers(const CiterScanPath *scan, Node *aggregate, bool backwards);
static bool is_first_value(Aggref *aggregate, Node *expr, Oid operator, Oid collation);
static Oid	sort_operator(Oid aggregate);
static Path *first_row(PlannerInfo *root, RelOptInfo *input, Path *path,
					   const CiterScanPath *scan, bool backwards);
static void add_aggregate_path(PlannerInfo *root, RelOptInfo *output, Path *path);

/* Sets the planner's hook.  Called once, when the library is loaded. */
void
citer_scan_minmax_init(void)
{
	previous_upper_hook = create_upper_paths_hook;
	create_upper_paths_hook = consider_first_row;
}

/* Planner hook: adds a path to a query of nothing but min() and max() of a walk. */
static void
consider_first_row(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
				   RelOptInfo *output, void *extra)
{
	Query	   *query = root->parse;
	CiterScanPath *scan;
	Path	   *path;
	List	   *aggregates;
	bool		forwards;

	if (previous_upper_hook)
		previous_upper_hook(root, stage, input, output, extra);
	if (stage != UPPERREL_GROUP_AGG || !query->hasAggs ||
		query->groupClause != NIL || query->groupingSets != NIL ||
		(path = find_scan(input, &scan)) == NULL)
		return;

	aggregates = aggregates_of(root, output);
	forwards = rows_answer(scan, aggregates, true, false);
	if (forwards || rows_answer(scan, aggregates, false, true))
		path = first_row(root, input, path, scan, !forwards);
	else if (rows_answer(scan, aggregates, true, true))
		path = citer_compat_append_path(root, input, first_row(root, input, path, scan, false),
										first_row(root, input, path, scan, true));
	else
		return;
	add_aggregate_path(root, output, path);
}

/*
 * The path of a walk that is known and all there is in FROM, and the scan in
 * it, which a projection may cover; NULL if there is none.
 */
static Path *
find_scan(RelOptInfo *input, CiterScanPath **scan)
{
	Path	   *path = input->cheapest_total_path;
	Path	   *below = path;

	if (input->reloptkind != RELOPT_BASEREL || path == NULL)
		return NULL;
	if (IsA(below, ProjectionPath))
		below = ((ProjectionPath *) below)->subpath;
	if (!IsA(below, CustomPath) || ((CustomPath *) below)->methods != &citer_scan_path_methods)
		return NULL;
	*scan = (CiterScanPath *) below;
	return (*scan)->call->walk != NULL && !(*scan)->call->walk->key->physical ? path : NULL;
}

/* The aggregates, and whatever else there is, in the query's result and HAVING. */
static List *
aggregates_of(PlannerInfo *root, RelOptInfo *output)
{
	int			flags = PVC_INCLUDE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS | PVC_INCLUDE_PLACEHOLDERS;

	return list_concat(pull_var_clause((Node *) output->reltarget->exprs, flags),
					   pull_var_clause(root->parse->havingQual, flags));
}

/*
 * Whether each aggregate is the value of the key's first element in the first
 * row, or in the first row of the reversed walk, as far as those rows are read.
 */
static bool
rows_answer(const CiterScanPath *scan, List *aggregates, bool forwards, bool backwards)
{
	ListCell   *cell;

	foreach(cell, aggregates)
	{
		if (!(forwards && first_row_answers(scan, lfirst(cell), false)) &&
			!(backwards && first_row_answers(scan, lfirst(cell), true)))
			return false;
	}
	return aggregates != NIL;
}

/*
 * Whether an aggregate is the value of the key's first element in the first
 * row.  A NULL there is not, unless there are only NULLs.  In the reversed
 * walk the bounds would change places, so there must be none.
 */
static bool
first_row_answers(const CiterScanPath *scan, Node *aggregate, bool backwards)
{
	const CiterKeyElement *element = &scan->call->walk->key->elements[0];
	bool		descending = element->descending != backwards;
	bool		nulls_first = element->nulls_first != backwards;
	Node	   *expr = copyObject((Node *) element->expr);

	if (!IsA(aggregate, Aggref) || (element->nullable && nulls_first) ||
		(backwards && scan->call->bounded))
		return false;
	ChangeVarNodes(expr, 1, scan->custom.path.parent->relid, 0);
	return is_first_value((Aggref *) aggregate, expr,
						  descending ? element->greater_operator : element->less_operator,
						  element->collation);
}

/* Whether it is the first value of the expression in the order of that operator. */
static bool
is_first_value(Aggref *aggregate, Node *expr, Oid operator, Oid collation)
{
	return list_length(aggregate->args) == 1 && aggregate->aggfilter == NULL &&
		aggregate->inputcollid == collation &&
		sort_operator(aggregate->aggfnoid) == operator &&
		equal(linitial_node(TargetEntry, aggregate->args)->expr, expr);
}

/* The operator whose first value the aggregate is; InvalidOid for most. */
static Oid
sort_operator(Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Oid			operator;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	operator = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	return operator;
}

/* The first row of the path, or of the same path with the reversed walk. */
static Path *
first_row(PlannerInfo *root, RelOptInfo *input, Path *path, const CiterScanPath *scan,
		  bool backwards)
{
	CiterScanPath *one_row = palloc(sizeof(CiterScanPath));
	Path	   *below = &one_row->custom.path;
	Node	   *one = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
										 Int64GetDatum(1), false, FLOAT8PASSBYVAL);

	*one_row = *scan;
	one_row->first_rows = 1;
	one_row->backwards = backwards;
	if (backwards)
		below->pathkeys = NIL;
	if (IsA(path, ProjectionPath))
		below = (Path *) create_projection_path(root, path->parent, below, path->pathtarget);
	return (Path *) create_limit_path(root, input, below, NULL, one, LIMIT_OPTION_COUNT, 0, 1);
}

/* Offers the planner the aggregates over the rows of the path. */
static void
add_aggregate_path(PlannerInfo *root, RelOptInfo *output, Path *path)
{
	AggClauseCosts costs = {0};

	get_agg_clause_costs(root, AGGSPLIT_SIMPLE, &costs);
	add_path(output, (Path *) create_agg_path(root, output, path, output->reltarget, AGG_PLAIN,
											  AGGSPLIT_SIMPLE, NIL,
											  (List *) root->parse->havingQual, &costs, 1));
}
