/*
 * check.c
 *	  Refuses statements that cannot do the rows of each chunk.
 *
 * A job reads the rows of a chunk and then runs a statement that should change
 * just these.  Nothing forces it to: without a WHERE it changes the whole
 * table for each chunk, and with half a condition it changes rows twice or
 * never, while the job counts the rows it has read.  So a statement that is
 * visibly wrong is refused before the job begins:
 *
 *	  a command that writes and has nothing of the chunk in it, or only a part
 *	  of the bounds that the chunk has, or nothing that says which rows of the
 *	  job's relation are meant, if these are what it changes;
 *	  bounds that are compared with other columns than theirs, or the other way
 *	  than the walk goes (comparison.c);
 *	  bounds alone, where the job has a filter or locks rows: these are not in
 *	  the bounds, and chunk_range() or "chunk" have them.
 *
 * The commands are checked as the user wrote them, before rewriting.  What
 * functions, triggers and DO blocks do is not checked.  statement_is_global =>
 * true is for a user who means it.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"

#include "job/check.h"
#include "job/comparison.h"

/* What a query, or a part of one, mentions of the chunk. */
typedef struct Mentions
{
	int			nkeys;
	bool		rows;			/* "chunk" */
	bool		ranges;			/* chunk_range() */
	bool		ctes;			/* a WITH query, whose rows may come from
								 * these */
	int			nrelations;		/* its targets among them */
	Bitmapset  *bounds;			/* numbers of parameters */
	int			flags;			/* QTW_ flags for the walk */
} Mentions;

static const RangeVar *target_of(const Node *command);
static bool is_chunk(const RangeVar *name);
static bool names_chunk(Node *node, void *context);
static void check_utility(const CiterJobCheck *check, Query *command);
static bool copy_writes(const CopyStmt *copy);
static void check_write(const CiterJobCheck *check, Query *query);
static bool is_restricted(const CiterJobCheck *check, Query *query);
static void check_bounds(const CiterJobCheck *check, const Mentions *found);
static Mentions find_mentions(const CiterJobCheck *check, Node *node, int flags);
static bool note_mention(Node *node, Mentions *found);
static bool note_relation(RangeTblEntry *rte, Mentions *found);
static bool writes(const Query *query);

/*
 * Checks a parsed command: 2D000 or 0A000 for one that cannot run in a chunk's
 * transaction.
 */
void
citer_job_check_kind(const CiterJob *job, Node *command)
{
	if (IsA(command, TransactionStmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("the statement of a job must not begin or end a transaction"),
				 errdetail("It is \"%s\".", job->statement),
				 errhint("Leave it out: each chunk is committed by itself.")));
	if (IsA(command, CopyStmt) && ((CopyStmt *) command)->filename == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement of a job must not copy to or from the client"),
				 errhint("Use INSERT, or COPY with a file.")));
	if (is_chunk(target_of(command)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement of a job cannot change \"%s\"", "chunk"),
				 errdetail("It has the rows as they were read."),
				 errhint("Change %s itself; a table called \"%s\" is written with its schema.",
						 job->relation, "chunk")));
	if (IsA(command, CopyStmt) && names_chunk(command, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY in the statement of a job does not see \"%s\"", "chunk"),
				 errhint("INSERT the rows into a table and COPY that when the job has ended.")));
	/* It could outlive the chunk. */
	if (IsA(command, DeclareCursorStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement of a job must not declare a cursor"),
				 errhint("Use a query over \"%s\" as it is.", "chunk")));
}

/* What a parsed command changes rows of; NULL if that is no one relation. */
static const RangeVar *
target_of(const Node *command)
{
	switch (nodeTag(command))
	{
		case T_InsertStmt:
			return ((const InsertStmt *) command)->relation;
		case T_UpdateStmt:
			return ((const UpdateStmt *) command)->relation;
		case T_DeleteStmt:
			return ((const DeleteStmt *) command)->relation;
		default:
			return NULL;
	}
}

static bool
is_chunk(const RangeVar *name)
{
	return name != NULL && name->schemaname == NULL && strcmp(name->relname, "chunk") == 0;
}

/* Whether a parsed COPY, or its query, reads or writes "chunk". */
static bool
names_chunk(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		return is_chunk((RangeVar *) node);
	if (IsA(node, CopyStmt))
		return names_chunk((Node *) ((CopyStmt *) node)->relation, context) ||
			names_chunk(((CopyStmt *) node)->query, context);
	return raw_expression_tree_walker(node, names_chunk, context);
}

/*
 * Checks a command of a statement, after parse analysis and before rewriting.
 * 22023 if it is refused.
 */
void
citer_job_check_command(const CiterJobCheck *check, Query *command)
{
	Mentions	found = find_mentions(check, (Node *) command, 0);
	Query	   *query = command;
	bool		any = false;
	ListCell   *cell;

	if (command->commandType == CMD_UTILITY)
		query = UtilityContainsQuery(command->utilityStmt);
	if (found.ranges && check->job->lock_rows != NULL && strstr(check->job->lock_rows, "SKIP LOCKED"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() does not go with lock_rows => '%s'", CITER_CHUNK_RANGE, check->job->lock_rows),
				 errdetail("It has the rows in it that the chunk leaves to others."),
				 errhint("Let the statement join \"%s\", which has only the rows that were locked.", "chunk")));
	citer_job_check_comparisons(check, command, found.rows || found.ranges);
	if (check->job->statement_is_global)
		return;
	if (query == NULL)
	{
		check_utility(check, command);
		return;
	}
	if (writes(query))
	{
		check_write(check, query);
		/* INSERT ... VALUES reads none beside its target. */
		any = query->commandType != CMD_INSERT || found.nrelations > 1;
	}
	foreach(cell, query->cteList)
	{
		Query	   *with = castNode(Query, lfirst_node(CommonTableExpr, cell)->ctequery);

		if (writes(with))
		{
			check_write(check, with);
			any = true;
		}
	}
	if (any && !found.rows && !found.ranges)
		check_bounds(check, &found);
}

/*
 * 22023 for a utility command that changes rows: it does not depend on the
 * chunk, unless a bound is an argument.
 */
static void
check_utility(const CiterJobCheck *check, Query *command)
{
	Node	   *utility = command->utilityStmt;
	Mentions	found = find_mentions(check, (Node *) command, 0);

	if (IsA(utility, TruncateStmt) || IsA(utility, DoStmt) || IsA(utility, ExecuteStmt) ||
		(IsA(utility, CopyStmt) && copy_writes((CopyStmt *) utility)) ||
		(IsA(utility, CallStmt) && bms_is_empty(found.bounds)))
		citer_job_refuse(check, "a command of the statement would do the same for every chunk",
						 "It has nothing of the chunk in it.");
}

/*
 * Whether a COPY changes rows: its query, which is not analyzed yet, sees
 * neither parameters nor "chunk".
 */
static bool
copy_writes(const CopyStmt *copy)
{
	WithClause *with;
	ListCell   *cell;

	if (copy->is_from || copy->query == NULL)
		return copy->is_from;
	if (!IsA(copy->query, SelectStmt))
		return true;
	with = ((SelectStmt *) copy->query)->withClause;
	if (with != NULL)
		foreach(cell, with->ctes)
			if (!IsA(lfirst_node(CommonTableExpr, cell)->ctequery, SelectStmt))
			return true;
	return false;
}

/* 22023 for a query that writes and mentions nothing of the chunk. */
static void
check_write(const CiterJobCheck *check, Query *query)
{
	Mentions	found = find_mentions(check, (Node *) query, QTW_IGNORE_CTE_SUBQUERIES);

	if (!found.rows && !found.ranges && !found.ctes && bms_is_empty(found.bounds))
		citer_job_refuse(check, "the statement would change the same rows for every chunk",
						 psprintf("It uses neither %s(), nor \"%s\", nor $1 ...", CITER_CHUNK_RANGE, "chunk"));
	if ((query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE) &&
		rt_fetch(query->resultRelation, query->rtable)->relid == check->walk->relation->relid &&
		!is_restricted(check, query))
		citer_job_refuse(check, "the statement would change the same rows for every chunk",
						 psprintf("No condition says which rows of %s are those of the chunk.",
								  check->walk->relation->sql));
}

/*
 * Whether a condition of an UPDATE or DELETE, of those that are joined by AND,
 * has both its target and something else in it that can be of the chunk.
 */
static bool
is_restricted(const CiterJobCheck *check, Query *query)
{
	ListCell   *cell;

	foreach(cell, make_ands_implicit((Expr *) query->jointree->quals))
	{
		Node	   *condition = lfirst(cell);
		Bitmapset  *sources = pull_varnos_of_level(NULL, condition, 0);
		Mentions	found = find_mentions(check, condition, 0);

		if (bms_is_member(query->resultRelation, sources) &&
			(bms_num_members(sources) > 1 || found.rows || found.ranges || found.ctes ||
			 !bms_is_empty(found.bounds)))
			return true;
	}
	return false;
}

/*
 * 22023 for a command that writes and uses bounds alone where these are not
 * enough.
 */
static void
check_bounds(const CiterJobCheck *check, const Mentions *found)
{
	int			nkeys = found->nkeys;
	int			nfirst = 0;
	int			nlast = 0;

	if (bms_is_empty(found->bounds))
		return;					/* that is, a constant */
	for (int i = 1; i <= nkeys; i++)
	{
		nfirst += bms_is_member(i, found->bounds);
		nlast += bms_is_member(nkeys + i, found->bounds);
	}
	if (check->job->filter != NULL || check->job->lock_rows != NULL)
		citer_job_refuse(check, psprintf("the \"%s\" of the job does not reach a statement that goes by $1 ...",
										 check->job->filter != NULL ? "filter" : "lock_rows"),
						 "Between the first and the last key of a chunk there may be rows that are not in it.");
	if (nfirst == 0 || nlast == 0)
		citer_job_refuse(check, psprintf("the statement uses the chunk's %s key and not its %s",
										 nlast == 0 ? "first" : "last", nlast == 0 ? "last" : "first"),
						 citer_job_describe_params(check->walk->key));
	if (nfirst < nkeys || nlast < nkeys)
		citer_job_refuse(check, "the statement uses a part of the chunk's keys only",
						 psprintf("Chunks can end between rows that do not differ in it. %s",
								  citer_job_describe_params(check->walk->key)));
}

/* Finds what a query or expression mentions of the chunk. */
static Mentions
find_mentions(const CiterJobCheck *check, Node *node, int flags)
{
	Mentions	found = {.nkeys = check->walk->key->nelements,.flags = flags | QTW_EXAMINE_RTES_BEFORE};

	if (node != NULL && IsA(node, Query) && ((Query *) node)->commandType != CMD_UTILITY)
		query_tree_walker((Query *) node, note_mention, &found, found.flags);
	else
		(void) note_mention(node, &found);
	return found;
}

static bool
note_mention(Node *node, Mentions *found)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY)
		{
			Node	   *utility = query->utilityStmt;

			return note_mention(IsA(utility, CallStmt) ? (Node *) ((CallStmt *) utility)->funcexpr :
								(Node *) UtilityContainsQuery(utility), found);
		}
		return query_tree_walker(query, note_mention, found, found->flags & ~QTW_IGNORE_CTE_SUBQUERIES);
	}
	if (IsA(node, RangeTblEntry))
		return note_relation((RangeTblEntry *) node, found);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		if (((Param *) node)->paramid <= 2 * found->nkeys)
			found->bounds = bms_add_member(found->bounds, ((Param *) node)->paramid);
		else
			found->ranges = true;
	}
	return expression_tree_walker(node, note_mention, found);
}

static bool
note_relation(RangeTblEntry *rte, Mentions *found)
{
	if (rte->rtekind == RTE_NAMEDTUPLESTORE)
		found->rows = true;
	else if (rte->rtekind == RTE_CTE)
		found->ctes = true;
	else if (rte->rtekind == RTE_RELATION)
		found->nrelations++;
	return false;
}

/* Whether the query itself, and not one inside of it, changes rows. */
static bool
writes(const Query *query)
{
	return query->commandType != CMD_SELECT && query->commandType != CMD_UTILITY;
}
