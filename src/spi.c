/*
 * spi.c
 *	  SPI with its results checked.
 *
 * SPI reports by return codes what only a mistake of ours can cause; here they
 * become errors, so that nobody forgets one.  And it leaves its own memory
 * context as the current one, which here stays what it was.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "spi.h"

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
	MemoryContext caller = CurrentMemoryContext;
	int			result = SPI_execute_plan_extended(plan, options);

	MemoryContextSwitchTo(caller);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended returned %s", SPI_result_code_string(result));
	return result;
}

/* Runs SQL without parameters, likewise. */
int
citer_spi_execute(const char *sql, bool read_only, long count)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result = SPI_execute(sql, read_only, count);

	MemoryContextSwitchTo(caller);
	if (result < 0)
		elog(ERROR, "SPI_execute returned %s", SPI_result_code_string(result));
	return result;
}
