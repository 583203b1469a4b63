/*
 * state_ranges.c
 *	  What is kept of a job's ranges: verbs on their table.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "job/sql.h"
#include "job/state.h"

static void check_failed(const CiterJob *job, const CiterJobStep *step);
static void run_at_place(const CiterJob *job, const CiterJobRange *range, CiterJobSql at,
						 CiterJobSql by_key, const CiterJobValues *values);

/* Inserts a range, whose position is its beginning. */
void
citer_job_insert_range(const CiterJob *job, const CiterJobRange *range)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_int(&values, range->range_no);
	citer_job_add_array(&values, range->after);
	citer_job_add_array(&values, range->upto);
	citer_job_add_bool(&values, range->done);
	citer_job_add_bigint(&values, range->estimated_rows);
	citer_job_add_int(&values, job->chunk_size);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_INSERT_RANGE, &values);
}

/* All ranges of a job, by number. */
CiterJobRange *
citer_job_list_ranges(const CiterJob *job, int *nranges)
{
	CiterJobValues values = citer_job_values(job->name);
	CiterJobRange *ranges;

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_LIST_RANGES, &values);
	*nranges = (int) SPI_processed;
	ranges = palloc0(sizeof(CiterJobRange) * Max(*nranges, 1));
	for (int i = 0; i < *nranges; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	tupdesc = SPI_tuptable->tupdesc;
		bool		isnull;
		NullableDatum *arrays[] = {&ranges[i].after, &ranges[i].upto, &ranges[i].position};

		ranges[i].range_no = DatumGetInt32(SPI_getbinval(tuple, tupdesc, 1, &isnull));
		ranges[i].done = DatumGetBool(SPI_getbinval(tuple, tupdesc, 2, &isnull));
		for (int j = 0; j < (int) lengthof(arrays); j++)
		{
			arrays[j]->value = SPI_getbinval(tuple, tupdesc, 3 + j, &arrays[j]->isnull);
			if (!arrays[j]->isnull)
				arrays[j]->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(arrays[j]->value));
		}
		ranges[i].estimated_rows = DatumGetInt64(SPI_getbinval(tuple, tupdesc, 6, &isnull));
		ranges[i].rows_done = DatumGetInt64(SPI_getbinval(tuple, tupdesc, 7, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return ranges;
}

/*
 * The numbers of ranges that are not done, the first ones above a number.
 * Returns how many these are.
 */
int
citer_job_unfinished_ranges(const CiterJob *job, int behind, int range_nos[CITER_JOB_RANGES_MAX])
{
	CiterJobValues values = citer_job_values(job->name);
	int			nranges;
	bool		isnull;

	citer_job_add_int(&values, behind);
	citer_job_add_int(&values, CITER_JOB_RANGES_MAX);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_UNFINISHED_RANGES, &values);
	nranges = (int) SPI_processed;
	for (int i = 0; i < nranges; i++)
		range_nos[i] = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
												   1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return nranges;
}

/*
 * Locks the row of a range to the end of the transaction and reads it into
 * *range, whose number is given, and *state that of the job, which takes over
 * how it is done now.  False if the row is gone.
 */
bool
citer_job_lock_range(CiterJob *job, CiterJobRange *range, CiterJobState *state)
{
	CiterJobValues values = citer_job_values(job->name);
	bool		isnull;

	citer_job_add_int(&values, range->range_no);
	run_at_place(job, range, CITER_JOB_SQL_LOCK_RANGE_AT, CITER_JOB_SQL_LOCK_RANGE, &values);
	if (SPI_processed != 1)
		return false;
	*state = citer_job_get_state(1);
	range->done = citer_job_get_bool(2);
	range->after = citer_job_get_array(3);
	range->upto = citer_job_get_array(4);
	range->position = citer_job_get_array(5);
	range->chunk_size = citer_job_get_int(6, 1);
	range->rows_per_second = DatumGetFloat8(citer_job_get(7, &isnull));
	if (isnull)
		range->rows_per_second = 0;
	range->rows_done = DatumGetInt64(citer_job_get(8, &isnull));
	range->estimated_rows = DatumGetInt64(citer_job_get(9, &isnull));
	range->place = *(ItemPointer) DatumGetPointer(citer_job_get(10, &isnull));
	citer_job_take_tuned(job, 11);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Runs the statement that finds the range's row at its place, or else the one
 * that finds it by its key.
 */
static void
run_at_place(const CiterJob *job, const CiterJobRange *range, CiterJobSql at, CiterJobSql by_key,
			 const CiterJobValues *values)
{
	CiterJobValues values_at = *values;

	if (ItemPointerIsValid(&range->place))
	{
		citer_job_add(&values_at, TIDOID, PointerGetDatum(&range->place), false);
		citer_job_sql_run(job->procedure, at, &values_at);
		if (SPI_processed > 0)
			return;
		SPI_freetuptable(SPI_tuptable);
	}
	citer_job_sql_run(job->procedure, by_key, values);
}

/*
 * Stores a range after another chunk, which moves its row.  53400 if too many rows
 * have failed, 55000 if the range is not there any more: then the chunk must not
 * be committed.
 */
void
citer_job_advance(const CiterJob *job, CiterJobRange *range, const CiterJobStep *step)
{
	CiterJobValues values = citer_job_values(job->name);
	ListCell   *cell;
	bool		isnull;

	check_failed(job, step);
	foreach(cell, step->passed_keys)
		citer_job_keep_passed(job, range->range_no, *(NullableDatum *) lfirst(cell));
	citer_job_add_int(&values, range->range_no);
	citer_job_add_array(&values, range->position);
	citer_job_add_bool(&values, range->done);
	citer_job_add_bigint(&values, step->rows);
	citer_job_add_bigint(&values, step->chunks);
	citer_job_add_int(&values, range->chunk_size);
	citer_job_add(&values, FLOAT8OID, Float8GetDatum(range->rows_per_second),
				  range->rows_per_second <= 0);
	citer_job_add_text(&values, step->waiting_for);
	citer_job_add(&values, INT8OID, step->changed.value, step->changed.isnull);
	citer_job_add_bigint(&values, step->failed);
	citer_job_add_bigint(&values, step->passed);
	run_at_place(job, range, CITER_JOB_SQL_ADVANCE_AT, CITER_JOB_SQL_ADVANCE, &values);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("range %d of job \"%s\" is gone", range->range_no, job->name),
				 errdetail("Since the chunk began the job was forgotten, or its owner renamed."),
				 errhint("See whom the job belongs to in chunked_iter_jobs.")));
	range->place = *(ItemPointer) DatumGetPointer(citer_job_get(1, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Whether all ranges of a job are done; and whether those that may have rows up to
 * the job's end in hand are done with them.
 */
bool
citer_job_look(const CiterJob *job, bool *settled)
{
	CiterJobValues values = citer_job_values(job->name);
	bool		done;

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_LOOK, &values);
	*settled = SPI_processed > 0 && citer_job_get_bool(1);
	done = SPI_processed > 0 && citer_job_get_bool(2);
	SPI_freetuptable(SPI_tuptable);
	return done;
}

/* Stores the new end of a range that was done, and how many rows are before it. */
void
citer_job_reopen_range(const CiterJob *job, const CiterJobRange *range)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_int(&values, range->range_no);
	citer_job_add_array(&values, range->upto);
	citer_job_add_bigint(&values, range->estimated_rows);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_REOPEN, &values);
}

/* Stores whether sessions may walk up to the job's end. */
void
citer_job_settle(const CiterJob *job, bool settled)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_bool(&values, settled);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_SETTLE, &values);
}

/*
 * Stores what the session waits for at work on a range, or on the job as a
 * whole (range 0), so that others can see it.
 */
void
citer_job_wait(const CiterJob *job, int range_no, const char *waiting_for)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_text(&values, waiting_for);
	if (range_no != 0)
		citer_job_add_int(&values, range_no);
	citer_job_sql_run(job->procedure, range_no != 0 ? CITER_JOB_SQL_WAIT : CITER_JOB_SQL_WAIT_JOB,
					  &values);
}

/*
 * 53400 if with those of this chunk more rows have failed, in all ranges, than
 * the job may skip.  Sessions whose rows fail at the same time wait for each
 * other, so that the number is exact.
 */
static void
check_failed(const CiterJob *job, const CiterJobStep *step)
{
	CiterJobValues values = citer_job_values(job->name);
	int64		failed;

	if (step->failed <= 0 || job->max_failed < 0)
		return;
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_LOCK_JOB, &values);

	/*
	 * Also under REPEATABLE READ: those that others have counted meanwhile
	 * count.
	 */
	PushActiveSnapshot(GetLatestSnapshot());
	citer_job_sql_look(job->procedure, CITER_JOB_SQL_SUM_FAILED, &values);
	PopActiveSnapshot();
	failed = citer_job_get_bigint(1, 0);
	SPI_freetuptable(SPI_tuptable);
	if (failed + step->failed <= job->max_failed)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg_plural("more than %lld row of job \"%s\" failed",
						   "more than %lld rows of job \"%s\" failed",
						   (unsigned long) job->max_failed, (long long) job->max_failed, job->name),
			 errdetail_plural("%lld row was skipped and is in chunked_iter_failed_rows. The next one is %s.",
							  "%lld rows were skipped and are in chunked_iter_failed_rows. The next one is %s.",
							  (unsigned long) failed, (long long) failed, step->failure),
			 errhint("CALL chunked_iter_run(%s, max_failed => %lld) continues the job.",
					 quote_literal_cstr(job->name), (long long) job->max_failed * 2 + 10)));
}
