/*
 * workers.h
 *	  Background workers of a job, as seen by who starts them.
 */
#ifndef CITER_JOB_WORKERS_H
#define CITER_JOB_WORKERS_H

#include "job/run.h"

/* What workers are to do, and as whom. */
typedef struct CiterWorkersOrder
{
	const char *sql;			/* one command */
	const char *job;			/* its job */
	int			n;				/* how many are wanted */
	Oid			owner;			/* they are new sessions of this role;
								 * InvalidOid: like this session, settings
								 * included */
	TransactionId xid;			/* has to commit first; invalid: none */
	bool		helps;
	int64		max_chunks;		/* 0: no limit */
} CiterWorkersOrder;

extern CiterWorkers *citer_workers_start(const CiterWorkersOrder *order);
extern bool citer_workers_can_be(Oid role);
extern bool citer_workers_can_take_role(void);
extern bool citer_workers_ready(CiterWorkers *workers);
extern void citer_workers_release(CiterWorkers *workers);

extern void citer_workers_share(CiterJobRun *run);
extern ErrorData *citer_workers_error(const CiterJobRun *run);
extern void citer_workers_finish(CiterJobRun *run);
extern void citer_workers_stop(CiterJobRun *run);

#endif							/* CITER_JOB_WORKERS_H */
