/*
 * retry.c
 *	  Runs a job's statement again for the rows that failed.
 *
 * Each key is a transaction: the statement runs for its rows (skip.c), and they
 * are dropped from chunked_iter_failed_rows, in which those that fail again are
 * recorded anew.  The state of the job stays as it is, and so do its positions.
 *
 * Where the key tells rows apart, and where the statement does all rows of a key
 * or none, the key says which rows are meant.  Elsewhere it is those that are
 * equal to what was recorded.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "job/again.h"
#include "job/errors.h"
#include "job/open.h"
#include "job/report.h"
#include "job/retry.h"

/* The argument of a key's transaction, and what all together have found. */
typedef struct Retry
{
	CiterJobAgain again;
	CiterJobRetried found;		/* by the attempt */
	CiterJobRetried totals;
	NullableDatum done_key;		/* not unique, and done: text[] */
} Retry;

static CiterJobOutcome open_job(CiterJobRun *run, void *argument);
static CiterJobOutcome do_key(CiterJobRun *run, void *argument);
static void count_rows(CiterJobRun *run, Retry *retry);
static void store_range(CiterJobRun *run, Retry *retry);
static void note_key(Retry *retry);

/*
 * Tries all rows of the job again that have failed by now, and says what came of
 * it.  42704 if there is no such job, 55000 if it was cancelled, 0A000 if its rows
 * have no key; and errors that are not of a row.
 */
void
citer_job_retry_rows(CiterJobRun *run)
{
	Retry		retry = {.done_key.isnull = true};
	CiterJobRetries retries = {0};
	ErrorData  *error;

	(void) citer_job_do(run, open_job, NULL, NULL);
	retries.max = run->job->retries;
	retry.again.mode = CITER_CHUNK_ROWS;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (citer_job_try(run, do_key, &retry, &retries, &error))
		{
			case CITER_OUTCOME_COMMITTED:
				note_key(&retry);
				break;
			case CITER_OUTCOME_FAILED:
				if (!citer_job_error_of_rows(error) || !citer_job_again_by_key(&retry.again))
					ReThrowError(error);
				FreeErrorData(error);
				break;
			case CITER_OUTCOME_STOPPED:
				citer_job_report_retried(run, &retry.totals);
				return;
			default:
				break;
		}
	}
}

/* The first transaction. */
static CiterJobOutcome
open_job(CiterJobRun *run, void *argument pg_attribute_unused())
{
	/* What is found here outlives the transaction. */
	MemoryContextSwitchTo(run->context);
	if (run->statement != NULL)
		citer_job_statement_free(run->statement);
	run->statement = NULL;
	run->job = citer_job_find_named(run->procedure, run->arguments.job);
	citer_job_use_settings(run->job);
	citer_job_check_not_cancelled(run->job);
	if (OidIsValid(run->job->storage))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot find the failed rows of job \"%s\" again", run->job->name),
				 errdetail("It goes by ctid, which an UPDATE of a row changes."),
				 errhint("Run the statement for them by hand.")));
	citer_job_prepare(run->job, &run->statement);
	return CITER_OUTCOME_COMMITTED;
}

/* The transaction of a key; CITER_OUTCOME_STOPPED behind the last one. */
static CiterJobOutcome
do_key(CiterJobRun *run, void *argument)
{
	Retry	   *retry = argument;
	CiterJobAgain *again = &retry->again;

	memset(&retry->found, 0, sizeof(retry->found));
	again->next = again->row;
	if (!citer_job_next_failed(run->job, &again->next))
		return CITER_OUTCOME_STOPPED;
	if (!retry->done_key.isnull && citer_job_same_array(again->next.key, retry->done_key))
		return CITER_OUTCOME_COMMITTED;
	citer_job_again_lock(run, again);
	citer_job_again_run(run, again);
	if (again->chunk.locked > 0)
		retry->found.locked = 1;
	else
	{
		count_rows(run, retry);
		store_range(run, retry);
	}
	return CITER_OUTCOME_COMMITTED;
}

/* Drops the rows that were tried or are gone, and counts them. */
static void
count_rows(CiterJobRun *run, Retry *retry)
{
	CiterJobAgain *again = &retry->again;
	const CiterJobChunk *chunk = &again->chunk;
	CiterJobRetried *found = &retry->found;
	int64		dropped = chunk->retried;

	if (dropped < 0)
		dropped = citer_job_drop_failed(run->job, &again->next, !chunk->unique);
	else
		found->changed = citer_job_count_failed(run->job, &again->next) - chunk->failed;
	if (chunk->rows == 0)
		found->gone = dropped;
	else
		found->tried = dropped;
	found->failed = chunk->failed;
}

/* Stores what has become of the rows with their range. */
static void
store_range(CiterJobRun *run, Retry *retry)
{
	const CiterJobChunk *chunk = &retry->again.chunk;
	CiterJobStep step = {
		.changed = {Int64GetDatum(chunk->effect.changed), !chunk->effect.counted},
		.failed = chunk->failed - retry->found.tried - retry->found.gone,
	};

	citer_job_advance(run->job, &retry->again.range, &step);
}

/* The key is done: remembers that. */
static void
note_key(Retry *retry)
{
	CiterJobAgain *again = &retry->again;

	retry->totals.tried += retry->found.tried;
	retry->totals.failed += retry->found.failed;
	retry->totals.gone += retry->found.gone;
	retry->totals.locked += retry->found.locked;
	retry->totals.changed += retry->found.changed;
	if (!again->chunk.unique)
	{
		if (!retry->done_key.isnull)
			pfree(DatumGetPointer(retry->done_key.value));
		retry->done_key = again->next.key;
		retry->done_key.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(again->next.key.value));
	}
	again->row = again->next;
	again->row.key.isnull = true;
	again->mode = CITER_CHUNK_ROWS;
}
