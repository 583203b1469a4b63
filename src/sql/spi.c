/*
 * spi.c
 *	  SPI with its results checked and its queries logged.
 *
 * A statement that must run by the very plan that was looked at goes to the
 * executor directly: SPI takes the plan from the plan cache by itself, and that
 * may make another one.
 *
 * SPI reports by return codes what only a mistake of ours can cause; here they
 * become errors, so that nobody forgets one.  And it leaves its own memory
 * context as the current one, which here stays what it was.
 *
 * All that the extension executes comes through here, and so the query log has
 * it all: each run of a plan or a text is an entry, whether it ends or fails.
 */
#include "postgres.h"

#include "access/xact.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "log/query_log.h"
#include "sql/spi.h"

/* What is executed: a planned statement, else a plan, else the text. */
typedef struct Execution
{
	PlannedStmt *statement;
	SPIPlanPtr	plan;
	const char *sql;			/* the text of any of them */
	SPIExecuteOptions options;
	CiterPrefetch *prefetch;	/* NULL: nothing is asked for beforehand */
} Execution;

/* Passes rows on to another receiver, and counts them. */
typedef struct CountingReceiver
{
	DestReceiver pub;
	DestReceiver *receiver;
	int64		rows;
} CountingReceiver;

static void name_query(void *arg);
static int	execute(const Execution *execution);
static int	execute_logged(const Execution *execution);
static int	execute_timed(const Execution *execution, const int64 *rows);
static void log_execution(const Execution *execution, const CiterQueryRun *run, int64 rows,
						  bool failed);
static int	execute_now(const Execution *execution);
static int	execute_statement(const Execution *execution);
static void start_counting(DestReceiver *self, int operation, TupleDesc tupdesc);
static bool count_row(TupleTableSlot *slot, DestReceiver *self);
static void stop_counting(DestReceiver *self);
static void destroy_nothing(DestReceiver *self);

/* Connects; "options" is 0 or SPI_OPT_NONATOMIC. */
void
citer_spi_connect(int options)
{
	int			result = SPI_connect_ext(options);

	if (result != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext returned %s", SPI_result_code_string(result));
}

void
citer_spi_finish(void)
{
	int			result = SPI_finish();

	if (result != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish returned %s", SPI_result_code_string(result));
}

/* Prepares SQL with parameters of the given types. */
SPIPlanPtr
citer_spi_prepare(const char *sql, int nargs, const Oid *types, int cursor_options)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, unconstify(Oid *, types), cursor_options);

	MemoryContextSwitchTo(caller);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Runs a plan of any command, and returns the result code of its success. */
int
citer_spi_run(SPIPlanPtr plan, const SPIExecuteOptions *options)
{
	const Execution execution = {
		.plan = plan,
		.sql = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->query_string,
		.options = *options,
	};

	return execute(&execution);
}

/* Runs SQL once, likewise; its parameters have the types that they are given in. */
int
citer_spi_execute(const char *sql, const SPIExecuteOptions *options)
{
	const Execution execution = {.sql = sql,.options = *options};

	return execute(&execution);
}

/*
 * Runs a SELECT that has been planned, just as it is, with rows going to
 * options->dest.  SPI need not be connected.  The blocks that it is about to read
 * are asked for beforehand, if prefetch is not NULL and says so.
 */
void
citer_spi_run_statement(PlannedStmt *statement, const char *sql, const SPIExecuteOptions *options,
						CiterPrefetch *prefetch)
{
	const Execution execution = {
		.statement = statement,
		.sql = sql,
		.options = *options,
		.prefetch = prefetch,
	};

	execute(&execution);
}

/*
 * Has errors say which query they are from, the way SPI does it, until
 * citer_spi_forget_query(); an error forgets it as well.
 */
void
citer_spi_name_query(CiterQueryContext *context, const char *sql)
{
	context->sql = sql;
	context->callback.callback = name_query;
	context->callback.arg = context;
	context->callback.previous = error_context_stack;
	error_context_stack = &context->callback;
}

void
citer_spi_forget_query(const CiterQueryContext *context)
{
	error_context_stack = context->callback.previous;
}

/* Error context callback: a position in the query is one in an inner query. */
static void
name_query(void *arg)
{
	const CiterQueryContext *context = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(context->sql);
	}
	else
		errcontext("SQL statement \"%s\"", context->sql);
}

/* Executes what there is of a planned statement, a plan and a text. */
static int
execute(const Execution *execution)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result;

	if (citer_query_log_is_on())
		result = execute_logged(execution);
	else
		result = execute_now(execution);
	MemoryContextSwitchTo(caller);
	if (result < 0)
		elog(ERROR, "SPI returned %s", SPI_result_code_string(result));
	return result;
}

/*
 * The same with an entry in the query log.  Rows that go to a receiver are
 * counted on their way, because the executor does not count the one at which
 * the receiver stops it.
 */
static int
execute_logged(const Execution *execution)
{
	DestReceiver *receiver = execution->options.dest;
	CountingReceiver counter = {
		.pub = {
			.receiveSlot = count_row,
			.rStartup = start_counting,
			.rShutdown = stop_counting,
			.rDestroy = destroy_nothing,
			.mydest = DestTuplestore,
		},
		.receiver = receiver,
	};
	Execution	counted = *execution;

	if (receiver == NULL || receiver == None_Receiver)
		return execute_timed(execution, NULL);
	counted.options.dest = &counter.pub;
	return execute_timed(&counted, &counter.rows);
}

/* The same, with the number of rows in *rows, or in SPI_processed if that is NULL. */
static int
execute_timed(const Execution *execution, const int64 *rows)
{
	CiterQueryRun run;
	int			result;

	citer_query_log_begin(&run);
	PG_TRY();
	{
		result = execute_now(execution);
	}
	PG_CATCH();
	{
		log_execution(execution, &run, rows ? *rows : 0, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	log_execution(execution, &run, rows ? *rows : (int64) SPI_processed, false);
	return result;
}

/* Makes the entry of an execution that ends now. */
static void
log_execution(const Execution *execution, const CiterQueryRun *run, int64 rows, bool failed)
{
	citer_query_log_end(run, execution->sql, strlen(execution->sql),
						citer_query_log_elapsed(run), rows, failed);
}

static int
execute_now(const Execution *execution)
{
	if (execution->statement != NULL)
		return execute_statement(execution);
	return execution->plan != NULL ?
		SPI_execute_plan_extended(execution->plan, &execution->options) :
		SPI_execute_extended(execution->sql, &execution->options);
}

/*
 * Hands a planned statement to the executor, in the manner of
 * _SPI_execute_plan() and _SPI_pquery(): under the active snapshot if it is
 * read-only, else under a new one that sees all that the transaction has done.
 */
static int
execute_statement(const Execution *execution)
{
	const SPIExecuteOptions *options = &execution->options;
	QueryDesc  *desc;

	Assert(execution->statement->commandType == CMD_SELECT);
	EnsurePortalSnapshotExists();
	if (options->read_only && !CommandIsReadOnly(execution->statement))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s is not allowed in a non-volatile function",
						CreateCommandName((Node *) execution->statement))));
	if (!options->read_only)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
	}
	desc = CreateQueryDesc(execution->statement, execution->sql, GetActiveSnapshot(),
						   InvalidSnapshot, options->dest, options->params, NULL, 0);
	ExecutorStart(desc, 0);
	if (execution->prefetch != NULL && execution->prefetch->entries > 0)
		citer_prefetch_scan(desc->planstate, execution->prefetch);
	citer_compat_run_executor(desc);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	if (!options->read_only)
	{
		CommandCounterIncrement();
		PopActiveSnapshot();
	}
	return SPI_OK_SELECT;
}

static void
start_counting(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	DestReceiver *receiver = ((CountingReceiver *) self)->receiver;

	receiver->rStartup(receiver, operation, tupdesc);
}

static bool
count_row(TupleTableSlot *slot, DestReceiver *self)
{
	CountingReceiver *counter = (CountingReceiver *) self;

	counter->rows++;
	return counter->receiver->receiveSlot(slot, counter->receiver);
}

static void
stop_counting(DestReceiver *self)
{
	DestReceiver *receiver = ((CountingReceiver *) self)->receiver;

	receiver->rShutdown(receiver);
}

/* DestReceiver callback: the receiver is not ours to destroy. */
static void
destroy_nothing(DestReceiver *self pg_attribute_unused())
{
}
