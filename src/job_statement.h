/*
 * job_statement.h
 *	  The statement of a job, prepared.
 */
#ifndef CITER_JOB_STATEMENT_H
#define CITER_JOB_STATEMENT_H

#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "utils/tuplestore.h"

#include "bookmark.h"
#include "key.h"

typedef struct CiterJobStatement CiterJobStatement;

extern CiterJobStatement *citer_job_statement_prepare(const char *sql, const CiterKey *key,
													  TupleDesc columns, int chunk_size);
extern bool citer_job_statement_fits(const CiterJobStatement *statement, TupleDesc columns);
extern bool citer_job_statement_uses_rows(const CiterJobStatement *statement);
extern bool citer_job_statement_uses_bounds(const CiterJobStatement *statement);
extern bool citer_job_statement_updates(const CiterJobStatement *statement, Oid relid);
extern Bitmapset *citer_job_statement_columns(const CiterJobStatement *statement);
extern void citer_job_statement_run(CiterJobStatement *statement, Tuplestorestate *rows,
									const CiterPosition *first, const CiterPosition *last);
extern void citer_job_statement_explain(CiterJobStatement *statement, const CiterPosition *first,
										const CiterPosition *last, StringInfo output);
extern void citer_job_statement_free(CiterJobStatement *statement);

#endif							/* CITER_JOB_STATEMENT_H */
