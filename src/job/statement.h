/*
 * statement.h
 *	  The statement of a job, prepared.
 */
#ifndef CITER_JOB_STATEMENT_H
#define CITER_JOB_STATEMENT_H

#include "lib/stringinfo.h"
#include "utils/tuplestore.h"

#include "job/state.h"
#include "job/uses.h"
#include "walk/walk.h"

typedef struct CiterJobStatement CiterJobStatement;

/* The bounds of a chunk: it is after "after", from "first" up to "last". */
typedef struct CiterJobBounds
{
	const CiterPosition *after;
	const CiterPosition *first;
	const CiterPosition *last;
} CiterJobBounds;

/* What the statement did. */
typedef struct CiterJobEffect
{
	bool		counted;		/* all its commands that write were counted */
	int64		changed;		/* rows, by all commands together */
	int64		own;			/* rows of the job's relation, by the command
								 * that changed most of them */
} CiterJobEffect;

extern CiterJobStatement *citer_job_statement_prepare(const CiterJob *job, const CiterWalk *walk);
extern bool citer_job_statement_fits(const CiterJobStatement *statement, TupleDesc columns);
extern const CiterJobUses *citer_job_statement_uses(const CiterJobStatement *statement);
extern bool citer_job_statement_uses_ranges(const CiterJobStatement *statement);
extern const char *citer_job_statement_params(const CiterJobStatement *statement);
extern void citer_job_statement_run(CiterJobStatement *statement, Tuplestorestate *rows,
									const CiterJobBounds *bounds, CiterJobEffect *effect);
extern void citer_job_statement_explain(CiterJobStatement *statement, const CiterJobBounds *bounds,
										StringInfo output);
extern void citer_job_statement_free(CiterJobStatement *statement);

#endif							/* CITER_JOB_STATEMENT_H */
