/*
 * claim.c
 *	  One free range of a job after the other.
 *
 * A range is free if it is not done and no session holds its guard.
 */
#include "postgres.h"

#include "job/claim.h"
#include "job/guard.h"
#include "job/range.h"
#include "job/transaction.h"

/* A range to work on: the argument of claim_range. */
typedef struct Claim
{
	int			behind;			/* the range this session was at work on; 0:
								 * none */
	int			range_no;		/* taken; 0: none is left */
} Claim;

static CiterJobOutcome claim_range(CiterJobRun *run, void *argument);
static int	claim_behind(const CiterJob *job, int range_no);

/*
 * Works through ranges, one after the other, as long as there is a free one.
 * Returns the job's state then.
 */
CiterJobState
citer_job_work_on_ranges(CiterJobRun *run)
{
	Claim		claim = {0};

	for (;;)
	{
		CiterJobState state;

		(void) citer_job_do(run, claim_range, &claim, NULL);
		if (claim.range_no == 0)
		{
			citer_guard_unshare(run->role, run->job->name);
			return CITER_JOB_RUNNING;
		}
		state = citer_job_run_range(run, claim.range_no);
		citer_guard_release(run->role, run->job->name, run->guarded_range);
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
		citer_guard_release(run->role, run->job->name, run->guarded_range);
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
			if (citer_guard_take(job->owner_oid, job->name, range_no))
				return range_no;
		}
	}
	return 0;
}
