/*
 * plan.h
 *	  Prepared plans: the one way to the executor.
 */
#ifndef CITER_PLAN_H
#define CITER_PLAN_H

#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "tcop/dest.h"

#include "query.h"

/* What the plan of a query shows about how its rows are found. */
typedef struct CiterPlanShape
{
	bool		sorts;			/* all rows are sorted to give the order */
	bool		sorts_groups;	/* an index orders the first columns only */
	bool		physical;		/* the rows come from TID range scans */
	bool		remote;			/* all of it is done by a foreign server */
	List	   *indexes;		/* OIDs of the indexes read in order */
	List	   *appended;		/* OIDs of relations that are read one after
								 * the other; NIL if it is not just that */
	List	   *relations;		/* OIDs of all relations in the query */

	/* The planner's estimates, without the LIMIT. */
	double		rows;
	Cost		startup_cost;
	Cost		total_cost;
} CiterPlanShape;

extern void citer_plan_run(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver);
extern CiterPlanShape citer_plan_shape(const CiterQuery *query);
extern double citer_plan_estimate(const CiterQuery *query, ParamListInfo params);
extern void citer_plan_explain(const CiterQuery *query, StringInfo output);

#endif							/* CITER_PLAN_H */
