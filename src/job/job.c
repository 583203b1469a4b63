/*
 * job.c
 *	  Jobs: a statement for each chunk of a relation, one transaction a chunk.
 *
 * A call makes or finds a job by its arguments, in a first transaction.  Then
 * the session takes one free range after the other and works through it
 * (range.c).  The job is done when all its ranges are.
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

#include "job/errors.h"
#include "job/follow.h"
#include "job/guard.h"
#include "job/open.h"
#include "job/pace.h"
#include "job/range.h"
#include "job/report.h"
#include "job/retry.h"
#include "job/revisit.h"
#include "job/transaction.h"
#include "sql/spi.h"

/*
 * How often a run looks whether other sessions are done with their ranges, or
 * have left them: often at first, since they may be nearly done.
 */
#define OTHERS_FIRST_MS 5.0
#define OTHERS_MAX_MS 100.0

/* What a call does, once it is connected. */
typedef void (*Verb) (CiterJobRun *run);

/* A range to work on: the argument of claim_range. */
typedef struct Claim
{
	int			behind;			/* the range this session was at work on; 0:
								 * none */
	int			range_no;		/* taken; 0: none is left */
} Claim;

/* Whether the job is done: the argument of finish_job. */
typedef struct Finish
{
	bool		shows_wait;		/* for others, if it is not */
	CiterJobState state;
} Finish;

static void hint_at_cancel(void *arg);
static void run_connected(Oid procedure, const NullableDatum *arguments, Verb verb);
static void run_job(CiterJobRun *run);
static void help_job(CiterJobRun *run);
static void retry_job(CiterJobRun *run);
static void take_job(CiterJobRun *run, const char *hint);
static void enter(CiterJobRun *run);
static CiterJobOutcome open_job(CiterJobRun *run, void *argument);
static void create_job(CiterJobRun *run);
static bool can_resume(const CiterJob *job);
static CiterJobOutcome open_help(CiterJobRun *run, void *argument);
static void fail_to_resume(CiterJobRun *run, ErrorData *error);
static CiterJobOutcome store_failure(CiterJobRun *run, void *error);
static CiterJobState work_in_rounds(CiterJobRun *run);
static CiterJobState work_on_ranges(CiterJobRun *run);
static CiterJobOutcome claim_range(CiterJobRun *run, void *argument);
static int	claim_behind(const CiterJob *job, int range_no);
static CiterJobOutcome finish_job(CiterJobRun *run, void *argument);
static void drop_statement(CiterJobRun *run);
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

	context.arg = run;
	error_context_stack = &context;
	PG_TRY();
	{
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
	double		wait_ms = OTHERS_FIRST_MS;
	Finish		finish = {.shows_wait = true};

	take_job(run, psprintf("CALL chunked_iter_work(%s) to help with it.",
						   quote_literal_cstr(run->arguments.job)));
	switch (citer_job_do(run, open_job, &resuming, &error))
	{
		case CITER_OUTCOME_FAILED:
			if (resuming)
				fail_to_resume(run, error);
			ReThrowError(error);
		case CITER_OUTCOME_STOPPED:
			ereport(NOTICE,
					(errmsg("job \"%s\" has succeeded already", run->arguments.job)));
			return;
		default:
			break;
	}
	for (;;)
	{
		finish.state = work_in_rounds(run);
		if (citer_job_is_active(finish.state))
			finish.state = citer_job_revisit(run);
		if (citer_job_is_active(finish.state))
			(void) citer_job_do(run, finish_job, &finish, NULL);
		if (citer_job_is_active(finish.state))
			finish.state = citer_job_pause_at_limit(run);
		if (!citer_job_is_active(finish.state))
			break;
		finish.shows_wait = false;
		citer_job_sleep(wait_ms);
		wait_ms = Min(2 * wait_ms, OTHERS_MAX_MS);
	}
	citer_job_report_end(run, finish.state);
	if (finish.state == CITER_JOB_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has failed in another session", run->job->name),
				 errhint("The column last_error of chunked_iter_progress says why.")));
}

static void
help_job(CiterJobRun *run)
{
	Finish		finish = {.shows_wait = false};

	enter(run);
	if (citer_job_do(run, open_help, NULL, NULL) == CITER_OUTCOME_STOPPED)
		return;
	finish.state = work_on_ranges(run);
	if (citer_job_is_active(finish.state))
		(void) citer_job_do(run, finish_job, &finish, NULL);
	citer_job_report_end(run, finish.state);
}

static void
retry_job(CiterJobRun *run)
{
	take_job(run, "Try again when it has ended or is paused.");
	citer_job_retry_rows(run);
}

/* Takes the guard of the job; 55P03 if another session has it. */
static void
take_job(CiterJobRun *run, const char *hint)
{
	run->has_job_guard = citer_guard_take(run->arguments.job, CITER_GUARD_JOB);
	if (!run->has_job_guard)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("job \"%s\" is being run by another session", run->arguments.job),
				 errhint("%s", hint)));
	enter(run);
}

/* Counts this session as one at work; 55P03 if the job is being forgotten. */
static void
enter(CiterJobRun *run)
{
	run->has_presence = citer_guard_enter(run->arguments.job);
	if (!run->has_presence)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("job \"%s\" is being forgotten by another session", run->arguments.job),
				 errhint("Try again when its transaction has ended.")));
}

/*
 * The first transaction of a run; CITER_OUTCOME_STOPPED if the job has
 * succeeded already.  The argument, a bool, becomes whether it goes on with an
 * old job; it is set also if the transaction fails.
 */
static CiterJobOutcome
open_job(CiterJobRun *run, void *argument)
{
	bool	   *resuming = argument;
	CiterJob   *job;

	*resuming = false;
	run->followed = false;
	/* What is found here outlives the transaction. */
	MemoryContextSwitchTo(run->context);
	drop_statement(run);
	job = citer_job_find(run->procedure, run->arguments.job);
	if (job == NULL)
		create_job(run);
	else
	{
		run->job = job;
		citer_job_use_settings(job);
		citer_job_change(job, &run->arguments);
		if (!can_resume(job))
			return CITER_OUTCOME_STOPPED;
		*resuming = true;
		citer_job_prepare(job, &run->statement);
		citer_job_start(job);
	}
	return CITER_OUTCOME_COMMITTED;
}

/* Makes and stores a new job. */
static void
create_job(CiterJobRun *run)
{
	CiterJobRange *ranges;
	CiterJob   *job = citer_job_create(run->procedure, &run->arguments, &run->statement, &ranges);

	citer_job_insert(job);
	for (int i = 0; i < job->parts; i++)
		citer_job_insert_range(job, &ranges[i]);
	run->job = job;
	run->followed = true;
}

/*
 * Whether a job that was found is to go on.  One that has succeeded is left
 * alone, so that it can be run every night until it is done, unless it follows its
 * relation or there are rows to revisit; 55000 if it was cancelled.
 */
static bool
can_resume(const CiterJob *job)
{
	CiterJobKept row = {0};

	citer_job_check_not_cancelled(job);
	return job->state != CITER_JOB_SUCCEEDED || job->follow || (job->revisit && citer_job_next_passed(job, &row));
}

/*
 * The first transaction of a helper; CITER_OUTCOME_STOPPED if there is nothing
 * left to do.
 */
static CiterJobOutcome
open_help(CiterJobRun *run, void *argument pg_attribute_unused())
{
	CiterJob   *job;

	MemoryContextSwitchTo(run->context);
	drop_statement(run);
	job = run->job = citer_job_find_named(run->procedure, run->arguments.job);
	citer_job_use_settings(job);
	if (job->state == CITER_JOB_SUCCEEDED)
		return CITER_OUTCOME_STOPPED;
	if (!citer_job_is_active(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" is not running", job->name),
				 errdetail("It is %s.", citer_job_state_name(job->state)),
				 errhint("CALL chunked_iter_run(%s) continues it.", quote_literal_cstr(job->name))));
	citer_job_prepare(job, &run->statement);
	return CITER_OUTCOME_COMMITTED;
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

static CiterJobOutcome
store_failure(CiterJobRun *run, void *error)
{
	citer_job_fail(run->job, error);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Works through ranges as long as there is a free one and, if the job follows its
 * relation, through what has come since.  Returns the job's state then.
 */
static CiterJobState
work_in_rounds(CiterJobRun *run)
{
	CiterJobState state;

	(void) citer_job_follow(run);
	do
		state = work_on_ranges(run);
	while (citer_job_is_active(state) && citer_job_follow(run));
	return state;
}

/*
 * Works through ranges, one after the other, as long as there is a free one.
 * Returns the job's state then.
 */
static CiterJobState
work_on_ranges(CiterJobRun *run)
{
	Claim		claim = {0};

	for (;;)
	{
		CiterJobState state;

		(void) citer_job_do(run, claim_range, &claim, NULL);
		if (claim.range_no == 0)
			return CITER_JOB_RUNNING;
		state = citer_job_run_range(run, claim.range_no);
		citer_guard_release(run->job->name, run->guarded_range);
		run->guarded_range = 0;
		if (!citer_job_is_active(state))
			return state;
		claim.behind = claim.range_no;
	}
}

/*
 * Takes the guard of a range that is neither done nor taken: the next one
 * after the range this session was at work on, or else the first of all.  A
 * guard outlives the transaction, also that of an attempt that was undone.
 */
static CiterJobOutcome
claim_range(CiterJobRun *run, void *argument)
{
	Claim	   *claim = argument;

	if (run->guarded_range != 0)
		citer_guard_release(run->job->name, run->guarded_range);
	run->guarded_range = claim_behind(run->job, claim->behind);
	if (run->guarded_range == 0 && claim->behind > 0)
		run->guarded_range = claim_behind(run->job, 0);
	claim->range_no = run->guarded_range;
	return CITER_OUTCOME_COMMITTED;
}

/* The number of the range whose guard it takes; 0 if it takes none. */
static int
claim_behind(const CiterJob *job, int range_no)
{
	int			range_nos[CITER_JOB_RANGES_MAX];
	int			nranges;

	while ((nranges = citer_job_unfinished_ranges(job, range_no, range_nos)) > 0)
	{
		for (int i = 0; i < nranges; i++)
		{
			range_no = range_nos[i];
			if (citer_guard_take(job->name, range_no))
				return range_no;
		}
	}
	return 0;
}

/*
 * Marks the job as succeeded if all its ranges are done, or reads the state
 * that it has.  Whether a job that follows is done is for its run to say.
 */
static CiterJobOutcome
finish_job(CiterJobRun *run, void *argument)
{
	Finish	   *finish = argument;

	finish->state = !(run->helps && run->job->follow) &&
		citer_job_finish(run->job, !run->job->revisit || run->revisited) ?
		CITER_JOB_SUCCEEDED : citer_job_read_state(run->job);
	if (citer_job_is_active(finish->state) && finish->shows_wait)
		citer_job_wait(run->job, 0, "other sessions");
	return CITER_OUTCOME_COMMITTED;
}

/* Frees the statement, if there is one, of an attempt that was undone. */
static void
drop_statement(CiterJobRun *run)
{
	if (run->statement != NULL)
		citer_job_statement_free(run->statement);
	run->statement = NULL;
}

/* Gives back what is held over transactions. */
static void
give_back(CiterJobRun *run)
{
	if (run->guarded_range != 0)
		citer_guard_release(run->arguments.job, run->guarded_range);
	if (run->has_job_guard)
		citer_guard_release(run->arguments.job, CITER_GUARD_JOB);
	if (run->has_presence)
		citer_guard_leave(run->arguments.job);
	drop_statement(run);
}
