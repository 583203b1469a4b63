/*
 * uses.c
 *	  What a job's statement uses of the chunk, and the job has to read.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"

#include "job/uses.h"

/* A walk through queries. */
typedef struct UseFinder
{
	CiterJobUses *uses;
	const char *chunk;			/* the name of its rows */
	int			nbounds;		/* parameters that are bounds */
	List	   *rtables;		/* range tables around, innermost first */
} UseFinder;

static bool find_uses(Node *node, UseFinder *finder);
static void find_uses_in_query(Query *query, UseFinder *finder);
static bool updates_rows(const Query *query);
static void note_variable(Var *var, UseFinder *finder);

/*
 * Adds what rewritten queries use to *uses, in the current memory context.
 * The rows of the chunk go by the name "chunk"; its bounds are the parameters
 * $1 to $nbounds.
 */
void
citer_job_uses_add(CiterJobUses *uses, const char *chunk, int nbounds, List *queries)
{
	UseFinder	finder = {uses, chunk, nbounds, NIL};

	find_uses((Node *) queries, &finder);
}

/* Expression walker: finds parameters, "chunk" and its columns. */
static bool
find_uses(Node *node, UseFinder *finder)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		find_uses_in_query((Query *) node, finder);
		return false;
	}
	if (IsA(node, Var))
	{
		note_variable((Var *) node, finder);
		return false;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN &&
		((Param *) node)->paramid <= finder->nbounds)
		finder->uses->bounds = true;
	return expression_tree_walker(node, find_uses, finder);
}

static void
find_uses_in_query(Query *query, UseFinder *finder)
{
	ListCell   *cell;

	if (query->commandType == CMD_UTILITY)
	{
		find_uses((Node *) UtilityContainsQuery(query->utilityStmt), finder);
		return;
	}
	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, finder->chunk) == 0)
			finder->uses->rows = true;
	}
	if (query->resultRelation > 0)
		finder->uses->written = lappend_oid(finder->uses->written,
											rt_fetch(query->resultRelation, query->rtable)->relid);
	if (updates_rows(query))
		finder->uses->updated = lappend_oid(finder->uses->updated,
											rt_fetch(query->resultRelation, query->rtable)->relid);
	finder->rtables = lcons(query->rtable, finder->rtables);
	query_tree_walker(query, find_uses, finder, QTW_IGNORE_JOINALIASES);
	finder->rtables = list_delete_first(finder->rtables);
}

/*
 * Whether the query itself, and not one inside of it, updates rows of its
 * target.
 */
static bool
updates_rows(const Query *query)
{
	return query->resultRelation > 0 &&
		((query->commandType != CMD_INSERT && query->commandType != CMD_DELETE) ||
		 (query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE));
}

/* Notes the column of "chunk" that a variable stands for, if it is one. */
static void
note_variable(Var *var, UseFinder *finder)
{
	List	   *rtables = finder->rtables;
	RangeTblEntry *rte = rt_fetch(var->varno, list_nth_node(List, rtables, var->varlevelsup));

	if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, finder->chunk) == 0)
		finder->uses->columns = bms_add_member(finder->uses->columns,
											   var->varattno - FirstLowInvalidHeapAttributeNumber);
	else if (rte->rtekind == RTE_JOIN && var->varattno > 0)
	{
		/* The column that the join returns, seen from the join's query. */
		finder->rtables = list_copy_tail(rtables, var->varlevelsup);
		find_uses(list_nth(rte->joinaliasvars, var->varattno - 1), finder);
		finder->rtables = rtables;
	}
	else if (rte->rtekind == RTE_JOIN)
	{
		finder->rtables = list_copy_tail(rtables, var->varlevelsup);
		find_uses((Node *) rte->joinaliasvars, finder);
		finder->rtables = rtables;
	}
}
