/*
 * spi.h
 *	  SPI with its results checked.
 */
#ifndef CITER_SPI_H
#define CITER_SPI_H

#include "executor/spi.h"

extern void citer_spi_connect(int options);
extern void citer_spi_finish(void);
extern SPIPlanPtr citer_spi_prepare(const char *sql, int nargs, Oid *types, int cursor_options);
extern void citer_spi_run(SPIPlanPtr plan, const SPIExecuteOptions *options, int expected);
extern int	citer_spi_run_any(SPIPlanPtr plan, const SPIExecuteOptions *options);
extern int	citer_spi_execute(const char *sql, bool read_only, long count);

#endif							/* CITER_SPI_H */
