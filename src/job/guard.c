/*
 * guard.c
 *	  Who may be at work on a job, or on a range of one.
 *
 * A session that works on a range holds an advisory lock on it, at session
 * level: it survives the commits between two chunks and ends with the session,
 * however that ends.  The lock has a class of its own, so that it can never be
 * one that users take with pg_advisory_lock(), and its key is a hash of the
 * job's owner and name and the range's number: nobody holds off another role's
 * job by calling one of that name.  The view chunked_iter_progress asks here
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

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "base/compat.h"
#include "job/guard.h"

/* The class: advisory locks of SQL have 1 and 2. */
#define GUARD_CLASS 17225

/* The numbers that stand for locks that sessions share. */
#define PRESENCE (-1)			/* at work on the job */
#define SHARING (-2)			/* at work on a range, at a rate */
#define COMING (-3)				/* a worker, about to look whether it is
								 * wanted */

static LockAcquireResult acquire_once(const LOCKTAG *tag, LOCKMODE mode);
static void release(const LOCKTAG *tag, LOCKMODE mode);
static LOCKTAG guard_tag(Oid owner, const char *job, int range_no);

/*
 * Takes the guard, until it is released or the session ends; false if it is
 * taken already, by this session or another.
 */
bool
citer_guard_take(Oid owner, const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(owner, job, range_no);

	return acquire_once(&tag, ExclusiveLock) == LOCKACQUIRE_OK;
}

/* Takes the guard of the whole job when it is free. */
void
citer_guard_wait(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, CITER_GUARD_JOB);

	(void) LockAcquire(&tag, ExclusiveLock, true, false);
}

/*
 * Takes the guard of the whole job, and keeps it from being forgotten, to the
 * end of the transaction; false if a session has it, this one included.
 */
bool
citer_guard_hold(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, CITER_GUARD_JOB);
	LOCKTAG		presence = guard_tag(owner, job, PRESENCE);

	return LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_OK &&
		LockAcquire(&presence, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Whether this session has the guard of the whole job. */
bool
citer_guard_is_mine(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, CITER_GUARD_JOB);

	return LockHeldByMe(&tag, ExclusiveLock, false);
}

/* Takes back a guard that this session may have lost; false if it is gone. */
bool
citer_guard_keep(Oid owner, const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(owner, job, range_no);

	return acquire_once(&tag, ExclusiveLock) != LOCKACQUIRE_NOT_AVAIL;
}

/* Releases the guard; no harm if it is lost. */
void
citer_guard_release(Oid owner, const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(owner, job, range_no);

	release(&tag, ExclusiveLock);
}

/*
 * Counts this session among those at work on the job, until it leaves.  Before
 * each chunk it takes back a presence that may have been lost.  False if the
 * job is being forgotten.
 */
bool
citer_guard_enter(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, PRESENCE);

	return acquire_once(&tag, ShareLock) != LOCKACQUIRE_NOT_AVAIL;
}

/* The session no longer works on the job. */
void
citer_guard_leave(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, PRESENCE);

	release(&tag, ShareLock);
}

/*
 * Says that this session, a worker, is there for a job: until it ends, nobody who
 * waits for the job takes it for one that no session will work on.  The worker keeps
 * no session from doing anything.
 */
void
citer_guard_come(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, COMING);

	(void) acquire_once(&tag, ShareLock);
}

/*
 * Counts this session among those that share the job's rates, until it says
 * that it does not, and returns how many these are.  A session that is just
 * between two transactions may be left out.
 */
int
citer_guard_share(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, SHARING);
	int			others;

	(void) acquire_once(&tag, ShareLock);
	pfree(GetLockConflicts(&tag, ExclusiveLock, &others));
	return others + 1;
}

/* The session does not share the job's rates any more. */
void
citer_guard_unshare(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, SHARING);

	release(&tag, ShareLock);
}

/*
 * Keeps sessions from working on the job to the end of the transaction; false
 * if one is at work, this session included.
 */
bool
citer_guard_exclude(Oid owner, const char *job)
{
	LOCKTAG		tag = guard_tag(owner, job, PRESENCE);

	switch (acquire_once(&tag, ShareLock))
	{
		case LOCKACQUIRE_OK:
			LockRelease(&tag, ShareLock, true);
			return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
		default:
			return false;
	}
}

/* The guard as pg_locks shows it: classid, then objid. */
int64
citer_guard_lock(Oid owner, const char *job, int range_no)
{
	LOCKTAG		tag = guard_tag(owner, job, range_no);

	return (int64) (((uint64) tag.locktag_field2 << 32) | tag.locktag_field3);
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
guard_tag(Oid owner, const char *job, int range_no)
{
	LOCKTAG		tag;
	uint64		seed = ((uint64) owner << 32) | (uint32) range_no;
	uint64		hash;

	hash = DatumGetUInt64(hash_any_extended((const unsigned char *) job, strlen(job), seed));
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, GUARD_CLASS);
	return tag;
}
