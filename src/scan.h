/*
 * scan.h
 *	  chunked_iter() in FROM as a scan that streams.
 */
#ifndef CITER_SCAN_H
#define CITER_SCAN_H

#include "nodes/extensible.h"

/*
 * What the planner's side hands to the executor's, in custom_private: the
 * RangeTblFunction, the conditions that the walk checks (over range table
 * entry 1), and the columns that are used, as pull_varattnos() numbers them.
 * The arguments of the call are in custom_exprs.
 */
#define CITER_SCAN_FUNCTION(scan)	linitial_node(RangeTblFunction, (scan)->custom_private)
#define CITER_SCAN_QUALS(scan)		((List *) lsecond((scan)->custom_private))
#define CITER_SCAN_COLUMNS(scan)	((List *) lthird((scan)->custom_private))

extern const CustomScanMethods citer_scan_methods;

extern void citer_scan_init(void);

#endif							/* CITER_SCAN_H */
