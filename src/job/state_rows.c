/*
 * state_rows.c
 *	  What is kept of rows that a job has not done: those that failed, and those
 *	  that others had locked.
 *
 * Numbers grow, so that what is recorded while the rows are gone through is
 * behind the last number that there was.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "job/sql.h"
#include "job/state.h"

static bool next_row(const CiterJob *job, CiterJobSql sql, CiterJobKept *row);
static CiterJobValues row_values(const CiterJob *job, const CiterJobKept *row);

/* Reads the failed row behind *row into *row; false if there is none. */
bool
citer_job_next_failed(const CiterJob *job, CiterJobKept *row)
{
	return next_row(job, CITER_JOB_SQL_NEXT_FAILED, row);
}

/*
 * Drops a failed row, or all of its key up to the last number; returns how many
 * were there.
 */
int64
citer_job_drop_failed(const CiterJob *job, const CiterJobKept *row, bool whole_key)
{
	CiterJobValues values = row_values(job, row);

	if (whole_key)
	{
		values = citer_job_values(job->name);
		citer_job_add_int(&values, row->range_no);
		citer_job_add_bigint(&values, row->last);
		citer_job_add_array(&values, row->key);
	}
	citer_job_sql_run(job->procedure, whole_key ? CITER_JOB_SQL_DROP_FAILED_KEY :
					  CITER_JOB_SQL_DROP_FAILED, &values);
	return (int64) SPI_processed;
}

/* How many failed rows have the row's key. */
int64
citer_job_count_failed(const CiterJob *job, const CiterJobKept *row)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_int(&values, row->range_no);
	citer_job_add_array(&values, row->key);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_COUNT_FAILED_KEY, &values);
	return citer_job_get_bigint(1, 0);
}

/* Keeps the key of a row that others have locked. */
void
citer_job_keep_passed(const CiterJob *job, int range_no, NullableDatum key)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_int(&values, range_no);
	citer_job_add_array(&values, key);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_KEEP_PASSED, &values);
}

/* Reads the row behind *row that others had locked into *row; false if there is none. */
bool
citer_job_next_passed(const CiterJob *job, CiterJobKept *row)
{
	return next_row(job, CITER_JOB_SQL_NEXT_PASSED, row);
}

void
citer_job_drop_passed(const CiterJob *job, const CiterJobKept *row)
{
	CiterJobValues values = row_values(job, row);

	citer_job_sql_run(job->procedure, CITER_JOB_SQL_DROP_PASSED, &values);
}

/* The last number is kept as it was when the first row of the range was read. */
static bool
next_row(const CiterJob *job, CiterJobSql sql, CiterJobKept *row)
{
	int			range_no = row->range_no;
	bool		isnull;

	for (;;)
	{
		CiterJobValues values = row_values(job, row);

		citer_job_sql_run(job->procedure, sql, &values);
		if (SPI_processed == 0)
			return false;
		row->range_no = DatumGetInt32(citer_job_get(1, &isnull));
		row->number = citer_job_get_bigint(2, 0);
		row->key = citer_job_get_array(3);
		if (row->range_no != range_no)
			row->last = citer_job_get_bigint(4, 0);
		SPI_freetuptable(SPI_tuptable);
		if (row->number <= row->last)
			return true;
		row->number = PG_INT64_MAX;
	}
}

/* Parameters that name a row by its range and number. */
static CiterJobValues
row_values(const CiterJob *job, const CiterJobKept *row)
{
	CiterJobValues values = citer_job_values(job->name);

	citer_job_add_int(&values, row->range_no);
	citer_job_add_bigint(&values, row->number);
	return values;
}
