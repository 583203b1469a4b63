/*
 * estimate.c
 *	  How many rows of a walk in FROM the planner has to expect.
 *
 * A walk is planned as a whole, whatever its bounds; what is between them is a
 * part of it.  How large a part, the planner's own functions say from the
 * statistics of the table, for which they need no more than a query on it that
 * could be planned (the server does so for CLUSTER, see plan_cluster_use_sort).
 * To plan a query with the bounds takes as long as to read some rows.  It is done
 * only where there are no such statistics (views, queries, foreign tables), and
 * under policies, which statistics must not circumvent.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "storage/lockdefs.h"
#include "utils/selfuncs.h"

#include "base/compat.h"
#include "scan/call.h"
#include "scan/scan.h"

static double part_between(const CiterWalk *walk, const CiterPosition *after,
						   const CiterPosition *upto);
static PlannerInfo *make_planner(const CiterRelation *relation);
static List *range_clauses(const CiterKey *key, const CiterRange *range,
						   const CiterPosition *after, const CiterPosition *upto);
static List *add_comparison(List *clauses, const CiterKeyElement *element, Oid operator,
							Datum value);
static List *add_null_test(List *clauses, const CiterKeyElement *element, NullTestType type);

/*
 * Estimates what is between the bounds of a walk.  How it is read was decided
 * for all rows; a part of them costs that part, also of what is sorted before the first
 * one, but at least a page.  For a bound that is not known the server's own defaults
 * stand: a third of the rows is after it.
 */
void
citer_scan_estimate(CiterScanCall *scan, const CiterOptions *options)
{
	const CiterWalk *walk = scan->walk;
	const CiterPlanShape *shape = &walk->index_shape;
	List	   *arguments = scan->call->args;
	int			unknown = !IsA(citer_call_after(arguments, list_length(arguments)), Const) +
	!IsA(citer_call_upto(arguments, list_length(arguments)), Const);
	bool		known = options->after.nelements > 0 || options->upto.nelements > 0;
	CiterPosition none = {0};
	double		part = 1;

	scan->bounded = known || unknown > 0;
	/* The shape of a walk in physical order is that of a range of it. */
	if (known || walk->key->physical)
		part = part_between(walk, options->after.nelements > 0 ? &walk->after : &none,
							known ? &walk->upto : &none);
	if (unknown > 0)
		part *= unknown > 1 ? DEFAULT_RANGE_INEQ_SEL : DEFAULT_INEQ_SEL;
	scan->rows = clamp_row_est(shape->rows * part);
	scan->startup_cost = Max(shape->startup_cost * Min(part, 1),
							 Min(shape->startup_cost, random_page_cost));
	scan->total_cost = scan->startup_cost + (shape->total_cost - shape->startup_cost) * part;
}

/*
 * The rows between two positions, of which one may have no elements, as a part of those
 * that the walk's shape is of.
 */
static double
part_between(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	const CiterKey *key = walk->key;
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(key));
	int			nranges = citer_range_split(key, after, upto, ranges);
	double		part = 0;
	PlannerInfo *planner;

	if (key->physical || !citer_relation_is_table(walk->relation) || walk->relation->row_security)
		return citer_walk_estimate(walk, after, upto) / clamp_row_est(walk->index_shape.rows);
	planner = make_planner(walk->relation);
	for (int i = 0; i < nranges; i++)
		part += clauselist_selectivity(planner, range_clauses(key, &ranges[i], after, upto),
									   0, JOIN_INNER, NULL);
	return Min(part, 1);
}

/* What the planner's functions need to know of a query on a table. */
static PlannerInfo *
make_planner(const CiterRelation *relation)
{
	PlannerInfo *planner = makeNode(PlannerInfo);
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = relation->relid;
	rte->relkind = relation->relkind;
	rte->rellockmode = AccessShareLock;
	rte->inFromCl = true;

	planner->parse = makeNode(Query);
	planner->parse->commandType = CMD_SELECT;
	planner->parse->rtable = list_make1(rte);
	citer_compat_add_permissions(planner->parse, rte);
	planner->glob = makeNode(PlannerGlobal);
	planner->query_level = 1;
	planner->planner_cxt = CurrentMemoryContext;
	planner->wt_param_id = -1;
	setup_simple_rel_arrays(planner);
	(void) build_simple_rel(planner, 1, NULL);

	/* Children play no part in the above, but in the statistics. */
	rte->inh = relation->has_children;
	return planner;
}

/* The conditions that a row is in the range. */
static List *
range_clauses(const CiterKey *key, const CiterRange *range, const CiterPosition *after,
			  const CiterPosition *upto)
{
	const CiterPosition *fixed = range->fixed_to_upper ? upto : after;
	const CiterKeyElement *element = key->elements;
	List	   *clauses = NIL;
	int			i;

	for (i = 0; i < range->nfixed; i++, element++)
	{
		if (fixed->isnull[i])
			clauses = add_null_test(clauses, element, IS_NULL);
		else
			clauses = add_comparison(clauses, element, element->equal_operator, fixed->values[i]);
	}
	if (i == key->nelements)
		return clauses;
	if (range->lower != CITER_BOUND_NONE)
		clauses = add_comparison(clauses, element, element->descending ?
								 element->less_operator : element->greater_operator,
								 after->values[i]);
	if (range->upper != CITER_BOUND_NONE)
		clauses = add_comparison(clauses, element, element->descending ?
								 element->greater_operator : element->less_operator,
								 upto->values[i]);
	if (range->nulls == CITER_NULLS_ONLY)
		clauses = add_null_test(clauses, element, IS_NULL);
	if (range->nulls == CITER_NULLS_NEVER)
		clauses = add_null_test(clauses, element, IS_NOT_NULL);
	return clauses;
}

static List *
add_comparison(List *clauses, const CiterKeyElement *element, Oid operator, Datum value)
{
	Const	   *constant = makeConst(element->type, -1, element->collation, element->typlen,
									 value, false, element->typbyval);

	return lappend(clauses, make_opclause(operator, BOOLOID, false, element->expr,
										  (Expr *) constant, InvalidOid, element->collation));
}

static List *
add_null_test(List *clauses, const CiterKeyElement *element, NullTestType type)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = element->expr;
	test->nulltesttype = type;
	test->location = -1;
	return lappend(clauses, test);
}
