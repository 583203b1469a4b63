/*
 * explain.h
 *	  What the planner makes of a command of a job's statement.
 */
#ifndef CITER_JOB_EXPLAIN_H
#define CITER_JOB_EXPLAIN_H

#include "lib/stringinfo.h"

#include "sql/statement.h"

extern void citer_job_explain_command(const CiterStatementSource *source, ParamListInfo params,
									  StringInfo output);
extern double citer_job_explain_changes(const CiterStatementSource *source, ParamListInfo params);

#endif							/* CITER_JOB_EXPLAIN_H */
