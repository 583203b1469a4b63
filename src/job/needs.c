/*
 * needs.c
 *	  Jobs that have to succeed before another one begins.
 *
 * They are looked at when a call opens its job, and not while it runs.  What
 * the caller may not see does not exist.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "job/needs.h"
#include "job/sql.h"

static void refuse_itself(const char *job, NullableDatum needs);
static char *describe_missing(void);

/*
 * 55000 if one of the jobs named, in a text[], has not succeeded; 22023 if the
 * job itself is one of them.
 */
void
citer_job_check_needs(Oid procedure, const char *job, NullableDatum needs)
{
	CiterJobValues values = citer_job_values(job);

	if (needs.isnull)
		return;
	refuse_itself(job, needs);
	citer_job_add_array(&values, needs);
	citer_job_sql_run(procedure, CITER_JOB_SQL_MISSING_NEEDS, &values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_plural("job \"%s\" needs a job that has not succeeded",
							   "job \"%s\" needs jobs that have not succeeded",
							   (unsigned long) SPI_processed, job),
				 errdetail("%s", describe_missing()),
				 errhint("Run \"%s\" again afterwards, or with needs => '{}'.", job)));
	SPI_freetuptable(SPI_tuptable);
}

static void
refuse_itself(const char *job, NullableDatum needs)
{
	Datum	   *names;
	int			nnames;

	deconstruct_array(DatumGetArrayTypeP(needs.value), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, NULL, &nnames);
	for (int i = 0; i < nnames; i++)
	{
		if (strcmp(TextDatumGetCString(names[i]), job) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("job \"%s\" cannot need itself", job),
					 errhint("Leave it out of \"%s\".", "needs")));
	}
}

/* The jobs of SPI_tuptable, in sentences. */
static char *
describe_missing(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *state = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		appendStringInfo(&text, "%sJob \"%s\" ", i > 0 ? " " : "", name);
		if (state == NULL)
			appendStringInfoString(&text, "does not exist.");
		else
			appendStringInfo(&text, "%s %s.", strcmp(state, "failed") == 0 ? "has" : "is", state);
	}
	return text.data;
}
