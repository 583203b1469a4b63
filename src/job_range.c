/*
 * job_range.c
 *	  Works through a range of a job, chunk by chunk.
 *
 * Each chunk is one transaction: the range's row is locked and its position
 * compared with where this session has left it, the chunk is read and worked
 * on, the new position stored, and all of that committed.  So the position is
 * that of the effects, whatever ends the session and when.
 *
 * A chunk that fails has moved nothing.  It is tried again if it was in the
 * way of others; with on_error => 'skip' it is tried with half of the rows,
 * down to the one that fails, which is recorded and passed over.  The size
 * then doubles with every chunk that works until it is what it was.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "job_guard.h"
#include "job_pace.h"
#include "job_run.h"

/* Between two messages to the client. */
#define MESSAGE_MS 10000.0

#define THROTTLE_FIRST_MS 50.0
#define THROTTLE_MAX_MS 1000.0

static bool reached_limit(CiterJobRun *run);
static void do_chunk(CiterJobRun *run);
static bool is_throttled(CiterJobRun *run);
static void check_role(const CiterJobRun *run);
static bool lock_range(CiterJobRun *run);
static void advance(CiterJobRun *run);
static NullableDatum rows_changed(const CiterJobChunk *chunk);
static void note_chunk(CiterJobRun *run);
static void remember_position(CiterJobRun *run);
static void handle_error(CiterJobRun *run, ErrorData *error);
static void retry(CiterJobRun *run, ErrorData *error);
static bool can_skip(const CiterJobRun *run, const ErrorData *error);
static void narrow_down(CiterJobRun *run, ErrorData *error);
static void skip_row(CiterJobRun *run);
static void publish_wait(CiterJobRun *run);
static void end_with_error(CiterJobRun *run, ErrorData *error, const char *state);
static void store_state(CiterJobRun *run);
static void store_failure(CiterJobRun *run);
static char *describe_error(CiterJobRun *run, const ErrorData *error);
static void throw_error(ErrorData *error);

/*
 * Works through the range run->range, whose guard this session has, until it
 * is done, a limit of the call is reached or the job is stopped.  Throws the
 * error that the job failed with, after it has been stored.
 */
void
citer_job_run_range(CiterJobRun *run)
{
	run->position_known = false;
	run->chunk_size = 0;
	run->attempts = 0;
	run->speed_mark = citer_pace_now();
	for (;;)
	{
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (reached_limit(run))
			return;
		MemoryContextReset(run->scratch);
		/* What was read of the range before went with it. */
		run->range.after.isnull = run->range.upto.isnull = run->range.position.isnull = true;
		run->started = citer_pace_now();
		error = citer_job_transaction(run, do_chunk);
		if (error != NULL)
		{
			handle_error(run, error);
			continue;
		}
		if (run->stopped != NULL)
			return;
		if (run->has_to_wait)
		{
			citer_pace_sleep(run->wait_ms);
			continue;
		}
		note_chunk(run);
		if (run->range.done)
			return;
		if (run->job->pause_ms > 0)
			citer_pace_sleep(run->job->pause_ms);
	}
}

/* Stops the job, to be resumed, if the call has done what it may. */
static bool
reached_limit(CiterJobRun *run)
{
	ErrorData  *error;

	if ((run->arguments.max_chunks == 0 || run->nchunks < run->arguments.max_chunks) &&
		(run->deadline == 0 || citer_pace_now() < run->deadline))
		return false;
	run->new_state = "paused";
	run->new_error = NULL;
	error = citer_job_transaction(run, store_state);
	if (error != NULL)
		throw_error(error);
	run->stopped = "paused";
	return true;
}

/* The transaction of a chunk. */
static void
do_chunk(CiterJobRun *run)
{
	CiterJobRange *range = &run->range;

	check_role(run);
	memset(&run->chunk, 0, sizeof(run->chunk));
	run->chunk.first.isnull = run->chunk.position.isnull = true;
	run->has_to_wait = run->job->throttle_query != NULL && is_throttled(run);
	if (run->has_to_wait || !lock_range(run) || range->done)
		return;
	if (run->chunk_size == 0)
		run->limit = run->chunk_size = run->job->target_ms > 0 && run->arguments.chunk_size == 0 ?
			range->chunk_size : run->job->chunk_size;
	citer_job_chunk_run(run->job, range, run->limit, &run->statement, &run->chunk);
	advance(run);
}

/* Says the throttle query to wait?  Others can see so, and can stop the job. */
static bool
is_throttled(CiterJobRun *run)
{
	CiterJob   *job = run->job;
	CiterJob   *now;

	if (!citer_pace_has_to_wait(job->throttle_query))
	{
		run->wait_ms = 0;
		return false;
	}
	if (run->wait_ms == 0)
		citer_job_wait(job, run->range.range_no, "throttle_query");
	run->wait_ms = Min(Max(2 * run->wait_ms, THROTTLE_FIRST_MS), THROTTLE_MAX_MS);
	now = citer_job_read(job->procedure, job->name, false);
	if (now == NULL || !citer_job_is_active(now->state))
		run->stopped = MemoryContextStrdup(run->context, now ? now->state : "cancelled");
	return true;
}

/* 55000 if the job's statement has changed the role of the session. */
static void
check_role(const CiterJobRun *run)
{
	if (GetUserId() == run->role)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the role was changed while job \"%s\" was running", run->job->name),
			 errdetail("It was started by role \"%s\".", GetUserNameFromId(run->role, true)),
			 errhint("Leave SET ROLE out of the job's statement.")));
}

/*
 * Locks and reads the range; false if the job has been stopped.  55000 if
 * somebody else has moved it.
 */
static bool
lock_range(CiterJobRun *run)
{
	CiterJob   *job = run->job;
	CiterJobRange *range = &run->range;
	char	   *state;

	run->lost = !citer_guard_keep(job->name, range->range_no);
	if (run->lost)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("another session has taken over range %d of job \"%s\"", range->range_no, job->name),
				 errdetail("This session has released all its advisory locks."),
				 errhint("Leave pg_advisory_unlock_all() and DISCARD ALL out of the job's statement.")));
	state = citer_job_lock_range(job, range);
	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has been forgotten while it was running", job->name)));
	if (!citer_job_is_active(state))
	{
		run->stopped = MemoryContextStrdup(run->context, state);
		return false;
	}
	if (run->position_known && !citer_job_same_array(range->position, run->position))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the position of job \"%s\" was changed while it was running", job->name),
				 errhint("Check it, and run the job again.")));
	return true;
}

/* Stores where the range is after the chunk. */
static void
advance(CiterJobRun *run)
{
	CiterJobRange *range = &run->range;
	CiterJobChunk *chunk = &run->chunk;
	double		now = citer_pace_now();

	check_role(run);
	if (!chunk->position.isnull)
	{
		range->position = chunk->position;
		range->rows_per_second = citer_pace_smooth(range->rows_per_second, chunk->rows,
												   now - run->speed_mark);
	}
	range->done = chunk->last;
	range->chunk_size = run->chunk_size;
	citer_job_advance(run->job, range, chunk->rows, rows_changed(chunk), chunk->position.isnull ? 0 : 1,
					  run->job->pause_ms > 0 && !range->done ? "pause_ms" : NULL);
}

/* The rows that the chunk's statement has changed; NULL if nobody has counted. */
static NullableDatum
rows_changed(const CiterJobChunk *chunk)
{
	NullableDatum changed = {Int64GetDatum(chunk->effect.changed), !chunk->effect.counted};

	return changed;
}

/* The chunk is committed: remembers that, and sets the size of the next. */
static void
note_chunk(CiterJobRun *run)
{
	CiterJob   *job = run->job;
	CiterJobRange *range = &run->range;
	double		now = citer_pace_now();

	remember_position(run);
	run->attempts = 0;
	if (run->chunk.position.isnull)
		return;
	run->nchunks++;
	run->rows += run->chunk.rows;
	run->passed += run->chunk.passed;
	if (run->chunk.effect.counted)
	{
		run->nchunks_counted++;
		run->nchunks_unchanged += run->chunk.effect.changed == 0;
		run->changed += run->chunk.effect.changed;
		run->changed_own += run->chunk.effect.own;
	}
	run->speed_mark = now;
	if (run->limit < run->chunk_size)
		run->limit = (int) Min((int64) run->limit * 2, run->chunk_size);
	else if (job->target_ms > 0)
		run->limit = run->chunk_size = citer_pace_adapt(run->chunk_size, run->chunk.full,
														now - run->started, job->target_ms);
	if (now - run->message_mark >= MESSAGE_MS)
	{
		run->message_mark = now;
		ereport(NOTICE,
				(errmsg("job \"%s\", range %d: %lld of about %lld rows", job->name, range->range_no,
						(long long) (range->rows_done + run->chunk.rows),
						(long long) range->estimated_rows)));
	}
}

/* Keeps a copy of the position that was committed. */
static void
remember_position(CiterJobRun *run)
{
	if (run->position_known && !run->position.isnull)
		pfree(DatumGetPointer(run->position.value));
	run->position = run->range.position;
	if (!run->position.isnull)
		run->position.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(run->position.value));
	run->position_known = true;
}

/* Does what is to be done about an error; throws it if that is nothing. */
static void
handle_error(CiterJobRun *run, ErrorData *error)
{
	bool		in_the_way = error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
	error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
	error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;

	if (run->lost)
		throw_error(error);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		end_with_error(run, error, "interrupted");
	if (in_the_way && run->attempts < run->job->retries)
		retry(run, error);
	else if (!in_the_way && can_skip(run, error))
		narrow_down(run, error);
	else
		end_with_error(run, error, "failed");
}

/* Waits a while, longer each time, before the chunk is tried again. */
static void
retry(CiterJobRun *run, ErrorData *error)
{
	ErrorData  *other;

	run->attempts++;
	run->new_error = psprintf("retry %d after %s", run->attempts, unpack_sql_state(error->sqlerrcode));
	FreeErrorData(error);
	other = citer_job_transaction(run, publish_wait);
	if (other != NULL)
		FreeErrorData(other);	/* it is only for show */
	citer_pace_sleep(citer_pace_retry_ms(run->attempts));
}

/*
 * Is the error one of a row, which can be passed over?  It has to come from
 * the statement, and not to be one that every row would have: that the
 * statement is wrong or not permitted, or that the server is in trouble.
 */
static bool
can_skip(const CiterJobRun *run, const ErrorData *error)
{
	static const int classes[] = {
		ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION,
		ERRCODE_INVALID_TRANSACTION_TERMINATION,
		ERRCODE_INSUFFICIENT_RESOURCES,
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		ERRCODE_OPERATOR_INTERVENTION,
		ERRCODE_SYSTEM_ERROR,
		ERRCODE_CONFIG_FILE_ERROR,
		ERRCODE_INTERNAL_ERROR,
	};

	if (strcmp(run->job->on_error, "skip") != 0 || !run->chunk.in_statement)
		return false;
	for (int i = 0; i < (int) lengthof(classes); i++)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(classes[i]))
			return false;
	}
	return true;
}

/* Goes on with half of the rows, or passes over the one that is left. */
static void
narrow_down(CiterJobRun *run, ErrorData *error)
{
	ErrorData  *other;

	if (run->limit > 1 && run->chunk.rows > 1)
	{
		run->limit = (int) Max(Min(run->limit, run->chunk.rows) / 2, 1);
		FreeErrorData(error);
		return;
	}
	run->limit = 1;
	run->skip_error = error;
	other = citer_job_transaction(run, skip_row);
	if (other != NULL)
		end_with_error(run, other, "failed");
	FreeErrorData(error);
	if (run->stopped == NULL && run->chunk.rows > 0)
	{
		run->skipped += run->chunk.rows;
		note_chunk(run);
	}
}

/* The transaction in which a row is passed over. */
static void
skip_row(CiterJobRun *run)
{
	CiterJobRange *range = &run->range;

	run->chunk.rows = run->chunk.passed = 0;
	memset(&run->chunk.effect, 0, sizeof(run->chunk.effect));
	if (!lock_range(run))
		return;
	if (citer_job_chunk_skip(run->job, range, run->skip_error, &run->chunk))
		advance(run);
}

static void
publish_wait(CiterJobRun *run)
{
	citer_job_wait(run->job, run->range.range_no, run->new_error);
}

/*
 * Stores that the job has ended with an error, and throws it.  A helper that
 * is interrupted leaves the job to others.
 */
static void
end_with_error(CiterJobRun *run, ErrorData *error, const char *state)
{
	bool		interrupted = strcmp(state, "interrupted") == 0;
	ErrorData  *other = NULL;

	run->new_state = state;
	run->new_error = describe_error(run, error);
	if (!interrupted || !run->helps)
		other = citer_job_transaction(run, store_state);
	if (other != NULL)
		FreeErrorData(other);
	throw_error(error);
}

/*
 * Stores that the job cannot go on, and throws the error that says why.  A
 * call that was cancelled has not found out anything.
 */
void
citer_job_fail_to_resume(CiterJobRun *run, ErrorData *error)
{
	ErrorData  *other = NULL;

	run->range.position.isnull = true;
	run->new_error = describe_error(run, error);
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		other = citer_job_transaction(run, store_failure);
	if (other != NULL)
		FreeErrorData(other);
	throw_error(error);
}

static void
store_state(CiterJobRun *run)
{
	citer_job_set_state(run->job, run->new_state, run->new_error);
}

static void
store_failure(CiterJobRun *run)
{
	citer_job_fail(run->job, run->new_error);
}

/* The error and where it was, for last_error. */
static char *
describe_error(CiterJobRun *run, const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s: %s", unpack_sql_state(error->sqlerrcode), error->message);
	if (error->detail != NULL)
		appendStringInfo(&text, ". %s", error->detail);
	if (run->chunk.rows > 0 && !run->chunk.first.isnull)
		appendStringInfo(&text, " (rows %s to %s)",
						 citer_job_array_text(run->chunk.first), citer_job_array_text(run->chunk.position));
	else if (!run->range.position.isnull)
		appendStringInfo(&text, " (after %s)", citer_job_array_text(run->range.position));
	return text.data;
}

/* Throws a caught error as it was. */
static void
throw_error(ErrorData *error)
{
	ReThrowError(error);
}
