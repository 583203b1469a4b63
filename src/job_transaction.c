/*
 * job_transaction.c
 *	  Something done in a transaction of its own, with its errors caught.
 *
 * A procedure may commit if it was called outside of any transaction block;
 * SPI then begins the next transaction at once.  Errors are caught as PL/pgSQL
 * catches them, by a subtransaction around the work, which is what puts SPI,
 * locks and memory right again; then the transaction around it is rolled back
 * as well, so that nothing is left of it.  An error of the commit itself is
 * caught, too: by then SPI has rolled back and begun anew.
 *
 * No snapshot of ours is active at a commit: what the work needs is that of
 * the portal, which the commit takes away.
 */
#include "postgres.h"

#include "access/xact.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "job_open.h"
#include "job_run.h"
#include "settings.h"
#include "spi.h"

static void work_in_settings(CiterJobRun *run, void (*work) (CiterJobRun *run));

/*
 * Does the work in the present transaction, under the job's settings, and
 * commits.  Returns NULL, or the error, in run->context, after a rollback.
 * Either way a new transaction has begun, and run->context is current.  The
 * work is called in run->scratch.
 */
ErrorData *
citer_job_transaction(CiterJobRun *run, void (*work) (CiterJobRun *run))
{
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	volatile bool inside = true;

	EnsurePortalSnapshotExists();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(run->scratch);
	PG_TRY();
	{
		work_in_settings(run, work);
		ReleaseCurrentSubTransaction();
		/* The commit itself leaves a few bytes behind. */
		MemoryContextSwitchTo(run->scratch);
		CurrentResourceOwner = owner;
		inside = false;
		SPI_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run->context);
		error = CopyErrorData();
		FlushErrorState();
		if (inside)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(run->context);
			CurrentResourceOwner = owner;
			SPI_rollback();
		}
	}
	PG_END_TRY();
	SPI_start_transaction();
	MemoryContextSwitchTo(run->context);
	return error;
}

static void
work_in_settings(CiterJobRun *run, void (*work) (CiterJobRun *run))
{
	int			nestlevel = citer_settings_begin();

	if (run->job != NULL)
		citer_job_use_settings(run->job);
	work(run);
	citer_settings_end(nestlevel);
}
