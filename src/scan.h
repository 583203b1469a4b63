/*
 * scan.h
 *	  chunked_iter() in FROM as a scan that streams.
 */
#ifndef CITER_SCAN_H
#define CITER_SCAN_H

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

#include "walk.h"

/* A way to scan a call, as the planner weighs it. */
typedef struct CiterScanPath
{
	CustomPath	custom;
	const CiterWalk *walk;		/* NULL: not known before the query runs */
	bool		backwards;		/* the walk the other way round */
} CiterScanPath;

/*
 * What the planner's side hands to the executor's, in custom_private: the
 * RangeTblFunction, the conditions that the walk checks (over range table
 * entry 1), and the columns that are used, as pull_varattnos() numbers them.
 * The arguments of the call are in custom_exprs.
 */
#define CITER_SCAN_FUNCTION(scan)	linitial_node(RangeTblFunction, (scan)->custom_private)
#define CITER_SCAN_QUALS(scan)		((List *) lsecond((scan)->custom_private))
#define CITER_SCAN_COLUMNS(scan)	((List *) lthird((scan)->custom_private))

extern const CustomPathMethods citer_scan_path_methods;
extern const CustomScanMethods citer_scan_methods;

extern void citer_scan_init(void);
extern void citer_scan_minmax_init(void);

#endif							/* CITER_SCAN_H */
