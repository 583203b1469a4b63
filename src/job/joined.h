/*
 * joined.h
 *	  Commands that join the job's relation to "chunk" by its key.
 */
#ifndef CITER_JOB_JOINED_H
#define CITER_JOB_JOINED_H

#include "job/state.h"
#include "walk/walk.h"

extern char *citer_job_joined_target(const Query *query, const char *chunk, const CiterJob *job,
									 const CiterWalk *walk);

#endif							/* CITER_JOB_JOINED_H */
