/*
 * job.c
 *	  Jobs: a statement for each chunk of a relation, one transaction a chunk.
 *
 * The way of a call: its arguments make or find a job, in a first transaction;
 * then the session takes one range after the other that nobody else is at
 * work on, and goes through it (job_range.c); when all are done, the job is.
 *
 * Guards are held over transactions, and so are the statement's plan and the
 * memory of the run.  All three are given back at every end but that of the
 * session itself, which takes them along.
 */
#include "job/job.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "job/guard.h"
#include "job/open.h"
#include "job/pace.h"
#include "job/run.h"
#include "sql/spi.h"

/*
 * How often a run looks whether other sessions are done with their ranges, or
 * have given them up: often at first, for they may be about to be done.
 */
#define OTHERS_FIRST_MS 5.0
#define OTHERS_MAX_MS 100.0

static void run_connected(Oid procedure, const NullableDatum *arguments, bool helps);
static void run_job(CiterJobRun *run);
static void help_job(CiterJobRun *run);
static void enter(CiterJobRun *run);
static void do_or_throw(CiterJobRun *run, CiterJobWork work);
static CiterJobOutcome open_job(CiterJobRun *run, void *argument);
static void create_job(CiterJobRun *run);
static bool resume_job(CiterJobRun *run);
static CiterJobOutcome open_help(CiterJobRun *run, void *argument);
static void drop_statement(CiterJobRun *run);
static void work_on_ranges(CiterJobRun *run);
static CiterJobOutcome claim_range(CiterJobRun *run, void *argument);
static int	claim_behind(CiterJobRun *run, int range_no);
static CiterJobOutcome finish_job(CiterJobRun *run, void *argument);
static void report_end(CiterJobRun *run);
static void warn_of_effect(const CiterJobRun *run);
static void release_all(CiterJobRun *run);

/*
 * chunked_iter_run: makes the job or goes on with it, until it is done or has
 * to stop.  25006 where nothing can be written, 55P03 if another session runs
 * it.
 */
void
citer_job_run(Oid procedure, const NullableDatum *arguments)
{
	run_connected(procedure, arguments, false);
}

/* chunked_iter_work: takes ranges of a job that nobody is at work on. */
void
citer_job_work(Oid procedure, const NullableDatum *arguments)
{
	run_connected(procedure, arguments, true);
}

/* The frame of both: connected to SPI, and everything given back in the end. */
static void
run_connected(Oid procedure, const NullableDatum *arguments, bool helps)
{
	CiterJobRun *run;

	citer_spi_connect(SPI_OPT_NONATOMIC);
	run = palloc0(sizeof(CiterJobRun));
	run->context = CurrentMemoryContext;
	run->scratch = AllocSetContextCreate(run->context, "chunked_iter job chunk",
										 ALLOCSET_DEFAULT_SIZES);
	run->procedure = procedure;
	run->role = GetUserId();
	run->helps = helps;
	if (helps)
		run->arguments.job = citer_job_arguments_name(arguments[CITER_RUN_JOB]);
	else
		citer_job_arguments_read(&run->arguments, arguments);
	run->message_mark = citer_pace_now();
	if (run->arguments.max_ms > 0)
		run->deadline = citer_pace_now() + run->arguments.max_ms;

	PG_TRY();
	{
		if (helps)
			help_job(run);
		else
			run_job(run);
	}
	PG_FINALLY();
	{
		release_all(run);
	}
	PG_END_TRY();
	citer_spi_finish();
}

static void
run_job(CiterJobRun *run)
{
	ErrorData  *error;
	bool		resuming = false;
	double		wait_ms = OTHERS_FIRST_MS;

	run->has_job_guard = citer_guard_take(run->arguments.job, CITER_GUARD_JOB);
	if (!run->has_job_guard)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("job \"%s\" is being run by another session", run->arguments.job),
				 errhint("CALL chunked_iter_work(%s) to help with it.", quote_literal_cstr(run->arguments.job))));
	enter(run);
	if (citer_job_do(run, open_job, &resuming, &error) == CITER_OUTCOME_FAILED)
	{
		if (resuming)
			citer_job_fail_to_resume(run, error);
		ReThrowError(error);
	}
	if (run->state == CITER_JOB_SUCCEEDED)
	{
		ereport(NOTICE,
				(errmsg("job \"%s\" has succeeded already", run->arguments.job)));
		return;
	}
	for (;;)
	{
		work_on_ranges(run);
		if (citer_job_is_active(run->state))
			do_or_throw(run, finish_job);
		if (!citer_job_is_active(run->state))
			break;
		citer_job_sleep(wait_ms);
		wait_ms = Min(2 * wait_ms, OTHERS_MAX_MS);
	}
	report_end(run);
}

static void
help_job(CiterJobRun *run)
{
	enter(run);
	do_or_throw(run, open_help);
	if (run->state == CITER_JOB_SUCCEEDED)
		return;
	work_on_ranges(run);
	if (citer_job_is_active(run->state))
		do_or_throw(run, finish_job);
	report_end(run);
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

/* Does something in a transaction of its own; throws its error. */
static void
do_or_throw(CiterJobRun *run, CiterJobWork work)
{
	ErrorData  *error;

	if (citer_job_do(run, work, NULL, &error) == CITER_OUTCOME_FAILED)
		ReThrowError(error);
}

/* The first transaction of a run; says whether it goes on with a job. */
static CiterJobOutcome
open_job(CiterJobRun *run, void *argument)
{
	bool	   *resuming = argument;
	MemoryContext scratch = MemoryContextSwitchTo(run->context);
	CiterJob   *job;

	*resuming = false;
	drop_statement(run);
	job = citer_job_find(run->procedure, run->arguments.job);
	if (job == NULL)
		create_job(run);
	else
	{
		run->job = job;
		*resuming = resume_job(run);
		if (*resuming)
		{
			citer_job_prepare(job, &run->statement);
			citer_job_start(job);
		}
	}
	MemoryContextSwitchTo(scratch);
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
}

/*
 * Whether the job that was found is to go on, under the settings of this call.
 * One that has succeeded is left alone, so that it can be run every night until
 * it is done; 55000 if it was cancelled.
 */
static bool
resume_job(CiterJobRun *run)
{
	CiterJob   *job = run->job;

	citer_job_use_settings(job);
	citer_job_change(job, &run->arguments);
	if (job->state == CITER_JOB_CANCELLED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" was cancelled", job->name),
				 errhint("SELECT chunked_iter_forget(%s) to start it again from the beginning.", quote_literal_cstr(job->name))));
	run->state = job->state == CITER_JOB_SUCCEEDED ? CITER_JOB_SUCCEEDED : CITER_JOB_RUNNING;
	return run->state == CITER_JOB_RUNNING;
}

/* The first transaction of a helper. */
static CiterJobOutcome
open_help(CiterJobRun *run, void *argument pg_attribute_unused())
{
	CiterJob   *job;
	MemoryContext scratch = MemoryContextSwitchTo(run->context);

	drop_statement(run);
	job = citer_job_find(run->procedure, run->arguments.job);
	if (job == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", run->arguments.job),
				 errhint("CALL chunked_iter_run() starts one.")));
	run->job = job;
	run->state = job->state;
	citer_job_use_settings(job);
	if (job->state != CITER_JOB_SUCCEEDED && !citer_job_is_active(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" is not running", job->name),
				 errdetail("It is %s.", citer_job_state_name(job->state)),
				 errhint("CALL chunked_iter_run(%s) goes on with it.", quote_literal_cstr(job->name))));
	if (job->state != CITER_JOB_SUCCEEDED)
		citer_job_prepare(job, &run->statement);
	MemoryContextSwitchTo(scratch);
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

/* Works through ranges, one after the other, as long as there is a free one. */
static void
work_on_ranges(CiterJobRun *run)
{
	for (;;)
	{
		do_or_throw(run, claim_range);
		if (run->guarded_range == 0)
			return;
		memset(&run->range, 0, sizeof(run->range));
		run->range.range_no = run->guarded_range;
		run->range.position.isnull = true;
		citer_job_run_range(run);
		citer_guard_release(run->job->name, run->guarded_range);
		run->guarded_range = 0;
		if (!citer_job_is_active(run->state))
			return;
	}
}

/*
 * Takes the guard of a range that is neither done nor taken: of the first one
 * behind the range this session was at work on, or else of the first of all.  A
 * guard outlives the transaction, also that of an attempt that was undone.
 */
static CiterJobOutcome
claim_range(CiterJobRun *run, void *argument pg_attribute_unused())
{
	if (run->guarded_range != 0)
		citer_guard_release(run->job->name, run->guarded_range);
	run->guarded_range = claim_behind(run, run->range.range_no);
	if (run->guarded_range == 0 && run->range.range_no > 0)
		run->guarded_range = claim_behind(run, 0);
	return CITER_OUTCOME_COMMITTED;
}

/* The number of the range of which it has taken the guard; 0: of none. */
static int
claim_behind(CiterJobRun *run, int range_no)
{
	int			range_nos[CITER_JOB_RANGES_MAX];
	int			nranges;

	while ((nranges = citer_job_unfinished_ranges(run->job, range_no, range_nos)) > 0)
	{
		for (int i = 0; i < nranges; i++)
		{
			range_no = range_nos[i];
			if (citer_guard_take(run->job->name, range_no))
				return range_no;
		}
	}
	return 0;
}

/*
 * Marks the job as succeeded if all its ranges are done, or finds out why it
 * is not to be worked on any more.
 */
static CiterJobOutcome
finish_job(CiterJobRun *run, void *argument pg_attribute_unused())
{
	run->state = citer_job_finish(run->job) ? CITER_JOB_SUCCEEDED : citer_job_read_state(run->job);
	if (citer_job_is_active(run->state) && !run->helps && !run->waits_for_others)
	{
		citer_job_wait(run->job, 0, "other sessions");
		run->waits_for_others = true;
	}
	return CITER_OUTCOME_COMMITTED;
}

/*
 * Tells the client how it ended: what was read, and what the statement made of
 * it.  Warns where these do not go together.
 */
static void
report_end(CiterJobRun *run)
{
	const char *state = citer_job_is_active(run->state) ? "running" : citer_job_state_name(run->state);
	char	   *changed = run->nchunks_counted == 0 ? "" :
	psprintf(" read, %lld changed,", (long long) run->changed);
	StringInfoData detail;

	initStringInfo(&detail);
	if (run->skipped > 0)
		appendStringInfo(&detail, "%lld rows failed; they are in chunked_iter_failed_rows.",
						 (long long) run->skipped);
	if (run->passed > 0)
		appendStringInfo(&detail, "%s%lld rows were locked by others and passed over.",
						 detail.len > 0 ? " " : "", (long long) run->passed);
	if (run->nchunks_unchanged > 0)
		appendStringInfo(&detail, "%sThe statement changed no row in %lld of %lld chunks.",
						 detail.len > 0 ? " " : "", (long long) run->nchunks_unchanged,
						 (long long) run->nchunks_counted);
	ereport(NOTICE,
			(errmsg("job \"%s\" %s %s: %lld rows%s in %lld chunks", run->arguments.job,
					run->state == CITER_JOB_SUCCEEDED ? "has" : "is", state,
					(long long) run->rows, changed, (long long) run->nchunks),
			 detail.len > 0 ? errdetail("%s", detail.data) : 0));
	warn_of_effect(run);
}

/* A statement that did nothing at all, or rows more than once. */
static void
warn_of_effect(const CiterJobRun *run)
{
	if (run->nchunks_counted > 0 && run->changed == 0)
		ereport(WARNING,
				(errmsg("the statement of job \"%s\" changed no row", run->arguments.job),
				 errhint("Check its condition, and what triggers and policies leave of the rows.")));
	else if (run->changed_own > run->rows && !run->job->statement_is_global)
		ereport(WARNING,
				(errmsg("the statement of job \"%s\" changed more rows of %s than were read",
						run->arguments.job, run->job->relation),
				 errdetail("It changed %lld rows for %lld.", (long long) run->changed_own,
						   (long long) run->rows),
				 errhint("Check whether it did rows more than once: WHERE chunk_range() has those of the chunk.")));
}

/* Gives back what is held over transactions. */
static void
release_all(CiterJobRun *run)
{
	if (run->guarded_range != 0)
		citer_guard_release(run->arguments.job, run->guarded_range);
	if (run->has_job_guard)
		citer_guard_release(run->arguments.job, CITER_GUARD_JOB);
	if (run->has_presence)
		citer_guard_leave(run->arguments.job);
	drop_statement(run);
}
