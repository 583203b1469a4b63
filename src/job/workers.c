/*
 * workers.c
 *	  Background workers of a job, as seen by who starts them.
 *
 * They are dynamic background workers, so nothing has to be preloaded.  What
 * they are told, and what they tell, is in a piece of dynamic shared memory
 * (worker.h).
 *
 * A run with workers waits for them, and whichever way it ends, they end with
 * it: at an error citer_workers_stop() ends them, and at an end of the session
 * the callback on the shared memory does.  A worker that ends leaves what it
 * had not committed to others, as any session does: the guard of its range is
 * free then.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "job/sql.h"
#include "job/transaction.h"
#include "job/worker.h"
#include "job/workers.h"

/* How often a run looks whether its workers have ended: often at first. */
#define ENDED_FIRST_MS 1.0
#define ENDED_MAX_MS 50.0

#define READY_MS 100L

/* It lives in a context of its own, longer than a transaction that fails. */
struct CiterWorkers
{
	MemoryContext context;
	dsm_segment *segment;
	CiterWorkerShared *shared;
	int			n;				/* that were started */
	BackgroundWorkerHandle *handles[FLEXIBLE_ARRAY_MEMBER];
};

static CiterWorkers *create(const CiterWorkersOrder *order);
static void identify(CiterWorkerShared *shared, Oid owner);
static void end_all(dsm_segment *segment, Datum workers);
static bool launch(CiterWorkers *workers);
static CiterJobOutcome count_wanted(CiterJobRun *run, void *argument);
static bool has_ended(const CiterWorkers *workers, int worker);
static void add_totals(CiterJobTotals *totals, const CiterJobTotals *more, bool revisited);
static void warn_of_missing(const CiterJobRun *run, int missing, const char *detail,
							const char *hint);

/*
 * Starts workers, as many as there are slots for; workers->n says how many.
 * They are to be released.  Inside a transaction.
 */
CiterWorkers *
citer_workers_start(const CiterWorkersOrder *order)
{
	CiterWorkers *workers = create(order);

	while (workers->segment != NULL && workers->n < order->n && launch(workers))
		workers->n++;
	return workers;
}

/* Makes the shared memory, with no worker yet. */
static CiterWorkers *
create(const CiterWorkersOrder *order)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter workers",
												  ALLOCSET_SMALL_SIZES);
	bool		as_session = !OidIsValid(order->owner);
	Size		settings = as_session ? EstimateGUCStateSpace() : 0;
	Size		slots = MAXALIGN(offsetof(CiterWorkerShared, slots) +
								 sizeof(CiterWorkerSlot) * order->n);
	Size		sql = slots + MAXALIGN(settings);
	Size		job = sql + strlen(order->sql) + 1;
	Size		size = job + strlen(order->job) + 1;
	CiterWorkers *workers = MemoryContextAllocZero(context, offsetof(CiterWorkers, handles) +
												   sizeof(BackgroundWorkerHandle *) * order->n);
	CiterWorkerShared *shared;

	workers->context = context;
	workers->segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	MemoryContextSetParent(context, TopMemoryContext);
	if (workers->segment == NULL)
		return workers;
	workers->shared = shared = dsm_segment_address(workers->segment);
	memset(shared, 0, slots);
	identify(shared, order->owner);
	shared->starter = MyProcPid;
	shared->helps = order->helps;
	shared->owner = order->owner;
	shared->starter_xid = order->xid;
	shared->max_chunks = order->max_chunks;
	pg_atomic_init_u64(&shared->chunks, 0);
	shared->nslots = order->n;
	shared->sql = sql;
	strcpy((char *) shared + sql, order->sql);
	shared->job = job;
	strcpy((char *) shared + job, order->job);
	if (as_session)
	{
		shared->settings = slots;
		SerializeGUCState(settings, (char *) shared + slots);
	}
	/* From here on it lives until it is released. */
	dsm_pin_mapping(workers->segment);
	if (order->helps)
		on_dsm_detach(workers->segment, end_all, PointerGetDatum(workers));
	return workers;
}

/* As whom the workers are to be there. */
static void
identify(CiterWorkerShared *shared, Oid owner)
{
	shared->database = MyDatabaseId;
	if (OidIsValid(owner) && citer_workers_can_be(owner))
	{
		shared->authenticated = shared->session = owner;
		return;
	}
	shared->authenticated = GetAuthenticatedUserId();
	shared->session = GetSessionUserId();
	shared->role = OidIsValid(owner) ? owner : GetCurrentRoleId();
}

/*
 * Whether a worker can be a session of a role.  If not, it can only be one of
 * this session's role that has taken the other one by SET ROLE.
 */
bool
citer_workers_can_be(Oid role)
{
	HeapTuple	tuple;
	bool		can_log_in;

	if (BGWORKER_BYPASS_ROLELOGINCHECK != 0)
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	can_log_in = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return can_log_in;
}

/*
 * Whether a worker may be one of this session's role that has taken another one.
 * Its statement can go back to the former.  So this is for who has taken the other
 * one by SET ROLE, and can go back as well; code that was given it for a while, as
 * SECURITY DEFINER functions, triggers and maintenance give it, cannot.
 */
bool
citer_workers_can_take_role(void)
{
	return !InLocalUserIdChange() && !InSecurityRestrictedOperation();
}

/* Called also when the session ends. */
static void
end_all(dsm_segment *segment pg_attribute_unused(), Datum argument)
{
	CiterWorkers *workers = (CiterWorkers *) DatumGetPointer(argument);

	for (int i = 0; i < workers->n; i++)
		TerminateBackgroundWorker(workers->handles[i]);
}

/* Starts another worker; false if there is no slot for it. */
static bool
launch(CiterWorkers *workers)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "chunked_iter",
		.bgw_function_name = "citer_worker_main",
		.bgw_type = "chunked_iter worker",
		.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(workers->segment)),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext caller = MemoryContextSwitchTo(workers->context);
	bool		launched;

	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "chunked_iter worker of PID %d", MyProcPid);
	memcpy(worker.bgw_extra, &workers->n, sizeof(workers->n));
	launched = RegisterDynamicBackgroundWorker(&worker, &workers->handles[workers->n]);
	MemoryContextSwitchTo(caller);
	return launched;
}

/* Waits for the first worker to connect; false if it has ended before. */
bool
citer_workers_ready(CiterWorkers *workers)
{
	while (workers->n > 0 && !workers->shared->slots[0].ready)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_ended(workers, 0))
			return workers->shared->slots[0].ready;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 READY_MS, WAIT_EVENT_BGWORKER_STARTUP);
		ResetLatch(MyLatch);
	}
	return workers->n > 0;
}

/* Gives back what was needed to start them. */
void
citer_workers_release(CiterWorkers *workers)
{
	if (workers->segment != NULL)
		dsm_detach(workers->segment);
	MemoryContextDelete(workers->context);
}

/*
 * Starts the workers of a run, if it is to have any: one fewer than there are
 * sessions to be, and no more than there are ranges for them.  They are ended
 * by citer_workers_stop().
 */
void
citer_workers_share(CiterJobRun *run)
{
	int			wanted = 0;
	CiterWorkersOrder order = {.job = run->job->name,.helps = true,.max_chunks = run->arguments.max_chunks};
	const char *schema;

	if (run->job->workers <= 1)
		return;
	(void) citer_job_do(run, count_wanted, &wanted, NULL);
	if (wanted == 0)
		return;
	schema = citer_job_schema(run->procedure);
	order.n = Min(wanted, max_worker_processes);
	order.sql = psprintf("CALL %s.chunked_iter_work(%s)", schema, quote_literal_cstr(run->job->name));
	run->workers = citer_workers_start(&order);
	run->shared = run->workers->shared;
	if (run->workers->n < wanted)
		warn_of_missing(run, wanted - run->workers->n, "There are no more slots for background workers.",
						"You might need to increase max_worker_processes.");
}

/* How many workers there are ranges for: the argument, an int. */
static CiterJobOutcome
count_wanted(CiterJobRun *run, void *argument)
{
	int		   *wanted = argument;
	int			range_nos[CITER_JOB_RANGES_MAX];
	int			nranges = citer_job_unfinished_ranges(run->job, 0, range_nos);
	int			workers = run->job->workers;

	if (run->job->parts < workers)
		ereport(WARNING,
				(errmsg_plural("job \"%s\" has %d range for %d sessions",
							   "job \"%s\" has %d ranges for %d sessions",
							   (unsigned long) run->job->parts, run->job->name, run->job->parts, workers),
				 errdetail("One session works on one range."),
				 errhint("The argument \"parts\" says how many ranges a new job has.")));
	workers = Min(workers, nranges < CITER_JOB_RANGES_MAX ? nranges : run->job->parts);
	if (get_rel_persistence(run->job->relid) == RELPERSISTENCE_TEMP && workers > 1)
	{
		ereport(WARNING,
				(errmsg("job \"%s\" runs without workers", run->job->name),
				 errdetail("Its table is a temporary one, which other sessions do not see.")));
		workers = 1;
	}
	*wanted = Max(workers - 1, 0);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * The error of a worker, of the one with the lowest number; NULL if none has
 * failed so far.
 */
ErrorData *
citer_workers_error(const CiterJobRun *run)
{
	for (int i = 0; run->workers != NULL && i < run->workers->n; i++)
	{
		ErrorData  *error = citer_worker_error(&run->shared->slots[i]);

		if (error != NULL)
			return error;
	}
	return NULL;
}

/*
 * Waits until all workers of a run have ended, as they do when there is nothing
 * left to do, and adds what they have done to what this session has.
 */
void
citer_workers_finish(CiterJobRun *run)
{
	double		wait_ms = ENDED_FIRST_MS;
	int			missing = 0;

	for (int i = 0; run->workers != NULL && i < run->workers->n; i++)
	{
		const CiterWorkerSlot *slot = &run->shared->slots[i];

		while (!has_ended(run->workers, i))
		{
			citer_job_sleep(wait_ms);
			wait_ms = Min(2 * wait_ms, ENDED_MAX_MS);
		}
		pg_read_barrier();
		add_totals(&run->totals, &slot->totals, run->revisited);
		missing += !slot->ready;
	}
	if (missing > 0)
		warn_of_missing(run, missing, "They could not connect to the database.",
						"The server's log says why.");
}

static bool
has_ended(const CiterWorkers *workers, int worker)
{
	pid_t		pid;
	BgwHandleStatus status = GetBackgroundWorkerPid(workers->handles[worker], &pid);

	return status != BGWH_STARTED && status != BGWH_NOT_YET_STARTED;
}

static void
add_totals(CiterJobTotals *totals, const CiterJobTotals *more, bool revisited)
{
	totals->chunks += more->chunks;
	totals->rows += more->rows;
	/* What was locked when the worker came by may have been done since. */
	if (!revisited)
		totals->locked += more->locked;
	totals->failed += more->failed;
	totals->counted_chunks += more->counted_chunks;
	totals->unchanged_chunks += more->unchanged_chunks;
	totals->changed += more->changed;
	totals->changed_own += more->changed_own;
}

static void
warn_of_missing(const CiterJobRun *run, int missing, const char *detail, const char *hint)
{
	ereport(WARNING,
			(errmsg_plural("job \"%s\" continues without %d worker", "job \"%s\" continues without %d workers",
						   (unsigned long) missing, run->job->name, missing),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/*
 * Ends the workers of a run that are there still, and waits for that.  Called
 * in any state, also in the middle of an error.
 */
void
citer_workers_stop(CiterJobRun *run)
{
	CiterWorkers *workers = run->workers;

	if (workers == NULL)
		return;
	run->workers = NULL;
	run->shared = NULL;
	HOLD_INTERRUPTS();
	end_all(workers->segment, PointerGetDatum(workers));
	for (int i = 0; i < workers->n; i++)
		(void) WaitForBackgroundWorkerShutdown(workers->handles[i]);
	RESUME_INTERRUPTS();
	citer_workers_release(workers);
}
