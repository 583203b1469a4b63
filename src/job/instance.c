/*
 * instance.c
 *	  The job's relation in a statement, and what is compared with bounds there.
 *
 * A statement can have the relation in it more than once.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "job/instance.h"

static int	key_column(Node *node, CiterJobScope *scope, CiterJobInstance **instance);
static CiterJobInstance *find_instance(const Var *var, CiterJobScope *scope);

/*
 * Reads the comparison of a column of the key with a bound, in either order;
 * false if it is no such comparison.
 */
bool
citer_job_comparison_read(Node *left, Node *right, Oid operator, CiterJobScope *scope,
						  CiterJobComparison *comparison)
{
	const CiterKey *key = scope->check->walk->key;
	int			number = citer_job_bound_number(right, key);

	if (number == 0)
	{
		number = citer_job_bound_number(left, key);
		left = right;
		operator = get_commutator(operator);
	}
	if (number == 0)
		return false;
	comparison->column = key_column(left, scope, &comparison->instance);
	if (comparison->column < 0)
		return false;
	comparison->element = (number - 1) % key->nelements;
	comparison->is_last = number > key->nelements;
	comparison->strategy = !OidIsValid(operator) ? 0 :
		get_op_opfamily_strategy(operator, key->elements[comparison->column].opfamily);
	return true;
}

/* The number of the bound that an expression is; 0 if it is none. */
int
citer_job_bound_number(Node *node, const CiterKey *key)
{
	Param	   *param = (Param *) strip_implicit_coercions(node);

	if (!IsA(param, Param) || param->paramkind != PARAM_EXTERN || param->paramid > 2 * key->nelements)
		return 0;
	return param->paramid;
}

/* The element of the key that an expression is a column of; -1: none. */
static int
key_column(Node *node, CiterJobScope *scope, CiterJobInstance **instance)
{
	const CiterWalk *walk = scope->check->walk;
	Var		   *var = (Var *) strip_implicit_coercions(node);

	if (!IsA(var, Var))
		return -1;
	*instance = find_instance(var, scope);
	for (int i = 0; *instance != NULL && i < walk->key->nelements; i++)
	{
		Var		   *column = (Var *) walk->key->elements[i].expr;

		if (IsA(column, Var) && column->varattno == var->varattno)
			return i;
	}
	return -1;
}

/* The instance of the job's relation that a variable is of; NULL if of none. */
static CiterJobInstance *
find_instance(const Var *var, CiterJobScope *scope)
{
	Query	   *query = list_nth_node(Query, scope->queries, var->varlevelsup);
	RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);
	CiterJobInstance *instance;
	ListCell   *cell;

	if (rte->rtekind != RTE_RELATION || rte->relid != scope->check->walk->relation->relid)
		return NULL;
	foreach(cell, scope->instances)
	{
		instance = lfirst(cell);
		if (instance->query == query && instance->varno == (int) var->varno)
			return instance;
	}
	instance = palloc0(sizeof(CiterJobInstance));
	instance->query = query;
	instance->varno = var->varno;
	instance->depth = list_length(scope->queries) - var->varlevelsup;
	scope->instances = lappend(scope->instances, instance);
	return instance;
}
