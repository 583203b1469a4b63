/*
 * wait.c
 *	  Waiting for a job.
 *
 * Each look has a new snapshot, also under REPEATABLE READ, and no lock is
 * taken: whether a session is at work is seen in pg_locks.  So the server does
 * not see that this session waits, and finds no deadlock; we look for it ourselves.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "job/arguments.h"
#include "job/guard.h"
#include "job/pace.h"
#include "job/state.h"
#include "job/wait.h"
#include "sql/spi.h"

/* How often the job is looked at: often at first. */
#define LOOK_FIRST_MS 5.0
#define LOOK_MAX_MS 200.0

/*
 * For how long a job may be nobody's while it is running: so long a worker can
 * take that is about to begin.
 */
#define INTERRUPTED_MS 2000.0

static double read_timeout(NullableDatum timeout_ms);
static CiterJobState look(Oid procedure, const char *name, bool *attended);
static void check_deadlock(Oid procedure, const char *name);
static CiterJobState wait_until(Oid procedure, const char *name, double deadline);

/*
 * chunked_iter_wait: waits until no session is at work on the job any more, or
 * the time is up.  Returns the state that it then has, as chunked_iter_progress
 * says it.  42704 if there is no such job, 55000 if it would wait for itself or
 * for what this transaction has asked the job, 40P01 if the job comes to wait for this transaction.
 */
char *
citer_job_await(Oid procedure, NullableDatum name, NullableDatum timeout_ms)
{
	char	   *job = citer_job_arguments_name(name);
	double		timeout = read_timeout(timeout_ms);
	MemoryContext caller = CurrentMemoryContext;
	const CiterJob *found;
	char	   *state;

	citer_spi_connect(0);
	found = citer_job_read(procedure, job);
	if (found != NULL && citer_guard_is_mine(found->owner_oid, job))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for job \"%s\" in the transaction that starts it", job),
				 errdetail("It begins when this transaction has committed."),
				 errhint("COMMIT first.")));
	state = MemoryContextStrdup(caller, citer_job_state_name(wait_until(procedure, job,
																		timeout < 0 ? -1 : citer_pace_now() + timeout)));
	citer_spi_finish();
	return state;
}

/* Milliseconds; negative for no limit. */
static double
read_timeout(NullableDatum timeout_ms)
{
	int64		ms = timeout_ms.isnull ? -1 : DatumGetInt64(timeout_ms.value);

	if (!timeout_ms.isnull && ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %lld", "timeout_ms", (long long) ms),
				 errdetail("It must not be negative."),
				 errhint("Leave it out to wait without a limit.")));
	return (double) ms;
}

/* Looks at the job again and again; a negative deadline is none. */
static CiterJobState
wait_until(Oid procedure, const char *name, double deadline)
{
	double		wait_ms = LOOK_FIRST_MS;
	double		unattended_since = -1;
	double		check_at = citer_pace_now() + DeadlockTimeout;

	for (;;)
	{
		bool		attended;
		CiterJobState state = look(procedure, name, &attended);
		double		now = citer_pace_now();

		if (!attended && state != CITER_JOB_RUNNING)
			return state;
		if (attended)
			unattended_since = -1;
		else if (unattended_since < 0)
			unattended_since = now;
		else if (now - unattended_since >= INTERRUPTED_MS)
			return CITER_JOB_INTERRUPTED;
		if (deadline >= 0 && now >= deadline)
			return state;
		if (attended && now >= check_at)
		{
			check_deadlock(procedure, name);
			check_at = now + DeadlockTimeout;
		}
		citer_pace_sleep(CITER_WAIT_OTHERS, deadline >= 0 ? Min(wait_ms, deadline - now) : wait_ms);
		wait_ms = Min(2 * wait_ms, LOOK_MAX_MS);
	}
}

/* The present state of the job, and whether other sessions are at work on it. */
static CiterJobState
look(Oid procedure, const char *name, bool *attended)
{
	CiterJobState state;
	bool		asked_here;

	PushActiveSnapshot(GetLatestSnapshot());
	if (!citer_job_look_at(procedure, name, &state, attended, &asked_here))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", name),
				 errhint("The view chunked_iter_progress has the jobs there are.")));
	if (*attended && asked_here)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for job \"%s\" in the transaction that asks it to stop", name),
				 errdetail("It hears of that when this transaction has committed."),
				 errhint("COMMIT first.")));
	PopActiveSnapshot();
	return state;
}

/* 40P01 if the job waits for a lock of this session, which waits for the job. */
static void
check_deadlock(Oid procedure, const char *name)
{
	bool		blocked;

	PushActiveSnapshot(GetLatestSnapshot());
	blocked = citer_job_is_blocked(procedure, name);
	PopActiveSnapshot();
	if (blocked)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("deadlock detected while waiting for job \"%s\"", name),
				 errdetail("The job waits for a lock that this transaction holds."),
				 errhint("Wait for the job after COMMIT.")));
}
