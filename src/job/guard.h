/*
 * guard.h
 *	  Who may be at work on a job, or on a range of one.
 */
#ifndef CITER_JOB_GUARD_H
#define CITER_JOB_GUARD_H

#include "utils/array.h"

/* The range number that stands for the job as a whole. */
#define CITER_GUARD_JOB 0

/* And this for the presence of sessions at work on it. */
#define CITER_GUARD_PRESENCE (-1)

extern bool citer_guard_take(const char *job, int range_no);
extern void citer_guard_wait(const char *job);
extern bool citer_guard_hold(const char *job);
extern bool citer_guard_is_mine(const char *job);
extern bool citer_guard_keep(const char *job, int range_no);
extern void citer_guard_release(const char *job, int range_no);
extern bool citer_guard_enter(const char *job);
extern void citer_guard_leave(const char *job);
extern bool citer_guard_exclude(const char *job);
extern ArrayType *citer_guard_lock(const char *job, int range_no);

#endif							/* CITER_JOB_GUARD_H */
