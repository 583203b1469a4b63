/*
 * report.h
 *	  What the client is told of a job's run.
 */
#ifndef CITER_JOB_REPORT_H
#define CITER_JOB_REPORT_H

#include "job/run.h"

extern void citer_job_report_progress(CiterJobRun *run, const CiterJobRange *range, int64 rows_done);
extern void citer_job_report_end(const CiterJobRun *run, CiterJobState state);

#endif							/* CITER_JOB_REPORT_H */
