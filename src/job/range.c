/*
 * range.c
 *	  Works through a range of a job, chunk by chunk.
 *
 * Each chunk is one transaction: it locks the range's row and compares its
 * position with where this session has left it, reads the chunk, runs the
 * statement and stores the new position.  So position and effects commit
 * together, whatever ends the session and when.
 *
 * A chunk that fails leaves nothing behind.  It is tried again if others can
 * have caused the error (transaction.c).  With on_error => 'skip' it is tried
 * with half of the rows, down to those of one key, which are then done one by
 * one, and those that fail recorded and skipped (skip.c).  If they cannot even
 * be read, because the relation is a view and a column raises an error, they
 * are done with no more columns than the statement uses, and recorded by their
 * key.  The size then doubles with every chunk that works until it is what it
 * was.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "job/chunk.h"
#include "job/errors.h"
#include "job/guard.h"
#include "job/pace.h"
#include "job/range.h"
#include "job/rate.h"
#include "job/report.h"
#include "job/runs.h"
#include "job/transaction.h"
#include "job/worker.h"

/* The range at work, as it is between two transactions. */
typedef struct RangeWork
{
	CiterJobRange range;
	bool		known;			/* as this session has left it */
	CiterJobState state;		/* of the job then */
	int			chunk_size;		/* as adapted; 0: not read yet */
	int			asked_size;		/* the job's, when that was set */
	int			limit;			/* of the next chunk; less after an error */
	CiterJobChunkMode mode;		/* of the next chunk */
	double		throttle_ms;	/* the last wait for the throttle query; 0:
								 * none since the last chunk */
	CiterJobRetries retries;
} RangeWork;

/*
 * The argument of a chunk's transaction.  What it points to is in run->scratch,
 * until the next attempt.
 */
typedef struct Attempt
{
	const RangeWork *work;
	int			chunk_size;		/* those of the work, once they are read */
	int			asked_size;
	int			limit;
	CiterJobState state;		/* of the job */
	bool		lost;			/* the range to another session */
	CiterJobRange range;
	CiterJobChunk chunk;
	CiterRateChunk rate;		/* what it took */
	CiterSpeed	speed;			/* with it, and the rest behind it */
	double		speed_mark;		/* when that will have ended */
} Attempt;

/* A state to be stored, and why. */
typedef struct NewState
{
	CiterJobState state;
	const char *error;			/* or NULL */
} NewState;

static bool reached_limit(const CiterJobRun *run);
static void begin_attempt(Attempt *attempt, const RangeWork *work);
static CiterJobOutcome do_chunk(CiterJobRun *run, void *argument);
static void set_size(const CiterJobRun *run, Attempt *attempt);
static CiterJobOutcome ask_throttle(const CiterJobRun *run, Attempt *attempt);
static CiterJobOutcome lock_range(const CiterJobRun *run, Attempt *attempt);
static void advance(CiterJobRun *run, Attempt *attempt);
static void note_chunk(CiterJobRun *run, RangeWork *work, Attempt *attempt);
static void remember_range(RangeWork *work, const Attempt *attempt);
static void remember_array(const NullableDatum *before, NullableDatum *array);
static void refuse_lost(const CiterJobRun *run, int range_no);
static void handle_error(CiterJobRun *run, RangeWork *work, const Attempt *attempt,
						 ErrorData *error);
static bool narrow_down(RangeWork *work, const Attempt *attempt);
static CiterJobOutcome store_state(CiterJobRun *run, void *argument);
static char *describe_place(const CiterJobRange *range, const CiterJobChunk *chunk);

/*
 * Works through a range, whose guard this session has, until it is done, a
 * limit of the call is reached or the job is stopped; returns the job's state
 * then.  Throws the error that the job failed with, after it has been stored.
 */
CiterJobState
citer_job_run_range(CiterJobRun *run, int range_no)
{
	RangeWork	work = {.retries.max = run->job->retries};
	CiterJobState state;
	Attempt		attempt;
	ErrorData  *error;

	work.range.range_no = range_no;
	work.range.after.isnull = work.range.upto.isnull = work.range.position.isnull = true;
	if (run->speed_mark == 0)
	{
		run->speed_mark = citer_pace_now();
		run->wal_mark = citer_rate_wal();
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		state = citer_job_pause_at_limit(run);
		if (!citer_job_is_active(state))
			return state;
		if (citer_rate_take_rest(run))
			continue;
		begin_attempt(&attempt, &work);
		switch (citer_job_try(run, do_chunk, &attempt, &work.retries, &error))
		{
			case CITER_OUTCOME_COMMITTED:
				note_chunk(run, &work, &attempt);
				if (attempt.range.done)
					return attempt.state;
				break;
			case CITER_OUTCOME_WAITS:
				work.throttle_ms = citer_pace_throttle_ms(work.throttle_ms);
				run->totals.throttled_ms += work.throttle_ms;
				citer_job_sleep_for(CITER_WAIT_THROTTLE, work.throttle_ms);
				break;
			case CITER_OUTCOME_STOPPED:
				if (attempt.lost)
					refuse_lost(run, range_no);
				(void) citer_job_do(run, citer_job_runs_store_end, &attempt.state, NULL);
				return attempt.state;
			case CITER_OUTCOME_RETRY:
				work.throttle_ms = 0;
				break;
			case CITER_OUTCOME_FAILED:
				handle_error(run, &work, &attempt, error);
				break;
		}
	}
}

/*
 * Pauses the job if the call has done what it may.  Returns the state that the
 * job then has, which another session can have made something else; it is
 * active if the call may go on.
 */
CiterJobState
citer_job_pause_at_limit(CiterJobRun *run)
{
	NewState	paused = {CITER_JOB_PAUSED, NULL};

	if (!reached_limit(run))
		return CITER_JOB_RUNNING;
	(void) citer_job_do(run, store_state, &paused, NULL);
	return paused.state;
}

/* Whether the call has done what it may. */
static bool
reached_limit(const CiterJobRun *run)
{
	int64		max_chunks = run->arguments.max_chunks;

	return (max_chunks != 0 && citer_worker_chunks(run) >= max_chunks) ||
		(run->deadline != 0 && citer_pace_now() >= run->deadline);
}

static void
begin_attempt(Attempt *attempt, const RangeWork *work)
{
	memset(attempt, 0, sizeof(*attempt));
	attempt->work = work;
	attempt->rate.started = citer_pace_now();
	attempt->chunk_size = work->chunk_size;
	attempt->asked_size = work->asked_size;
	attempt->limit = work->limit;
	attempt->state = work->state;
	attempt->range = work->range;
	attempt->chunk.first.isnull = attempt->chunk.position.isnull = true;
}

/* The transaction of a chunk. */
static CiterJobOutcome
do_chunk(CiterJobRun *run, void *argument)
{
	Attempt    *attempt = argument;
	CiterJobOutcome outcome;
	const char *asked = run->job->throttle_query;

	citer_job_check_role(run);
	outcome = ask_throttle(run, attempt);
	if (outcome != CITER_OUTCOME_COMMITTED)
		return outcome;
	outcome = lock_range(run, attempt);
	/* A throttle query that has just come counts for this chunk. */
	if (outcome == CITER_OUTCOME_COMMITTED && run->job->throttle_query != asked)
		outcome = ask_throttle(run, attempt);
	if (outcome != CITER_OUTCOME_COMMITTED || attempt->range.done)
		return outcome;
	if (attempt->chunk_size == 0)
		set_size(run, attempt);
	citer_job_chunk_run(run->job, &attempt->range, attempt->limit, attempt->work->mode,
						&run->statement, &attempt->chunk);
	citer_job_check_role(run);
	advance(run, attempt);
	return CITER_OUTCOME_COMMITTED;
}

/* The size of this session's first chunk of the range. */
static void
set_size(const CiterJobRun *run, Attempt *attempt)
{
	bool		adapts = run->job->target_ms > 0 && run->arguments.chunk_size == 0;

	attempt->asked_size = run->job->chunk_size;
	attempt->chunk_size = adapts ? attempt->range.chunk_size : run->job->chunk_size;
	attempt->limit = attempt->chunk_size;
}

/*
 * Asks the throttle query, if there is one, whether the job has to wait.
 * Others can see so, and can stop the job meanwhile.
 */
static CiterJobOutcome
ask_throttle(const CiterJobRun *run, Attempt *attempt)
{
	CiterJob   *job = run->job;

	if (job->throttle_query == NULL || !citer_pace_has_to_wait(job->throttle_query))
		return CITER_OUTCOME_COMMITTED;
	if (attempt->work->throttle_ms == 0)
		citer_job_wait(job, attempt->range.range_no, "throttle_query");
	attempt->state = citer_job_read_state(job);
	return citer_job_is_active(attempt->state) ? CITER_OUTCOME_WAITS : CITER_OUTCOME_STOPPED;
}

/* 55000 if the job's statement has changed the role of the session. */
void
citer_job_check_role(const CiterJobRun *run)
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
 * stopped, or another session has the range.  55000 if somebody else has moved
 * it.
 */
static CiterJobOutcome
lock_range(const CiterJobRun *run, Attempt *attempt)
{
	CiterJob   *job = run->job;
	CiterJobRange *range = &attempt->range;
	const RangeWork *work = attempt->work;

	attempt->lost = !citer_guard_keep(run->role, job->name, range->range_no) ||
		!citer_guard_enter(run->role, job->name);
	if (attempt->lost)
		return CITER_OUTCOME_STOPPED;
	if (work->known && citer_job_lock_same(job, range))
		return CITER_OUTCOME_COMMITTED;
	if (!citer_job_lock_range(job, range, &attempt->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has been forgotten while it was running", job->name)));
	if (!citer_job_is_active(attempt->state))
		return CITER_OUTCOME_STOPPED;
	if (attempt->chunk_size > 0 && attempt->asked_size != job->chunk_size)
	{
		attempt->chunk_size = attempt->asked_size = job->chunk_size;
		attempt->limit = work->limit < work->chunk_size ? Min(work->limit, job->chunk_size) : job->chunk_size;
	}
	if (work->known && !citer_job_same_array(range->position, work->range.position))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the position of job \"%s\" was changed while it was running", job->name),
				 errhint("Check it, and run the job again.")));
	return CITER_OUTCOME_COMMITTED;
}

/* Stores where the range is after the chunk, and how long to pause. */
static void
advance(CiterJobRun *run, Attempt *attempt)
{
	CiterJobRange *range = &attempt->range;
	const CiterJobChunk *chunk = &attempt->chunk;
	CiterJobStep step = {
		.rows = chunk->rows,
		.chunks = chunk->position.isnull ? 0 : 1,
		.changed = {Int64GetDatum(chunk->effect.changed), !chunk->effect.counted},
		.failed = chunk->failed,
		.failure = chunk->failure,
		.passed = chunk->locked,
		.passed_keys = chunk->passed,
	};

	range->done = chunk->last;
	range->chunk_size = attempt->chunk_size;
	attempt->speed = run->speed;
	if (!chunk->position.isnull)
	{
		CiterRest	rest;

		attempt->rate.rows = chunk->rows;
		rest = citer_rate_rest_after(run, &attempt->rate);
		range->position = chunk->position;
		step.waiting_for = range->done ? NULL : rest.reason;
		attempt->speed_mark = citer_pace_now() + rest.ms;
		citer_pace_add(&attempt->speed, chunk->rows, attempt->speed_mark - run->speed_mark);
		range->rows_per_second = citer_pace_rows_per_second(&attempt->speed);
	}
	citer_job_advance(run->job, range, &step);
	citer_job_runs_note(run);
}

/* The chunk is committed: remembers that, and sets the size of the next. */
static void
note_chunk(CiterJobRun *run, RangeWork *work, Attempt *attempt)
{
	const CiterJobChunk *chunk = &attempt->chunk;
	double		now = citer_pace_now();

	remember_range(work, attempt);
	work->throttle_ms = 0;
	work->chunk_size = attempt->chunk_size;
	work->asked_size = attempt->asked_size;
	work->limit = attempt->limit;
	work->mode = CITER_CHUNK_WHOLE;
	if (chunk->position.isnull)
		return;
	citer_job_add_totals(&run->totals, chunk);
	citer_worker_note(run);
	run->totals.worked_ms += now - attempt->rate.started;
	run->speed = attempt->speed;
	run->speed_mark = attempt->speed_mark;
	/* Once more, with the commit. */
	run->rest_until = now + citer_rate_rest_after(run, &attempt->rate).ms;
	run->wal_mark = citer_rate_wal();
	if (work->limit < work->chunk_size)
		work->limit = (int) Min((int64) work->limit * 2, work->chunk_size);
	else if (run->job->target_ms > 0)
		work->limit = work->chunk_size = citer_pace_adapt(work->chunk_size, chunk->full,
														  now - attempt->rate.started,
														  run->job->target_ms);
	citer_job_report_progress(run, &work->range, work->range.rows_done);
}

/* Keeps a copy of what was committed, in the current context. */
static void
remember_range(RangeWork *work, const Attempt *attempt)
{
	const CiterJobRange before = work->range;

	work->known = true;
	work->range = attempt->range;
	work->range.rows_done += attempt->chunk.rows;
	work->state = attempt->state;
	remember_array(&before.after, &work->range.after);
	remember_array(&before.upto, &work->range.upto);
	remember_array(&before.position, &work->range.position);
}

/* Copies an array that is not the one kept before, which is freed then. */
static void
remember_array(const NullableDatum *before, NullableDatum *array)
{
	if (!array->isnull && !before->isnull && array->value == before->value)
		return;
	if (!before->isnull)
		pfree(DatumGetPointer(before->value));
	if (!array->isnull)
		array->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(array->value));
}

/* Adds a chunk to what the call has done. */
void
citer_job_add_totals(CiterJobTotals *totals, const CiterJobChunk *chunk)
{
	totals->chunks++;
	totals->rows += chunk->rows;
	totals->locked += chunk->locked;
	totals->failed += chunk->failed;
	if (!chunk->effect.counted)
		return;
	totals->counted_chunks++;
	totals->unchanged_chunks += chunk->effect.changed == 0;
	totals->changed += chunk->effect.changed;
	totals->changed_own += chunk->effect.own;
}

/* 55P03: the guard is gone, and another session has it. */
static void
refuse_lost(const CiterJobRun *run, int range_no)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("another session has taken over range %d of job \"%s\"", range_no, run->job->name),
			 errdetail("This session has released all its advisory locks."),
			 errhint("Leave pg_advisory_unlock_all() and DISCARD ALL out of the job's statement.")));
}

/* Prepares for another attempt after an error, or ends the job with it. */
static void
handle_error(CiterJobRun *run, RangeWork *work, const Attempt *attempt, ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		citer_job_end_with_error(run, &attempt->range, &attempt->chunk, error, CITER_JOB_INTERRUPTED);
	if (strcmp(run->job->on_error, "skip") != 0 || !citer_job_error_of_rows(error) ||
		!narrow_down(work, attempt))
		citer_job_end_with_error(run, &attempt->range, &attempt->chunk, error, CITER_JOB_FAILED);
	FreeErrorData(error);
}

/*
 * Goes on with fewer rows after an error of a row: half of them, or those of
 * one key, row by row.  Rows that can be read for the statement, and not as a
 * whole to be recorded, are known by their key.  False if that does not help.
 */
static bool
narrow_down(RangeWork *work, const Attempt *attempt)
{
	const CiterJobChunk *chunk = &attempt->chunk;

	work->throttle_ms = 0;
	work->chunk_size = attempt->chunk_size;
	work->asked_size = attempt->asked_size;
	work->limit = attempt->limit;
	if (work->mode == CITER_CHUNK_WHOLE && chunk->phase == CITER_CHUNK_IN_STATEMENT)
	{
		if (work->limit <= 1 || chunk->rows <= 1)
			work->mode = CITER_CHUNK_ROWS;
		work->limit = (int) Max(Min(work->limit, chunk->rows) / 2, 1);
		return true;
	}
	if (work->mode == CITER_CHUNK_ROWS && chunk->phase == CITER_CHUNK_READING)
	{
		work->mode = CITER_CHUNK_KEYS;
		return true;
	}
	return false;
}

/*
 * Stores that the job has ended with an error, and throws it.  A helper that
 * is interrupted leaves the job to others.
 */
void
citer_job_end_with_error(CiterJobRun *run, const CiterJobRange *range, const CiterJobChunk *chunk,
						 ErrorData *error, CiterJobState state)
{
	char	   *text = citer_job_error_text(error);
	char	   *place = describe_place(range, chunk);
	NewState	end = {state, place != NULL ? psprintf("%s (%s)", text, place) : text};
	ErrorData  *other;

	citer_job_error_place(error, run->job->name, place);
	/* Of two errors, the first one counts. */
	if (state != CITER_JOB_INTERRUPTED || !run->helps)
		(void) citer_job_do(run, store_state, &end, &other);
	else
		(void) citer_job_do(run, citer_job_runs_store_end, &state, &other);
	ReThrowError(error);
}

static CiterJobOutcome
store_state(CiterJobRun *run, void *argument)
{
	NewState   *new = argument;

	citer_job_set_state(run->job, new->state, new->error);
	new->state = citer_job_read_state(run->job);
	citer_job_runs_end(run, new->state, new->error);
	return CITER_OUTCOME_COMMITTED;
}

/* The keys of the chunk, as far as they are known; NULL if they are not. */
static char *
describe_place(const CiterJobRange *range, const CiterJobChunk *chunk)
{
	if (chunk->rows > 0 && !chunk->first.isnull)
		return psprintf("rows %s to %s", citer_job_array_text(chunk->first),
						citer_job_array_text(chunk->position));
	if (!range->position.isnull)
		return psprintf("after %s", citer_job_array_text(range->position));
	return NULL;
}
