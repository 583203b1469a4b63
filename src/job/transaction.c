/*
 * transaction.c
 *	  Work in a transaction of its own, with its errors caught.
 *
 * A procedure may commit if it was called outside of any transaction block;
 * SPI then begins the next transaction at once.  Errors are caught as PL/pgSQL
 * catches them, by a subtransaction around the work, whose rollback cleans up
 * SPI, locks and memory; then the transaction is rolled back as well.  An
 * error of the commit itself is caught, too: by then SPI has rolled back and
 * begun the next one.
 *
 * Here, and nowhere else, it is decided what is tried again: transactions that
 * failed because of others, be it a chunk or what the job writes about itself.
 *
 * No snapshot of ours is active at a commit: what the work needs is that of
 * the portal, which the commit takes away.
 */
#include "postgres.h"

#include "access/xact.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/settings.h"
#include "job/errors.h"
#include "job/open.h"
#include "job/pace.h"
#include "job/transaction.h"
#include "sql/spi.h"

/*
 * How often the job's own short transactions are tried again.  The argument
 * "retries" does not count here: what has been done has to be stored.
 */
#define OWN_RETRIES 10

/* How often a job that rests looks whether it is to stop. */
#define REST_LOOK_MS 1000.0

/* How long a transaction stays open while the job sleeps. */
#define IDLE_MS 1000.0

static CiterJobOutcome attempt(CiterJobRun *run, CiterJobWork work, void *argument,
							   bool without_snapshot, ErrorData **error);
static CiterJobOutcome work_in_settings(CiterJobRun *run, CiterJobWork work, void *argument);
static CiterJobOutcome look_whether_active(CiterJobRun *run, void *active);
static void wait_to_retry(CiterJobRun *run, int retry, const ErrorData *error);
static CiterJobOutcome publish_wait(CiterJobRun *run, void *argument);
static double idle_limit(void);

/*
 * Does the work in the present transaction, under the job's settings, and
 * commits.  Whichever way that ends, a new transaction has begun, and
 * run->context is current.  The work is called in run->scratch.
 *
 * CITER_OUTCOME_FAILED comes with the error, in run->context.  An error that
 * others can have caused leads to CITER_OUTCOME_RETRY instead, after a wait, up
 * to retries->max times in a row: it is for the caller to call again.
 */
CiterJobOutcome
citer_job_try(CiterJobRun *run, CiterJobWork work, void *argument,
			  CiterJobRetries *retries, ErrorData **error)
{
	CiterJobOutcome outcome = attempt(run, work, argument, retries->without_snapshot, error);

	if (outcome == CITER_OUTCOME_FAILED && retries->in_slices &&
		(*error)->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		FreeErrorData(*error);
		return CITER_OUTCOME_WAITS;
	}
	if (outcome == CITER_OUTCOME_FAILED && citer_job_error_of_others(*error) &&
		retries->done < retries->max)
	{
		wait_to_retry(run, ++retries->done, *error);
		FreeErrorData(*error);
		return CITER_OUTCOME_RETRY;
	}
	/* A wait is no success. */
	if (outcome != CITER_OUTCOME_WAITS)
		retries->done = 0;
	return outcome;
}

/*
 * The same for what a job writes about itself, until it has succeeded or
 * failed.  Where "error" is NULL, an error is thrown.
 */
CiterJobOutcome
citer_job_do(CiterJobRun *run, CiterJobWork work, void *argument, ErrorData **error)
{
	CiterJobRetries retries = {.max = OWN_RETRIES};
	CiterJobOutcome outcome;
	ErrorData  *thrown;

	do
		outcome = citer_job_try(run, work, argument, &retries, &thrown);
	while (outcome == CITER_OUTCOME_RETRY);
	if (outcome == CITER_OUTCOME_FAILED)
	{
		if (error == NULL)
			ReThrowError(thrown);
		*error = thrown;
	}
	return outcome;
}

/*
 * Sleeps between two transactions, but not longer than the call may take, nor
 * much longer than until the job is asked to stop.
 */
void
citer_job_rest(CiterJobRun *run, CiterPaceWait what, double ms)
{
	double		end = citer_pace_now() + ms;
	double		left;
	bool		goes_on = true;

	if (run->deadline != 0)
		end = Min(end, run->deadline);
	while (goes_on && (left = end - citer_pace_now()) > 0)
	{
		citer_job_sleep_for(what, Min(left, REST_LOOK_MS));
		if (left > REST_LOOK_MS)
			(void) citer_job_do(run, look_whether_active, &goes_on, NULL);
	}
}

static CiterJobOutcome
look_whether_active(CiterJobRun *run, void *active)
{
	*(bool *) active = citer_job_is_active(citer_job_read_state(run->job));
	return CITER_OUTCOME_COMMITTED;
}

/* Sleeps between two transactions, because of other sessions. */
void
citer_job_sleep(double ms)
{
	citer_job_sleep_for(CITER_WAIT_OTHERS, ms);
}

/*
 * Sleeps between two transactions.  SPI always has one open, though without a
 * snapshot or a transaction ID. It is replaced now and then, and at the end,
 * so that it does not grow old: that counts for transaction_timeout and in
 * pg_stat_activity.
 */
void
citer_job_sleep_for(CiterPaceWait what, double ms)
{
	MemoryContext caller = CurrentMemoryContext;
	double		end = citer_pace_now() + ms;
	double		left = ms;

	do
	{
		citer_pace_sleep(what, Min(left, idle_limit()));
		SPI_commit();
		SPI_start_transaction();
		MemoryContextSwitchTo(caller);
		left = end - citer_pace_now();
	} while (left > 0);
}

/* Does the work once. */
static CiterJobOutcome
attempt(CiterJobRun *run, CiterJobWork work, void *argument, bool without_snapshot,
		ErrorData **error)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile CiterJobOutcome outcome = CITER_OUTCOME_FAILED;
	volatile bool inside = true;

	MemoryContextReset(run->scratch);
	if (!without_snapshot)
		EnsurePortalSnapshotExists();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(run->scratch);
	PG_TRY();
	{
		outcome = work_in_settings(run, work, argument);
		ReleaseCurrentSubTransaction();
		/* The commit itself leaves a few bytes behind. */
		MemoryContextSwitchTo(run->scratch);
		CurrentResourceOwner = owner;
		inside = false;
		SPI_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run->context);
		*error = CopyErrorData();
		FlushErrorState();
		outcome = CITER_OUTCOME_FAILED;
		if (inside)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(run->context);
			CurrentResourceOwner = owner;
			SPI_rollback();
		}
	}
	PG_END_TRY();
	SPI_start_transaction();
	MemoryContextSwitchTo(run->context);
	return outcome;
}

static CiterJobOutcome
work_in_settings(CiterJobRun *run, CiterJobWork work, void *argument)
{
	int			nestlevel = citer_settings_begin();
	CiterJobOutcome outcome;

	if (run->job != NULL)
		citer_job_use_settings(run->job);
	outcome = work(run, argument);
	citer_settings_end(nestlevel);
	return outcome;
}

/* Waits before a retry, longer each time, and lets others see so. */
static void
wait_to_retry(CiterJobRun *run, int retry, const ErrorData *error)
{
	char	   *reason = psprintf("retry %d after %s", retry, unpack_sql_state(error->sqlerrcode));
	ErrorData  *other;

	/* This is only for show. */
	if (run->job != NULL &&
		attempt(run, publish_wait, reason, false, &other) == CITER_OUTCOME_FAILED)
	{
		if (other->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(other);
		FreeErrorData(other);
	}
	pfree(reason);
	citer_job_sleep_for(CITER_WAIT_RETRY, citer_pace_retry_ms(retry));
}

static CiterJobOutcome
publish_wait(CiterJobRun *run, void *reason)
{
	citer_job_wait(run->job, run->guarded_range, reason);
	return CITER_OUTCOME_COMMITTED;
}

/* Half of transaction_timeout, which releases before 17 do not have, at most. */
static double
idle_limit(void)
{
	const char *timeout = GetConfigOption("transaction_timeout", true, false);
	double		ms = timeout != NULL ? atof(timeout) : 0;

	return ms > 0 ? Min(ms / 2, IDLE_MS) : IDLE_MS;
}
