/*
 * pace.c
 *	  How fast a job goes.
 *
 * All times are in milliseconds, by the monotonic clock.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "base/options.h"
#include "job/pace.h"
#include "sql/spi.h"

/* By how much the size can change from one chunk to the next. */
#define FACTOR_MAX 2.0

/* A smaller change is not worth another plan. */
#define FACTOR_WORTH 1.15

#define ADAPTED_MAX 1000000

/* The time over which the speed of a job is averaged. */
#define SMOOTHING_MS 10000.0

#define RETRY_FIRST_MS 50.0
#define RETRY_MAX_MS 10000.0

#define THROTTLE_FIRST_MS 50.0
#define THROTTLE_MAX_MS 1000.0

static uint32 wait_event(CiterPaceWait what);
static void check_throttle_query(const char *throttle_query);
static void name_throttle_query(void *arg);
static bool is_positive(Datum value, Oid type);

/* Milliseconds since some moment in the past. */
double
citer_pace_now(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* The number of a wait event of ours. */
static uint32
wait_event(CiterPaceWait what)
{
	static const char *const names[] = {
		[CITER_WAIT_PAUSE] = "ChunkedIterPause",
		[CITER_WAIT_THROTTLE] = "ChunkedIterThrottle",
		[CITER_WAIT_RETRY] = "ChunkedIterRetry",
		[CITER_WAIT_OTHERS] = "ChunkedIterOthers",
	};
	static uint32 events[lengthof(names)];

	if (events[what] == 0)
		events[what] = citer_compat_wait_event(names[what]);
	return events[what];
}

/* Sleeps, but can be cancelled. */
void
citer_pace_sleep(CiterPaceWait what, double ms)
{
	double		end = citer_pace_now() + ms;
	uint32		event = wait_event(what);

	for (;;)
	{
		double		left = end - citer_pace_now();

		CHECK_FOR_INTERRUPTS();
		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ceil(Min(left, 60000.0)), event);
		ResetLatch(MyLatch);
	}
}

/*
 * The size of the next chunk, after one of chunk_size rows took chunk_ms and
 * should have taken target_ms.  It changes half of the way only, at most by a
 * factor of 2, and does not grow after a chunk that is not full.
 */
int
citer_pace_adapt(int chunk_size, bool full, double chunk_ms, int target_ms)
{
	double		factor = target_ms / Max(chunk_ms, 0.01);
	double		size;

	factor = sqrt(Max(Min(factor, FACTOR_MAX * FACTOR_MAX), 1 / (FACTOR_MAX * FACTOR_MAX)));
	if (factor > 1 && !full)
		return chunk_size;
	if (factor < FACTOR_WORTH && factor > 1 / FACTOR_WORTH)
		return chunk_size;
	size = rint(chunk_size * factor);
	return (int) Max(Min(size, ADAPTED_MAX), CITER_CHUNK_SIZE_MIN);
}

/*
 * Adds rows, which took so long, to an average that forgets.  It has no first
 * value: what it has forgotten, or never known, weighs nothing.
 */
void
citer_pace_add(CiterSpeed *speed, double rows, double ms)
{
	double		present = Max(ms, 0.01);
	double		past = exp(-present / SMOOTHING_MS);
	double		weight = SMOOTHING_MS * (1 - past);

	speed->rows = speed->rows * past + rows / present * weight;
	speed->ms = speed->ms * past + weight;
}

/* The average; 0 if nothing is known yet. */
double
citer_pace_rows_per_second(const CiterSpeed *speed)
{
	return speed->ms > 0 ? speed->rows * 1000 / speed->ms : 0;
}

/* How long to wait before a transaction is tried again, from attempt 1 on. */
double
citer_pace_retry_ms(int attempt)
{
	return Min(RETRY_FIRST_MS * pow(2, attempt - 1), RETRY_MAX_MS);
}

/* How long to wait for the throttle query, after a wait; 0: the first one. */
double
citer_pace_throttle_ms(double last_ms)
{
	return Min(Max(2 * last_ms, THROTTLE_FIRST_MS), THROTTLE_MAX_MS);
}

/*
 * Whether the query returns true, or a number above 0, in the first column of
 * its first row.  22023 if that is of another type, or the query is not one SELECT
 * that does not write.  It has an SPI connection of its own: that of the job knows
 * the rows of a chunk by the name "chunk", which is a table here.
 */
bool
citer_pace_has_to_wait(const char *throttle_query)
{
	bool		wait = false;
	const SPIExecuteOptions options = {.read_only = true,.tcount = 1};
	ErrorContextCallback context = {.previous = error_context_stack,.callback = name_throttle_query};

	error_context_stack = &context;
	check_throttle_query(throttle_query);
	citer_spi_connect(0);
	(void) citer_spi_execute(throttle_query, &options);
	error_context_stack = context.previous;
	if (SPI_processed > 0 && SPI_tuptable->tupdesc->natts > 0)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		wait = !isnull && is_positive(value, SPI_gettypeid(SPI_tuptable->tupdesc, 1));
	}
	citer_spi_finish();
	return wait;
}

/* 22023 for what is visibly not one SELECT that does not write. */
static void
check_throttle_query(const char *throttle_query)
{
	CiterQueryContext context;
	List	   *commands;
	SelectStmt *select = NULL;
	bool		reads;
	ListCell   *cell;

	citer_spi_name_query(&context, throttle_query);
	commands = raw_parser(throttle_query, RAW_PARSE_DEFAULT);
	citer_spi_forget_query(&context);
	if (list_length(commands) == 1)
		select = (SelectStmt *) linitial_node(RawStmt, commands)->stmt;
	reads = select != NULL && IsA(select, SelectStmt) &&
		select->intoClause == NULL && select->lockingClause == NIL;
	if (reads && select->withClause != NULL)
	{
		foreach(cell, select->withClause->ctes)
			reads &= IsA(lfirst_node(CommonTableExpr, cell)->ctequery, SelectStmt);
	}
	if (!reads)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be one SELECT that does not write", "throttle_query"),
				 errdetail("It is \"%s\".", throttle_query),
				 errhint("Let it return true while the job must wait.")));
}

/* Error context callback: says where the query comes from. */
static void
name_throttle_query(void *arg pg_attribute_unused())
{
	errcontext("argument \"%s\" of a job", "throttle_query");
}

static bool
is_positive(Datum value, Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return DatumGetBool(value);
		case INT2OID:
			return DatumGetInt16(value) > 0;
		case INT4OID:
			return DatumGetInt32(value) > 0;
		case INT8OID:
			return DatumGetInt64(value) > 0;
		case FLOAT4OID:
			return DatumGetFloat4(value) > 0;
		case FLOAT8OID:
			return DatumGetFloat8(value) > 0;
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value)) > 0;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must return a boolean or a number", "throttle_query"),
					 errdetail("It returns a value of type %s.", format_type_be(type)),
					 errhint("Let it return true while the job must wait.")));
	}
}
