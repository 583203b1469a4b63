/*
 * comparison.c
 *	  Refuses comparisons with the bounds of a chunk that do not mean its rows.
 *
 * A statement that uses $1 ... compares the columns of the key with them.
 * Each bound has to be compared with its own column, the way the walk goes,
 * and so that the first and the last key are included; columns of a composite
 * key are compared as a row, in the order of the key.  A chunk_range() has to
 * stand where its name is one of the job's relation.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

#include "job/comparison.h"

/* Where a tree walker is, so that it knows what a Var stands for. */
typedef struct Scope
{
	const CiterJobCheck *check;
	List	   *rtables;		/* range tables around, innermost first */
} Scope;

/* A comparison of a column with a bound, turned so that the column is left. */
typedef struct Comparison
{
	int			column;			/* element of the key that it is; -1: none */
	int			element;		/* element that the bound is of */
	bool		is_last;		/* the bound is of the chunk's last key */
	int			strategy;		/* BTLess ...; 0: some other operator */
} Comparison;

static bool check_node(Node *node, Scope *scope);
static void check_range(Var *var, Scope *scope);
static void check_condition(Node *condition, Scope *scope);
static void check_comparison(OpExpr *expr, Scope *scope);
static void check_row_comparison(RowCompareExpr *expr, Scope *scope);
static bool read_comparison(Node *left, Node *right, Oid operator, Scope *scope,
							Comparison *comparison);
static int	key_column(Node *node, Scope *scope);
static void check_column(const CiterJobCheck *check, const Comparison *comparison);
static void check_direction(const CiterJobCheck *check, const Comparison *comparison);

/*
 * Checks a command of a statement, after parse analysis and before rewriting:
 * its chunk_range(), and its comparisons unless the statement is global.
 * 22023 if it is refused.
 */
void
citer_job_check_comparisons(const CiterJobCheck *check, Query *command)
{
	Scope		scope = {check, NIL};

	(void) check_node((Node *) command, &scope);
}

/* Expression walker: checks chunk_range() and comparisons with bounds. */
static bool
check_node(Node *node, Scope *scope)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		check_range((Var *) node, scope);
		return false;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY)
			return check_node((Node *) UtilityContainsQuery(query->utilityStmt), scope);
		scope->rtables = lcons(query->rtable, scope->rtables);
		if (!scope->check->job->statement_is_global && query->jointree != NULL)
			check_condition(query->jointree->quals, scope);
		(void) query_tree_walker(query, check_node, scope, QTW_IGNORE_JOINALIASES);
		scope->rtables = list_delete_first(scope->rtables);
		return false;
	}
	return expression_tree_walker(node, check_node, scope);
}

/* A variable of chunk_range(): 22023 unless it is one of the job's relation. */
static void
check_range(Var *var, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterJobTextRange *range = citer_job_text_range_with_key(check->text, var->location);
	RangeTblEntry *rte;

	if (range == NULL)
		return;
	rte = rt_fetch(var->varno, list_nth_node(List, scope->rtables, var->varlevelsup));
	if (rte->rtekind == RTE_RELATION && rte->relid != check->walk->relation->relid)
		citer_job_refuse_range(check->text, range, check->walk->relation);
}

/* Checks the comparisons that all rows have to pass: those joined by AND. */
static void
check_condition(Node *condition, Scope *scope)
{
	ListCell   *cell;

	if (condition == NULL)
		return;
	if (IsA(condition, OpExpr))
		check_comparison((OpExpr *) condition, scope);
	else if (IsA(condition, RowCompareExpr))
		check_row_comparison((RowCompareExpr *) condition, scope);
	else if (IsA(condition, BoolExpr) && ((BoolExpr *) condition)->boolop == AND_EXPR)
	{
		foreach(cell, ((BoolExpr *) condition)->args)
			check_condition(lfirst(cell), scope);
	}
}

static void
check_comparison(OpExpr *expr, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	Comparison	comparison;

	if (list_length(expr->args) != 2 ||
		!read_comparison(linitial(expr->args), lsecond(expr->args), expr->opno, scope, &comparison) ||
		comparison.strategy == 0 || comparison.strategy == BTEqualStrategyNumber)
		return;
	check_column(check, &comparison);
	check_direction(check, &comparison);
	if (comparison.column > 0)
		citer_job_refuse(check, "the statement compares the columns of the key one by one",
						 "Between two keys the first columns differ first: (a, b) >= ($1, $2) AND (a, b) <= ($3, $4).");
}

/* (a, b) >= ($1, $2), likewise. */
static void
check_row_comparison(RowCompareExpr *expr, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterKey *key = check->walk->key;
	ListCell   *left;
	ListCell   *right;
	ListCell   *operator;
	int			i = 0;

	forthree(left, expr->largs, right, expr->rargs, operator, expr->opnos)
	{
		Comparison	comparison;

		if (!read_comparison(lfirst(left), lfirst(right), lfirst_oid(operator), scope, &comparison))
			return;
		check_column(check, &comparison);
		check_direction(check, &comparison);
		if (comparison.column != i ||
			key->elements[i].descending != key->elements[0].descending)
			citer_job_refuse(check, "a row comparison does not give the order of the key",
							 psprintf("The key is %s.", citer_key_describe(key)));
		i++;
	}
}

/*
 * Reads the comparison of a column of the key with a bound, in either order;
 * false if it is no such comparison.
 */
static bool
read_comparison(Node *left, Node *right, Oid operator, Scope *scope, Comparison *comparison)
{
	const CiterKey *key = scope->check->walk->key;
	Param	   *param = (Param *) strip_implicit_coercions(right);
	int			number;

	if (!IsA(param, Param))
	{
		param = (Param *) strip_implicit_coercions(left);
		left = right;
		operator = get_commutator(operator);
	}
	if (!IsA(param, Param) || param->paramkind != PARAM_EXTERN ||
		param->paramid > 2 * key->nelements)
		return false;
	number = param->paramid - 1;
	comparison->column = key_column(left, scope);
	if (comparison->column < 0)
		return false;
	comparison->element = number % key->nelements;
	comparison->is_last = number >= key->nelements;
	comparison->strategy = !OidIsValid(operator) ? 0 :
		get_op_opfamily_strategy(operator, key->elements[comparison->column].opfamily);
	return true;
}

/* The element of the key that an expression is a column of; -1: none. */
static int
key_column(Node *node, Scope *scope)
{
	const CiterWalk *walk = scope->check->walk;
	Var		   *var = (Var *) strip_implicit_coercions(node);
	RangeTblEntry *rte;

	if (!IsA(var, Var))
		return -1;
	rte = rt_fetch(var->varno, list_nth_node(List, scope->rtables, var->varlevelsup));
	if (rte->rtekind != RTE_RELATION || rte->relid != walk->relation->relid)
		return -1;
	for (int i = 0; i < walk->key->nelements; i++)
	{
		Var		   *column = (Var *) walk->key->elements[i].expr;

		if (IsA(column, Var) && column->varattno == var->varattno)
			return i;
	}
	return -1;
}

/* 22023 if a column is compared with the bound of another. */
static void
check_column(const CiterJobCheck *check, const Comparison *comparison)
{
	const CiterKey *key = check->walk->key;

	if (comparison->column == comparison->element)
		return;
	citer_job_refuse(check, psprintf("the statement compares %s with $%d, which is of %s",
									 citer_key_column(&key->elements[comparison->column]),
									 comparison->element + 1 + (comparison->is_last ? key->nelements : 0),
									 citer_key_column(&key->elements[comparison->element])),
					 citer_job_describe_params(key));
}

/*
 * 22023 if a comparison excludes rows of the chunk: because it goes up where
 * the walk goes down, or because it is strict.
 */
static void
check_direction(const CiterJobCheck *check, const Comparison *comparison)
{
	const CiterKey *key = check->walk->key;
	const CiterKeyElement *element = &key->elements[comparison->element];
	bool		is_least = element->descending == comparison->is_last;
	int			wanted = is_least ? BTGreaterEqualStrategyNumber : BTLessEqualStrategyNumber;
	int			number = comparison->element + 1 + (comparison->is_last ? key->nelements : 0);

	if (comparison->strategy == wanted || comparison->strategy == 0 ||
		comparison->strategy == BTEqualStrategyNumber)
		return;
	/* (a, b) > ($1, $2) is strict by its last pair alone, and so by all. */
	citer_job_refuse(check, psprintf("the comparison with $%d leaves out rows of the chunk", number),
					 psprintf("The walk goes by %s: $%d is the %s %s of the chunk, and belongs to it.",
							  citer_key_describe(key), number, is_least ? "least" : "greatest",
							  citer_key_column(element)));
}
