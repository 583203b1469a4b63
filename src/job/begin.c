/*
 * begin.c
 *	  The first transaction of a call: the job is made, or found to go on.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "job/begin.h"
#include "job/needs.h"
#include "job/open.h"
#include "job/pace.h"
#include "job/runs.h"

/* A limit of a thousand years is none. */
#define LIMIT_MS_MAX 31557600000000.0

static bool is_wanted(const CiterJob *job);
static void create_job(CiterJobRun *run);
static void keep_limits(const CiterJobRun *run);
static bool can_resume(const CiterJob *job);

/*
 * The first transaction of a run; CITER_OUTCOME_STOPPED if there is nothing to
 * do.  The argument, a bool, becomes whether it goes on with an old job; it is
 * set also if the transaction fails.
 */
CiterJobOutcome
citer_job_begin_run(CiterJobRun *run, void *argument)
{
	bool	   *resuming = argument;

	*resuming = false;
	/* What is found here outlives the transaction. */
	MemoryContextSwitchTo(run->context);
	if (!citer_job_open(run, resuming))
		return CITER_OUTCOME_STOPPED;
	citer_job_runs_begin(run);
	return CITER_OUTCOME_COMMITTED;
}

/*
 * For a worker, before it counts as a session at work: CITER_OUTCOME_STOPPED if its
 * job is not to be run any more.  So who has stopped the job can forget it.
 */
CiterJobOutcome
citer_job_look_if_wanted(CiterJobRun *run, void *argument pg_attribute_unused())
{
	return is_wanted(citer_job_read(run->procedure, run->arguments.job)) ?
		CITER_OUTCOME_COMMITTED : CITER_OUTCOME_STOPPED;
}

/*
 * Whether a job that was started on its own is still to be run, now that its
 * worker can: nobody has stopped it, or run it himself.  NULL: it was forgotten.
 */
static bool
is_wanted(const CiterJob *job)
{
	return job != NULL && job->detached && job->state == CITER_JOB_RUNNING;
}

/*
 * Makes a job from the arguments of the run, or finds it and has it go on, in
 * the present transaction and the current memory context, between
 * citer_settings_begin() and citer_settings_end().  False if it has succeeded
 * already, or its worker is not wanted any more.  *resuming becomes whether it goes on with an old job, also if there
 * is an error.
 */
bool
citer_job_open(CiterJobRun *run, bool *resuming)
{
	bool		wrong;
	CiterJob   *job;

	*resuming = run->followed = false;
	citer_job_drop_statement(run);
	job = citer_job_find(run->procedure, run->arguments.job);

	/*
	 * In its worker, and not in who starts it: what is asked of it from here
	 * on stays.
	 */
	if (run->detached && run->has_job_guard && !is_wanted(job))
		return false;
	if (job == NULL)
	{
		citer_job_check_needs(run->procedure, run->arguments.job, run->arguments.needs);
		create_job(run);
	}
	else
	{
		run->job = job;
		citer_job_use_settings(job);
		wrong = citer_job_change(job, &run->arguments);
		if (!can_resume(job))
			return false;
		citer_job_check_needs(job->procedure, job->name, job->needs);
		/* A statement that is wrong by the arguments is not wrong by itself. */
		*resuming = !wrong;
		citer_job_prepare(job, &run->statement);
		job->detached = run->detached;
		citer_job_start(job);
	}
	if (run->detached)
		keep_limits(run);
	return true;
}

/* Makes and stores a new job. */
static void
create_job(CiterJobRun *run)
{
	CiterJobRange *ranges;
	CiterJob   *job = citer_job_create(run->procedure, &run->arguments, &run->statement, &ranges);

	job->detached = run->detached;
	citer_job_insert(job);
	for (int i = 0; i < job->parts; i++)
		citer_job_insert_range(job, &ranges[i]);
	run->job = job;
	run->followed = true;
}

/* Stores what is left of the limits of the run, for who resumes the job. */
static void
keep_limits(const CiterJobRun *run)
{
	int64		max_chunks = run->arguments.max_chunks;
	double		max_ms = run->deadline != 0 ? Max(run->deadline - citer_pace_now(), 0) :
	(double) run->arguments.max_ms;
	TimestampTz stop_at = 0;

	if (run->arguments.max_ms != 0 && max_ms < LIMIT_MS_MAX)
		stop_at = GetCurrentTimestamp() + (TimestampTz) (max_ms * 1000);
	if (max_chunks != 0 || stop_at != 0)
		citer_job_limit(run->job, max_chunks, stop_at);
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
	return job->state != CITER_JOB_SUCCEEDED || job->follow ||
		(job->revisit && citer_job_next_passed(job, &row));
}

/*
 * The first transaction of a helper; CITER_OUTCOME_STOPPED if there is nothing
 * left to do.
 */
CiterJobOutcome
citer_job_begin_help(CiterJobRun *run, void *argument pg_attribute_unused())
{
	CiterJob   *job;

	MemoryContextSwitchTo(run->context);
	citer_job_drop_statement(run);
	job = run->job = citer_job_find_named(run->procedure, run->arguments.job);
	citer_job_use_settings(job);
	if (job->state == CITER_JOB_SUCCEEDED)
		return CITER_OUTCOME_STOPPED;
	/* The run may have stopped before its worker is there. */
	if (!citer_job_is_active(job->state) && run->shared != NULL)
		return CITER_OUTCOME_STOPPED;
	if (!citer_job_is_active(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" is not running", job->name),
				 errdetail("It is %s.", citer_job_state_name(job->state)),
				 errhint("CALL chunked_iter_run(%s) continues it.", quote_literal_cstr(job->name))));
	citer_job_prepare(job, &run->statement);
	citer_job_runs_begin(run);
	return CITER_OUTCOME_COMMITTED;
}

/* Frees the statement, if there is one, of an attempt that was undone. */
void
citer_job_drop_statement(CiterJobRun *run)
{
	if (run->statement != NULL)
		citer_job_statement_free(run->statement);
	run->statement = NULL;
}

/* 55P03: another session has the guard of the job. */
void
citer_job_refuse_busy(const char *job)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("job \"%s\" is being run by another session", job),
			 errhint("CALL chunked_iter_work(%s) to help with it.", quote_literal_cstr(job))));
}
