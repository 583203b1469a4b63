/*
 * explain.h
 *	  Says in words, SQL and plans what a walk would do.
 */
#ifndef CITER_EXPLAIN_H
#define CITER_EXPLAIN_H

#include "lib/stringinfo.h"

#include "base/compat.h"
#include "walk/cost.h"
#include "walk/walk.h"
#include "base/options.h"

extern void citer_explain_walk(const CiterOptions *options, StringInfo output);
extern void citer_explain_scan(const CiterWalk *walk, ExplainState *es);
extern void citer_explain_cost(const CiterWalk *walk, const CiterCost *cost,
							   ExplainState *es);

#endif							/* CITER_EXPLAIN_H */
