/*
 * state.c
 *	  What is kept of a job: its definition, its state, its ranges.
 *
 * Each verb runs one statement in the current transaction, which the caller
 * commits.  Results are in the current memory context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "job/sql.h"
#include "job/state.h"

static const char *const state_names[] = {
	[CITER_JOB_RUNNING] = "running",
	[CITER_JOB_PAUSED] = "paused",
	[CITER_JOB_INTERRUPTED] = "interrupted",
	[CITER_JOB_SUCCEEDED] = "succeeded",
	[CITER_JOB_CANCELLED] = "cancelled",
	[CITER_JOB_FAILED] = "failed",
};

static CiterJobState get_state(int column);
static int	get_int(int column, int if_null);
static bool get_bool(int column);
static Oid	get_oid(int column);
static void drop_request(const CiterJob *job);
static void delete_parts(const CiterJob *job);
static CiterJobValues of_job(const CiterJob *job);
static void add_settings(CiterJobValues *values, const CiterJob *job);
static void add_oid(CiterJobValues *values, Oid oid);
static void add_bool(CiterJobValues *values, bool value);
static void add_bigint(CiterJobValues *values, int64 value);

/* The job of that name; NULL if there is none that the role may see. */
CiterJob *
citer_job_read(Oid procedure, const char *name)
{
	CiterJob   *job = palloc0(sizeof(CiterJob));
	CiterJobValues values;
	Datum		requested_at;
	bool		isnull;

	job->context = CurrentMemoryContext;
	job->procedure = procedure;
	job->name = pstrdup(name);
	values = of_job(job);
	citer_job_sql_run(procedure, CITER_JOB_SQL_READ, &values);
	if (SPI_processed == 0)
		return NULL;

	job->state = get_state(1);
	job->relation = citer_job_get_text(2);
	job->relid = get_oid(3);
	job->storage = get_oid(4);
	job->home = citer_job_get_text(5);
	job->key = citer_job_get_array(6);
	job->has_index = get_bool(7);
	job->statement = citer_job_get_text(8);
	job->search_path = citer_job_get_text(9);
	job->order_by = citer_job_get_text(10);
	job->reverse = get_bool(11);
	job->filter = citer_job_get_text(12);
	job->after = citer_job_get_array(13);
	job->upto = citer_job_get_array(14);
	job->parts = get_int(15, 1);
	job->chunk_size = get_int(16, 1);
	job->lock_rows = citer_job_get_text(17);
	job->target_ms = get_int(18, 0);
	job->pause_ms = get_int(19, 0);
	job->throttle_query = citer_job_get_text(20);
	job->retries = get_int(21, 0);
	job->on_error = citer_job_get_text(22);
	job->statement_is_global = get_bool(23);
	job->owner = citer_job_get_text(24);
	job->owner_oid = get_oid(25);
	job->key_basis = citer_job_get_array(26);
	job->settings = citer_job_get_array(27);
	requested_at = citer_job_get(28, &isnull);
	job->requested_at = isnull ? 0 : DatumGetTimestampTz(requested_at);
	SPI_freetuptable(SPI_tuptable);
	return job;
}

/* The present state of a job; one that has been forgotten is cancelled. */
CiterJobState
citer_job_read_state(const CiterJob *job)
{
	CiterJob   *now = citer_job_read(job->procedure, job->name);

	return now != NULL ? now->state : CITER_JOB_CANCELLED;
}

/*
 * Inserts a new job, in state running.  What a job of that name may have left
 * behind is dropped.  42501 if there is one of that name that the role may not
 * see.
 */
void
citer_job_insert(const CiterJob *job)
{
	CiterJobValues values = of_job(job);
	MemoryContext caller = CurrentMemoryContext;

	citer_job_add_text(&values, job->relation);
	add_oid(&values, job->relid);
	add_oid(&values, job->storage);
	citer_job_add_text(&values, job->home);
	citer_job_add_array(&values, job->key);
	add_bool(&values, job->has_index);
	citer_job_add_text(&values, job->statement);
	citer_job_add_text(&values, job->search_path);
	citer_job_add_text(&values, job->order_by);
	add_bool(&values, job->reverse);
	citer_job_add_text(&values, job->filter);
	citer_job_add_array(&values, job->after);
	citer_job_add_array(&values, job->upto);
	citer_job_add_int(&values, job->parts);
	add_settings(&values, job);
	citer_job_add_array(&values, job->key_basis);
	citer_job_add_array(&values, job->settings);

	PG_TRY();
	{
		citer_job_sql_run(job->procedure, CITER_JOB_SQL_INSERT, &values);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" belongs to another role", job->name),
				 errhint("Give your job another name.")));
	}
	PG_END_TRY();
	delete_parts(job);
}

/*
 * Marks a job as running, under its present settings, and drops what was asked
 * of it before it was read.  A request that has come since then, or that another
 * transaction is changing, is for this run and stays.
 */
void
citer_job_start(const CiterJob *job)
{
	CiterJobValues values = of_job(job);

	drop_request(job);
	add_oid(&values, job->relid);
	add_oid(&values, job->storage);
	citer_job_add_text(&values, job->home);
	add_settings(&values, job);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_START, &values);
}

/*
 * Sets the state of a job that is at work, and leaves alone what another
 * session has made of it; "error" may be NULL.
 */
void
citer_job_set_state(const CiterJob *job, CiterJobState state, const char *error)
{
	CiterJobValues values = of_job(job);

	citer_job_add_text(&values, citer_job_state_name(state));
	citer_job_add_text(&values, error);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_SET_STATE, &values);
}

/*
 * Marks a job that has not ended as failed, even if it was requested to pause
 * before it was read.
 */
void
citer_job_fail(const CiterJob *job, const char *error)
{
	CiterJobValues values = of_job(job);

	drop_request(job);
	citer_job_add_text(&values, error);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_FAIL, &values);
}

/* Drops the request that was there when the job was read. */
static void
drop_request(const CiterJob *job)
{
	CiterJobValues values = of_job(job);

	citer_job_add(&values, TIMESTAMPTZOID, TimestampTzGetDatum(job->requested_at), false);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DROP_REQUEST, &values);
}

/*
 * Stores the state that a user asks for, in a row of its own: however long the
 * user's transaction lasts, the job does not have to wait for it.
 */
void
citer_job_request(const CiterJob *job, CiterJobState state)
{
	CiterJobValues values = of_job(job);

	citer_job_add_text(&values, citer_job_state_name(state));
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_REQUEST, &values);
}

/*
 * Marks a job as succeeded, unless a range is not done or it was asked to stop;
 * returns whether it was marked.
 */
bool
citer_job_finish(const CiterJob *job)
{
	CiterJobValues values = of_job(job);

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_FINISH, &values);
	return SPI_processed > 0;
}

/* Drops all there is of a job. */
void
citer_job_delete(const CiterJob *job)
{
	CiterJobValues values = of_job(job);

	delete_parts(job);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE, &values);
}

/*
 * Drops what there is of a job but itself.  The foreign keys would do so, but not
 * under session_replication_role = replica.  Row-level security leaves ranges and
 * failed rows to the job's owner: for members of its role it is the foreign keys.
 */
static void
delete_parts(const CiterJob *job)
{
	CiterJobValues values = of_job(job);

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_REQUEST, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_RANGES, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_FAILED_ROWS, &values);
}

/*
 * Whether a job in this state is to be worked on.  Where a run was
 * interrupted, helpers go on.
 */
bool
citer_job_is_active(CiterJobState state)
{
	return state == CITER_JOB_RUNNING || state == CITER_JOB_INTERRUPTED;
}

const char *
citer_job_state_name(CiterJobState state)
{
	return state_names[state];
}

/* Whether two text[] are the same, byte for byte.  Two NULLs are. */
bool
citer_job_same_array(NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return a.isnull && b.isnull;
	return datumIsEqual(a.value, b.value, false, -1);
}

/* A text[] in words; "none" for a NULL. */
char *
citer_job_array_text(NullableDatum array)
{
	return array.isnull ? pstrdup("none") : OidOutputFunctionCall(F_ARRAY_OUT, array.value);
}

/* Inserts a range, whose position is its beginning. */
void
citer_job_insert_range(const CiterJob *job, const CiterJobRange *range)
{
	CiterJobValues values = of_job(job);

	citer_job_add_int(&values, range->range_no);
	citer_job_add_array(&values, range->after);
	citer_job_add_array(&values, range->upto);
	add_bool(&values, range->done);
	add_bigint(&values, range->estimated_rows);
	citer_job_add_int(&values, job->chunk_size);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_INSERT_RANGE, &values);
}

/* All ranges of a job, by number. */
CiterJobRange *
citer_job_list_ranges(const CiterJob *job, int *nranges)
{
	CiterJobValues values = of_job(job);
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
	CiterJobValues values = of_job(job);
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
 * *range, whose number is given, and *state that of the job.  False if the row
 * is gone.
 */
bool
citer_job_lock_range(const CiterJob *job, CiterJobRange *range, CiterJobState *state)
{
	CiterJobValues values = of_job(job);
	bool		isnull;

	citer_job_add_int(&values, range->range_no);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_LOCK_RANGE, &values);
	if (SPI_processed != 1)
		return false;
	*state = get_state(1);
	range->done = get_bool(2);
	range->after = citer_job_get_array(3);
	range->upto = citer_job_get_array(4);
	range->position = citer_job_get_array(5);
	range->chunk_size = get_int(6, 1);
	range->rows_per_second = DatumGetFloat8(citer_job_get(7, &isnull));
	if (isnull)
		range->rows_per_second = 0;
	range->rows_done = DatumGetInt64(citer_job_get(8, &isnull));
	range->estimated_rows = DatumGetInt64(citer_job_get(9, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Stores a range after so many more rows and chunks.  "changed" is how many
 * rows the statement has changed, NULL if that was not counted.
 * "waiting_for", which may be NULL, is what the session waits for next, for
 * others to see.  55000 if the range is not there any more: then the chunk must
 * not be committed.
 */
void
citer_job_advance(const CiterJob *job, const CiterJobRange *range,
				  int64 rows, NullableDatum changed, int chunks, const char *waiting_for)
{
	CiterJobValues values = of_job(job);

	citer_job_add_int(&values, range->range_no);
	citer_job_add_array(&values, range->position);
	add_bool(&values, range->done);
	add_bigint(&values, rows);
	add_bigint(&values, chunks);
	citer_job_add_int(&values, range->chunk_size);
	citer_job_add(&values, FLOAT8OID, Float8GetDatum(range->rows_per_second),
				  range->rows_per_second <= 0);
	citer_job_add_text(&values, waiting_for);
	citer_job_add(&values, INT8OID, changed.value, changed.isnull);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_ADVANCE, &values);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("range %d of job \"%s\" is gone", range->range_no, job->name),
				 errdetail("Since the chunk began the job was forgotten, or its owner renamed."),
				 errhint("See whom the job belongs to in chunked_iter_jobs.")));
}

/*
 * Stores what the session waits for at work on a range, or on the job as a
 * whole (range 0), so that others can see it.
 */
void
citer_job_wait(const CiterJob *job, int range_no, const char *waiting_for)
{
	CiterJobValues values = of_job(job);

	citer_job_add_text(&values, waiting_for);
	if (range_no != 0)
		citer_job_add_int(&values, range_no);
	citer_job_sql_run(job->procedure, range_no != 0 ? CITER_JOB_SQL_WAIT : CITER_JOB_SQL_WAIT_JOB,
					  &values);
}

/* Columns of the first row. */
static CiterJobState
get_state(int column)
{
	char	   *name = citer_job_get_text(column);

	for (int i = 0; i < (int) lengthof(state_names); i++)
	{
		if (strcmp(name, state_names[i]) == 0)
			return (CiterJobState) i;
	}
	elog(ERROR, "unknown state of a job: \"%s\"", name);
}

static int
get_int(int column, int if_null)
{
	bool		isnull;
	Datum		value = citer_job_get(column, &isnull);

	return isnull ? if_null : DatumGetInt32(value);
}

static bool
get_bool(int column)
{
	bool		isnull;

	return DatumGetBool(citer_job_get(column, &isnull));
}

static Oid
get_oid(int column)
{
	bool		isnull;
	Datum		value = citer_job_get(column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* Parameters that begin with the job's name. */
static CiterJobValues
of_job(const CiterJob *job)
{
	CiterJobValues values;

	values.n = 0;
	citer_job_add_text(&values, job->name);
	return values;
}

/* Adds what each run may change. */
static void
add_settings(CiterJobValues *values, const CiterJob *job)
{
	citer_job_add_int(values, job->chunk_size);
	citer_job_add_text(values, job->lock_rows);
	citer_job_add(values, INT4OID, Int32GetDatum(job->target_ms), job->target_ms == 0);
	citer_job_add_int(values, job->pause_ms);
	citer_job_add_text(values, job->throttle_query);
	citer_job_add_int(values, job->retries);
	citer_job_add_text(values, job->on_error);
	add_bool(values, job->statement_is_global);
}

static void
add_oid(CiterJobValues *values, Oid oid)
{
	citer_job_add(values, OIDOID, ObjectIdGetDatum(oid), !OidIsValid(oid));
}

static void
add_bool(CiterJobValues *values, bool value)
{
	citer_job_add(values, BOOLOID, BoolGetDatum(value), false);
}

static void
add_bigint(CiterJobValues *values, int64 value)
{
	citer_job_add(values, INT8OID, Int64GetDatum(value), false);
}
