/*
 * hooks.c
 *	  Statements of the session, for the query log.
 *
 * Under chunked_iter.debug = all each top-level statement is logged: what runs
 * inside of another statement, in the planner or in a utility command, is not.
 * EXECUTE is the exception, as in pg_stat_statements: the prepared statement
 * is logged, so that values do not show.  An entry has the statement's own
 * part of what the client sent.
 *
 * A statement of the executor can end in three ways: in ExecutorEnd; by an
 * error; or with its portal, when a transaction is rolled back that has not
 * read it to its end.  The last two free its memory context, and a callback on
 * that logs it.  A statement that fails before it runs, in the parser even, does
 * not reach the hooks of planner and executor, and is logged when its error is
 * reported.
 *
 * All hooks pass on to whoever was there before, and count levels even while
 * nothing is logged: the setting may change in the middle of a statement.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "optimizer/planner.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "log/hooks.h"
#include "log/query_log.h"

/* A top-level statement in the executor, in the memory of its execution. */
typedef struct TopStatement
{
	dlist_node	node;			/* in top_statements */
	QueryDesc  *desc;
	char	   *sql;
	CiterQueryRun run;
	instr_time	time;			/* spent in the executor so far */
	int64		rows;
	bool		logged;
	MemoryContextCallback callback;
} TopStatement;

/*
 * A call of the server in which a top-level statement may end.  It is in memory
 * and not in registers, since an error comes back to the middle of a function.
 */
typedef struct Call
{
	bool		logs;			/* the statement is to be logged */
	bool		forgets;		/* it makes the session another client's */
	const char *sql;			/* the text that it is a part of */
	int			location;
	int			length;
	CiterQueryRun run;
} Call;

/* The executor at work on a statement, also in memory. */
typedef struct Stretch
{
	TopStatement *statement;	/* NULL: not one that is followed */
	instr_time	started;
} Stretch;

/* Several portals can be open at a time. */
static dlist_head top_statements = DLIST_STATIC_INIT(top_statements);

/* How many statements, plannings and utility commands are under way. */
static int	level = 0;

/* When the client's message came in whose statement was seen last. */
static TimestampTz seen_at = 0;

/* The hooks that were there before, or else the server's own functions. */
static planner_hook_type previous_planner;
static ExecutorStart_hook_type previous_start;
static ExecutorRun_hook_type previous_run;
static ExecutorFinish_hook_type previous_finish;
static ExecutorEnd_hook_type previous_end;
static ProcessUtility_hook_type previous_utility;
static emit_log_hook_type previous_emit_log = NULL;

static PlannedStmt *plan_query(CITER_PLANNER_PARAMS);
static void start_executor(QueryDesc *desc, int eflags);
static void run_executor(CITER_EXECUTOR_RUN_PARAMS);
static void finish_executor(QueryDesc *desc);
static void end_executor(QueryDesc *desc);
static void process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
							ProcessUtilityContext context, ParamListInfo params,
							QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc);
static void notice_error(ErrorData *edata);
static bool logs_statements(void);
static void enter(Call *call, bool logs, const char *sql, int location, int length);
static void leave(Call *call, int64 rows, bool failed);
static void add_statement(QueryDesc *desc, const CiterQueryRun *run);
static TopStatement *find_top_statement(QueryDesc *desc);
static void resume(Stretch *stretch, QueryDesc *desc);
static void stop(Stretch *stretch, int64 rows);
static void add_time(TopStatement *statement, instr_time since);
static void log_top_statement(TopStatement *statement, bool failed);
static void forget_statement(void *arg);
static bool forgets_session(Node *command);
static int64 rows_of_command(const QueryCompletion *qc);

/* Installs the hooks.  Called once, when the library is loaded. */
void
citer_query_log_hooks_init(void)
{
	previous_planner = planner_hook ? planner_hook : standard_planner;
	planner_hook = plan_query;
	previous_start = ExecutorStart_hook ? ExecutorStart_hook : standard_ExecutorStart;
	ExecutorStart_hook = start_executor;
	previous_run = ExecutorRun_hook ? ExecutorRun_hook : standard_ExecutorRun;
	ExecutorRun_hook = run_executor;
	previous_finish = ExecutorFinish_hook ? ExecutorFinish_hook : standard_ExecutorFinish;
	ExecutorFinish_hook = finish_executor;
	previous_end = ExecutorEnd_hook ? ExecutorEnd_hook : standard_ExecutorEnd;
	ExecutorEnd_hook = end_executor;
	previous_utility = ProcessUtility_hook ? ProcessUtility_hook : standard_ProcessUtility;
	ProcessUtility_hook = process_utility;
	previous_emit_log = emit_log_hook;
	emit_log_hook = notice_error;
}

/* The planner may run functions, whose statements are not the session's. */
static PlannedStmt *
plan_query(CITER_PLANNER_PARAMS)
{
	PlannedStmt *planned;
	Call		call;

	enter(&call, logs_statements() && sql != NULL && sql == debug_query_string,
		  sql, query->stmt_location, query->stmt_len);
	PG_TRY();
	{
		planned = previous_planner(CITER_PLANNER_ARGS);
	}
	PG_CATCH();
	{
		leave(&call, 0, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	level--;
	return planned;
}

static void
start_executor(QueryDesc *desc, int eflags)
{
	Call		call;

	enter(&call, logs_statements() && ActivePortal != NULL, desc->sourceText,
		  desc->plannedstmt->stmt_location, desc->plannedstmt->stmt_len);
	PG_TRY();
	{
		previous_start(desc, eflags);
	}
	PG_CATCH();
	{
		leave(&call, 0, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	level--;
	if (call.logs)
		add_statement(desc, &call.run);
}

static void
run_executor(CITER_EXECUTOR_RUN_PARAMS)
{
	Stretch		stretch;

	resume(&stretch, desc);
	PG_TRY();
	{
		previous_run(CITER_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		stop(&stretch, desc->estate->es_processed);
	}
	PG_END_TRY();
}

/* Triggers run here. */
static void
finish_executor(QueryDesc *desc)
{
	Stretch		stretch;

	resume(&stretch, desc);
	PG_TRY();
	{
		previous_finish(desc);
	}
	PG_FINALLY();
	{
		stop(&stretch, 0);
	}
	PG_END_TRY();
}

static void
end_executor(QueryDesc *desc)
{
	TopStatement *statement = find_top_statement(desc);

	if (statement != NULL)
		log_top_statement(statement, false);
	previous_end(desc);
}

/*
 * The command's own tree may be gone when it has run, as that of a COMMIT in a
 * procedure; its text is not.
 */
static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	Call		call;

	if (IsA(pstmt->utilityStmt, ExecuteStmt))
	{
		previous_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
		return;
	}
	enter(&call, logs_statements(), queryString, pstmt->stmt_location, pstmt->stmt_len);
	call.forgets = forgets_session(pstmt->utilityStmt);
	PG_TRY();
	{
		previous_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	}
	PG_CATCH();
	{
		leave(&call, 0, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	call.logs &= !call.forgets;
	leave(&call, rows_of_command(qc), false);
	if (call.forgets)
		citer_query_log_reset();
}

/*
 * An error of the session is about to be reported.  If no statement of the
 * client's message was seen, it has not come as far as the planner, and all
 * that there is of it is the message.  It took no time to speak of.  Nothing
 * may be thrown from here.
 */
static void
notice_error(ErrorData *edata)
{
	if (previous_emit_log)
		previous_emit_log(edata);
	if (edata->elevel == ERROR && debug_query_string != NULL && logs_statements() &&
		seen_at != GetCurrentStatementStartTimestamp())
	{
		int			length = strlen(debug_query_string);
		CiterQueryRun run;

		while (length > 0 && strchr("; \t\r\n", debug_query_string[length - 1]) != NULL)
			length--;
		seen_at = GetCurrentStatementStartTimestamp();
		citer_query_log_stamp(&run);
		run.started_at = seen_at;
		citer_query_log_end(&run, debug_query_string, length, 0, 0, true);
	}
}

/* Whether a statement that starts now is to be logged. */
static bool
logs_statements(void)
{
	return unlikely(citer_query_log_mode == CITER_DEBUG_ALL) && level == 0 &&
		!IsParallelWorker();
}

/* The server is called for a part of a text (see CleanQuerytext), one level down. */
static void
enter(Call *call, bool logs, const char *sql, int location, int length)
{
	call->logs = logs;
	call->forgets = false;
	call->sql = sql;
	call->location = location;
	call->length = length;
	if (logs)
	{
		seen_at = GetCurrentStatementStartTimestamp();
		citer_query_log_begin(&call->run);
	}
	level++;
}

/* The call is over, and with it the statement, which is logged. */
static void
leave(Call *call, int64 rows, bool failed)
{
	level--;
	if (!call->logs)
		return;
	call->sql = CleanQuerytext(call->sql, &call->location, &call->length);
	citer_query_log_end(&call->run, call->sql, call->length, citer_query_log_elapsed(&call->run),
						rows, failed);
}

/* Follows a statement, from after its start to its end, whatever that is. */
static void
add_statement(QueryDesc *desc, const CiterQueryRun *run)
{
	MemoryContext context = desc->estate->es_query_cxt;
	TopStatement *statement = MemoryContextAllocZero(context, sizeof(TopStatement));
	int			location = desc->plannedstmt->stmt_location;
	int			length = desc->plannedstmt->stmt_len;
	const char *sql = CleanQuerytext(desc->sourceText, &location, &length);

	statement->desc = desc;
	statement->sql = MemoryContextAlloc(context, length + 1);
	memcpy(statement->sql, sql, length);
	statement->sql[length] = '\0';
	statement->run = *run;
	add_time(statement, run->started);
	statement->callback.func = forget_statement;
	statement->callback.arg = statement;
	MemoryContextRegisterResetCallback(context, &statement->callback);
	dlist_push_head(&top_statements, &statement->node);
}

/* The statement if it is one of the session's that are followed, or NULL. */
static TopStatement *
find_top_statement(QueryDesc *desc)
{
	dlist_iter	iter;

	dlist_foreach(iter, &top_statements)
	{
		TopStatement *statement = dlist_container(TopStatement, node, iter.cur);

		if (statement->desc == desc)
			return statement;
	}
	return NULL;
}

/* The executor goes on with a statement, one level down. */
static void
resume(Stretch *stretch, QueryDesc *desc)
{
	stretch->statement = find_top_statement(desc);
	if (stretch->statement != NULL)
	{
		seen_at = GetCurrentStatementStartTimestamp();
		INSTR_TIME_SET_CURRENT(stretch->started);
	}
	level++;
}

/* The executor has returned or processed so many rows more, and stops for now. */
static void
stop(Stretch *stretch, int64 rows)
{
	level--;
	if (stretch->statement == NULL)
		return;
	add_time(stretch->statement, stretch->started);
	stretch->statement->rows += rows;
}

static void
add_time(TopStatement *statement, instr_time since)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_ACCUM_DIFF(statement->time, now, since);
}

static void
log_top_statement(TopStatement *statement, bool failed)
{
	dlist_delete(&statement->node);
	statement->logged = true;
	citer_query_log_end(&statement->run, statement->sql, strlen(statement->sql),
						INSTR_TIME_GET_MILLISEC(statement->time), statement->rows, failed);
}

/*
 * Memory context callback: the statement's execution is over.  Nothing may be
 * thrown from here.
 */
static void
forget_statement(void *arg)
{
	TopStatement *statement = arg;

	if (!statement->logged)
		log_top_statement(statement, true);
}

/* Whether the command makes the session another client's. */
static bool
forgets_session(Node *command)
{
	if (IsA(command, DiscardStmt))
		return ((DiscardStmt *) command)->target == DISCARD_ALL;
	return IsA(command, VariableSetStmt) && ((VariableSetStmt *) command)->name != NULL &&
		strcmp(((VariableSetStmt *) command)->name, "session_authorization") == 0;
}

/* The rows that a command has returned or copied. */
static int64
rows_of_command(const QueryCompletion *qc)
{
	if (qc == NULL)
		return 0;
	switch (qc->commandTag)
	{
		case CMDTAG_COPY:
		case CMDTAG_FETCH:
		case CMDTAG_SELECT:
		case CMDTAG_REFRESH_MATERIALIZED_VIEW:
			return qc->nprocessed;
		default:
			return 0;
	}
}
