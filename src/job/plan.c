/*
 * plan.c
 *	  The ranges that a new job is split into.
 */
#include "postgres.h"

#include <math.h>

#include "base/options.h"
#include "job/end.h"
#include "job/plan.h"
#include "job/target.h"
#include "walk/split.h"

/* The ranges of a job that are known so far. */
typedef struct RangePlan
{
	const CiterJob *job;
	CiterJobRange *ranges;
	int			nranges;
} RangePlan;

static double expected_rows(const CiterWalk *walk);
static void plan_range(const CiterSplitRange *range, void *arg);
static void append_range(RangePlan *plan, NullableDatum after, NullableDatum upto, double rows);
static NullableDatum copy_array(const ArrayType *array);

/*
 * The ranges of a new job, job->parts of them.  Where there are too few rows
 * for that many, the others are done from the start.
 */
CiterJobRange *
citer_job_plan_ranges(const CiterJob *job, CiterIterator *iterator)
{
	RangePlan	plan = {job, palloc0(sizeof(CiterJobRange) * job->parts), 0};
	const CiterWalk *walk = citer_iterator_walk(iterator);
	const CiterPosition *end = citer_iterator_end(iterator);
	bool		empty = citer_iterator_is_done(iterator);
	NullableDatum after = job->after;
	NullableDatum upto = citer_job_write_bound(walk->key, end->nelements > 0 ? end : &walk->upto);

	if (!after.isnull)
		after = citer_job_write_bound(walk->key, &walk->after);
	/* What comes later is behind the beginning. */
	if (empty && job->follow)
		upto = after;
	if (!empty && (job->parts > 1 || walk->key->physical))
	{
		CiterOptions options = citer_job_target_options(job);

		options.after = citer_options_bookmark("after", after);
		options.upto = citer_options_bookmark("upto", upto);
		citer_split(&options, job->parts, plan_range, &plan);
	}
	else if (!empty)
		append_range(&plan, after, upto, expected_rows(walk));
	while (plan.nranges < job->parts)
	{
		append_range(&plan, upto, upto, 0);
		plan.ranges[plan.nranges - 1].done = true;
	}
	return plan.ranges;
}

/* About how many rows a walk has.  Of a table of Citus the planner does not know: they are counted. */
static double
expected_rows(const CiterWalk *walk)
{
	return walk->index_shape.citus ? citer_walk_count(walk, &walk->after, &walk->upto) :
		citer_walk_estimate(walk, &walk->after, &walk->upto);
}

/* Takes a range of the split. */
static void
plan_range(const CiterSplitRange *range, void *arg)
{
	RangePlan  *plan = arg;
	MemoryContext caller = MemoryContextSwitchTo(plan->job->context);

	append_range(plan, copy_array(range->after), copy_array(range->upto), range->rows);
	MemoryContextSwitchTo(caller);
}

static void
append_range(RangePlan *plan, NullableDatum after, NullableDatum upto, double rows)
{
	CiterJobRange *range = &plan->ranges[plan->nranges++];

	range->range_no = plan->nranges;
	range->after = range->position = after;
	range->upto = upto;
	range->estimated_rows = (int64) rint(rows);
}

/* A copy of an array, or of NULL. */
static NullableDatum
copy_array(const ArrayType *array)
{
	NullableDatum copy = {(Datum) 0, array == NULL};

	if (array != NULL)
		copy.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(PointerGetDatum(array)));
	return copy;
}
