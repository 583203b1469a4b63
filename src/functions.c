/*
 * functions.c
 *	  The SQL functions: arguments in, one call, result out.
 *
 * Each function is bound to a C symbol that carries the extension version it
 * was introduced with, so that an older SQL script always finds the function
 * it was written for.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/options.h"
#include "walk/explain.h"
#include "walk/iterator.h"
#include "walk/split.h"

PG_FUNCTION_INFO_V1(chunked_iter_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_query_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_ranges_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_explain_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_table_name_in_1_0);

static ReturnSetInfo *begin_table(FunctionCallInfo fcinfo);
static void put_range(const CiterSplitRange *range, void *table);
static Datum return_next_row(FunctionCallInfo fcinfo);
static void read_options(FunctionCallInfo fcinfo, CiterOptions *options);
static void close_iterator(Datum iterator);
static List *split_lines(char *text);
static Oid	rowtype_argument(FunctionCallInfo fcinfo);
pg_noreturn static void refuse_name(const char *name);

/* chunked_iter(rel anyelement, ...) RETURNS SETOF anyelement */
Datum
chunked_iter_1_0(PG_FUNCTION_ARGS)
{
	return return_next_row(fcinfo);
}

/* chunked_iter_query(query text, order_by text, ...) RETURNS SETOF record */
Datum
chunked_iter_query_1_0(PG_FUNCTION_ARGS)
{
	return return_next_row(fcinfo);
}

/*
 * chunked_iter_ranges(rel anyelement, parts bigint, chunk_size bigint, ...)
 * RETURNS TABLE (range_no integer, after text[], upto text[], estimated_rows bigint)
 */
Datum
chunked_iter_ranges_1_0(PG_FUNCTION_ARGS)
{
	CiterOptions options;
	int			parts = citer_options_read_ranges(&options, rowtype_argument(fcinfo), fcinfo->args);

	citer_split(&options, parts, put_range, begin_table(fcinfo));
	return (Datum) 0;
}

/* chunked_iter_explain(<the arguments of chunked_iter>) RETURNS SETOF text */
Datum
chunked_iter_explain_1_0(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	List	   *lines;
	char	   *line;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;
		CiterOptions options;
		StringInfoData output;

		funcctx = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		citer_options_read(&options, rowtype_argument(fcinfo), fcinfo->args);
		initStringInfo(&output);
		citer_explain_walk(&options, &output);
		funcctx->user_fctx = split_lines(output.data);
		MemoryContextSwitchTo(caller);
	}

	funcctx = SRF_PERCALL_SETUP();
	lines = funcctx->user_fctx;
	if (funcctx->call_cntr >= (uint64) list_length(lines))
		SRF_RETURN_DONE(funcctx);
	line = list_nth(lines, funcctx->call_cntr);
	SRF_RETURN_NEXT(funcctx, CStringGetTextDatum(line));
}

/*
 * chunked_iter_table_name_in(cstring) RETURNS chunked_iter_table_name
 *
 * The parser reads a literal, or a NULL without a type, as a value of this
 * type where a row type belongs.  42804 for each of them.
 */
Datum
chunked_iter_table_name_in_1_0(PG_FUNCTION_ARGS)
{
	refuse_name(PG_ARGISNULL(0) ? NULL : PG_GETARG_CSTRING(0));
}

/*
 * Makes the empty table that a function returns as a whole: setResult and
 * setDesc of the ReturnSetInfo.  0A000 where no table can be returned.
 */
static ReturnSetInfo *
begin_table(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	TupleDesc	columns;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setDesc = columns;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(caller);
	return rsinfo;
}

/* Callback of a split: a row of chunked_iter_ranges. */
static void
put_range(const CiterSplitRange *range, void *table)
{
	ReturnSetInfo *rsinfo = table;
	Datum		values[4] = {
		Int32GetDatum(range->number),
		PointerGetDatum(range->after),
		PointerGetDatum(range->upto),
		Int64GetDatum((int64) rint(range->rows))
	};
	bool		nulls[4] = {false, range->after == NULL, range->upto == NULL, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * One row a call.  The iterator lives in the set-returning function's own
 * context and is closed when the last row is out or the query stops asking.
 */
static Datum
return_next_row(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	FuncCallContext *funcctx;
	TupleTableSlot *slot;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;
		CiterOptions options;

		funcctx = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		read_options(fcinfo, &options);
		funcctx->user_fctx = citer_iterator_open(&options);
		MemoryContextSwitchTo(caller);
		RegisterExprContextCallback(rsinfo->econtext, close_iterator,
									PointerGetDatum(funcctx->user_fctx));
	}

	funcctx = SRF_PERCALL_SETUP();
	slot = citer_iterator_next(funcctx->user_fctx);
	if (slot != NULL)
		SRF_RETURN_NEXT(funcctx, ExecFetchSlotHeapTupleDatum(slot));

	UnregisterExprContextCallback(rsinfo->econtext, close_iterator,
								  PointerGetDatum(funcctx->user_fctx));
	citer_iterator_close(funcctx->user_fctx);
	SRF_RETURN_DONE(funcctx);
}

/*
 * The request in the arguments of chunked_iter or chunked_iter_query.  0A000
 * if it is the latter and there is no column definition list.
 */
static void
read_options(FunctionCallInfo fcinfo, CiterOptions *options)
{
	TupleDesc	columns = ((ReturnSetInfo *) fcinfo->resultinfo)->expectedDesc;

	if (fcinfo->nargs == CITER_ARGUMENTS)
	{
		citer_options_read(options, rowtype_argument(fcinfo), fcinfo->args);
		return;
	}
	if (columns == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must be called in FROM", "chunked_iter_query"),
				 errhint("SELECT * FROM chunked_iter_query('SELECT ...', 'id') AS t(id integer, ...)")));
	citer_options_read_query(options, BlessTupleDesc(CreateTupleDescCopy(columns)), fcinfo->args);
}

/* Expression context callback: the query needs no more rows. */
static void
close_iterator(Datum iterator)
{
	citer_iterator_close((CiterIterator *) DatumGetPointer(iterator));
}

/* The lines of a text, which is cut up. */
static List *
split_lines(char *text)
{
	List	   *lines = NIL;

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		lines = lappend(lines, line);
	return lines;
}

/* The type of the first argument; 42804 if its value is the name of a table. */
static Oid
rowtype_argument(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			output;
	bool		is_varlena;

	if ((type == REGCLASSOID || type == TEXTOID || type == VARCHAROID || type == NAMEOID) &&
		!fcinfo->args[0].isnull)
	{
		getTypeOutputInfo(type, &output, &is_varlena);
		refuse_name(OidOutputFunctionCall(output, fcinfo->args[0].value));
	}
	return type;
}

/* 42804, with what to write in place of a table's name, or of a query. */
static void
refuse_name(const char *name)
{
	bool		is_query = name != NULL && strpbrk(name, " \t\n") != NULL;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a table is given by a null of its row type, not by its name"),
			 name != NULL ? errdetail("The argument is '%s'.", name) : 0,
			 is_query ? errhint("For a query: SELECT * FROM chunked_iter_query('SELECT ...', 'column, ...') AS t(column type, ...)") :
			 errhint("Write NULL::%s.", name != NULL ? name : "my_table")));
}
