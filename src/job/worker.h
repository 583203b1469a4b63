/*
 * worker.h
 *	  A background worker of a job, and what it shares with who started it.
 */
#ifndef CITER_JOB_WORKER_H
#define CITER_JOB_WORKER_H

#include "port/atomics.h"
#include "storage/dsm.h"

#include "job/run.h"

/* The texts of a worker's error, each with its final zero. */
#define CITER_WORKER_ERROR_SIZE 8192

/* What one worker tells. */
typedef struct CiterWorkerSlot
{
	bool		ready;			/* has connected; never reset */
	bool		failed;			/* with the error below, which is complete */
	CiterJobTotals totals;		/* of its call so far */
	int			sqlerrcode;
	char		error[CITER_WORKER_ERROR_SIZE];
} CiterWorkerSlot;

/*
 * The shared memory.  Each worker writes its own slot, and the counter; all
 * else is written before the first one starts.
 */
struct CiterWorkerShared
{
	pid_t		starter;
	Oid			database;
	Oid			authenticated;	/* as whom the worker connects */
	Oid			session;		/* SET SESSION AUTHORIZATION, if it differs */
	Oid			role;			/* SET ROLE; InvalidOid: none */
	bool		helps;			/* a run that waits for it, by
								 * chunked_iter_work */
	Oid			owner;			/* of its job, if it does not help */
	TransactionId starter_xid;	/* has to commit first; invalid: none */
	int64		max_chunks;		/* of all sessions of the run; 0: no limit */
	pg_atomic_uint64 chunks;	/* that they have done */
	Size		settings;		/* offset of the session's; 0: none */
	Size		sql;			/* offset of the command */
	Size		job;			/* offset of the job's name */
	int			nslots;
	CiterWorkerSlot slots[FLEXIBLE_ARRAY_MEMBER];
};

extern PGDLLEXPORT void citer_worker_main(Datum handle);
extern void citer_worker_join(CiterJobRun *run);
extern void citer_worker_note(const CiterJobRun *run);
extern int64 citer_worker_chunks(const CiterJobRun *run);
extern void citer_worker_run(const char *sql);
extern ErrorData *citer_worker_error(const CiterWorkerSlot *slot);

#endif							/* CITER_JOB_WORKER_H */
