/*
 * function_version.h
 *	  Notices when a function changes that a walk uses.
 */
#ifndef CITER_FUNCTION_VERSION_H
#define CITER_FUNCTION_VERSION_H

#include "walk/walk.h"

extern CiterFunctionVersion citer_function_version(const CiterWalk *walk);
extern void citer_function_version_check(CiterFunctionVersion *then, const CiterWalk *walk);

#endif							/* CITER_FUNCTION_VERSION_H */
