/*
 * explain.c
 *	  What the planner makes of a command of a job's statement.
 *
 * "chunk" and the parameters are those of a chunk at hand.  With SPI connected.
 */
#include "postgres.h"

#include "job/explain.h"

static void add_changes(List *planned, void *rows);

/* Appends its plan. */
void
citer_job_explain_command(const CiterStatementSource *source, ParamListInfo params, StringInfo output)
{
	const SPIExecuteOptions options = {.params = params};

	citer_spi_execute(psprintf("EXPLAIN (COSTS OFF) %s", source->sql), &options);
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(output, "    %s\n", SPI_getvalue(SPI_tuptable->vals[i],
														  SPI_tuptable->tupdesc, 1));
	SPI_freetuptable(SPI_tuptable);
}

/* How many rows the planner expects it to change. */
double
citer_job_explain_changes(const CiterStatementSource *source, ParamListInfo params)
{
	double		rows = 0;

	citer_statement_use_custom_plan(source, params, add_changes, &rows);
	return rows;
}

/* Use of a plan: adds the rows that it changes. */
static void
add_changes(List *planned, void *rows)
{
	ListCell   *cell;

	foreach(cell, planned)
	{
		PlannedStmt *statement = lfirst_node(PlannedStmt, cell);

		if (statement->canSetTag && IsA(statement->planTree, ModifyTable))
			*(double *) rows += outerPlan(statement->planTree)->plan_rows;
	}
}
