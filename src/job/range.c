/*
 * range.c
 *	  Works through a range of a job, chunk by chunk.
 *
 * Each chunk is one transaction: the range's row is locked and its position
 * compared with where this session has left it, the chunk is read and worked
 * on, the new position stored, and all of that committed.  So the position is
 * that of the effects, whatever ends the session and when.
 *
 * A chunk that fails has moved nothing.  It is tried again if it was in the
 * way of others (job_transaction.c); with on_error => 'skip' it is tried with
 * half of the rows, down to those of one key, which are then done one by one,
 * and those that fail recorded and skipped (job_skip.c).  The size then doubles
 * with every chunk that works until it is what it was.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "job/guard.h"
#include "job/pace.h"
#include "job/run.h"
#include "job/skip.h"

/* Between two messages to the client. */
#define MESSAGE_MS 10000.0

#define THROTTLE_FIRST_MS 50.0
#define THROTTLE_MAX_MS 1000.0

/* A state to be stored, and why. */
typedef struct NewState
{
	CiterJobState state;
	const char *error;			/* or NULL */
} NewState;

static bool reached_limit(CiterJobRun *run);
static CiterJobOutcome do_chunk(CiterJobRun *run, void *argument);
static CiterJobOutcome wait_for_throttle(CiterJobRun *run);
static void check_role(const CiterJobRun *run);
static CiterJobOutcome lock_range(CiterJobRun *run);
static void advance(CiterJobRun *run);
static NullableDatum rows_changed(const CiterJobChunk *chunk);
static void note_chunk(CiterJobRun *run);
static void remember_position(CiterJobRun *run);
static void handle_error(CiterJobRun *run, ErrorData *error);
static void narrow_down(CiterJobRun *run);
static void end_with_error(CiterJobRun *run, ErrorData *error, CiterJobState state);
static CiterJobOutcome store_state(CiterJobRun *run, void *argument);
static CiterJobOutcome store_failure(CiterJobRun *run, void *argument);
static char *describe_error(CiterJobRun *run, const ErrorData *error);

/*
 * Works through the range run->range, whose guard this session has, until it
 * is done, a limit of the call is reached or the job is stopped.  Throws the
 * error that the job failed with, after it has been stored.
 */
void
citer_job_run_range(CiterJobRun *run)
{
	ErrorData  *error = NULL;

	run->position_known = false;
	run->chunk_size = 0;
	run->by_row = false;
	run->attempts = 0;
	run->speed_mark = citer_pace_now();
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (reached_limit(run))
			return;
		MemoryContextReset(run->scratch);
		/* What was read of the range before went with it. */
		run->range.after.isnull = run->range.upto.isnull = run->range.position.isnull = true;
		run->started = citer_pace_now();
		switch (citer_job_try(run, do_chunk, NULL, run->job->retries, &error))
		{
			case CITER_OUTCOME_COMMITTED:
				note_chunk(run);
				if (run->range.done)
					return;
				if (run->job->pause_ms > 0)
					citer_job_sleep(run->job->pause_ms);
				break;
			case CITER_OUTCOME_WAITS:
				citer_job_sleep(run->wait_ms);
				break;
			case CITER_OUTCOME_STOPPED:
				return;
			case CITER_OUTCOME_RETRY:
				break;
			case CITER_OUTCOME_FAILED:
				handle_error(run, error);
				break;
		}
	}
}

/* Stops the job, to be resumed, if the call has done what it may. */
static bool
reached_limit(CiterJobRun *run)
{
	NewState	paused = {CITER_JOB_PAUSED, NULL};
	ErrorData  *error;

	if ((run->arguments.max_chunks == 0 || run->nchunks < run->arguments.max_chunks) &&
		(run->deadline == 0 || citer_pace_now() < run->deadline))
		return false;
	if (citer_job_do(run, store_state, &paused, &error) == CITER_OUTCOME_FAILED)
		ReThrowError(error);
	run->state = CITER_JOB_PAUSED;
	return true;
}

/* The transaction of a chunk. */
static CiterJobOutcome
do_chunk(CiterJobRun *run, void *argument pg_attribute_unused())
{
	CiterJobRange *range = &run->range;
	CiterJobOutcome outcome;

	check_role(run);
	memset(&run->chunk, 0, sizeof(run->chunk));
	run->chunk.first.isnull = run->chunk.position.isnull = true;
	if (run->job->throttle_query != NULL)
	{
		outcome = wait_for_throttle(run);
		if (outcome != CITER_OUTCOME_COMMITTED)
			return outcome;
	}
	outcome = lock_range(run);
	if (outcome != CITER_OUTCOME_COMMITTED || range->done)
		return outcome;
	if (run->chunk_size == 0)
		run->limit = run->chunk_size = run->job->target_ms > 0 && run->arguments.chunk_size == 0 ?
			range->chunk_size : run->job->chunk_size;
	citer_job_chunk_run(run->job, range, run->limit, run->by_row, &run->statement, &run->chunk);
	advance(run);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Asks the throttle query whether the job has to wait.  Others can see so, and
 * can stop the job meanwhile.
 */
static CiterJobOutcome
wait_for_throttle(CiterJobRun *run)
{
	CiterJob   *job = run->job;

	if (!citer_pace_has_to_wait(job->throttle_query))
	{
		run->wait_ms = 0;
		return CITER_OUTCOME_COMMITTED;
	}
	if (run->wait_ms == 0)
		citer_job_wait(job, run->range.range_no, "throttle_query");
	run->wait_ms = Min(Max(2 * run->wait_ms, THROTTLE_FIRST_MS), THROTTLE_MAX_MS);
	run->state = citer_job_read_state(job);
	return citer_job_is_active(run->state) ? CITER_OUTCOME_WAITS : CITER_OUTCOME_STOPPED;
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
 * Locks and reads the range; CITER_OUTCOME_STOPPED if the job has been
 * stopped.  55000 if somebody else has moved it.
 */
static CiterJobOutcome
lock_range(CiterJobRun *run)
{
	CiterJob   *job = run->job;
	CiterJobRange *range = &run->range;

	run->lost = !citer_guard_keep(job->name, range->range_no) || !citer_guard_keep_presence(job->name);
	if (run->lost)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("another session has taken over range %d of job \"%s\"", range->range_no, job->name),
				 errdetail("This session has released all its advisory locks."),
				 errhint("Leave pg_advisory_unlock_all() and DISCARD ALL out of the job's statement.")));
	if (!citer_job_lock_range(job, range, &run->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has been forgotten while it was running", job->name)));
	if (!citer_job_is_active(run->state))
		return CITER_OUTCOME_STOPPED;
	if (run->position_known && !citer_job_same_array(range->position, run->position))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the position of job \"%s\" was changed while it was running", job->name),
				 errhint("Check it, and run the job again.")));
	return CITER_OUTCOME_COMMITTED;
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
	run->by_row = false;
	if (run->chunk.position.isnull)
		return;
	run->nchunks++;
	run->rows += run->chunk.rows;
	run->passed += run->chunk.passed;
	run->skipped += run->chunk.failed;
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
	if (run->lost)
		ReThrowError(error);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		end_with_error(run, error, CITER_JOB_INTERRUPTED);
	if (strcmp(run->job->on_error, "skip") != 0 || !run->chunk.in_statement || run->by_row ||
		!citer_job_skip_may(error))
		end_with_error(run, error, CITER_JOB_FAILED);
	FreeErrorData(error);
	narrow_down(run);
}

/* Goes on with half of the rows, or with one key, row by row. */
static void
narrow_down(CiterJobRun *run)
{
	run->by_row = run->limit <= 1 || run->chunk.rows <= 1;
	run->limit = run->by_row ? 1 : (int) Max(Min(run->limit, run->chunk.rows) / 2, 1);
}

/*
 * Stores that the job has ended with an error, and throws it.  A helper that
 * is interrupted leaves the job to others.
 */
static void
end_with_error(CiterJobRun *run, ErrorData *error, CiterJobState state)
{
	NewState	end = {state, describe_error(run, error)};
	ErrorData  *other;

	if ((state != CITER_JOB_INTERRUPTED || !run->helps) &&
		citer_job_do(run, store_state, &end, &other) == CITER_OUTCOME_FAILED)
		FreeErrorData(other);
	ReThrowError(error);
}

/*
 * Stores that the job cannot go on, and throws the error that says why.  A
 * call that was cancelled has not found out anything.
 */
void
citer_job_fail_to_resume(CiterJobRun *run, ErrorData *error)
{
	ErrorData  *other;

	run->range.position.isnull = true;
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
		citer_job_do(run, store_failure, describe_error(run, error), &other) == CITER_OUTCOME_FAILED)
		FreeErrorData(other);
	ReThrowError(error);
}

static CiterJobOutcome
store_state(CiterJobRun *run, void *argument)
{
	const NewState *new = argument;

	citer_job_set_state(run->job, new->state, new->error);
	return CITER_OUTCOME_COMMITTED;
}

static CiterJobOutcome
store_failure(CiterJobRun *run, void *error)
{
	citer_job_fail(run->job, error);
	return CITER_OUTCOME_COMMITTED;
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
