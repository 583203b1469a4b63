/*
 * volatility.c
 *	  Whether a row of the walk is the same each time it is read.
 *
 * Each chunk runs the view, or the query, that is walked once more.  A column
 * that is computed by a volatile function is another one then, and a row whose
 * key it is would be lost or come twice.  So the columns of a key are followed
 * to where they come from: through subqueries, views, WITH queries, joins and
 * set operations.
 *
 * A volatile condition is another matter: of each row it decides once, as it
 * would in one query.  But where a row is made of several (by an aggregate or a
 * window function), or of a choice among them (LIMIT, DISTINCT ON), it is
 * another row if it is made of others.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "walk/volatility.h"

static bool expression_is_volatile(Node *node, List *queries);
static bool function_is_volatile(Oid function, void *context);
static bool column_is_volatile(Var *var, List *queries);
static Node *alias_expression(Var *var, RangeTblEntry *rte);
static bool has_volatile_nulls(Node *expr, List *queries);
static bool nulls_are_volatile(Node *node, int varno, List *queries);
static bool join_has(Node *node, int *varno);
static bool join_is_volatile(Node *node, List *queries);
static bool output_is_volatile(Query *query, AttrNumber attnum, List *around);
static bool branches_are_volatile(Node *branch, AttrNumber attnum, List *queries);
static bool targets_are_volatile(Query *query, List *clauses, List *queries);
static bool windows_are_volatile(Query *query, List *queries);
static bool rows_are_volatile(Query *query, List *around);
static bool source_is_volatile(RangeTblEntry *rte, List *queries);
static CommonTableExpr *find_cte(const RangeTblEntry *rte, List *queries, List **around);

/*
 * Whether an expression over the relation, as range table entry 1, can be
 * another one each time that it is computed for the same row.
 */
bool
citer_volatility_of_expression(const CiterRelation *relation, Node *expr)
{
	return contain_volatile_functions(expr) ||
		(relation->rewritten != NULL &&
		 expression_is_volatile(expr, list_make1(relation->rewritten)));
}

/* Whether the relation can have other rows each time that it is read. */
bool
citer_volatility_of_rows(const CiterRelation *relation)
{
	return relation->rewritten != NULL && rows_are_volatile(relation->rewritten, NIL);
}

/*
 * Expression walker: whether there is something volatile in an expression of
 * the first of these queries; the others are around it.
 */
static bool
expression_is_volatile(Node *node, List *queries)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return column_is_volatile((Var *) node, queries);
	if (IsA(node, Query))
		return rows_are_volatile((Query *) node, queries) ||
			output_is_volatile((Query *) node, InvalidAttrNumber, queries);
	if (check_functions_in_node(node, function_is_volatile, NULL))
		return true;
	return expression_tree_walker(node, expression_is_volatile, queries);
}

static bool
function_is_volatile(Oid function, void *context)
{
	(void) context;
	return func_volatile(function) == PROVOLATILE_VOLATILE;
}

/* Whether a column of the range table is. */
static bool
column_is_volatile(Var *var, List *queries)
{
	List	   *around = list_copy_tail(queries, var->varlevelsup);
	RangeTblEntry *rte = rt_fetch(var->varno, linitial_node(Query, around)->rtable);
	Node	   *alias = alias_expression(var, rte);
	CommonTableExpr *cte;

	if (alias != NULL)
		return expression_is_volatile(alias, around);
	switch (rte->rtekind)
	{
		case RTE_SUBQUERY:
			return output_is_volatile(rte->subquery, var->varattno, around);
		case RTE_CTE:
			cte = find_cte(rte, around, &around);
			return cte != NULL &&
				output_is_volatile(castNode(Query, cte->ctequery), var->varattno, around);
		case RTE_RELATION:
			return false;
		default:
			return source_is_volatile(rte, around);
	}
}

/*
 * The expression, in the same query, that a column of a join or a group stands
 * for; NULL for others.
 */
static Node *
alias_expression(Var *var, RangeTblEntry *rte)
{
	List	   *exprs = rte->rtekind == RTE_JOIN ? rte->joinaliasvars : citer_compat_group_exprs(rte);

	if (exprs == NIL || var->varattno == InvalidAttrNumber)
		return (Node *) exprs;
	return list_nth(exprs, var->varattno - 1);
}

/*
 * Whether an expression in the targets of the first query has a column that
 * outer joins make NULL for some rows each time, and for others the next.
 */
static bool
has_volatile_nulls(Node *expr, List *queries)
{
	Query	   *query = linitial_node(Query, queries);
	ListCell   *cell;

	foreach(cell, pull_vars_of_level(expr, 0))
	{
		Var		   *var = lfirst_node(Var, cell);
		Node	   *alias = alias_expression(var, rt_fetch(var->varno, query->rtable));

		if (alias != NULL ? has_volatile_nulls(alias, queries) :
			nulls_are_volatile((Node *) query->jointree, var->varno, queries))
			return true;
	}
	return false;
}

/* The same for an entry's columns, and the joins at and below a node of FROM. */
static bool
nulls_are_volatile(Node *node, int varno, List *queries)
{
	JoinExpr   *join = (JoinExpr *) node;
	bool		on_left;
	bool		nullable;
	ListCell   *cell;

	if (node != NULL && IsA(node, FromExpr))
	{
		foreach(cell, ((FromExpr *) node)->fromlist)
		{
			if (nulls_are_volatile(lfirst(cell), varno, queries))
				return true;
		}
	}
	if (node == NULL || !IsA(node, JoinExpr))
		return false;
	on_left = join_has(join->larg, &varno);
	nullable = join->jointype == JOIN_FULL ? on_left || join_has(join->rarg, &varno) :
		(join->jointype == JOIN_LEFT && join_has(join->rarg, &varno)) ||
		(join->jointype == JOIN_RIGHT && on_left);
	if (nullable && (expression_is_volatile(join->quals, queries) ||
					 join_is_volatile(on_left ? join->larg : join->rarg, queries)))
		return true;
	return nulls_are_volatile(join->larg, varno, queries) ||
		nulls_are_volatile(join->rarg, varno, queries);
}

/* Walker: whether an entry is in a part of FROM. */
static bool
join_has(Node *node, int *varno)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == *varno;
	return expression_tree_walker(node, join_has, varno);
}

/* Walker: whether a part of the first query's FROM has other rows each time. */
static bool
join_is_volatile(Node *node, List *queries)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblRef))
		return source_is_volatile(rt_fetch(((RangeTblRef *) node)->rtindex,
										   linitial_node(Query, queries)->rtable), queries);
	if (IsA(node, JoinExpr))
		return expression_is_volatile(((JoinExpr *) node)->quals, queries) ||
			join_is_volatile(((JoinExpr *) node)->larg, queries) ||
			join_is_volatile(((JoinExpr *) node)->rarg, queries);
	return false;
}

/*
 * Whether a column that a query returns is, or any if none is given; "around"
 * are the queries around it.
 */
static bool
output_is_volatile(Query *query, AttrNumber attnum, List *around)
{
	List	   *queries = lcons(query, list_copy(around));
	ListCell   *cell;

	if (query->setOperations != NULL)
		return branches_are_volatile(query->setOperations, attnum, queries);
	foreach(cell, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, cell);
		Node	   *expr = (Node *) target->expr;

		if (target->resjunk || (attnum != InvalidAttrNumber && target->resno != attnum))
			continue;
		if (expression_is_volatile(expr, queries) || has_volatile_nulls(expr, queries) ||
			(contain_agg_clause(expr) && rows_are_volatile(query, around)) ||
			(contain_window_function(expr) &&
			 (rows_are_volatile(query, around) || windows_are_volatile(query, queries))))
			return true;
	}
	return (query->limitCount != NULL || query->limitOffset != NULL || query->hasDistinctOn) &&
		(rows_are_volatile(query, around) || targets_are_volatile(query, query->sortClause, queries));
}

/*
 * The same for a column of a set operation.  The second branch of EXCEPT and
 * INTERSECT decides which rows of the first are there, and gives none.
 */
static bool
branches_are_volatile(Node *branch, AttrNumber attnum, List *queries)
{
	SetOperationStmt *operation;
	RangeTblEntry *rte;

	if (IsA(branch, RangeTblRef))
	{
		rte = rt_fetch(((RangeTblRef *) branch)->rtindex, linitial_node(Query, queries)->rtable);
		return output_is_volatile(rte->subquery, attnum, queries);
	}
	operation = castNode(SetOperationStmt, branch);
	return branches_are_volatile(operation->larg, attnum, queries) ||
		(operation->op == SETOP_UNION && branches_are_volatile(operation->rarg, attnum, queries));
}

/* Whether one of the targets that clauses sort or group by is. */
static bool
targets_are_volatile(Query *query, List *clauses, List *queries)
{
	ListCell   *cell;

	foreach(cell, clauses)
	{
		if (expression_is_volatile(get_sortgroupclause_expr(lfirst(cell), query->targetList), queries))
			return true;
	}
	return false;
}

/* Whether one of its windows can have other rows, or in another order. */
static bool
windows_are_volatile(Query *query, List *queries)
{
	ListCell   *cell;

	foreach(cell, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, cell);

		if (targets_are_volatile(query, window->partitionClause, queries) ||
			targets_are_volatile(query, window->orderClause, queries))
			return true;
	}
	return false;
}

/* Whether a query can return other rows, or rows made of others, each time. */
static bool
rows_are_volatile(Query *query, List *around)
{
	List	   *queries = lcons(query, list_copy(around));
	ListCell   *cell;

	if (expression_is_volatile((Node *) query->jointree, queries) ||
		expression_is_volatile(query->havingQual, queries) ||
		expression_is_volatile(query->limitCount, queries) ||
		expression_is_volatile(query->limitOffset, queries) ||
		targets_are_volatile(query, query->groupClause, queries) ||
		targets_are_volatile(query, query->distinctClause, queries))
		return true;
	if ((query->limitCount != NULL || query->limitOffset != NULL) &&
		targets_are_volatile(query, query->sortClause, queries))
		return true;
	foreach(cell, query->rtable)
	{
		if (source_is_volatile(lfirst_node(RangeTblEntry, cell), queries))
			return true;
	}
	return false;
}

/* Whether an entry of the first query's range table has other rows each time. */
static bool
source_is_volatile(RangeTblEntry *rte, List *queries)
{
	CommonTableExpr *cte;
	List	   *around;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return expression_is_volatile((Node *) rte->securityQuals, queries) ||
				(rte->tablesample != NULL && rte->tablesample->repeatable == NULL);
		case RTE_SUBQUERY:
			return rows_are_volatile(rte->subquery, queries);
		case RTE_CTE:
			cte = find_cte(rte, queries, &around);
			return cte != NULL && rows_are_volatile(castNode(Query, cte->ctequery), around);
		case RTE_FUNCTION:
			return expression_is_volatile((Node *) rte->functions, queries);
		case RTE_TABLEFUNC:
			return expression_is_volatile((Node *) rte->tablefunc, queries);
		case RTE_VALUES:
			return expression_is_volatile((Node *) rte->values_lists, queries);
		default:
			return false;
	}
}

/*
 * The WITH query that an entry of the first query's range table stands for, and
 * the queries around it; NULL for one within itself.
 */
static CommonTableExpr *
find_cte(const RangeTblEntry *rte, List *queries, List **around)
{
	ListCell   *cell;

	*around = list_copy_tail(queries, rte->ctelevelsup);
	if (rte->self_reference)
		return NULL;
	foreach(cell, linitial_node(Query, *around)->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return cte;
	}
	return NULL;
}
