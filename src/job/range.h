/*
 * range.h
 *	  Works through a range of a job, chunk by chunk.
 */
#ifndef CITER_JOB_RANGE_H
#define CITER_JOB_RANGE_H

#include "job/chunk.h"
#include "job/run.h"

extern CiterJobState citer_job_run_range(CiterJobRun *run, int range_no);
extern CiterJobState citer_job_pause_at_limit(CiterJobRun *run);
extern void citer_job_add_totals(CiterJobTotals *totals, const CiterJobChunk *chunk);
extern void citer_job_check_role(const CiterJobRun *run);
extern void citer_job_end_with_error(CiterJobRun *run, const CiterJobRange *range,
									 const CiterJobChunk *chunk, ErrorData *error,
									 CiterJobState state);

#endif							/* CITER_JOB_RANGE_H */
