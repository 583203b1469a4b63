/*
 * plan.h
 *	  The ranges that a new job is split into.
 */
#ifndef CITER_JOB_PLAN_H
#define CITER_JOB_PLAN_H

#include "job/state.h"
#include "walk/iterator.h"

extern CiterJobRange *citer_job_plan_ranges(const CiterJob *job, CiterIterator *iterator);

#endif							/* CITER_JOB_PLAN_H */
