/*
 * dependencies.c
 *	  What the plan of a scan depends on.
 *
 * The walk is an argument of a function to the planner, so the relations and
 * functions in it are not among those that the planner has found in the query.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planmain.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "scan/call.h"
#include "scan/scan.h"
#include "walk/citus.h"

static bool add_functions(Node *node, void *root);
static bool add_function(Oid function, void *root);

/*
 * Registers what the plan depends on, so that it is made again when one of the
 * relations or functions changes, or the role, whose privileges count.
 */
void
citer_scan_add_dependencies(PlannerInfo *root, const CiterScanCall *scan)
{
	PlannerGlobal *glob = root->glob;

	glob->dependsOnRole = true;
	if (!citer_call_is_query(scan->call))
		glob->relationOids = list_append_unique_oid(glob->relationOids,
													get_typ_typrelid(scan->columns->tdtypeid));
	if (scan->walk == NULL)
		return;
	glob->relationOids = list_concat_unique_oid(glob->relationOids,
												scan->walk->index_shape.relations);
	add_functions((Node *) scan->walk->key->order, root);
	add_functions(scan->walk->filter_clause, root);
	add_functions((Node *) scan->quals.quals, root);
}

/* Expression walker: adds functions to what the plan depends on. */
static bool
add_functions(Node *node, void *root)
{
	if (node == NULL)
		return false;
	if (IsA(node, SortGroupClause))
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, add_functions, root, 0);
	check_functions_in_node(node, add_function, root);
	return expression_tree_walker(node, add_functions, root);
}

static bool
add_function(Oid function, void *root)
{
	record_plan_function_dependency(root, function);
	return false;
}

/*
 * Adds the walked relation to the plan's range table, where nothing refers to
 * it, as the server does with views: the plan cache takes its lock before it
 * decides whether the plan still holds.  EXPLAIN does not open it, for it may
 * be gone by then.  Citus refuses to see tables of its own appear while it plans.
 */
void
citer_scan_add_relation(PlannerInfo *root, Oid relid)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	if (CITER_LOCKED_RTEKIND == RTE_RELATION && citer_citus_has(relid))
		return;
	rte->rtekind = CITER_LOCKED_RTEKIND;
	rte->relid = relid;
	rte->relkind = get_rel_relkind(relid);
	rte->rellockmode = AccessShareLock;
	rte->eref = makeAlias(get_rel_name(relid), NIL);
	root->parse->rtable = lappend(root->parse->rtable, rte);
}
