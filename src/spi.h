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

#endif							/* CITER_SPI_H */
