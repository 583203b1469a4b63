/*
 * control.c
 *	  What other sessions do to a job.
 *
 * They write the state they want into a table of its own, and the sessions at
 * work on the job read it before each chunk.  All happens in the caller's
 * transaction, and the job does not wait for the end of that.  Members of the
 * role that owns a job may do so, although they cannot run it.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "job/arguments.h"
#include "job/control.h"
#include "job/guard.h"
#include "job/state.h"
#include "sql/spi.h"

static void request(Oid procedure, NullableDatum name, CiterJobState state);

/* The job stops before its next chunk, and can go on later. */
void
citer_job_pause(Oid procedure, NullableDatum name)
{
	request(procedure, name, CITER_JOB_PAUSED);
}

/* The job stops before its next chunk, for good. */
void
citer_job_cancel(Oid procedure, NullableDatum name)
{
	request(procedure, name, CITER_JOB_CANCELLED);
}

/* Drops what is kept of a job.  55P03 if a session is at work on it. */
void
citer_job_forget(Oid procedure, NullableDatum name)
{
	CiterJob   *job;

	citer_spi_connect(0);
	job = citer_job_control_find(procedure, name);
	if (!citer_guard_exclude(job->owner_oid, job->name))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("job \"%s\" is being run by a session", job->name),
				 errhint("SELECT chunked_iter_cancel(%s) first, and wait for it to stop.", quote_literal_cstr(job->name))));
	citer_job_delete(job);
	citer_spi_finish();
}

static void
request(Oid procedure, NullableDatum name, CiterJobState state)
{
	CiterJob   *job;

	citer_spi_connect(0);
	job = citer_job_control_find(procedure, name);
	citer_job_control_check_unfinished(job, state);
	citer_job_request(job, state);
	citer_spi_finish();
}

/* The job of that name.  42704 if there is none. */
CiterJob *
citer_job_control_find(Oid procedure, NullableDatum name)
{
	char	   *text = citer_job_arguments_name(name);
	CiterJob   *job = citer_job_read(procedure, text);

	if (job == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", text),
				 errhint("The view chunked_iter_progress shows all jobs.")));
	return job;
}

/*
 * 55000 if the job has ended; one that has been cancelled can be cancelled
 * again.
 */
void
citer_job_control_check_unfinished(const CiterJob *job, CiterJobState state)
{
	if (job->state != CITER_JOB_SUCCEEDED &&
		(job->state != CITER_JOB_CANCELLED || state == CITER_JOB_CANCELLED))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job \"%s\" has ended", job->name),
			 errdetail("It is %s.", citer_job_state_name(job->state)),
			 errhint("SELECT chunked_iter_forget(%s) drops it.", quote_literal_cstr(job->name))));
}
