/*
 * clause.h
 *	  Users' pieces of SQL, read by PostgreSQL's own parser.
 */
#ifndef CITER_CLAUSE_H
#define CITER_CLAUSE_H

#include "nodes/pg_list.h"

#include "walk/relation.h"

extern CiterRelation *citer_clause_query(const char *query, TupleDesc columns);
extern List *citer_clause_order_by(const CiterRelation *relation,
								   const char *order_by, List **targetlist);
extern Node *citer_clause_filter(const CiterRelation *relation, const char *filter);
extern bool citer_clause_reads_back(const CiterRelation *relation, Node *qual,
									int nparams, Oid *param_types);
extern char *citer_clause_sql(const CiterRelation *relation, Node *expr, bool with_alias);

#endif							/* CITER_CLAUSE_H */
