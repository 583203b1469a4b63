/*
 * citus.h
 *	  What has to be known of Citus, where it is installed.
 */
#ifndef CITER_CITUS_H
#define CITER_CITUS_H

#include "nodes/plannodes.h"

extern bool citer_citus_has(Oid relid);
extern bool citer_citus_reads_here(Oid relid);
extern bool citer_citus_is_coordinator(void);
extern bool citer_citus_is_copying(void);
extern bool citer_citus_plans(const Plan *plan);
extern bool citer_citus_forwards(const Plan *plan);
extern bool citer_citus_plan_is_delayed(const Plan *plan);

#endif							/* CITER_CITUS_H */
