/*
 * function_version.h
 *	  Notices when a function changes that a walk uses.
 */
#ifndef CITER_FUNCTION_VERSION_H
#define CITER_FUNCTION_VERSION_H

#include "walk/walk.h"

/* What the functions of a walk were. */
typedef struct CiterFunctionVersion
{
	uint64		version;		/* 0: it uses none that can change */
	uint64		changes;		/* of any function, when that was so */
} CiterFunctionVersion;

extern CiterFunctionVersion citer_function_version(const CiterWalk *walk);
extern void citer_function_version_check(CiterFunctionVersion *then, const CiterWalk *walk);

#endif							/* CITER_FUNCTION_VERSION_H */
