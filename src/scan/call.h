/*
 * call.h
 *	  Calls of chunked_iter and chunked_iter_query as expressions.
 */
#ifndef CITER_CALL_H
#define CITER_CALL_H

#include "nodes/pathnodes.h"

#include "base/options.h"

extern void citer_call_check_key(FuncExpr *call, PlannerInfo *root);
extern FuncExpr *citer_call_find(RangeTblEntry *rte, PGFunction support);
extern bool citer_call_is(Node *node);
extern bool citer_call_is_query(FuncExpr *call);
extern TupleDesc citer_call_columns(RangeTblFunction *function);
extern bool citer_call_read_known(List *arguments, TupleDesc columns, CiterOptions *options);
extern Node *citer_call_after(List *arguments, int narguments);
extern Node *citer_call_upto(List *arguments, int narguments);
extern List *citer_call_reversed_arguments(FuncExpr *call);
extern void citer_call_read(const NullableDatum *arguments, int narguments, TupleDesc columns,
							CiterOptions *options);

#endif							/* CITER_CALL_H */
