/*
 * revisit.c
 *	  Goes over the rows again that others had locked.
 *
 * A chunk under SKIP LOCKED keeps the keys of the rows that it leaves out, in its
 * own transaction.  When all ranges are done, the session that runs the job goes
 * through these, a key and transaction each, and once more after a wait, until none is left
 * or several rounds have brought nothing.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "job/again.h"
#include "job/errors.h"
#include "job/pace.h"
#include "job/range.h"
#include "job/revisit.h"

/* Rounds in a row that bring nothing; the waits between them double. */
#define ROUNDS_MAX 6

/* The argument of a key's transaction, and what the round has found. */
typedef struct Round
{
	CiterJobAgain again;
	int64		done;			/* rows that are not kept any more */
	int64		left;
} Round;

static CiterJobOutcome is_due(CiterJobRun *run, void *argument);
static CiterJobState do_round(CiterJobRun *run, Round *round);
static CiterJobOutcome do_key(CiterJobRun *run, void *argument);
static void store_range(CiterJobRun *run, CiterJobAgain *again);
static void note_key(CiterJobRun *run, Round *round);
static void handle_error(CiterJobRun *run, CiterJobAgain *again, ErrorData *error);
static CiterJobOutcome show_wait(CiterJobRun *run, void *argument);

/*
 * Revisits rows if the job does so and all its ranges are done.  Returns the
 * state of the job then.  Throws the error that the job failed with, after it has
 * been stored.
 */
CiterJobState
citer_job_revisit(CiterJobRun *run)
{
	bool		due = false;
	int			idle = 0;

	if (run->job->revisit && !run->revisited)
		(void) citer_job_do(run, is_due, &due, NULL);
	while (due && !run->revisited)
	{
		Round		round = {.done = 0};
		CiterJobState state = do_round(run, &round);

		if (!citer_job_is_active(state))
			return state;
		idle = round.done > 0 ? 0 : idle + 1;
		run->revisited = round.left == 0 || idle >= ROUNDS_MAX;
		run->totals.locked = round.left;
		if (run->revisited)
			break;
		(void) citer_job_do(run, show_wait, NULL, NULL);
		citer_job_sleep(citer_pace_retry_ms(idle + 1));
	}
	return CITER_JOB_RUNNING;
}

/* Whether all ranges are done. */
static CiterJobOutcome
is_due(CiterJobRun *run, void *argument)
{
	int			range_nos[CITER_JOB_RANGES_MAX];

	*(bool *) argument = citer_job_unfinished_ranges(run->job, 0, range_nos) == 0;
	return CITER_OUTCOME_COMMITTED;
}

/* Goes through all rows that are kept now; returns the state of the job then. */
static CiterJobState
do_round(CiterJobRun *run, Round *round)
{
	CiterJobAgain *again = &round->again;
	CiterJobRetries retries = {.max = run->job->retries};
	ErrorData  *error;

	again->mode = CITER_CHUNK_WHOLE;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		again->state = citer_job_pause_at_limit(run);
		if (!citer_job_is_active(again->state))
			return again->state;
		switch (citer_job_try(run, do_key, round, &retries, &error))
		{
			case CITER_OUTCOME_COMMITTED:
				note_key(run, round);
				break;
			case CITER_OUTCOME_STOPPED:
				return again->state;
			case CITER_OUTCOME_FAILED:
				handle_error(run, again, error);
				break;
			default:
				break;
		}
	}
}

/*
 * The transaction of a key; CITER_OUTCOME_STOPPED behind the last one, and if the
 * job has been stopped.
 */
static CiterJobOutcome
do_key(CiterJobRun *run, void *argument)
{
	CiterJobAgain *again = &((Round *) argument)->again;

	again->next = again->row;
	if (!citer_job_next_passed(run->job, &again->next))
		return CITER_OUTCOME_STOPPED;
	citer_job_again_lock(run, again);
	if (!citer_job_is_active(again->state))
		return CITER_OUTCOME_STOPPED;
	citer_job_again_run(run, again);
	if (again->chunk.locked == 0)
	{
		citer_job_drop_passed(run->job, &again->next);
		store_range(run, again);
	}
	return CITER_OUTCOME_COMMITTED;
}

static void
store_range(CiterJobRun *run, CiterJobAgain *again)
{
	const CiterJobChunk *chunk = &again->chunk;
	CiterJobStep step = {
		.rows = chunk->rows,
		.chunks = 1,
		.changed = {Int64GetDatum(chunk->effect.changed), !chunk->effect.counted},
		.failed = chunk->failed,
		.failure = chunk->failure,
		.passed = -1,
	};

	citer_job_advance(run->job, &again->range, &step);
}

/* The key is done, or still locked: remembers that. */
static void
note_key(CiterJobRun *run, Round *round)
{
	CiterJobAgain *again = &round->again;
	CiterJobChunk *chunk = &again->chunk;

	if (chunk->locked > 0)
		round->left++;
	else
	{
		round->done++;
		citer_job_add_totals(&run->totals, chunk);
	}
	again->row = again->next;
	again->row.key.isnull = true;
	again->mode = CITER_CHUNK_WHOLE;
}

/* Prepares for another attempt after an error, or ends the job with it. */
static void
handle_error(CiterJobRun *run, CiterJobAgain *again, ErrorData *error)
{
	CiterJobState state = error->sqlerrcode == ERRCODE_QUERY_CANCELED ? CITER_JOB_INTERRUPTED :
	CITER_JOB_FAILED;
	bool		skips = strcmp(run->job->on_error, "skip") == 0 && citer_job_error_of_rows(error);

	if (skips && again->mode == CITER_CHUNK_WHOLE && again->chunk.phase == CITER_CHUNK_IN_STATEMENT)
		again->mode = CITER_CHUNK_ROWS;
	else if (!skips || !citer_job_again_by_key(again))
		citer_job_end_with_error(run, &again->range, &again->chunk, error, state);
	FreeErrorData(error);
}

static CiterJobOutcome
show_wait(CiterJobRun *run, void *argument pg_attribute_unused())
{
	citer_job_wait(run->job, 0, "rows locked by others");
	return CITER_OUTCOME_COMMITTED;
}
