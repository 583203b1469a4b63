/*
 * explain.h
 *	  Says in words, SQL and plans what a walk would do.
 */
#ifndef CITER_EXPLAIN_H
#define CITER_EXPLAIN_H

#include "lib/stringinfo.h"

#include "base/compat.h"
#include "base/options.h"
#include "walk/cost.h"
#include "walk/walk.h"

extern void citer_explain_walk(const CiterOptions *options, StringInfo output);
extern List *citer_explain_words(const CiterWalk *walk, bool backwards);
extern void citer_explain_scan(List *words, int chunk_size, CiterSnapshotMode snapshot,
							   ExplainState *es);
extern void citer_explain_cost(List *words, const CiterCost *cost, ExplainState *es);

#endif							/* CITER_EXPLAIN_H */
