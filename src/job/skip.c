/*
 * skip.c
 *	  Rows that fail, recorded and skipped.
 *
 * The chunk that failed has been narrowed down to one key, which several rows
 * can have.  The statement is run again for these, in subtransactions: for all
 * of them, then for each half of those that failed, down to single rows.  So a
 * row that fails is recorded with its own error, and the rows around it are
 * done, all in the transaction that moves the position.
 *
 * A statement that uses the bounds of the chunk does all rows of the key or
 * none, whatever is in "chunk"; then all of them are recorded.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "job/errors.h"
#include "job/skip.h"
#include "job/sql.h"
#include "sql/subtransaction.h"

/* Some of the rows of the chunk, numbered from 0; "to" is excluded. */
typedef struct RowSpan
{
	int64		from;
	int64		to;
} RowSpan;

/* A row to be recorded. */
typedef struct FailedRow
{
	TupleTableSlot *slot;		/* NULL: only its key */
	NullableDatum key;			/* text[] */
	const ErrorData *error;
	const char *message;
} FailedRow;

static void take_recorded(CiterJobSkip *skip);
static int64 do_span(CiterJobSkip *skip, RowSpan span);
static bool goes_by_bounds(const CiterJobStatement *statement);
static void run_statement(void *context, void *argument);
static TupleTableSlot *start_reading(CiterJobSkip *skip, int64 from);
static void record_span(CiterJobSkip *skip, RowSpan span, const ErrorData *error);
static NullableDatum key_of(CiterJobSkip *skip, TupleTableSlot *slot);
static char *message_for(RowSpan span, const ErrorData *error);
static void record_row(CiterJobSkip *skip, FailedRow *row);
static void insert_row(void *context, void *argument);

/*
 * Runs the statement for the rows of the chunk, and records those that fail in
 * chunked_iter_failed_rows.  Throws errors that are not of a row.
 */
void
citer_job_skip_failing(CiterJobSkip *skip)
{
	RowSpan		all = {0};

	if (skip->range->one_key && !skip->walk->key->unique && !goes_by_bounds(skip->statement))
		take_recorded(skip);
	all.to = skip->nrows;
	if (skip->nrows > 0)
		skip->failed = do_span(skip, all);
}

/*
 * Of several rows of one key the statement has failed for some.  Leaves these in
 * the chunk, as they were recorded, and drops them from
 * chunked_iter_failed_rows: the others have been done.
 */
static void
take_recorded(CiterJobSkip *skip)
{
	TupleTableSlot *slot = start_reading(skip, 0);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

	skip->retried = 0;
	while (tuplestore_gettupleslot(skip->rows, true, false, slot))
	{
		CiterJobValues values = citer_job_values(skip->job->name);

		citer_job_add_int(&values, skip->range->range_no);
		citer_job_add_array(&values, skip->range->position);
		citer_job_add(&values, skip->walk->relation->rowtype, ExecFetchSlotHeapTupleDatum(slot), false);
		citer_job_sql_run_text(skip->job->procedure, CITER_JOB_SQL_TAKE_FAILED, &values);
		if (SPI_processed == 0)
			continue;
		tuplestore_puttupleslot(rows, slot);
		skip->retried++;
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(skip->rows);
	skip->rows = rows;
	skip->nrows = skip->retried;
}

/* The same for a part of the rows. */
static int64
do_span(CiterJobSkip *skip, RowSpan span)
{
	ErrorData  *error = citer_subtransaction_try(run_statement, skip, &span);
	RowSpan		first = {span.from, span.from + (span.to - span.from) / 2};
	RowSpan		second = {first.to, span.to};
	int64		failed;

	if (error == NULL)
		return 0;
	if (!citer_job_error_of_rows(error))
		ReThrowError(error);
	if (span.to - span.from == 1 || goes_by_bounds(skip->statement))
	{
		record_span(skip, span, error);
		failed = span.to - span.from;
	}
	else
		failed = do_span(skip, first) + do_span(skip, second);
	FreeErrorData(error);
	return failed;
}

/* Whether the statement does all rows of a key or none. */
static bool
goes_by_bounds(const CiterJobStatement *statement)
{
	const CiterJobUses *uses = citer_job_statement_uses(statement);

	return uses->bounds || citer_job_statement_uses_ranges(statement) || !uses->rows;
}

static void
run_statement(void *context, void *argument)
{
	CiterJobSkip *skip = context;
	const RowSpan *span = argument;
	TupleTableSlot *slot = start_reading(skip, span->from);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	CiterJobEffect effect = {0};

	for (int64 i = span->from; i < span->to; i++)
	{
		tuplestore_gettupleslot(skip->rows, true, false, slot);
		tuplestore_puttupleslot(rows, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	citer_job_statement_run(skip->statement, rows, skip->bounds, &effect);
	tuplestore_end(rows);
	skip->effect->counted = effect.counted;
	skip->effect->changed += effect.changed;
	skip->effect->own += effect.own;
}

/* Returns a slot to read the rows of the chunk with, from a number on. */
static TupleTableSlot *
start_reading(CiterJobSkip *skip, int64 from)
{
	tuplestore_rescan(skip->rows);
	tuplestore_skiptuples(skip->rows, from, true);
	return MakeSingleTupleTableSlot(skip->walk->relation->tupdesc, &TTSOpsMinimalTuple);
}

/* Adds rows to chunked_iter_failed_rows. */
static void
record_span(CiterJobSkip *skip, RowSpan span, const ErrorData *error)
{
	TupleTableSlot *slot = start_reading(skip, span.from);
	char	   *message = message_for(span, error);

	for (int64 i = span.from; i < span.to; i++)
	{
		FailedRow	row = {.error = error,.message = message};

		tuplestore_gettupleslot(skip->rows, true, false, slot);
		row.slot = skip->by_key ? NULL : slot;
		row.key = key_of(skip, slot);
		record_row(skip, &row);
		skip->failure = psprintf("%s: %s: %s", citer_job_array_text(row.key),
								 unpack_sql_state(error->sqlerrcode), message);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * A row's key.  Where rows are locked it need not be that of the chunk's end: a row
 * can have come in since the chunk was read.  In physical order it is the end.
 */
static NullableDatum
key_of(CiterJobSkip *skip, TupleTableSlot *slot)
{
	CiterPosition key = citer_iterator_key(skip->iterator, slot);
	NullableDatum text = {(Datum) 0, false};

	text.value = PointerGetDatum(citer_bookmark_write(skip->walk->key, key.nelements > 0 ? &key :
													  skip->bounds->last));
	return text;
}

/* The error's message, which says so if it can be that of another row. */
static char *
message_for(RowSpan span, const ErrorData *error)
{
	if (span.to - span.from == 1)
		return error->message;
	return psprintf("%s (one of %lld rows of this key, which the statement does by its bounds, all or none)",
					error->message, (long long) (span.to - span.from));
}

/*
 * Adds a row to chunked_iter_failed_rows.  One that cannot be turned into
 * jsonb, for whatever reason, is recorded by its key alone.
 */
static void
record_row(CiterJobSkip *skip, FailedRow *row)
{
	ErrorData  *error = citer_subtransaction_try(insert_row, skip, row);

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || citer_job_error_of_others(error))
		ReThrowError(error);
	FreeErrorData(error);
	row->slot = NULL;
	insert_row(skip, row);
}

static void
insert_row(void *context, void *argument)
{
	CiterJobSkip *skip = context;
	const FailedRow *row = argument;
	CiterJobValues values;

	values.n = 0;
	citer_job_add_text(&values, skip->job->name);
	citer_job_add_int(&values, skip->range->range_no);
	citer_job_add_array(&values, row->key);
	citer_job_add_text(&values, unpack_sql_state(row->error->sqlerrcode));
	citer_job_add_text(&values, row->message);
	if (row->slot != NULL)
		citer_job_add(&values, skip->walk->relation->rowtype,
					  ExecFetchSlotHeapTupleDatum(row->slot), false);
	citer_job_sql_run_text(skip->job->procedure, row->slot == NULL ?
						   CITER_JOB_SQL_FAILED("NULL") : CITER_JOB_SQL_FAILED("pg_catalog.to_jsonb($6)"),
						   &values);
}
