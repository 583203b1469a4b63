/*
 * clause_check.h
 *	  Refuses what has been read of a walk's clauses, and cannot serve.
 */
#ifndef CITER_CLAUSE_CHECK_H
#define CITER_CLAUSE_CHECK_H

#include "parser/parse_node.h"

#include "walk/relation.h"

extern void citer_clause_check_item(ParseState *pstate, const CiterRelation *relation,
									const char *order_by, Expr *expr);
extern void citer_clause_check_constants(Node *node, const char *argument, const char *text);

#endif							/* CITER_CLAUSE_CHECK_H */
