/*
 * transaction.c
 *	  Something done in a transaction of its own, with its errors caught.
 *
 * A procedure may commit if it was called outside of any transaction block;
 * SPI then begins the next transaction at once.  Errors are caught as PL/pgSQL
 * catches them, by a subtransaction around the work, which is what puts SPI,
 * locks and memory right again; then the transaction around it is rolled back
 * as well, so that nothing is left of it.  An error of the commit itself is
 * caught, too: by then SPI has rolled back and begun anew.
 *
 * Here, and nowhere else, it is decided what is tried again: what was in the
 * way of other transactions.  That holds for chunks and for what the job
 * writes about itself alike.
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

#include "job/open.h"
#include "job/pace.h"
#include "job/run.h"
#include "base/settings.h"
#include "sql/spi.h"

/*
 * How often the job's own short transactions are tried again.  That is no
 * matter of the user's: what has been done has to be written down.
 */
#define OWN_RETRIES 10

/* For how long a transaction stays open in which nothing is done. */
#define IDLE_MS 1000.0

static CiterJobOutcome attempt(CiterJobRun *run, CiterJobWork work, void *argument,
							   ErrorData **error);
static CiterJobOutcome work_in_settings(CiterJobRun *run, CiterJobWork work, void *argument);
static void wait_to_retry(CiterJobRun *run, const ErrorData *error);
static CiterJobOutcome publish_wait(CiterJobRun *run, void *argument);
static double idle_limit(void);

/*
 * Does the work in the present transaction, under the job's settings, and
 * commits.  Whichever way that ends, a new transaction has begun, and
 * run->context is current.  The work is called in run->scratch.
 *
 * CITER_OUTCOME_FAILED comes with the error, in run->context.  An error that
 * others can have caused leads to CITER_OUTCOME_RETRY instead, after a wait,
 * up to so many times in a row.
 */
CiterJobOutcome
citer_job_try(CiterJobRun *run, CiterJobWork work, void *argument, int retries, ErrorData **error)
{
	CiterJobOutcome outcome = attempt(run, work, argument, error);

	if (outcome == CITER_OUTCOME_FAILED && !run->lost && citer_job_in_the_way(*error) &&
		run->attempts < retries)
	{
		run->attempts++;
		wait_to_retry(run, *error);
		FreeErrorData(*error);
		return CITER_OUTCOME_RETRY;
	}
	run->attempts = 0;
	return outcome;
}

/* The same for what a job writes about itself; never CITER_OUTCOME_RETRY. */
CiterJobOutcome
citer_job_do(CiterJobRun *run, CiterJobWork work, void *argument, ErrorData **error)
{
	CiterJobOutcome outcome;

	run->attempts = 0;
	do
		outcome = citer_job_try(run, work, argument, OWN_RETRIES, error);
	while (outcome == CITER_OUTCOME_RETRY);
	return outcome;
}

/* Whether an error comes of what other transactions did at the same time. */
bool
citer_job_in_the_way(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/*
 * Sleeps between two transactions.  SPI has always one open, though without a
 * snapshot or a transaction ID; a new one now and then, and one in the end,
 * keeps it young, for transaction_timeout and for those who look for old ones.
 */
void
citer_job_sleep(double ms)
{
	MemoryContext caller = CurrentMemoryContext;
	double		end = citer_pace_now() + ms;
	double		left = ms;

	do
	{
		citer_pace_sleep(Min(left, idle_limit()));
		SPI_commit();
		SPI_start_transaction();
		MemoryContextSwitchTo(caller);
		left = end - citer_pace_now();
	} while (left > 0);
}

/* Does the work, without another try. */
static CiterJobOutcome
attempt(CiterJobRun *run, CiterJobWork work, void *argument, ErrorData **error)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile CiterJobOutcome outcome = CITER_OUTCOME_FAILED;
	volatile bool inside = true;

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

/* Waits before the next attempt, longer each time, and lets others see so. */
static void
wait_to_retry(CiterJobRun *run, const ErrorData *error)
{
	char	   *reason = psprintf("retry %d after %s", run->attempts,
								  unpack_sql_state(error->sqlerrcode));
	ErrorData  *other;

	/* This is only for show. */
	if (run->job != NULL &&
		attempt(run, publish_wait, reason, &other) == CITER_OUTCOME_FAILED)
		FreeErrorData(other);
	pfree(reason);
	citer_job_sleep(citer_pace_retry_ms(run->attempts));
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
