/*
 * open.h
 *	  A job made from arguments, or found by its name.
 */
#ifndef CITER_JOB_OPEN_H
#define CITER_JOB_OPEN_H

#include "job/arguments.h"
#include "job/state.h"
#include "job/statement.h"

extern CiterJob *citer_job_create(Oid procedure, const CiterJobArguments *arguments,
								  CiterJobStatement **statement, CiterJobRange **ranges);
extern CiterJob *citer_job_find(Oid procedure, const char *name);
extern bool citer_job_change(CiterJob *job, const CiterJobArguments *arguments);
extern CiterJob *citer_job_find_named(Oid procedure, const char *name);
extern void citer_job_check_not_cancelled(const CiterJob *job);
extern void citer_job_prepare(CiterJob *job, CiterJobStatement **statement);
extern void citer_job_use_settings(const CiterJob *job);

#endif							/* CITER_JOB_OPEN_H */
