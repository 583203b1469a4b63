/*
 * explaining.c
 *	  Whether the server is explaining a statement that it does not run.
 *
 * Tools that try out indexes show the planner some that do not exist, and hide
 * others, while an EXPLAIN without ANALYZE is under way.  What is planned then
 * must not be kept for a walk that runs.
 *
 * An EXPLAIN may be what loads this library.  That one began before there was
 * a hook, and is known by its portal.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/portal.h"

#include "sql/explaining.h"

/* The hook that was there before, or else the server's own function. */
static ProcessUtility_hook_type previous_utility;

/* How many such commands are under way, one inside of the other. */
static int	level = 0;

static void process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
							ProcessUtilityContext context, ParamListInfo params,
							QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc);
static bool only_explains(Node *command);

/* Installs the hook.  Called once, when the library is loaded. */
void
citer_explaining_init(void)
{
	previous_utility = ProcessUtility_hook ? ProcessUtility_hook : standard_ProcessUtility;
	ProcessUtility_hook = process_utility;
}

/* Whether an EXPLAIN is under way that does not run what it explains. */
bool
citer_explaining(void)
{
	ListCell   *cell;

	if (level > 0)
		return true;
	if (ActivePortal == NULL)
		return false;
	foreach(cell, ActivePortal->stmts)
	{
		if (only_explains(lfirst_node(PlannedStmt, cell)->utilityStmt))
			return true;
	}
	return false;
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (!only_explains(pstmt->utilityStmt))
	{
		previous_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
		return;
	}
	level++;
	PG_TRY();
	{
		previous_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	}
	PG_FINALLY();
	{
		level--;
	}
	PG_END_TRY();
}

/* Whether a command, which may be NULL, is an EXPLAIN without ANALYZE. */
static bool
only_explains(Node *command)
{
	bool		runs = false;
	ListCell   *cell;

	if (command == NULL || !IsA(command, ExplainStmt))
		return false;
	foreach(cell, ((ExplainStmt *) command)->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "analyze") == 0)
			runs = defGetBoolean(option);
	}
	return !runs;
}
