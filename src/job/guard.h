/*
 * guard.h
 *	  Who may be at work on a job, or on a range of one.
 */
#ifndef CITER_JOB_GUARD_H
#define CITER_JOB_GUARD_H

/* The range number that stands for the job as a whole. */
#define CITER_GUARD_JOB 0

extern bool citer_guard_take(Oid owner, const char *job, int range_no);
extern void citer_guard_wait(Oid owner, const char *job);
extern bool citer_guard_hold(Oid owner, const char *job);
extern bool citer_guard_is_mine(Oid owner, const char *job);
extern bool citer_guard_keep(Oid owner, const char *job, int range_no);
extern void citer_guard_release(Oid owner, const char *job, int range_no);
extern bool citer_guard_enter(Oid owner, const char *job);
extern void citer_guard_leave(Oid owner, const char *job);
extern void citer_guard_come(Oid owner, const char *job);
extern int	citer_guard_share(Oid owner, const char *job);
extern void citer_guard_unshare(Oid owner, const char *job);
extern bool citer_guard_exclude(Oid owner, const char *job);
extern int64 citer_guard_lock(Oid owner, const char *job, int range_no);

#endif							/* CITER_JOB_GUARD_H */
