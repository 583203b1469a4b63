/*
 * functions.c
 *	  The SQL functions of debug mode: arguments in, one call, result out.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "log/query_log.h"

PG_FUNCTION_INFO_V1(chunked_iter_queries_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_reset_queries_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_query_log_growth_1_0);

static FuncCallContext *start_rows(FunctionCallInfo fcinfo, const void *state, Size size);
static HeapTuple growth_row(TupleDesc tupdesc, const CiterQueryLogSize *size);

/* chunked_iter_queries() RETURNS TABLE (...): one entry a call */
Datum
chunked_iter_queries_1_0(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	CiterLoggedQuery query;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		CiterQueryLogReader reader;

		citer_query_log_read_start(&reader);
		funcctx = start_rows(fcinfo, &reader, sizeof(reader));
	}

	funcctx = SRF_PERCALL_SETUP();
	if (!citer_query_log_read(funcctx->user_fctx, &query))
		SRF_RETURN_DONE(funcctx);
	values[0] = Int64GetDatum(query.query_no);
	values[1] = PointerGetDatum(query.sql);
	values[2] = TimestampTzGetDatum(query.started_at);
	values[3] = Float8GetDatum(query.duration_ms);
	values[4] = Int64GetDatum(query.rows);
	SRF_RETURN_NEXT(funcctx,
					HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc, values, nulls)));
}

/* chunked_iter_reset_queries() RETURNS bigint */
Datum
chunked_iter_reset_queries_1_0(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT64(citer_query_log_reset());
}

/* chunked_iter_query_log_growth() RETURNS TABLE (...) */
Datum
chunked_iter_query_log_growth_1_0(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	CiterQueryLogSize *size;

	if (SRF_IS_FIRSTCALL())
	{
		CiterQueryLogSize sizes[CITER_QUERY_LOG_SIZES];
		int			nsizes = citer_query_log_growth(sizes);

		funcctx = start_rows(fcinfo, sizes, sizeof(sizes));
		funcctx->max_calls = nsizes;
	}

	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr >= funcctx->max_calls)
		SRF_RETURN_DONE(funcctx);
	size = (CiterQueryLogSize *) funcctx->user_fctx + funcctx->call_cntr;
	SRF_RETURN_NEXT(funcctx, HeapTupleGetDatum(growth_row(funcctx->tuple_desc, size)));
}

/* Begins a set of rows, with a copy of the state that lasts as long. */
static FuncCallContext *
start_rows(FunctionCallInfo fcinfo, const void *state, Size size)
{
	FuncCallContext *funcctx = SRF_FIRSTCALL_INIT();
	MemoryContext caller = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
	TupleDesc	tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	funcctx->tuple_desc = BlessTupleDesc(tupdesc);
	funcctx->user_fctx = palloc(size);
	memcpy(funcctx->user_fctx, state, size);
	MemoryContextSwitchTo(caller);
	return funcctx;
}

/* A row of growth; bytes per query is NULL where no query is kept. */
static HeapTuple
growth_row(TupleDesc tupdesc, const CiterQueryLogSize *size)
{
	int64		kept = size->queries - size->evicted;
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int64GetDatum(size->queries);
	values[1] = Int64GetDatum(size->sql_bytes);
	values[2] = Int64GetDatum(size->memory_bytes);
	values[3] = Float8GetDatum(kept > 0 ? (double) size->memory_bytes / kept : 0);
	nulls[3] = kept == 0;
	values[4] = Int64GetDatum(size->evicted);
	return heap_form_tuple(tupdesc, values, nulls);
}
