/*
 * pace.h
 *	  How fast a job goes.
 */
#ifndef CITER_JOB_PACE_H
#define CITER_JOB_PACE_H

/* What a session waits for, as pg_stat_activity shows it. */
typedef enum CiterPaceWait
{
	CITER_WAIT_PAUSE,
	CITER_WAIT_THROTTLE,
	CITER_WAIT_RETRY,
	CITER_WAIT_OTHERS
} CiterPaceWait;

/* An average: rows and milliseconds, the more of them the younger they are. */
typedef struct CiterSpeed
{
	double		rows;
	double		ms;
} CiterSpeed;

extern double citer_pace_now(void);
extern void citer_pace_sleep(CiterPaceWait what, double ms);
extern int	citer_pace_adapt(int chunk_size, bool full, double chunk_ms, int target_ms);
extern void citer_pace_add(CiterSpeed *speed, double rows, double ms);
extern double citer_pace_rows_per_second(const CiterSpeed *speed);
extern double citer_pace_retry_ms(int attempt);
extern double citer_pace_throttle_ms(double last_ms);
extern bool citer_pace_has_to_wait(const char *throttle_query);

#endif							/* CITER_JOB_PACE_H */
