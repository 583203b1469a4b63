/*
 * job_guard.c
 *	  Who may be at work on a job, or on a range of one.
 *
 * A session that works on a range holds an advisory lock on it, at session
 * level: it survives the commits between two chunks and ends with the session,
 * however that ends.  The lock has a class of its own, so that it can never be
 * one that users take with pg_advisory_lock(), and its key is a hash of the
 * job's name and the range's number, which the view chunked_iter_progress
 * computes in the same way.
 *
 * The statement of a job can release all advisory locks of its session
 * (pg_advisory_unlock_all(), DISCARD ALL), so a guard is taken again before
 * each chunk, and the range's position is compared under a row lock.  It is
 * that which makes every chunk count once; the guard keeps sessions from
 * getting in each other's way.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "job_guard.h"

/*
 * The class: advisory locks of SQL have 1 and 2.  It is objsubid in pg_locks;
 * the view knows it, too.
 */
#define GUARD_CLASS 17225

static LOCKTAG guard_tag(const char *job, int range_no);

/*
 * Takes the guard, to the end of the session or its release; false if anybody
 * has it already, this session included.
 */
bool
citer_guard_take(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);
	LockAcquireResult result = LockAcquire(&tag, ExclusiveLock, true, true);

	if (result == LOCKACQUIRE_ALREADY_HELD)
		LockRelease(&tag, ExclusiveLock, true);
	return result == LOCKACQUIRE_OK;
}

/* Takes back a guard that this session may have lost; false if it is gone. */
bool
citer_guard_keep(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);
	LockAcquireResult result = LockAcquire(&tag, ExclusiveLock, true, true);

	if (result == LOCKACQUIRE_ALREADY_HELD)
		LockRelease(&tag, ExclusiveLock, true);
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/* Releases the guard; no harm if it is lost. */
void
citer_guard_release(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);

	/* There is no portable way to ask for a lock of one's own but to take it. */
	switch (LockAcquire(&tag, ExclusiveLock, true, true))
	{
		case LOCKACQUIRE_ALREADY_HELD:
			LockRelease(&tag, ExclusiveLock, true);
			LockRelease(&tag, ExclusiveLock, true);
			break;
		case LOCKACQUIRE_OK:
			LockRelease(&tag, ExclusiveLock, true);
			break;
		default:
			break;
	}
}

/*
 * Can the guard be had?  If so, nobody can take it to the end of the
 * transaction.
 */
bool
citer_guard_test(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);
	LockAcquireResult result = LockAcquire(&tag, ExclusiveLock, false, true);

	if (result == LOCKACQUIRE_ALREADY_HELD)
		LockRelease(&tag, ExclusiveLock, false);
	return result == LOCKACQUIRE_OK;
}

static LOCKTAG
guard_tag(const char *job, int range_no)
{
	LOCKTAG		tag;
	uint64		hash;

	hash = DatumGetUInt64(DirectFunctionCall2Coll(hashtextextended, C_COLLATION_OID,
												  CStringGetTextDatum(job),
												  Int64GetDatum((int64) range_no)));
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, GUARD_CLASS);
	return tag;
}
