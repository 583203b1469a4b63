/*
 * end.h
 *	  Where a job ends.
 */
#ifndef CITER_JOB_END_H
#define CITER_JOB_END_H

#include "job/state.h"
#include "walk/iterator.h"

extern CiterIterator *citer_job_open_to_end(const CiterJob *job, NullableDatum after, bool quiet);
extern void citer_job_check_follows(const CiterJob *job, const CiterWalk *walk);
extern void citer_job_check_revisits(const CiterJob *job, const CiterWalk *walk);
extern void citer_job_warn_of_cache(const CiterJob *job, const CiterWalk *walk);
extern NullableDatum citer_job_write_bound(const CiterKey *key, const CiterPosition *bound);

#endif							/* CITER_JOB_END_H */
