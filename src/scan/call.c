/*
 * call.c
 *	  Calls of chunked_iter and chunked_iter_query as expressions.
 *
 * The planner and the executor of a scan meet a call as an expression tree in
 * the range table; here it is recognized and turned into a request.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "scan/call.h"
#include "walk/relation.h"

/* What chunked_iter_key has. */
#define KEY_ARGUMENTS 2

static bool is_query(List *arguments);
static bool decides(bool is_query, int argument);

/*
 * The call that is all there is of a range table entry; NULL for any other
 * entry.  A call is known by its support function, given as its C function.
 */
FuncExpr *
citer_call_find(RangeTblEntry *rte, PGFunction support)
{
	RangeTblFunction *function;
	FuncExpr   *call;
	Oid			support_id;
	FmgrInfo	finfo;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return NULL;
	function = linitial_node(RangeTblFunction, rte->functions);
	if (!citer_call_is(function->funcexpr))
		return NULL;
	call = (FuncExpr *) function->funcexpr;
	support_id = get_func_support(call->funcid);
	if (!OidIsValid(support_id))
		return NULL;
	fmgr_info(support_id, &finfo);
	return finfo.fn_addr == support ? call : NULL;
}

/*
 * Whether this is a call with the arguments of chunked_iter, for a table's row
 * type, or with those of chunked_iter_query.
 */
bool
citer_call_is(Node *node)
{
	FuncExpr   *call = (FuncExpr *) node;

	if (!IsA(call, FuncExpr))
		return false;
	if (is_query(call->args))
		return exprType(linitial(call->args)) == TEXTOID;
	return list_length(call->args) == CITER_ARGUMENTS &&
		get_typtype(exprType(linitial(call->args))) == TYPTYPE_COMPOSITE;
}

/*
 * 42804 if it is a call of chunked_iter_key and its argument cannot be a row,
 * with the name of the row that a column comes from.  That name is not known
 * for sure where the planner has put a subquery's tables in its place.
 */
void
citer_call_check_key(FuncExpr *call, PlannerInfo *root)
{
	Var		   *column = (Var *) strip_implicit_coercions(linitial(call->args));
	const char *name = NULL;
	ListCell   *cell;

	if (list_length(call->args) != KEY_ARGUMENTS)
		return;
	if (root != NULL && root->parse != NULL && IsA(column, Var) && column->varlevelsup == 0)
	{
		name = quote_identifier(rt_fetch(column->varno, root->parse->rtable)->eref->aliasname);
		foreach(cell, root->parse->rtable)
		{
			if (lfirst_node(RangeTblEntry, cell)->rtekind == RTE_SUBQUERY)
				name = NULL;
		}
	}
	citer_relation_check_row(exprType((Node *) column), name);
}

/* Whether it is a call of chunked_iter_query, not of chunked_iter. */
bool
citer_call_is_query(FuncExpr *call)
{
	return is_query(call->args);
}

/*
 * The columns of the call's result, for ReleaseTupleDesc(): those of the row type,
 * or those of the column definition list, in the current memory context.
 */
TupleDesc
citer_call_columns(RangeTblFunction *function)
{
	FuncExpr   *call = (FuncExpr *) function->funcexpr;

	if (!is_query(call->args))
		return lookup_rowtype_tupdesc(exprType(linitial(call->args)), -1);
	return BlessTupleDesc(BuildDescFromLists(function->funccolnames, function->funccoltypes,
											 function->funccoltypmods,
											 function->funccolcollations));
}

/*
 * Reads a request from those arguments that are constants; the others are left
 * at their defaults.  Returns false if an argument that decides which rows there
 * are, and in which order, is not a constant: only the bounds, the size of a
 * chunk and the snapshot may be unknown.
 */
bool
citer_call_read_known(List *arguments, TupleDesc columns, CiterOptions *options)
{
	NullableDatum values[CITER_ARGUMENTS];
	ListCell   *cell;
	int			i = 0;

	foreach(cell, arguments)
	{
		Const	   *constant = (Const *) lfirst(cell);
		bool		known = IsA(constant, Const);

		if (!known && decides(is_query(arguments), i))
			return false;
		values[i].value = known ? constant->constvalue : (Datum) 0;
		values[i].isnull = !known || constant->constisnull;
		i++;
	}
	citer_call_read(values, i, columns, options);
	return true;
}

/* The argument "after" among the arguments of a call, which others may follow. */
Node *
citer_call_after(List *arguments, int narguments)
{
	return list_nth(arguments, narguments == CITER_QUERY_ARGUMENTS ? CITER_QUERY_ARGUMENT_AFTER :
					CITER_ARGUMENT_AFTER);
}

/* The argument "upto", likewise. */
Node *
citer_call_upto(List *arguments, int narguments)
{
	return list_nth(arguments, narguments == CITER_QUERY_ARGUMENTS ? CITER_QUERY_ARGUMENT_UPTO :
					CITER_ARGUMENT_UPTO);
}

/* The arguments of the reversed walk; "reverse" must be a constant. */
List *
citer_call_reversed_arguments(FuncExpr *call)
{
	List	   *arguments = copyObject(call->args);
	Const	   *reverse = list_nth_node(Const, arguments,
										is_query(arguments) ? CITER_QUERY_ARGUMENT_REVERSE :
										CITER_ARGUMENT_REVERSE);

	reverse->constvalue = BoolGetDatum(reverse->constisnull || !DatumGetBool(reverse->constvalue));
	reverse->constisnull = false;
	return arguments;
}

/* Reads a request from the values of a call's arguments. */
void
citer_call_read(const NullableDatum *arguments, int narguments, TupleDesc columns,
				CiterOptions *options)
{
	if (narguments == CITER_QUERY_ARGUMENTS)
		citer_options_read_query(options, columns, arguments);
	else
		citer_options_read(options, columns->tdtypeid, arguments);
}

/* Whether these are the arguments of chunked_iter_query, not of chunked_iter. */
static bool
is_query(List *arguments)
{
	return list_length(arguments) == CITER_QUERY_ARGUMENTS;
}

/*
 * Whether an argument decides, apart from the bounds, which rows a walk has and
 * in which order.  Only the type of "rel" is used.
 */
static bool
decides(bool is_query, int argument)
{
	if (is_query)
		return argument == CITER_QUERY_ARGUMENT_QUERY ||
			argument == CITER_QUERY_ARGUMENT_ORDER_BY ||
			argument == CITER_QUERY_ARGUMENT_REVERSE;
	return argument == CITER_ARGUMENT_ORDER_BY || argument == CITER_ARGUMENT_REVERSE ||
		argument == CITER_ARGUMENT_FILTER;
}
