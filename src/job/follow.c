/*
 * follow.c
 *	  Goes on with what has come since all ranges were done.
 *
 * A round of a job that follows its relation goes up to a new end, which its last
 * range gets.  Keys grow, but transactions do not commit in their order: a row
 * below the new end can still be in the hands of one that is open.  So
 *
 *	 1. the end is fixed, at the last key that a snapshot sees, and stored with
 *	    the job as "not settled", so that no session walks up to it yet;
 *	 2. those that hold a lock to write to the relation are listed;
 *	 3. they are waited for, as CREATE INDEX CONCURRENTLY waits;
 *	 4. the job is settled, and walked under snapshots that are taken from then on.
 *
 * Who takes such a lock after the list was made draws its keys after the end was
 * fixed: they are behind it.  (Who has drawn keys before is not known here; the
 * pages tell the users, and there is follow_delay.)  A session that is lost on the way
 * leaves the job as not settled, and the next one begins with step 2.
 *
 * While it waits, the session holds no lock that a writer could need, and no
 * snapshot.  It waits in slices, and looks between them whether the job has been
 * asked to stop.  Vacuum and others that lock the relation and write no rows to it are not
 * waited for.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/settings.h"
#include "job/end.h"
#include "job/follow.h"
#include "job/pace.h"
#include "job/range.h"
#include "job/sql.h"
#include "job/target.h"
#include "job/transaction.h"

/* A slice of the wait for writers. */
#define SLICE_MS 1000.0

/* The argument of the first transaction. */
typedef struct Look
{
	bool		settled;
	bool		reopened;
	List	   *writers;		/* VirtualTransactionId, in run->context */
} Look;

/* The argument of wait_a_slice. */
typedef struct Slice
{
	List	   *writers;
	double		ms;
}			Slice;

static CiterJobOutcome look(CiterJobRun *run, void *argument);
static bool reopen(CiterJob *job);
static List *list_writers(CiterJobRun *run);
static bool wait_for_writers(CiterJobRun *run, List *writers);
static double lock_timeout_left(double since);
static CiterJobOutcome wait_a_slice(CiterJobRun *run, void *argument);
static bool goes_on(CiterJobRun *run);
static CiterJobOutcome read_state(CiterJobRun *run, void *state);
static CiterJobOutcome settle(CiterJobRun *run, void *argument);
static void in_transaction(CiterJobRun *run, CiterJobWork work, void *argument);
static void end_with_error(CiterJobRun *run, ErrorData *error);
static CiterJobOutcome show_nap(CiterJobRun *run, void *argument);

/*
 * Has a job that follows its relation go on with what has come since all its
 * ranges were done, once a call; returns whether it has ranges to walk now that
 * were done before.  If the job is asked to stop meanwhile, or the call comes to its
 * limit, it is left as not settled.  Throws the error that the job failed with,
 * after it has been stored.
 */
bool
citer_job_follow(CiterJobRun *run)
{
	Look		found = {.settled = true};
	bool		written;

	if (!run->job->follow)
		return false;
	in_transaction(run, look, &found);
	if (found.settled)
		return false;
	written = wait_for_writers(run, found.writers);
	if (written)
		in_transaction(run, settle, NULL);
	list_free_deep(found.writers);
	return written && found.reopened;
}

/*
 * For a session that stays with a job whose ranges are all done: looks every
 * nap_ms whether something has come.  Returns the state of the job when there is
 * something to walk, or when it has been stopped.
 */
CiterJobState
citer_job_follow_on(CiterJobRun *run)
{
	CiterJobState state;

	do
	{
		state = citer_job_pause_at_limit(run);
		if (!citer_job_is_active(state))
			return state;
		in_transaction(run, show_nap, &state);
		if (!citer_job_is_active(state))
			return state;
		citer_job_rest(run, CITER_WAIT_PAUSE, run->job->nap_ms);
		run->followed = false;
	} while (!citer_job_follow(run));
	return CITER_JOB_RUNNING;
}

/* The transaction of steps 1 and 2. */
static CiterJobOutcome
look(CiterJobRun *run, void *argument)
{
	Look	   *found = argument;
	bool		done = citer_job_look(run->job, &found->settled);

	found->reopened = false;
	if (done && !run->followed)
	{
		found->reopened = reopen(run->job);
		if (found->reopened)
			found->settled = false;
	}
	if (!found->settled)
		found->writers = list_writers(run);
	run->followed |= done;
	return CITER_OUTCOME_COMMITTED;
}

/* Gives the last range the present end; false if nothing has come. */
static bool
reopen(CiterJob *job)
{
	CiterJobRange range = {.range_no = job->parts};
	CiterJobState state;
	CiterIterator *iterator;
	const CiterWalk *walk;

	if (!citer_job_lock_range(job, &range, &state) || !range.done || !citer_job_is_active(state))
		return false;
	iterator = citer_job_open_to_end(job, range.position, true);
	walk = citer_iterator_walk(iterator);
	citer_job_target_check(job, walk);
	if (citer_iterator_is_done(iterator))
	{
		citer_iterator_close(iterator);
		return false;
	}
	range.upto = citer_job_write_bound(walk->key, citer_iterator_end(iterator));
	range.estimated_rows = (int64) citer_walk_estimate(walk, &walk->after, citer_iterator_end(iterator));
	citer_iterator_close(iterator);
	citer_job_reopen_range(job, &range);
	citer_job_settle(job, false);
	return true;
}

/* The transactions that hold a lock to write to the relation or a child of it. */
static List *
list_writers(CiterJobRun *run)
{
	CiterJobValues values = citer_job_values(run->job->name);
	List	   *relids = find_all_inheritors(run->job->relid, NoLock, NULL);
	Datum	   *oids = palloc(sizeof(Datum) * list_length(relids));
	List	   *writers = NIL;
	MemoryContext caller;

	for (int i = 0; i < list_length(relids); i++)
		oids[i] = ObjectIdGetDatum(list_nth_oid(relids, i));
	citer_job_add(&values, OIDARRAYOID,
				  PointerGetDatum(construct_array(oids, list_length(relids), OIDOID, sizeof(Oid), true,
												  TYPALIGN_INT)), false);
	citer_job_sql_run(run->job->procedure, CITER_JOB_SQL_WRITERS, &values);
	caller = MemoryContextSwitchTo(run->context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		VirtualTransactionId *vxid = palloc(sizeof(VirtualTransactionId));
		int			backend;
		unsigned int number;

		if (sscanf(text, "%d/%u", &backend, &number) != 2)
			elog(ERROR, "cannot read virtual transaction \"%s\"", text);
		*vxid = citer_compat_vxid(backend, number);
		writers = lappend(writers, vxid);
		pfree(text);
	}
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
	return writers;
}

/*
 * Step 3.  It can be cancelled, goes by lock_timeout, and is seen as a lock that
 * the session waits for.  False if the job is not to go on.  The first slice is
 * long enough for the server to look for deadlocks; who comes to wait for this
 * session later finds them.
 */
static bool
wait_for_writers(CiterJobRun *run, List *writers)
{
	CiterJobRetries retries = {.max = run->job->retries,.without_snapshot = true};
	double		since = citer_pace_now();
	double		slice_ms = DeadlockTimeout + SLICE_MS;
	ErrorData  *error;

	do
	{
		double		left = lock_timeout_left(since);
		Slice		slice = {.writers = writers,.ms = Min(left, slice_ms)};

		if (run->deadline != 0)
			slice.ms = Min(slice.ms, run->deadline - citer_pace_now());
		retries.in_slices = slice.ms < left;
		switch (citer_job_try(run, wait_a_slice, &slice, &retries, &error))
		{
			case CITER_OUTCOME_WAITS:
				slice_ms = SLICE_MS;
				break;
			case CITER_OUTCOME_RETRY:
				since = citer_pace_now();
				slice_ms = DeadlockTimeout + SLICE_MS;
				break;
			case CITER_OUTCOME_FAILED:
				end_with_error(run, error);
				break;
			default:
				return true;
		}
	} while (goes_on(run));
	return false;
}

/* What is left of the session's lock_timeout for a wait, in milliseconds. */
static double
lock_timeout_left(double since)
{
	return LockTimeout > 0 ? Max(since + LockTimeout - citer_pace_now(), 1) : get_float8_infinity();
}

/* The transaction of a slice. */
static CiterJobOutcome
wait_a_slice(CiterJobRun *run pg_attribute_unused(), void *argument)
{
	const		Slice *slice = argument;
	CiterSetting timeout[] = {{"lock_timeout", psprintf("%.0f", Min(Max(slice->ms, 1), (double) INT_MAX))}, {NULL, NULL}};
	ListCell   *cell;

	InvalidateCatalogSnapshot();
	citer_settings_set(timeout);
	foreach(cell, slice->writers)
		(void) VirtualXactLock(*(VirtualTransactionId *) lfirst(cell), true);
	return CITER_OUTCOME_COMMITTED;
}

/* Whether nobody has asked the job to stop, and the call has time left. */
static bool
goes_on(CiterJobRun *run)
{
	CiterJobState state;

	if (run->deadline != 0 && citer_pace_now() >= run->deadline)
		return false;
	in_transaction(run, read_state, &state);
	return citer_job_is_active(state);
}

static CiterJobOutcome
read_state(CiterJobRun *run, void *state)
{
	*(CiterJobState *) state = citer_job_read_state(run->job);
	return CITER_OUTCOME_COMMITTED;
}

/* Step 4. */
static CiterJobOutcome
settle(CiterJobRun *run, void *argument pg_attribute_unused())
{
	citer_job_settle(run->job, true);
	return CITER_OUTCOME_COMMITTED;
}

/* Does the work in a transaction, and ends the job with its error if it has one. */
static void
in_transaction(CiterJobRun *run, CiterJobWork work, void *argument)
{
	CiterJobRetries retries = {.max = run->job->retries};
	CiterJobOutcome outcome;
	ErrorData  *error;

	do
		outcome = citer_job_try(run, work, argument, &retries, &error);
	while (outcome == CITER_OUTCOME_RETRY);
	if (outcome == CITER_OUTCOME_FAILED)
		end_with_error(run, error);
}

/* Stores that the job has ended with an error, and throws it. */
static void
end_with_error(CiterJobRun *run, ErrorData *error)
{
	CiterJobRange nowhere = {.position.isnull = true};
	CiterJobChunk nothing = {.first.isnull = true};

	citer_job_end_with_error(run, &nowhere, &nothing, error,
							 error->sqlerrcode == ERRCODE_QUERY_CANCELED ?
							 CITER_JOB_INTERRUPTED : CITER_JOB_FAILED);
}

/* Lets others see that the session naps, unless the job has been stopped. */
static CiterJobOutcome
show_nap(CiterJobRun *run, void *state)
{
	(void) read_state(run, state);
	citer_job_wait(run->job, 0, "nap_ms");
	return CITER_OUTCOME_COMMITTED;
}
