/*
 * spi.c
 *	  SPI with its results checked and its queries logged.
 *
 * SPI reports by return codes what only a mistake of ours can cause; here they
 * become errors, so that nobody forgets one.  And it leaves its own memory
 * context as the current one, which here stays what it was.
 *
 * All that the extension executes comes through here, and so the query log has
 * it all: each run of a plan or a text is an entry, whether it ends or fails.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/plancache.h"

#include "query_log.h"
#include "spi.h"

/* Passes rows on to another receiver, and counts them. */
typedef struct CountingReceiver
{
	DestReceiver pub;
	DestReceiver *receiver;
	int64		rows;
} CountingReceiver;

static int	execute(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options);
static int	execute_logged(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options);
static int	execute_now(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options);
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
citer_spi_prepare(const char *sql, int nargs, Oid *types, int cursor_options)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types, cursor_options);

	MemoryContextSwitchTo(caller);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Runs a plan, which has to end with the result code expected. */
void
citer_spi_run(SPIPlanPtr plan, const SPIExecuteOptions *options, int expected)
{
	int			result = citer_spi_run_any(plan, options);

	if (result != expected)
		elog(ERROR, "SPI_execute_plan_extended returned %s", SPI_result_code_string(result));
}

/* Runs a plan of any command, and returns the result code of its success. */
int
citer_spi_run_any(SPIPlanPtr plan, const SPIExecuteOptions *options)
{
	return execute(plan, NULL, options);
}

/* Runs SQL without parameters, likewise. */
int
citer_spi_execute(const char *sql, bool read_only, long count)
{
	SPIExecuteOptions options = {.read_only = read_only,.tcount = count};

	return execute(NULL, sql, &options);
}

/* Executes a plan, or a text if that is NULL. */
static int
execute(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result;

	if (citer_query_log_is_on())
		result = execute_logged(plan, sql, options);
	else
		result = execute_now(plan, sql, options);
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
execute_logged(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options)
{
	SPIExecuteOptions counted = *options;
	CountingReceiver counter = {
		.pub = {
			.receiveSlot = count_row,
			.rStartup = start_counting,
			.rShutdown = stop_counting,
			.rDestroy = destroy_nothing,
			.mydest = DestTuplestore,
		},
		.receiver = options->dest,
	};
	volatile bool counts = options->dest != NULL && options->dest != None_Receiver;
	const char *const text = plan == NULL ? sql :
	((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->query_string;
	CiterQueryRun run;
	volatile int result = 0;

	if (counts)
		counted.dest = &counter.pub;
	citer_query_log_begin(&run);
	PG_TRY();
	{
		result = execute_now(plan, sql, &counted);
	}
	PG_CATCH();
	{
		citer_query_log_end(&run, text, strlen(text), citer_query_log_elapsed(&run),
							counter.rows, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	citer_query_log_end(&run, text, strlen(text), citer_query_log_elapsed(&run),
						counts ? counter.rows : (int64) SPI_processed, false);
	return result;
}

static int
execute_now(SPIPlanPtr plan, const char *sql, const SPIExecuteOptions *options)
{
	return plan != NULL ? SPI_execute_plan_extended(plan, options) :
		SPI_execute_extended(sql, options);
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
