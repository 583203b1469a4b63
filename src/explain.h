/*
 * explain.h
 *	  Says in words, SQL and plans what a walk would do.
 */
#ifndef CITER_EXPLAIN_H
#define CITER_EXPLAIN_H

#include "lib/stringinfo.h"

#include "options.h"

extern void citer_explain_walk(const CiterOptions *options, StringInfo output);

#endif							/* CITER_EXPLAIN_H */
