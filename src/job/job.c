/*
 * job.c
 *	  Jobs: a statement for each chunk of a relation, one transaction a chunk.
 *
 * A call makes or finds a job by its arguments, in a first transaction.  Then
 * the session takes one free range after the other (claim.c).  The job is done
 * when all its ranges are.
 *
 * Guards are held over transactions, and so are the statement's plans and the
 * memory of the run.  All three are given back whichever way the call ends,
 * unless the session ends with it.
 */
#include "job/job.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "job/begin.h"
#include "job/claim.h"
#include "job/errors.h"
#include "job/follow.h"
#include "job/guard.h"
#include "job/pace.h"
#include "job/range.h"
#include "job/report.h"
#include "job/retry.h"
#include "job/revisit.h"
#include "job/runs.h"
#include "job/transaction.h"
#include "job/worker.h"
#include "job/workers.h"
#include "sql/spi.h"

/*
 * How often a run looks whether other sessions are done with their ranges, or
 * have left them: often at first, since they may be nearly done.
 */
#define OTHERS_FIRST_MS 5.0
#define OTHERS_MAX_MS 100.0

/* What a call does, once it is connected. */
typedef void (*Verb) (CiterJobRun *run);

/* Whether the job is done: the argument of finish_job. */
typedef struct Finish
{
	bool		shows_wait;		/* for others, if it is not */
	CiterJobState state;
} Finish;

static void hint_at_cancel(void *arg);
static void run_connected(Oid procedure, const NullableDatum *arguments, Verb verb);
static void run_job(CiterJobRun *run);
static CiterJobState run_to_end(CiterJobRun *run);
static void help_job(CiterJobRun *run);
static void retry_job(CiterJobRun *run);
static void take_guard(CiterJobRun *run);
static void enter(CiterJobRun *run);
static void run_detached(CiterJobRun *run);
static CiterJobOutcome store_interrupt(CiterJobRun *run, void *argument);
static void wait_for_guard(CiterJobRun *run);
static void fail_to_resume(CiterJobRun *run, ErrorData *error);
static void fail_with_worker(CiterJobRun *run);
static CiterJobOutcome store_worker_failure(CiterJobRun *run, void *error);
static CiterJobOutcome store_failure(CiterJobRun *run, void *error);
static CiterJobState work_in_rounds(CiterJobRun *run);
static CiterJobOutcome finish_job(CiterJobRun *run, void *argument);
static void give_back(CiterJobRun *run);

/*
 * chunked_iter_run: starts the job or goes on with it, until it is done or has
 * to stop.  25006 where nothing can be written, 55P03 if another session runs
 * it, 55000 if it fails in one that helps.
 */
void
citer_job_run(Oid procedure, const NullableDatum *arguments)
{
	run_connected(procedure, arguments, run_job);
}

/* chunked_iter_work: takes ranges of a job that nobody is at work on. */
void
citer_job_work(Oid procedure, const NullableDatum *arguments)
{
	run_connected(procedure, arguments, help_job);
}

/*
 * chunked_iter_retry_failed: runs the statement for the rows that failed.  42704
 * if there is no such job, 55000 if it was cancelled, 55P03 if a session runs it,
 * 0A000 if its rows have no key.
 */
void
citer_job_retry_failed(Oid procedure, const NullableDatum *arguments)
{
	run_connected(procedure, arguments, retry_job);
}

/* The frame of all: connects to SPI, and gives everything back in the end. */
static void
run_connected(Oid procedure, const NullableDatum *arguments, Verb verb)
{
	CiterJobRun *run;
	ErrorContextCallback context = {.previous = error_context_stack,.callback = hint_at_cancel};

	citer_spi_connect(SPI_OPT_NONATOMIC);
	run = palloc0(sizeof(CiterJobRun));
	run->context = CurrentMemoryContext;
	run->scratch = AllocSetContextCreate(run->context, "chunked_iter job chunk",
										 ALLOCSET_DEFAULT_SIZES);
	run->procedure = procedure;
	run->role = GetUserId();
	run->helps = verb == help_job;
	if (verb != run_job)
		run->arguments.job = citer_job_arguments_name(arguments[CITER_RUN_JOB]);
	else
		citer_job_arguments_read(&run->arguments, arguments);
	run->message_mark = citer_pace_now();
	if (run->arguments.max_ms > 0)
		run->deadline = citer_pace_now() + run->arguments.max_ms;
	citer_worker_join(run);

	context.arg = run;
	error_context_stack = &context;
	PG_TRY();
	{
		if (run->detached)
			run_detached(run);
		else
			verb(run);
	}
	PG_FINALLY();
	{
		give_back(run);
	}
	PG_END_TRY();
	error_context_stack = context.previous;
	citer_spi_finish();
}

/*
 * Error context callback: a call that is cancelled can be made again.  Cancels
 * and statement_timeout have one SQLSTATE; the time tells them apart.
 */
static void
hint_at_cancel(void *arg)
{
	const CiterJobRun *run = arg;
	const char *call;

	if (geterrcode() != ERRCODE_QUERY_CANCELED || run->job == NULL)
		return;
	call = psprintf("CALL %s(%s)", run->helps ? "chunked_iter_work" : "chunked_iter_run",
					quote_literal_cstr(run->arguments.job));
	if (StatementTimeout > 0 &&
		TimestampDifferenceExceeds(GetCurrentStatementStartTimestamp(), GetCurrentTimestamp(),
								   StatementTimeout))
		errhint("SET statement_timeout = 0, then %s to continue: it counts for the whole call, not for a chunk.", call);
	else
		errhint("%s continues the job.", call);
}

static void
run_job(CiterJobRun *run)
{
	ErrorData  *error;
	bool		resuming = false;
	CiterJobState state;

	if (run->detached)
	{
		wait_for_guard(run);
		if (citer_job_do(run, citer_job_look_if_wanted, NULL, NULL) == CITER_OUTCOME_STOPPED)
			return;
	}
	else
		take_guard(run);
	enter(run);
	switch (citer_job_do(run, citer_job_begin_run, &resuming, &error))
	{
		case CITER_OUTCOME_FAILED:
			if (resuming)
				fail_to_resume(run, error);
			ReThrowError(error);
		case CITER_OUTCOME_STOPPED:
			if (!run->detached)
				ereport(NOTICE,
						(errmsg("job \"%s\" has succeeded already", run->arguments.job)));
			return;
		default:
			break;
	}
	(void) citer_job_follow(run);
	citer_workers_share(run);
	state = run_to_end(run);
	citer_workers_finish(run);
	citer_job_report_end(run, state);
	if (state != CITER_JOB_SUCCEEDED)
		fail_with_worker(run);
	if (state == CITER_JOB_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has failed in another session", run->job->name),
				 errhint("The column last_error of chunked_iter_progress says why.")));
}

/*
 * Works on the job until all its ranges are done, by whomever, or it has to
 * stop.  Returns its state then.
 */
static CiterJobState
run_to_end(CiterJobRun *run)
{
	double		wait_ms = OTHERS_FIRST_MS;
	Finish		finish = {.shows_wait = true};

	for (;;)
	{
		finish.state = work_in_rounds(run);
		if (citer_job_is_active(finish.state))
			(void) citer_job_do(run, finish_job, &finish, NULL);
		if (citer_job_is_active(finish.state))
			finish.state = citer_job_pause_at_limit(run);
		if (!citer_job_is_active(finish.state))
			return finish.state;
		fail_with_worker(run);
		finish.shows_wait = false;
		citer_job_sleep(wait_ms);
		wait_ms = Min(2 * wait_ms, OTHERS_MAX_MS);
	}
}

static void
help_job(CiterJobRun *run)
{
	Finish		finish = {.shows_wait = false};

	enter(run);
	if (citer_job_do(run, citer_job_begin_help, NULL, NULL) == CITER_OUTCOME_STOPPED)
		return;
	finish.state = citer_job_work_on_ranges(run);
	if (citer_job_is_active(finish.state))
		(void) citer_job_do(run, finish_job, &finish, NULL);
	/* What a worker has done is told by the run that it is one of. */
	if (run->shared == NULL)
		citer_job_report_end(run, finish.state);
}

static void
retry_job(CiterJobRun *run)
{
	take_guard(run);
	enter(run);
	citer_job_retry_rows(run);
}

/* Takes the job's guard; 55P03 if another session has it. */
static void
take_guard(CiterJobRun *run)
{
	run->has_job_guard = citer_guard_take(run->role, run->arguments.job, CITER_GUARD_JOB);
	if (!run->has_job_guard)
		citer_job_refuse_busy(run->arguments.job);
}

/* Counts this session as one at work; 55P03 if the job is being forgotten. */
static void
enter(CiterJobRun *run)
{
	run->has_presence = citer_guard_enter(run->role, run->arguments.job);
	if (!run->has_presence)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("job \"%s\" is being forgotten by another session", run->arguments.job),
				 errhint("Try again when its transaction has ended.")));
}

/*
 * The same for a job that runs on its own.  That it was cancelled is stored
 * also if it was between two chunks: unlike one whose worker is gone, it is not
 * to be resumed.
 */
static void
run_detached(CiterJobRun *run)
{
	PG_TRY();
	{
		run_job(run);
	}
	PG_CATCH();
	{
		ErrorData  *error;
		ErrorData  *other;

		if (run->job == NULL || geterrcode() != ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(run->context);
		error = CopyErrorData();
		FlushErrorState();
		SPI_rollback();
		SPI_start_transaction();
		(void) citer_job_do(run, store_interrupt, NULL, &other);
		ReThrowError(error);
	}
	PG_END_TRY();
}

static CiterJobOutcome
store_interrupt(CiterJobRun *run, void *argument pg_attribute_unused())
{
	citer_job_set_state(run->job, CITER_JOB_INTERRUPTED, NULL);
	citer_job_runs_end(run, CITER_JOB_INTERRUPTED, NULL);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Takes the guard of a job that was started on its own, however long another
 * session has it.
 */
static void
wait_for_guard(CiterJobRun *run)
{
	int			nestlevel = citer_settings_begin();

	citer_settings_set(citer_settings_patient);
	citer_guard_wait(run->role, run->arguments.job);
	run->has_job_guard = true;
	citer_settings_end(nestlevel);
}

/*
 * Stores that the job cannot go on, and throws the error that says why.  A
 * call that was cancelled does not know whether it can.
 */
static void
fail_to_resume(CiterJobRun *run, ErrorData *error)
{
	ErrorData  *other;

	/* Of two errors, the first one counts. */
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		(void) citer_job_do(run, store_failure, citer_job_error_text(error), &other);
	ReThrowError(error);
}

/*
 * Throws the error of a worker of this run, if one has failed, which is that of
 * the job.  The worker has stored it, if it had come as far as a chunk.
 */
static void
fail_with_worker(CiterJobRun *run)
{
	ErrorData  *error = citer_workers_error(run);
	ErrorData  *other;

	if (error == NULL)
		return;
	(void) citer_job_do(run, store_worker_failure, citer_job_error_text(error), &other);
	ThrowErrorData(error);
}

static CiterJobOutcome
store_worker_failure(CiterJobRun *run, void *error)
{
	citer_job_set_state(run->job, CITER_JOB_FAILED, error);
	citer_job_runs_end(run, CITER_JOB_FAILED, error);
	return CITER_OUTCOME_COMMITTED;
}

static CiterJobOutcome
store_failure(CiterJobRun *run, void *error)
{
	citer_job_fail(run->job, error);
	citer_job_runs_begin(run);
	citer_job_runs_end(run, CITER_JOB_FAILED, error);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Works through ranges as long as there is a free one, then through what has come
 * since, if the job follows its relation, and the rows to revisit.  On its own such
 * a job goes on until it is stopped.  Returns the job's state then.
 */
static CiterJobState
work_in_rounds(CiterJobRun *run)
{
	CiterJobState state;

	for (;;)
	{
		do
			state = citer_job_work_on_ranges(run);
		while (citer_job_is_active(state) && citer_job_follow(run));
		if (citer_job_is_active(state))
			state = citer_job_revisit(run);
		if (!citer_job_is_active(state) || !run->job->follow || !run->detached)
			return state;
		state = citer_job_follow_on(run);
		if (!citer_job_is_active(state))
			return state;
		run->revisited = false;
	}
}

/*
 * Marks the job as succeeded if all its ranges are done, or reads the state
 * that it has.
 */
static CiterJobOutcome
finish_job(CiterJobRun *run, void *argument)
{
	Finish	   *finish = argument;

	finish->state = !(run->helps && run->job->follow) &&
		citer_job_finish(run->job, !run->job->revisit || run->revisited) ?
		CITER_JOB_SUCCEEDED : citer_job_read_state(run->job);
	if (!citer_job_is_active(finish->state) || run->helps)
		citer_job_runs_end(run, finish->state, NULL);
	if (citer_job_is_active(finish->state) && finish->shows_wait)
		citer_job_wait(run->job, 0, "other sessions");
	return CITER_OUTCOME_COMMITTED;
}

/* Gives back what is held over transactions. */
static void
give_back(CiterJobRun *run)
{
	citer_workers_stop(run);
	if (run->guarded_range != 0)
		citer_guard_release(run->role, run->arguments.job, run->guarded_range);
	citer_guard_unshare(run->role, run->arguments.job);
	if (run->has_job_guard)
		citer_guard_release(run->role, run->arguments.job, CITER_GUARD_JOB);
	if (run->has_presence)
		citer_guard_leave(run->role, run->arguments.job);
	citer_job_drop_statement(run);
}
