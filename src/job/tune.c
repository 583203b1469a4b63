/*
 * tune.c
 *	  Changes how a job is done while it runs.
 *
 * What is to change is a row of its own, as requests are: the job's own row is
 * written by its sessions alone, which so never wait for the end of a
 * transaction that tunes it.  They read it with the range they lock for each
 * chunk.  The next run takes it over into the job.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "job/arguments.h"
#include "job/control.h"
#include "job/open.h"
#include "job/sql.h"
#include "job/tune.h"

static const int run_arguments[] = {
	CITER_RUN_JOB, CITER_RUN_CHUNK_SIZE, CITER_RUN_PAUSE_MS, CITER_RUN_TARGET_MS,
	CITER_RUN_THROTTLE_QUERY, CITER_RUN_DUTY_PERCENT, CITER_RUN_MAX_ROWS_PER_SECOND,
	CITER_RUN_MAX_WAL_PER_SECOND
};

static void check_arguments(CiterJobArguments *arguments, const NullableDatum *given);
static void store(Oid procedure, const CiterJobArguments *arguments);

/*
 * chunked_iter_tune.  42704 if there is no such job, 42501 if it belongs to
 * another role, 55000 if it has ended, 22023 for a value that no job can have.
 */
void
citer_job_tune(Oid procedure, const NullableDatum *given)
{
	CiterJobArguments arguments;
	CiterJob   *job;

	citer_spi_connect(0);
	check_arguments(&arguments, given);
	(void) citer_job_control_find(procedure, given[0]);
	job = citer_job_find(procedure, arguments.job);
	citer_job_control_check_unfinished(job, CITER_JOB_RUNNING);
	store(procedure, &arguments);
	citer_spi_finish();
}

/* Checks the arguments as chunked_iter_run does. */
static void
check_arguments(CiterJobArguments *arguments, const NullableDatum *given)
{
	NullableDatum values[CITER_RUN_MAX_WAL_PER_SECOND + 1] = {0};

	for (int i = 0; i < (int) lengthof(values); i++)
		values[i].isnull = true;
	for (int i = 0; i < (int) lengthof(run_arguments); i++)
		values[run_arguments[i]] = given[i];
	citer_job_arguments_read(arguments, values);
}

static void
store(Oid procedure, const CiterJobArguments *arguments)
{
	CiterJobValues values = citer_job_values(arguments->job);

	citer_job_add(&values, INT4OID, Int32GetDatum(arguments->chunk_size), arguments->chunk_size == 0);
	citer_job_add(&values, INT4OID, Int32GetDatum(arguments->target_ms), arguments->target_ms < 0);
	citer_job_add(&values, INT4OID, Int32GetDatum(arguments->pause_ms), arguments->pause_ms < 0);
	citer_job_add_text(&values, arguments->throttle_query);
	citer_job_add(&values, INT4OID,
				  Int32GetDatum(arguments->duty_percent > 0 ? arguments->duty_percent : 100),
				  arguments->duty_percent < 0);
	citer_job_add(&values, INT8OID, Int64GetDatum(arguments->max_rows_per_second),
				  arguments->max_rows_per_second < 0);
	citer_job_add(&values, INT8OID, Int64GetDatum(arguments->max_wal_per_second),
				  arguments->max_wal_per_second < 0);
	citer_job_sql_run(procedure, CITER_JOB_SQL_TUNE, &values);
}
