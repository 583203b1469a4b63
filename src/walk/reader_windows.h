/*
 * reader_windows.h
 *	  Windows of a walk in shards of Citus.
 */
#ifndef CITER_READER_WINDOWS_H
#define CITER_READER_WINDOWS_H

#include "walk/reader.h"

extern CiterWindows *citer_windows_create(const CiterWalk *walk);
extern int	citer_windows_first_rows(int rows);
extern const CiterPosition *citer_windows_choose(CiterReader *reader, CiterQueryRows *rows);
extern void citer_windows_learn(CiterReader *reader, const CiterPosition *end);

#endif							/* CITER_READER_WINDOWS_H */
