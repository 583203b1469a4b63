/*
 * plan_shape.c
 *	  Reads from a plan how its rows are found, and in which order.
 *
 * The planner is asked, not imitated: what is read here is the very plan that
 * is about to run, or that stands for a whole walk.
 */
#include "postgres.h"

#include <math.h>

#include "parser/parsetree.h"

#include "walk/citus.h"
#include "walk/plan_shape.h"

/* What a disabled node costs more, before 18. */
#define DISABLE_COST 1.0e10

static void read_estimates(Plan *plan, CiterPlanShape *shape);
static void find_order(Plan *plan, CiterPlanShape *shape);
static void find_orders(List *plans, CiterPlanShape *shape);
static bool is_physical(Plan *plan);
static bool is_remote(Plan *plan);
static bool is_empty_result(Plan *plan);
static List *appended_relations(const PlannedStmt *statement);

/* Reads the plan of a statement; the lists are in the current memory context. */
CiterPlanShape
citer_plan_shape_read(const PlannedStmt *statement)
{
	CiterPlanShape shape = {0};

	shape.relations = list_copy(statement->relationOids);
	shape.physical = citer_plan_shape_is_physical(statement);
	shape.has_tids = citer_plan_shape_has_tids(statement);
	read_estimates(statement->planTree, &shape);
	find_order(statement->planTree, &shape);
	shape.remote = is_remote(statement->planTree);
	shape.citus = citer_citus_plans(statement->planTree);
	shape.forwarded = citer_citus_forwards(statement->planTree);
	shape.appended = appended_relations(statement);
	return shape;
}

/*
 * Whether the plan returns its rows in the physical order of a table without
 * having been asked to: all scans that they come from are TID range scans.
 * The plan of several tables returns the rows of one after those of another.
 */
bool
citer_plan_shape_is_physical(const PlannedStmt *statement)
{
	return is_physical(statement->planTree);
}

/*
 * Whether the plan returns its rows just as a TID range scan has read them, so
 * that each is in a slot with its ctid.  A node that projects loses that.
 */
bool
citer_plan_shape_has_tids(const PlannedStmt *statement)
{
	Plan	   *plan = statement->planTree;

	if (IsA(plan, Limit))
		plan = plan->lefttree;
	return IsA(plan, TidRangeScan) || is_empty_result(plan);
}

/*
 * The estimates of what is below a plan's LIMIT.  What nodes cost because they are
 * disabled, which is so before 18, is left out: the plan around the walk, whose cost
 * decides on JIT compilation, has no choice between them.
 */
static void
read_estimates(Plan *plan, CiterPlanShape *shape)
{
	if (IsA(plan, Limit))
		plan = plan->lefttree;
	shape->rows = plan->plan_rows;
	shape->startup_cost = fmod(plan->startup_cost, DISABLE_COST);
	shape->total_cost = shape->startup_cost +
		fmod(plan->total_cost - plan->startup_cost, DISABLE_COST);
}

/*
 * Follows a plan down to where its rows get their order: a sort, or scans of
 * indexes.  What is below a join or an aggregate is ignored.
 */
static void
find_order(Plan *plan, CiterPlanShape *shape)
{
	if (plan == NULL)
		return;
	switch (nodeTag(plan))
	{
		case T_Sort:
			shape->sorts |= !is_empty_result(plan->lefttree);
			shape->reads_tables |= shape->sorts;
			break;
		case T_IncrementalSort:
			shape->sorts_groups = true;
			find_order(plan->lefttree, shape);
			break;
		case T_IndexScan:
			shape->reads_tables = true;
			shape->indexes = list_append_unique_oid(shape->indexes, ((IndexScan *) plan)->indexid);
			break;
		case T_IndexOnlyScan:
			shape->indexes = list_append_unique_oid(shape->indexes, ((IndexOnlyScan *) plan)->indexid);
			break;
		case T_Limit:
		case T_LockRows:
		case T_Result:
			find_order(plan->lefttree, shape);
			break;
		case T_SubqueryScan:
			find_order(((SubqueryScan *) plan)->subplan, shape);
			break;
		case T_Append:
			find_orders(((Append *) plan)->appendplans, shape);
			break;
		case T_MergeAppend:
			find_orders(((MergeAppend *) plan)->mergeplans, shape);
			break;
		default:
			break;
	}
}

static void
find_orders(List *plans, CiterPlanShape *shape)
{
	ListCell   *cell;

	foreach(cell, plans)
		find_order(lfirst(cell), shape);
}

/* Whether all scans that a plan's rows come from are TID range scans. */
static bool
is_physical(Plan *plan)
{
	ListCell   *cell;

	switch (nodeTag(plan))
	{
		case T_TidRangeScan:
			return true;
		case T_Limit:
		case T_LockRows:
		case T_Result:
			return is_empty_result(plan) || is_physical(plan->lefttree);
		case T_SubqueryScan:
			return is_physical(((SubqueryScan *) plan)->subplan);
		case T_Append:
			foreach(cell, ((Append *) plan)->appendplans)
			{
				if (!is_physical(lfirst(cell)))
					return false;
			}
			return true;
		default:
			return false;
	}
}

/* Whether one foreign scan returns the rows, in their order. */
static bool
is_remote(Plan *plan)
{
	while (plan != NULL && (IsA(plan, Limit) || IsA(plan, Result)))
		plan = plan->lefttree;
	return plan != NULL && IsA(plan, ForeignScan);
}

/* Whether the planner has found out that there are no rows. */
static bool
is_empty_result(Plan *plan)
{
	return IsA(plan, Result) && plan->lefttree == NULL;
}

/*
 * The OIDs of the relations that a plan scans one after the other, if it does
 * that and no more: as the planner does where its order puts all rows of the
 * one before those of the next.
 */
static List *
appended_relations(const PlannedStmt *statement)
{
	Plan	   *plan = statement->planTree;
	List	   *scans = IsA(plan, Append) ? ((Append *) plan)->appendplans : list_make1(plan);
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, scans)
	{
		Plan	   *scan = lfirst(cell);
		Index		rti = 0;

		if (IsA(scan, ForeignScan) || IsA(scan, IndexScan) || IsA(scan, IndexOnlyScan))
			rti = ((Scan *) scan)->scanrelid;
		if (rti == 0)
			return NIL;
		relations = lappend_oid(relations, rt_fetch(rti, statement->rtable)->relid);
	}
	return relations;
}
