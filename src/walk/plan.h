/*
 * plan.h
 *	  Prepared plans: the one way to the executor.
 */
#ifndef CITER_PLAN_H
#define CITER_PLAN_H

#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "tcop/dest.h"

#include "walk/plan_shape.h"
#include "walk/query.h"

extern void citer_plan_run(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver);
extern bool citer_plan_try(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver);
extern CiterPlanShape citer_plan_shape(const CiterQuery *query);
extern double citer_plan_estimate(const CiterQuery *query, ParamListInfo params);
extern void citer_plan_explain(const CiterQuery *query, StringInfo output);

#endif							/* CITER_PLAN_H */
