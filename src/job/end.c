/*
 * end.c
 *	  Where a job ends, and what keys can be found again.
 *
 * The end is the last key that there is when it is fixed, within the bound that
 * the user has given.  With follow_delay it is the last one that is so old, by
 * the server's clock.
 *
 * A job can follow its relation if new rows are behind all others: the key has to
 * be unique, ascending and NOT NULL.  That leaves out views and foreign tables,
 * whose writers are not known here, and physical order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "job/end.h"
#include "job/sql.h"
#include "job/target.h"

static NullableDatum delayed_upto(const CiterJob *job, const CiterOptions *options);
static Datum time_before(Oid type, Interval *delay);
static void refuse_to_follow(const CiterJob *job, int sqlstate, const char *detail);

/*
 * Opens the walk from a position up to the present end, which it fixes.  Warns if
 * there is no index, unless it is to be quiet.
 */
CiterIterator *
citer_job_open_to_end(const CiterJob *job, NullableDatum after, bool quiet)
{
	CiterOptions options = citer_job_target_options(job);

	options.after = citer_options_bookmark("after", after);
	options.upto = citer_options_bookmark("upto", job->upto);
	options.job.stored = false;
	options.columns_known = true;
	options.job.quiet = quiet;
	if (job->follow && job->follow_delay != NULL)
		options.upto = citer_options_bookmark("upto", delayed_upto(job, &options));
	options.snapshot = CITER_SNAPSHOT_CHUNK;
	return citer_iterator_open(&options);
}

/* The user's bound or, if that is earlier, the time before which rows are old enough. */
static NullableDatum
delayed_upto(const CiterJob *job, const CiterOptions *options)
{
	CiterWalk  *walk = citer_walk_resolve(options);
	CiterKeyElement *element = &walk->key->elements[0];
	CiterPosition bound = citer_position_create(1);

	bound.values[0] = time_before(getBaseType(element->type), job->follow_delay);
	bound.isnull[0] = false;
	if (walk->upto.nelements > 0 &&
		citer_key_compare(element, walk->upto.values[0], walk->upto.isnull[0], bound.values[0], false) <= 0)
		return job->upto;
	return citer_job_write_bound(walk->key, &bound);
}

/* The time that long ago; of dates, the last one that was over by then. */
static Datum
time_before(Oid type, Interval *delay)
{
	Datum		time = DirectFunctionCall2(timestamptz_mi_interval,
										   TimestampTzGetDatum(GetCurrentTimestamp()),
										   IntervalPGetDatum(delay));

	switch (type)
	{
		case TIMESTAMPTZOID:
			return time;
		case TIMESTAMPOID:
			return DirectFunctionCall1(timestamptz_timestamp, time);
		case DATEOID:
			return DirectFunctionCall2(date_mii, DirectFunctionCall1(timestamptz_date, time),
									   Int32GetDatum(1));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" is for keys that begin with a time", "follow_delay"),
					 errdetail("The first column of the key has type %s.", format_type_be(type)),
					 errhint("Leave it out, or order by a column of type timestamp with time zone.")));
	}
}

/* 0A000 or 22023 if the job is to follow its relation and cannot. */
void
citer_job_check_follows(const CiterJob *job, const CiterWalk *walk)
{
	const CiterKey *key = walk->key;

	if (!job->follow)
		return;
	if (job->follow_delay != NULL)
		(void) time_before(getBaseType(key->elements[0].type), job->follow_delay);
	if (key->physical)
		refuse_to_follow(job, ERRCODE_FEATURE_NOT_SUPPORTED,
						 "In physical order new rows come wherever there is space.");
	if (!key->unique)
		refuse_to_follow(job, ERRCODE_FEATURE_NOT_SUPPORTED,
						 psprintf("Several rows can have the same %s, and some of these could come later.",
								  citer_key_describe(key)));
	if (walk->index_shape.citus)
		refuse_to_follow(job, ERRCODE_FEATURE_NOT_SUPPORTED,
						 "Its rows are on other nodes, and who writes there is not known here.");
	for (int i = 0; i < key->nelements; i++)
	{
		const char *column = citer_key_column(&key->elements[i]);

		if (key->elements[i].descending)
			refuse_to_follow(job, ERRCODE_INVALID_PARAMETER_VALUE,
							 psprintf("The order of %s is descending, and new rows come first.", column));
		if (key->elements[i].nullable)
			refuse_to_follow(job, ERRCODE_FEATURE_NOT_SUPPORTED,
							 psprintf("%s can be NULL, which is not behind all other rows.", column));
	}
}

static void
refuse_to_follow(const CiterJob *job, int sqlstate, const char *detail)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("job \"%s\" cannot follow %s", job->name, job->relation),
			 errdetail("%s", detail),
			 errhint("Order by columns that grow: NOT NULL, ascending and, with the primary key behind them, unique.")));
}

/* 0A000 if a row that is left out cannot be found again by its key alone. */
void
citer_job_check_revisits(const CiterJob *job, const CiterWalk *walk)
{
	const CiterKey *key = walk->key;

	if (!job->revisit || (key->unique && !key->physical))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot revisit rows of %s", job->relation),
			 key->physical ? errdetail("The job goes by ctid, which an UPDATE of a row changes.") :
			 errdetail("Several rows can have the same %s, and some of these would be done twice.",
					   citer_key_describe(key)),
			 errhint("Order by columns that are unique and NOT NULL, or leave out \"revisit\".")));
}

/*
 * A sequence that gives numbers to sessions in advance makes rows come late: warns
 * of that for the first column of the key.
 */
void
citer_job_warn_of_cache(const CiterJob *job, const CiterWalk *walk)
{
	CiterJobValues values = citer_job_values(job->name);
	Expr	   *expr = walk->key->elements[0].expr;

	if (!job->follow || !IsA(expr, Var))
		return;
	citer_job_add_oid(&values, walk->relation->relid);
	citer_job_add_int(&values, ((Var *) expr)->varattno);
	citer_job_sql_run(job->procedure, CITER_JOB_SQL_CACHED, &values);
	if (SPI_processed > 0)
		ereport(WARNING,
				(errmsg("job \"%s\" can miss rows of %s", job->name, job->relation),
				 errdetail("Sequence %s gives each session %lld numbers in advance, which it uses later.",
						   citer_job_get_text(1), (long long) citer_job_get_bigint(2, 0)),
				 errhint("ALTER SEQUENCE %s CACHE 1;", citer_job_get_text(1))));
	SPI_freetuptable(SPI_tuptable);
}

/*
 * A bound of the walk as it is stored, or NULL.  The text that the user passed
 * may depend on settings of this session.
 */
NullableDatum
citer_job_write_bound(const CiterKey *key, const CiterPosition *bound)
{
	NullableDatum text = {(Datum) 0, bound->nelements == 0};

	if (!text.isnull)
		text.value = PointerGetDatum(citer_bookmark_write(key, bound));
	return text;
}
