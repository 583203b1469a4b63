/*
 * plan_shape.h
 *	  What a plan shows about how its rows are found.
 */
#ifndef CITER_PLAN_SHAPE_H
#define CITER_PLAN_SHAPE_H

#include "nodes/plannodes.h"

typedef struct CiterPlanShape
{
	bool		sorts;			/* all rows are sorted to give the order */
	bool		sorts_groups;	/* an index orders the first columns only */
	bool		reads_tables;	/* not all rows come from indexes alone */
	bool		physical;		/* the rows come from TID range scans alone */
	bool		has_tids;		/* and as these have read them */
	bool		remote;			/* all of it is done by a foreign server */
	bool		citus;			/* Citus returns the rows */
	bool		forwarded;		/* it hands the whole query to one node */
	List	   *indexes;		/* OIDs of the indexes read in order */
	List	   *appended;		/* OIDs of relations that are read one after
								 * the other; NIL if it is not just that */
	List	   *relations;		/* OIDs of all relations in the query */

	/* The planner's estimates, without the LIMIT. */
	double		rows;
	Cost		startup_cost;
	Cost		total_cost;
} CiterPlanShape;

extern CiterPlanShape citer_plan_shape_read(const PlannedStmt *statement);
extern bool citer_plan_shape_is_physical(const PlannedStmt *statement);
extern bool citer_plan_shape_has_tids(const PlannedStmt *statement);

#endif							/* CITER_PLAN_SHAPE_H */
