/*
 * spi.c
 *	  SPI with its results checked.
 *
 * SPI reports by return codes what only a mistake of ours can cause; here they
 * become errors, so that nobody forgets one.
 */
#include "postgres.h"

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
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types, cursor_options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Runs a plan, which has to end with the result code expected. */
void
citer_spi_run(SPIPlanPtr plan, const SPIExecuteOptions *options, int expected)
{
	int			result = SPI_execute_plan_extended(plan, options);

	if (result != expected)
		elog(ERROR, "SPI_execute_plan_extended returned %s", SPI_result_code_string(result));
}
