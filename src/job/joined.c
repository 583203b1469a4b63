/*
 * joined.c
 *	  Commands that join the job's relation to "chunk" by its key.
 *
 * UPDATE t ... FROM chunk WHERE t.id = chunk.id changes rows that have the key
 * of a row of the chunk, and so a key between the chunk's bounds.  The planner
 * cannot know that: it finds the rows one by one.  So the statement is given the
 * condition of chunk_range(t), too, from which an index has them at once.
 *
 * That takes nothing away where every element of the key is a column, is
 * compared with the same column of "chunk" by the equality of the operator family
 * that orders it, and is compared here.  What has been locked may have other
 * keys than were read.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "job/joined.h"

static bool can_join(const CiterJob *job, const CiterWalk *walk);
static bool is_joined(const Query *query, const char *chunk, const CiterKeyElement *element);
static bool is_column(const Query *query, Node *node, const char *chunk, AttrNumber attnum);

/*
 * The name that a command, after parse analysis, gives the job's relation, of
 * which it changes rows that all have the key of a row of the chunk; NULL for
 * any other command.
 */
char *
citer_job_joined_target(const Query *query, const char *chunk, const CiterJob *job,
						const CiterWalk *walk)
{
	RangeTblEntry *target;

	if ((query->commandType != CMD_UPDATE && query->commandType != CMD_DELETE) ||
		!can_join(job, walk))
		return NULL;
	target = rt_fetch(query->resultRelation, query->rtable);
	if (target->relid != walk->relation->relid)
		return NULL;
	for (int i = 0; i < walk->key->nelements; i++)
		if (!is_joined(query, chunk, &walk->key->elements[i]))
			return NULL;
	return target->eref->aliasname;
}

/* Whether the keys of a chunk's rows are between its bounds, for whoever compares them. */
static bool
can_join(const CiterJob *job, const CiterWalk *walk)
{
	return job->lock_rows == NULL && citer_relation_is_table(walk->relation) &&
		!walk->key->physical && !walk->index_shape.citus &&
		walk->comparer == CITER_COMPARES_HERE;
}

/* Whether a condition says that an element of the key is that of the chunk. */
static bool
is_joined(const Query *query, const char *chunk, const CiterKeyElement *element)
{
	AttrNumber	attnum = IsA(element->expr, Var) ? ((Var *) element->expr)->varattno : 0;
	ListCell   *cell;

	foreach(cell, make_ands_implicit((Expr *) query->jointree->quals))
	{
		OpExpr	   *qual = lfirst(cell);
		Node	   *left;
		Node	   *right;

		if (attnum <= 0 || !IsA(qual, OpExpr) || list_length(qual->args) != 2 ||
			qual->inputcollid != element->collation ||
			get_op_opfamily_strategy(qual->opno, element->opfamily) != BTEqualStrategyNumber)
			continue;
		left = linitial(qual->args);
		right = lsecond(qual->args);
		if ((is_column(query, left, NULL, attnum) && is_column(query, right, chunk, attnum)) ||
			(is_column(query, right, NULL, attnum) && is_column(query, left, chunk, attnum)))
			return true;
	}
	return false;
}

/* Whether a node is that column of "chunk", or, if that is NULL, of the target. */
static bool
is_column(const Query *query, Node *node, const char *chunk, AttrNumber attnum)
{
	Var		   *var;
	RangeTblEntry *rte;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (!IsA(var, Var) || var->varlevelsup > 0 || var->varattno != attnum)
		return false;
	if (chunk == NULL)
		return (int) var->varno == query->resultRelation;
	rte = rt_fetch(var->varno, query->rtable);
	return rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, chunk) == 0;
}
