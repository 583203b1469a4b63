/*
 * guard.c
 *	  Who may be at work on a job, or on a range of one.
 *
 * A session that works on a range holds an advisory lock on it, at session
 * level: it survives the commits between two chunks and ends with the session,
 * however that ends.  The lock has a class of its own, so that it can never be
 * one that users take with pg_advisory_lock(), and its key is a hash of the
 * job's name and the range's number.  The view chunked_iter_progress asks here
 * which lock that is (citer_guard_lock).
 *
 * Beside its guards, each session at work on a job holds its presence, a lock
 * that it shares with the others.  So it takes one lock to know whether any
 * session is at work, however many ranges there are: nobody is if the lock can
 * be had exclusively.
 *
 * The statement of a job can release all advisory locks of its session
 * (pg_advisory_unlock_all(), DISCARD ALL), so a guard is taken again before
 * each chunk, and the range's position is compared under a row lock.  That
 * comparison makes every chunk count once; the guard keeps sessions out of
 * each other's way.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "job/guard.h"

/* The class: advisory locks of SQL have 1 and 2. */
#define GUARD_CLASS 17225

static LockAcquireResult acquire_once(const LOCKTAG *tag, LOCKMODE mode);
static void release(const LOCKTAG *tag, LOCKMODE mode);
static LOCKTAG guard_tag(const char *job, int range_no);

/*
 * Takes the guard, until it is released or the session ends; false if it is
 * taken already, by this session or another.
 */
bool
citer_guard_take(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);

	return acquire_once(&tag, ExclusiveLock) == LOCKACQUIRE_OK;
}

/* Takes the guard of the whole job when it is free. */
void
citer_guard_wait(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_JOB);

	(void) LockAcquire(&tag, ExclusiveLock, true, false);
}

/*
 * Takes the guard of the whole job, and keeps it from being forgotten, to the
 * end of the transaction; false if a session has it, this one included.
 */
bool
citer_guard_hold(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_JOB);
	LOCKTAG		presence = guard_tag(job, CITER_GUARD_PRESENCE);

	return LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_OK &&
		LockAcquire(&presence, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Whether this session has the guard of the whole job. */
bool
citer_guard_is_mine(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_JOB);

	return LockHeldByMe(&tag, ExclusiveLock, false);
}

/* Takes back a guard that this session may have lost; false if it is gone. */
bool
citer_guard_keep(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);

	return acquire_once(&tag, ExclusiveLock) != LOCKACQUIRE_NOT_AVAIL;
}

/* Releases the guard; no harm if it is lost. */
void
citer_guard_release(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);

	release(&tag, ExclusiveLock);
}

/*
 * Counts this session among those at work on the job, until it leaves.  Before
 * each chunk it takes back a presence that may have been lost.  False if the
 * job is being forgotten.
 */
bool
citer_guard_enter(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_PRESENCE);

	return acquire_once(&tag, ShareLock) != LOCKACQUIRE_NOT_AVAIL;
}

/* The session no longer works on the job. */
void
citer_guard_leave(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_PRESENCE);

	release(&tag, ShareLock);
}

/*
 * Keeps sessions from working on the job to the end of the transaction; false
 * if one is at work, this session included.
 */
bool
citer_guard_exclude(const char *job)
{
	LOCKTAG		tag = guard_tag(job, CITER_GUARD_PRESENCE);

	switch (acquire_once(&tag, ShareLock))
	{
		case LOCKACQUIRE_OK:
			LockRelease(&tag, ShareLock, true);
			return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
		default:
			return false;
	}
}

/* The guard as pg_locks shows it: an oid[] of classid, objid and objsubid. */
ArrayType *
citer_guard_lock(const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(job, range_no);
	Datum		columns[] = {
		ObjectIdGetDatum(tag.locktag_field2),
		ObjectIdGetDatum(tag.locktag_field3),
		ObjectIdGetDatum(tag.locktag_field4)
	};

	return construct_array(columns, lengthof(columns), OIDOID, sizeof(Oid), true, TYPALIGN_INT);
}

/* Acquires a lock at session level, or finds that the session has it, once. */
static LockAcquireResult
acquire_once(const LOCKTAG *tag, LOCKMODE mode)
{
	LockAcquireResult result = LockAcquire(tag, mode, true, true);

	if (result == LOCKACQUIRE_ALREADY_HELD)
		LockRelease(tag, mode, true);
	return result;
}

/*
 * Releases a lock of the session; no harm if it is lost.  The only portable
 * way to know whether the session has a lock is to take it.
 */
static void
release(const LOCKTAG *tag, LOCKMODE mode)
{
	LockAcquireResult result = acquire_once(tag, mode);

	if (result != LOCKACQUIRE_NOT_AVAIL)
		LockRelease(tag, mode, true);
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
