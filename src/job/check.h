/*
 * check.h
 *	  Refuses statements that cannot do the rows of each chunk.
 */
#ifndef CITER_JOB_CHECK_H
#define CITER_JOB_CHECK_H

#include "job/refusal.h"

extern void citer_job_check_kind(const CiterJob *job, Node *command);
extern void citer_job_check_command(const CiterJobCheck *check, Query *command);

#endif							/* CITER_JOB_CHECK_H */
