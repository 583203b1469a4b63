/*
 * target.h
 *	  What a job's positions are positions in.
 */
#ifndef CITER_JOB_TARGET_H
#define CITER_JOB_TARGET_H

#include "base/options.h"
#include "job/state.h"
#include "walk/walk.h"

extern void citer_job_target_choose(CiterJob *job, Oid relid);
extern void citer_job_target_describe(CiterJob *job, const CiterWalk *walk);
extern Oid	citer_job_target_relid(const CiterJob *job);
extern void citer_job_target_find(CiterJob *job);
extern void citer_job_target_check(const CiterJob *job, const CiterWalk *walk);
extern void citer_job_target_check_position(const CiterJob *job, const CiterJobRange *range,
											const CiterWalk *walk);
extern char *citer_job_home(Oid procedure);
extern CiterOptions citer_job_target_options(const CiterJob *job);

#endif							/* CITER_JOB_TARGET_H */
