/*
 * detached.c
 *	  Jobs that run in background workers, with no client.
 *
 * chunked_iter_start() makes the job in the transaction of its caller, and
 * starts a worker that is to run it.  That waits for the end of the transaction,
 * and does nothing unless it has committed.  Until then the caller holds the
 * job's guard.
 *
 * The worker is a session of the job's owner, with the settings that this role
 * has in a new session.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/settings.h"
#include "job/begin.h"
#include "job/detached.h"
#include "job/guard.h"
#include "job/sql.h"
#include "job/target.h"
#include "job/workers.h"
#include "sql/spi.h"

static bool launch(const CiterJobRun *run, const char *job, Oid owner, TransactionId xid, int elevel);
static bool can_run_as(Oid owner, const char *job, int elevel);
static char *command(const CiterJobRun *run, const char *job);
static void read_limits(SPITupleTable *jobs, uint64 row, CiterJobArguments *limits);
static bool resume(const CiterJobRun *run, const char *job, Oid owner);

/*
 * chunked_iter_start: makes or finds a job as chunked_iter_run does, with the
 * same errors, and has a worker run it once the transaction has committed.
 * 53000 if there can be no worker.
 */
void
citer_detached_start(Oid procedure, const NullableDatum *arguments)
{
	CiterJobRun run = {.procedure = procedure,.role = GetUserId(),.detached = true};
	bool		resuming;
	int			nestlevel;
	bool		opened;

	citer_spi_connect(0);
	run.context = CurrentMemoryContext;
	citer_job_arguments_read(&run.arguments, arguments);
	if (!citer_guard_hold(run.role, run.arguments.job))
		citer_job_refuse_busy(run.arguments.job);
	nestlevel = citer_settings_begin();
	opened = citer_job_open(&run, &resuming);
	citer_settings_end(nestlevel);
	citer_job_drop_statement(&run);
	if (!opened)
		ereport(NOTICE,
				(errmsg("job \"%s\" has succeeded already", run.arguments.job)));
	else if (get_rel_persistence(run.job->relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a job on a temporary table cannot run in the background"),
				 errdetail("Other sessions do not see the table."),
				 errhint("CALL chunked_iter_run(), or use another table.")));
	else
		(void) launch(&run, run.job->name, run.job->owner_oid, GetCurrentTransactionId(), ERROR);
	citer_spi_finish();
}

/*
 * chunked_iter_resume: starts those jobs again that were started in the
 * background and that no session is at work on, though none was stopped, with
 * what is left of the limits that they were started with.  Those of the caller,
 * or of all roles for a superuser.  Returns how many.
 */
int
citer_detached_resume(Oid procedure)
{
	CiterJobRun run = {.procedure = procedure};
	CiterJobValues values = {.n = 0};
	SPITupleTable *jobs;
	uint64		njobs;
	int			resumed = 0;

	citer_spi_connect(0);
	citer_job_add_bool(&values, superuser());
	/* A job that was restored from a dump is left to whoever knows of it. */
	citer_job_add_text(&values, citer_job_home(procedure));
	citer_job_sql_run(procedure, CITER_JOB_SQL_DETACHED, &values);
	jobs = SPI_tuptable;
	njobs = SPI_processed;
	for (uint64 i = 0; i < njobs; i++)
	{
		bool		isnull;
		Datum		owner = SPI_getbinval(jobs->vals[i], jobs->tupdesc, 2, &isnull);

		read_limits(jobs, i, &run.arguments);
		/* The role of a job may be gone. */
		if (!isnull)
			resumed += resume(&run, SPI_getvalue(jobs->vals[i], jobs->tupdesc, 1),
							  DatumGetObjectId(owner));
	}
	citer_spi_finish();
	return resumed;
}

/*
 * What is left of the limits that a job was started with; it is to pause at once if
 * that is nothing.
 */
static void
read_limits(SPITupleTable *jobs, uint64 row, CiterJobArguments *limits)
{
	bool		no_chunks;
	bool		no_ms;
	int64		chunks = DatumGetInt64(SPI_getbinval(jobs->vals[row], jobs->tupdesc, 3, &no_chunks));
	int64		ms = DatumGetInt64(SPI_getbinval(jobs->vals[row], jobs->tupdesc, 4, &no_ms));

	limits->max_chunks = no_chunks ? 0 : Max(chunks, 1);
	limits->max_ms = no_ms ? 0 : Max(ms, 1);
	if (!no_chunks && chunks <= 0)
		limits->max_ms = 1;
}

/* Starts a job again; false if it cannot be, or a session is at work on it. */
static bool
resume(const CiterJobRun *run, const char *job, Oid owner)
{
	if (!citer_guard_hold(owner, job))
		return false;
	if (owner != GetUserId() && !citer_workers_can_be(owner))
	{
		ereport(WARNING,
				(errmsg("job \"%s\" is not resumed", job),
				 errdetail("Its owner \"%s\" cannot log in.", GetUserNameFromId(owner, false)),
				 errhint("SELECT chunked_iter_resume() after SET ROLE %s.",
						 quote_identifier(GetUserNameFromId(owner, false)))));
		return false;
	}
	return launch(run, job, owner, InvalidTransactionId, WARNING);
}

/*
 * Starts a worker that runs a job, and waits until it has connected.  If it does
 * not, reports so, and returns false.
 */
static bool
launch(const CiterJobRun *run, const char *job, Oid owner, TransactionId xid, int elevel)
{
	CiterWorkersOrder order = {.n = 1,.sql = command(run, job),.job = job,.owner = owner,.xid = xid};
	CiterWorkers *workers;
	bool		ready = false;

	if (!can_run_as(owner, job, elevel))
		return false;
	workers = citer_workers_start(&order);
	PG_TRY();
	{
		ready = citer_workers_ready(workers);
	}
	PG_FINALLY();
	{
		citer_workers_release(workers);
	}
	PG_END_TRY();
	if (!ready)
		ereport(elevel,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a background worker for job \"%s\"", job),
				 errhint("You might need to increase max_worker_processes; the server's log says more.")));
	return ready;
}

/* 42501 if the worker would have rights that the caller does not have here. */
static bool
can_run_as(Oid owner, const char *job, int elevel)
{
	char	   *role;

	if (citer_workers_can_be(owner) || citer_workers_can_take_role())
		return true;
	role = GetUserNameFromId(owner, false);
	ereport(elevel,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot start job \"%s\" in the background within a security-definer function", job),
			 errdetail("Its owner \"%s\" cannot log in.", role),
			 errhint("ALTER ROLE %s LOGIN, or SET ROLE %s and call chunked_iter_start() outside of such functions.",
					 quote_identifier(role), quote_identifier(role))));
	return false;
}

/* What the worker is to run, with the limits of this call. */
static char *
command(const CiterJobRun *run, const char *job)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CALL %s.chunked_iter_run(%s", citer_job_schema(run->procedure),
					 quote_literal_cstr(job));
	if (run->arguments.max_chunks > 0)
		appendStringInfo(&sql, ", max_chunks => %lld", (long long) run->arguments.max_chunks);
	if (run->arguments.max_ms > 0)
		appendStringInfo(&sql, ", max_ms => %lld", (long long) run->arguments.max_ms);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}
