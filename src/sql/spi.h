/*
 * spi.h
 *	  SPI with its results checked.
 */
#ifndef CITER_SPI_H
#define CITER_SPI_H

#include "executor/spi.h"
#include "nodes/plannodes.h"

#include "sql/prefetch.h"

/* A query that errors name; see citer_spi_name_query. */
typedef struct CiterQueryContext
{
	ErrorContextCallback callback;
	const char *sql;
} CiterQueryContext;

extern void citer_spi_connect(int options);
extern void citer_spi_finish(void);
extern SPIPlanPtr citer_spi_prepare(const char *sql, int nargs, const Oid *types,
									int cursor_options);
extern int	citer_spi_run(SPIPlanPtr plan, const SPIExecuteOptions *options, Snapshot snapshot);
extern int	citer_spi_execute(const char *sql, const SPIExecuteOptions *options);
extern void citer_spi_run_statement(PlannedStmt *statement, const char *sql,
									const SPIExecuteOptions *options, CiterPrefetch *prefetch);
extern void citer_spi_name_query(CiterQueryContext *context, const char *sql);
extern void citer_spi_forget_query(const CiterQueryContext *context);

#endif							/* CITER_SPI_H */
