/*
 * comparison.c
 *	  Refuses comparisons with the bounds of a chunk that do not mean its rows.
 *
 * A statement that uses $1 ... compares the columns of the key with them.
 * Each bound has to be compared with its own column, the way the walk goes,
 * and so that the first and the last key are included; columns of a composite
 * key are compared as a row, in the order of the key.  A chunk_range() has to
 * stand where its name is one of the job's relation.
 *
 * A statement can have the job's relation in it more than once: to count the rows
 * before the chunk, say.  So what is wrong with its comparisons is noted for each,
 * and refused if that one is changed, or none at its place or further out
 * has the chunk.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"

#include "job/comparison.h"
#include "job/instance.h"

/* Which bounds a condition keeps a row between. */
#define BOUND_FIRST		0x1
#define BOUND_LAST		0x2
#define BOUND_BOTH		(BOUND_FIRST | BOUND_LAST)

/* What the conditions of a query compare with bounds. */
typedef struct BoundUses
{
	CiterJobScope *scope;
	CiterJobInstance *instance; /* that alone is compared */
	bool		several;		/* or not */
	bool		ranged;			/* not all comparisons are equalities */
	int			nbounds;		/* bounds there are */
	int			ncompared;		/* and those compared with columns of the key */
	int			bounds;			/* BOUND_ flags of those that there are */
} BoundUses;

static bool check_node(Node *node, CiterJobScope *scope);
static void check_range(Var *var, CiterJobScope *scope);
static void note_condition(Node *condition, CiterJobScope *scope);
static void note_comparison(OpExpr *expr, CiterJobScope *scope);
static void note_row_comparison(RowCompareExpr *expr, CiterJobScope *scope);
static void note_unbounded(Query *query, CiterJobScope *scope);
static bool count_uses(Node *node, BoundUses *uses);
static void count_comparison(Node *left, Node *right, Oid operator, BoundUses *uses);
static int	bounds_of(Node *condition, CiterJobInstance *instance, CiterJobScope *scope);
static int	bounds_of_comparison(Node *left, Node *right, Oid operator, CiterJobInstance *instance,
								 CiterJobScope *scope);
static void note_fault(CiterJobInstance *instance, const char *fault, const char *detail);
static void note_column(const CiterJobCheck *check, const CiterJobComparison *comparison);
static void note_direction(const CiterJobCheck *check, const CiterJobComparison *comparison);
static void refuse_faults(const CiterJobScope *scope, bool has_chunk);

/*
 * Checks a command of a statement, after parse analysis and before rewriting:
 * its chunk_range(), and its comparisons unless the statement is global.
 * "has_chunk" says that it has the chunk by chunk_range() or "chunk".  22023 if
 * it is refused.
 */
void
citer_job_check_comparisons(const CiterJobCheck *check, Query *command, bool has_chunk)
{
	CiterJobScope scope = {check, NIL, NIL};

	(void) check_node((Node *) command, &scope);
	if (!check->job->statement_is_global)
		refuse_faults(&scope, has_chunk);
}

/* Expression walker: checks chunk_range(), and notes comparisons with bounds. */
static bool
check_node(Node *node, CiterJobScope *scope)
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
		scope->queries = lcons(query, scope->queries);
		if (query->jointree != NULL)
		{
			note_condition(query->jointree->quals, scope);
			note_unbounded(query, scope);
		}
		(void) query_tree_walker(query, check_node, scope, QTW_IGNORE_JOINALIASES);
		scope->queries = list_delete_first(scope->queries);
		return false;
	}
	return expression_tree_walker(node, check_node, scope);
}

/* A variable of chunk_range(): 22023 unless it is one of the job's relation. */
static void
check_range(Var *var, CiterJobScope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterJobTextRange *range = citer_job_text_range_with_key(check->text, var->location);
	RangeTblEntry *rte;

	if (range == NULL)
		return;
	rte = rt_fetch(var->varno, list_nth_node(Query, scope->queries, var->varlevelsup)->rtable);
	if (rte->rtekind == RTE_RELATION && rte->relid != check->walk->relation->relid)
		citer_job_refuse_range(check->text, range, check->walk->relation);
}

/* Notes the comparisons that all rows have to pass: those joined by AND. */
static void
note_condition(Node *condition, CiterJobScope *scope)
{
	ListCell   *cell;

	if (condition == NULL)
		return;
	if (IsA(condition, OpExpr))
		note_comparison((OpExpr *) condition, scope);
	else if (IsA(condition, RowCompareExpr))
		note_row_comparison((RowCompareExpr *) condition, scope);
	else if (IsA(condition, BoolExpr) && ((BoolExpr *) condition)->boolop == AND_EXPR)
	{
		foreach(cell, ((BoolExpr *) condition)->args)
			note_condition(lfirst(cell), scope);
	}
}

static void
note_comparison(OpExpr *expr, CiterJobScope *scope)
{
	const CiterJobCheck *check = scope->check;
	CiterJobComparison comparison;

	if (list_length(expr->args) != 2 ||
		!citer_job_comparison_read(linitial(expr->args), lsecond(expr->args), expr->opno, scope, &comparison) ||
		comparison.strategy == 0 || comparison.strategy == BTEqualStrategyNumber)
		return;
	note_column(check, &comparison);
	note_direction(check, &comparison);
	if (comparison.column > 0)
		note_fault(comparison.instance, "the statement compares the columns of the key one by one",
				   "Between two keys the first columns differ first: (a, b) >= ($1, $2) AND (a, b) <= ($3, $4).");
}

/* (a, b) >= ($1, $2), likewise. */
static void
note_row_comparison(RowCompareExpr *expr, CiterJobScope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterKey *key = check->walk->key;
	ListCell   *left;
	ListCell   *right;
	ListCell   *operator;
	int			i = 0;

	forthree(left, expr->largs, right, expr->rargs, operator, expr->opnos)
	{
		CiterJobComparison comparison;

		if (!citer_job_comparison_read(lfirst(left), lfirst(right), lfirst_oid(operator), scope, &comparison))
			return;
		note_column(check, &comparison);
		note_direction(check, &comparison);
		if (comparison.column != i ||
			key->elements[i].descending != key->elements[0].descending)
			note_fault(comparison.instance, "a row comparison does not give the order of the key",
					   psprintf("The key is %s.", citer_key_describe(key)));
		i++;
	}
}

/*
 * Notes conditions that have both bounds, in comparisons of one instance and in
 * nothing else, and do not keep its rows between them: id = $1 OR id = $2.
 */
static void
note_unbounded(Query *query, CiterJobScope *scope)
{
	BoundUses	uses = {.scope = scope};
	CiterJobInstance *instance;

	(void) count_uses((Node *) query->jointree, &uses);
	instance = uses.instance;
	if (instance == NULL || instance->query != query)
		return;
	instance->bounds = bounds_of(query->jointree->quals, instance, scope);
	if (uses.several || uses.nbounds != uses.ncompared || uses.bounds != BOUND_BOTH)
		return;
	if (!uses.ranged)
		note_fault(instance, "the statement compares the key for equality only",
				   "That is true of the first and the last row of the chunk, and of none between them.");
	else if (instance->bounds != BOUND_BOTH)
		note_fault(instance, "the conditions of the statement do not bound the rows on both sides",
				   "Conditions that are joined by OR have to do so one by one.");
}

/* Expression walker: counts the bounds, and those that are compared with the key. */
static bool
count_uses(Node *node, BoundUses *uses)
{
	const CiterKey *key = uses->scope->check->walk->key;
	int			number;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_uses, uses, 0);
	number = citer_job_bound_number(node, key);
	if (number > 0)
	{
		uses->nbounds++;
		uses->bounds |= number > key->nelements ? BOUND_LAST : BOUND_FIRST;
	}
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
		count_comparison(linitial(((OpExpr *) node)->args), lsecond(((OpExpr *) node)->args),
						 ((OpExpr *) node)->opno, uses);
	if (IsA(node, ScalarArrayOpExpr) && IsA(lsecond(((ScalarArrayOpExpr *) node)->args), ArrayExpr))
	{
		ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) node;
		ListCell   *cell;

		foreach(cell, lsecond_node(ArrayExpr, any->args)->elements)
			count_comparison(linitial(any->args), lfirst(cell), any->opno, uses);
	}
	if (IsA(node, RowCompareExpr))
	{
		RowCompareExpr *row = (RowCompareExpr *) node;
		ListCell   *left;
		ListCell   *right;
		ListCell   *operator;

		forthree(left, row->largs, right, row->rargs, operator, row->opnos)
			count_comparison(lfirst(left), lfirst(right), lfirst_oid(operator), uses);
	}
	return expression_tree_walker(node, count_uses, uses);
}

static void
count_comparison(Node *left, Node *right, Oid operator, BoundUses *uses)
{
	CiterJobComparison comparison;

	if (!citer_job_comparison_read(left, right, operator, uses->scope, &comparison))
		return;
	uses->ncompared++;
	uses->ranged |= comparison.strategy != BTEqualStrategyNumber;
	uses->several |= uses->instance != NULL && uses->instance != comparison.instance;
	uses->instance = comparison.instance;
}

/* The bounds that a condition keeps the rows of an instance between: BOUND_ flags. */
static int
bounds_of(Node *condition, CiterJobInstance *instance, CiterJobScope *scope)
{
	int			bounds = 0;
	ListCell   *cell;

	if (condition == NULL)
		return 0;
	if (IsA(condition, OpExpr) && list_length(((OpExpr *) condition)->args) == 2)
		return bounds_of_comparison(linitial(((OpExpr *) condition)->args),
									lsecond(((OpExpr *) condition)->args),
									((OpExpr *) condition)->opno, instance, scope);
	if (IsA(condition, RowCompareExpr))
		return bounds_of_comparison(linitial(((RowCompareExpr *) condition)->largs),
									linitial(((RowCompareExpr *) condition)->rargs),
									linitial_oid(((RowCompareExpr *) condition)->opnos),
									instance, scope);
	if (!IsA(condition, BoolExpr) || ((BoolExpr *) condition)->boolop == NOT_EXPR)
		return 0;
	bounds = ((BoolExpr *) condition)->boolop == OR_EXPR ? BOUND_BOTH : 0;
	foreach(cell, ((BoolExpr *) condition)->args)
	{
		int			arm = bounds_of(lfirst(cell), instance, scope);

		bounds = ((BoolExpr *) condition)->boolop == OR_EXPR ? bounds & arm : bounds | arm;
	}
	return bounds;
}

/* The same for a comparison, which is one of the first column. */
static int
bounds_of_comparison(Node *left, Node *right, Oid operator, CiterJobInstance *instance, CiterJobScope *scope)
{
	CiterJobComparison comparison;

	if (!citer_job_comparison_read(left, right, operator, scope, &comparison) ||
		comparison.instance != instance || comparison.column > 0)
		return 0;
	if (comparison.strategy == BTEqualStrategyNumber)
		return BOUND_BOTH;
	return comparison.is_last ? BOUND_LAST : BOUND_FIRST;
}

/* Notes the first thing that is wrong with the comparisons of an instance. */
static void
note_fault(CiterJobInstance *instance, const char *fault, const char *detail)
{
	if (instance->fault != NULL)
		return;
	instance->fault = fault;
	instance->detail = detail;
}

/* Notes a column that is compared with the bound of another. */
static void
note_column(const CiterJobCheck *check, const CiterJobComparison *comparison)
{
	const CiterKey *key = check->walk->key;

	if (comparison->column == comparison->element)
		return;
	note_fault(comparison->instance,
			   psprintf("the statement compares %s with $%d, which is of %s",
						citer_key_column(&key->elements[comparison->column]),
						comparison->element + 1 + (comparison->is_last ? key->nelements : 0),
						citer_key_column(&key->elements[comparison->element])),
			   citer_job_describe_params(key));
}

/*
 * Notes a comparison that excludes rows of the chunk: because it goes up where
 * the walk goes down, or because it is strict.
 */
static void
note_direction(const CiterJobCheck *check, const CiterJobComparison *comparison)
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
	note_fault(comparison->instance,
			   psprintf("the comparison with $%d leaves out rows of the chunk", number),
			   psprintf("The walk goes by %s: $%d is the %s %s of the chunk, and belongs to it.",
						citer_key_describe(key), number, is_least ? "least" : "greatest",
						citer_key_column(element)));
}

/*
 * 22023 for what was noted of an instance that is changed, or where neither the
 * command nor another instance, as far out, has the chunk.
 */
static void
refuse_faults(const CiterJobScope *scope, bool has_chunk)
{
	int			depth = has_chunk ? 0 : INT_MAX;
	ListCell   *cell;

	foreach(cell, scope->instances)
	{
		CiterJobInstance *instance = lfirst(cell);

		if (instance->fault == NULL && instance->bounds == BOUND_BOTH)
			depth = Min(depth, instance->depth);
	}
	foreach(cell, scope->instances)
	{
		CiterJobInstance *instance = lfirst(cell);

		if (instance->fault != NULL &&
			(instance->depth < depth || instance->query->resultRelation == instance->varno))
			citer_job_refuse(scope->check, instance->fault, instance->detail);
	}
}
