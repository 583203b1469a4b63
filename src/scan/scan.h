/*
 * scan.h
 *	  chunked_iter() in FROM as a scan that streams.
 */
#ifndef CITER_SCAN_H
#define CITER_SCAN_H

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

#include "base/options.h"
#include "walk/walk.h"

/* Conditions of the query that the walk checks. */
typedef struct CiterScanQuals
{
	List	   *clauses;		/* as the planner has them: RestrictInfo */
	List	   *quals;			/* over range table entry 1, parameters $1 ... */
	List	   *params;			/* the expressions of these, over the query */
} CiterScanQuals;

/* A call in FROM, resolved once, while planning. */
typedef struct CiterScanCall
{
	FuncExpr   *call;
	TupleDesc	columns;		/* of its result */
	const CiterWalk *walk;		/* NULL: not known before the query runs */
	CiterScanQuals quals;
	bool		bounded;		/* it has bounds, or may have some */

	/* Estimates for the walk between its bounds. */
	double		rows;
	Cost		startup_cost;
	Cost		total_cost;
} CiterScanCall;

/* A way to scan a call, as the planner weighs it. */
typedef struct CiterScanPath
{
	CustomPath	custom;
	const CiterScanCall *call;
	bool		backwards;		/* the walk is reversed */
	int			first_rows;		/* all that the query's LIMIT needs; 0: none */
} CiterScanPath;

/*
 * What the planner's side hands to the executor's, in custom_private.  The
 * expressions in custom_exprs are the arguments of the call and behind them
 * those of the conditions' parameters.
 */
enum CiterScanPrivate
{
	CITER_SCAN_FUNCTION,		/* the RangeTblFunction */
	CITER_SCAN_COLUMNS,			/* those used, as pull_varattnos() has them */
	CITER_SCAN_QUALS,			/* CiterScanQuals.quals */
	CITER_SCAN_FIRST_ROWS,		/* CiterScanPath.first_rows, an Integer */
	CITER_SCAN_ORDER,			/* CiterKey.order */
	CITER_SCAN_FILTER,			/* CiterWalk.filter_clause */
	CITER_SCAN_CLAIM,			/* citer_scan_claim(); NIL: nothing is known */
	CITER_SCAN_WORDS			/* citer_explain_words() */
};

extern const CustomPathMethods citer_scan_path_methods;
extern const CustomScanMethods citer_scan_methods;

extern void citer_scan_init(void);
extern void citer_scan_minmax_init(void);
extern void citer_scan_take_quals(RelOptInfo *rel, const CiterRelation *relation,
								  CiterScanQuals *quals);
extern void citer_scan_estimate(CiterScanCall *scan, const CiterOptions *options);
extern void citer_scan_add_dependencies(PlannerInfo *root, const CiterScanCall *scan);
extern void citer_scan_add_relation(PlannerInfo *root, Oid relid);
extern Oid *citer_scan_param_types(List *params);
extern List *citer_scan_claim(const CiterKey *key, bool backwards);

#endif							/* CITER_SCAN_H */
