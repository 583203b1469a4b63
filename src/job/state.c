/*
 * state.c
 *	  What is kept of a job: its definition and its state.
 *
 * Each verb runs one statement in the current transaction, which the caller
 * commits.  Results are in the current memory context.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "job/sql.h"
#include "job/state.h"

/* What NOTIFY takes, less a good deal. */
#define PAYLOAD_MAX 7000

/* Where the columns of chunked_iter_tune begin, as a job is read. */
#define TUNED_COLUMN 34

static const char *const state_names[] = {
	[CITER_JOB_RUNNING] = "running",
	[CITER_JOB_PAUSED] = "paused",
	[CITER_JOB_INTERRUPTED] = "interrupted",
	[CITER_JOB_SUCCEEDED] = "succeeded",
	[CITER_JOB_CANCELLED] = "cancelled",
	[CITER_JOB_FAILED] = "failed",
};

static void announce(const CiterJob *job, CiterJobState state);
static TimestampTz get_time(int column);
static void read_limits(CiterJob *job, int column);
static void drop_request(const CiterJob *job);
static void drop_tuning(const CiterJob *job);
static void delete_parts(const CiterJob *job);
static void add_settings(CiterJobValues *values, const CiterJob *job);

/* The job of that name; NULL if there is none that the role may see. */
CiterJob *
citer_job_read(Oid procedure, const char *name)
{
	CiterJob   *job = palloc0(sizeof(CiterJob));
	CiterJobValues values;

	job->context = CurrentMemoryContext;
	job->procedure = procedure;
	job->name = pstrdup(name);
	values = citer_job_values(job->name);
	citer_job_sql_run(procedure, CITER_JOB_SQL_READ, &values);
	if (SPI_processed == 0)
		return NULL;

	job->state = citer_job_get_state(1);
	job->relation = citer_job_get_text(2);
	job->relid = citer_job_get_oid(3);
	job->storage = citer_job_get_oid(4);
	job->home = citer_job_get_text(5);
	job->key = citer_job_get_array(6);
	job->has_index = citer_job_get_bool(7);
	job->statement = citer_job_get_text(8);
	job->search_path = citer_job_get_text(9);
	job->order_by = citer_job_get_text(10);
	job->reverse = citer_job_get_bool(11);
	job->filter = citer_job_get_text(12);
	job->after = citer_job_get_array(13);
	job->upto = citer_job_get_array(14);
	job->parts = citer_job_get_int(15, 1);
	job->lock_rows = citer_job_get_text(16);
	job->retries = citer_job_get_int(17, 0);
	job->on_error = citer_job_get_text(18);
	job->statement_is_global = citer_job_get_bool(19);
	job->owner = citer_job_get_text(20);
	job->owner_oid = citer_job_get_oid(21);
	job->key_basis = citer_job_get_array(22);
	job->settings = citer_job_get_array(23);
	read_limits(job, 24);
	job->requested_at = get_time(31);
	job->tuned_at = get_time(32);
	job->detached = citer_job_get_bool(33);
	citer_job_take_tuned(job, TUNED_COLUMN);
	SPI_freetuptable(SPI_tuptable);
	return job;
}

/* A column that is a time; 0 if it is NULL. */
static TimestampTz
get_time(int column)
{
	bool		isnull;
	Datum		value = citer_job_get(column, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/*
 * Takes what chunked_iter_tune may have changed, columns of the first row from
 * "chunk_size" on.  The throttle query stays where it is unless it is another.
 */
void
citer_job_take_tuned(CiterJob *job, int column)
{
	char	   *throttle_query = citer_job_get_text(column + 3);

	job->chunk_size = citer_job_get_int(column, 1);
	job->target_ms = citer_job_get_int(column + 1, 0);
	job->pause_ms = citer_job_get_int(column + 2, 0);
	if (throttle_query == NULL)
		job->throttle_query = NULL;
	else if (job->throttle_query == NULL || strcmp(job->throttle_query, throttle_query) != 0)
		job->throttle_query = MemoryContextStrdup(job->context, throttle_query);
	job->duty_percent = citer_job_get_int(column + 4, 100);
	job->max_rows_per_second = citer_job_get_bigint(column + 5, 0);
	job->max_wal_per_second = citer_job_get_bigint(column + 6, 0);
}

/* Takes the columns that begin with "workers" into the job, in its context. */
static void
read_limits(CiterJob *job, int column)
{
	bool		isnull;
	Datum		delay;

	job->workers = citer_job_get_int(column, 1);
	job->follow = citer_job_get_bool(column + 1);
	delay = citer_job_get(column + 2, &isnull);
	if (!isnull)
	{
		job->follow_delay = palloc(sizeof(Interval));
		*job->follow_delay = *DatumGetIntervalP(delay);
	}
	job->nap_ms = citer_job_get_int(column + 3, 0);
	job->max_failed = citer_job_get_bigint(column + 4, -1);
	job->revisit = citer_job_get_bool(column + 5);
	job->needs = citer_job_get_array(column + 6);
}

/*
 * The present state of a job, which takes over how it is done now; one that has
 * been forgotten is cancelled.
 */
CiterJobState
citer_job_read_state(CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);
	CiterJobState state = CITER_JOB_CANCELLED;

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_READ, &values);
	if (SPI_processed > 0)
	{
		state = citer_job_get_state(1);
		citer_job_take_tuned(job, TUNED_COLUMN);
	}
	SPI_freetuptable(SPI_tuptable);
	return state;
}

/*
 * Reads the state of a job by the snapshot that is active, whether other
 * sessions are at work on it or about to begin, and whether they do not know yet
 * what it is asked, for it is this transaction that asks; false if there is no such
 * job that the role may see.
 */
bool
citer_job_look_at(Oid procedure, const char *name, CiterJobState *state, bool *attended,
				  bool *asked_here)
{
	CiterJobValues values = citer_job_values(name);
	Datum		xmin;
	bool		isnull;

	citer_job_sql_look(procedure, CITER_JOB_SQL_STATE, &values);
	if (SPI_processed == 0)
		return false;
	*state = citer_job_get_state(1);
	*attended = citer_job_get_bool(2);
	xmin = citer_job_get(3, &isnull);
	*asked_here = !isnull && TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Whether a session at work on the job waits for a lock of this session, by way of
 * others or directly.
 */
bool
citer_job_is_blocked(Oid procedure, const char *name)
{
	CiterJobValues values = citer_job_values(name);
	bool		blocked;

	citer_job_sql_look(procedure, CITER_JOB_SQL_BLOCKED, &values);
	blocked = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return blocked;
}

/*
 * Inserts a new job, in state running.  What a job of that name may have left
 * behind is dropped.  42501 if there is one of that name that the role may not
 * see.
 */
void
citer_job_insert(const CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);
	MemoryContext caller = CurrentMemoryContext;

	citer_job_add_text(&values, job->relation);
	citer_job_add_oid(&values, job->relid);
	citer_job_add_oid(&values, job->storage);
	citer_job_add_text(&values, job->home);
	citer_job_add_array(&values, job->key);
	citer_job_add_bool(&values, job->has_index);
	citer_job_add_text(&values, job->statement);
	citer_job_add_text(&values, job->search_path);
	citer_job_add_text(&values, job->order_by);
	citer_job_add_bool(&values, job->reverse);
	citer_job_add_text(&values, job->filter);
	citer_job_add_array(&values, job->after);
	citer_job_add_array(&values, job->upto);
	citer_job_add_int(&values, job->parts);
	add_settings(&values, job);
	citer_job_add_array(&values, job->key_basis);
	citer_job_add_array(&values, job->settings);
	citer_job_add_bool(&values, job->detached);

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
	announce(job, CITER_JOB_RUNNING);
}

/*
 * Marks a job as running, under its present settings, and drops what was asked
 * of it before it was read.  A request that has come since then, or that another
 * transaction is changing, is for this run and stays.
 */
void
citer_job_start(const CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);

	drop_request(job);
	drop_tuning(job);
	citer_job_add_oid(&values, job->relid);
	citer_job_add_oid(&values, job->storage);
	citer_job_add_text(&values, job->home);
	add_settings(&values, job);
	citer_job_add_bool(&values, job->detached);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_START, &values);
	announce(job, CITER_JOB_RUNNING);
}

/*
 * Stores the limits of a job in the background, which hold also when it is
 * resumed: chunks from now on, 0 for no limit, and a time, 0 for none.
 */
void
citer_job_limit(const CiterJob *job, int64 max_chunks, TimestampTz stop_at)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add(&values, INT8OID, Int64GetDatum(max_chunks), max_chunks == 0);
	citer_job_add(&values, TIMESTAMPTZOID, TimestampTzGetDatum(stop_at), stop_at == 0);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_LIMIT, &values);
}

/*
 * Sets the state of a job that is at work, and leaves alone what another
 * session has made of it; "error" may be NULL.
 */
void
citer_job_set_state(const CiterJob *job, CiterJobState state, const char *error)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_text(&values, citer_job_state_name(state));
	citer_job_add_text(&values, error);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_SET_STATE, &values);
	if (SPI_processed > 0)
		announce(job, state);
}

/*
 * Marks a job that has not ended as failed, even if it was requested to pause
 * before it was read.
 */
void
citer_job_fail(const CiterJob *job, const char *error)
{
	CiterJobValues values = citer_job_values(job->name);

	drop_request(job);
	citer_job_add_text(&values, error);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_FAIL, &values);
	if (SPI_processed > 0)
		announce(job, CITER_JOB_FAILED);
}

/* Drops the request that was there when the job was read. */
static void
drop_request(const CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add(&values, TIMESTAMPTZOID, TimestampTzGetDatum(job->requested_at), false);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DROP_REQUEST, &values);
}

/*
 * Drops what the job was told by chunked_iter_tune before it was read, for it
 * has that now.
 */
static void
drop_tuning(const CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);

	if (job->tuned_at == 0)
		return;
	citer_job_add(&values, TIMESTAMPTZOID, TimestampTzGetDatum(job->tuned_at), false);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DROP_TUNING, &values);
}

/*
 * Stores the state that a user asks for, in a row of its own: however long the
 * user's transaction lasts, the job does not have to wait for it.
 */
void
citer_job_request(const CiterJob *job, CiterJobState state)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_text(&values, citer_job_state_name(state));
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_REQUEST, &values);
	announce(job, state);
}

/*
 * Marks a job as succeeded, unless a range is not done, it was asked to stop or, if
 * none may be left, there are rows that others had locked; returns whether it was
 * marked.
 */
bool
citer_job_finish(const CiterJob *job, bool may_leave_passed)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_bool(&values, may_leave_passed);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_FINISH, &values);
	if (SPI_processed == 0)
		return false;
	announce(job, CITER_JOB_SUCCEEDED);
	return true;
}

/*
 * Sends a change of state, as JSON, to who LISTENs to chunked_iter, when the
 * transaction commits.  A name that is too long for that is left to the view.
 */
static void
announce(const CiterJob *job, CiterJobState state)
{
	StringInfoData payload;

	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"job\": ");
	escape_json(&payload, job->name);
	appendStringInfo(&payload, ", \"state\": \"%s\"}", citer_job_state_name(state));
	if (payload.len < PAYLOAD_MAX)
		Async_Notify("chunked_iter", payload.data);
	pfree(payload.data);
}

/* Drops all there is of a job. */
void
citer_job_delete(const CiterJob *job)
{
	CiterJobValues values = citer_job_values(job->name);

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
	CiterJobValues values = citer_job_values(job->name);

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_REQUEST, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_TUNING, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_RANGES, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_FAILED_ROWS, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_PASSED_ROWS, &values);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DELETE_RUNS, &values);
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

/* A column of the first row that is the name of a state. */
CiterJobState
citer_job_get_state(int column)
{
	char	   *name = citer_job_get_text(column);

	for (int i = 0; i < (int) lengthof(state_names); i++)
	{
		if (strcmp(name, state_names[i]) == 0)
			return (CiterJobState) i;
	}
	elog(ERROR, "unknown state of a job: \"%s\"", name);
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
	citer_job_add_bool(values, job->statement_is_global);
	citer_job_add_int(values, job->workers);
	citer_job_add_bool(values, job->follow);
	citer_job_add(values, INTERVALOID, IntervalPGetDatum(job->follow_delay), job->follow_delay == NULL);
	citer_job_add_int(values, job->nap_ms);
	citer_job_add(values, INT8OID, Int64GetDatum(job->max_failed), job->max_failed < 0);
	citer_job_add_bool(values, job->revisit);
	citer_job_add_array(values, job->needs);
	citer_job_add_int(values, job->duty_percent);
	citer_job_add(values, INT8OID, Int64GetDatum(job->max_rows_per_second), job->max_rows_per_second == 0);
	citer_job_add(values, INT8OID, Int64GetDatum(job->max_wal_per_second), job->max_wal_per_second == 0);
}
