/*
 * state.h
 *	  What is kept of a job: its definition, its state, its ranges.
 */
#ifndef CITER_JOB_STATE_H
#define CITER_JOB_STATE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/itemptr.h"

#include "job/arguments.h"

typedef enum CiterJobState
{
	CITER_JOB_RUNNING,
	CITER_JOB_PAUSED,
	CITER_JOB_INTERRUPTED,
	CITER_JOB_SUCCEEDED,
	CITER_JOB_CANCELLED,
	CITER_JOB_FAILED
} CiterJobState;

/* A job as its table has it. */
typedef struct CiterJob
{
	MemoryContext context;		/* it lives in */
	Oid			procedure;		/* one of the extension's, to find the tables */
	char	   *name;
	char	   *owner;
	Oid			owner_oid;		/* InvalidOid: the role is gone */
	CiterJobState state;

	/* What it is about; see target.c. */
	char	   *relation;		/* schema-qualified and quoted */
	Oid			relid;
	Oid			storage;		/* its relfilenode in physical order, else 0 */
	char	   *home;			/* where these OIDs are valid */
	NullableDatum key;			/* text[] */
	NullableDatum key_basis;	/* text[]; see basis.c */
	bool		has_index;
	char	   *statement;
	char	   *search_path;
	NullableDatum settings;		/* text[], under which its SQL is read */
	char	   *order_by;
	bool		reverse;
	char	   *filter;
	NullableDatum after;
	NullableDatum upto;
	int			parts;

	/* How it is done; each run may change these. */
	int			chunk_size;
	char	   *lock_rows;		/* NULL: no locks */
	int			target_ms;		/* 0: none */
	int			pause_ms;
	char	   *throttle_query; /* NULL: none */
	int			retries;
	char	   *on_error;
	bool		statement_is_global;	/* and not one of the chunk's rows */
	int			workers;		/* sessions that share the ranges, this one
								 * included */
	bool		follow;			/* the table grows, and each run goes to its
								 * present end */
	Interval   *follow_delay;	/* NULL: none */
	int			nap_ms;			/* between two looks at a table that grows */
	int64		max_failed;		/* -1: no limit */
	bool		revisit;		/* rows passed over by SKIP LOCKED */
	NullableDatum needs;		/* text[]: jobs that have to succeed first */
	int			duty_percent;	/* 100: without a rest */
	int64		max_rows_per_second;	/* 0: no limit */
	int64		max_wal_per_second; /* bytes; 0: no limit */
	bool		detached;		/* runs in a background worker of its own */

	/* What others had written when it was read; 0: nothing. */
	TimestampTz requested_at;	/* by chunked_iter_pause or _cancel */
	TimestampTz tuned_at;		/* by chunked_iter_tune */
	TransactionId version;		/* who wrote its row, when a range was locked */
} CiterJob;

/* A range of a job, as it is while its row is locked. */
typedef struct CiterJobRange
{
	int			range_no;
	NullableDatum after;		/* text[]; where the range begins */
	NullableDatum upto;
	NullableDatum position;		/* where it goes on */
	bool		done;
	int			chunk_size;
	double		rows_per_second;	/* 0: not known */
	int64		rows_done;
	int64		estimated_rows;
	bool		one_key;		/* not stored: it is the key of its position,
								 * and no other */
	ItemPointerData place;		/* of its row, if valid: looked for there
								 * first */
} CiterJobRange;

/* What a chunk adds to its range. */
typedef struct CiterJobStep
{
	int64		rows;			/* read */
	int			chunks;
	NullableDatum changed;		/* bigint: rows changed; NULL: not counted */
	int64		failed;			/* rows recorded and skipped */
	const char *failure;		/* the last one's key and error */
	int64		passed;			/* rows that others had locked */
	List	   *passed_keys;	/* of these, to be kept: text[], pointers to
								 * NullableDatum */
	const char *waiting_for;	/* what the session waits for next, for others
								 * to see; may be NULL */
} CiterJobStep;

/* A row that is kept with its key, since it failed or was locked by others. */
typedef struct CiterJobKept
{
	int			range_no;
	int64		number;			/* in its range */
	NullableDatum key;			/* text[] */
	int64		last;			/* the last number in its range */
} CiterJobKept;

/* Ranges that are looked up at once. */
#define CITER_JOB_RANGES_MAX 100

extern CiterJob *citer_job_read(Oid procedure, const char *name);
extern CiterJobState citer_job_read_state(CiterJob *job);
extern bool citer_job_look_at(Oid procedure, const char *name, CiterJobState *state,
							  bool *attended, bool *asked_here);
extern bool citer_job_is_blocked(Oid procedure, const char *name);
extern void citer_job_take_tuned(CiterJob *job, int column);
extern void citer_job_insert(const CiterJob *job);
extern void citer_job_start(const CiterJob *job);
extern void citer_job_limit(const CiterJob *job, int64 max_chunks, TimestampTz stop_at);
extern void citer_job_set_state(const CiterJob *job, CiterJobState state, const char *error);
extern void citer_job_fail(const CiterJob *job, const char *error);
extern void citer_job_request(const CiterJob *job, CiterJobState state);
extern bool citer_job_finish(const CiterJob *job, bool may_leave_passed);
extern void citer_job_delete(const CiterJob *job);
extern CiterJobState citer_job_get_state(int column);
extern bool citer_job_is_active(CiterJobState state);
extern const char *citer_job_state_name(CiterJobState state);
extern bool citer_job_same_array(NullableDatum a, NullableDatum b);
extern char *citer_job_array_text(NullableDatum array);

extern void citer_job_insert_range(const CiterJob *job, const CiterJobRange *range);
extern CiterJobRange *citer_job_list_ranges(const CiterJob *job, int *nranges);
extern int	citer_job_unfinished_ranges(const CiterJob *job, int behind,
										int range_nos[CITER_JOB_RANGES_MAX]);
extern bool citer_job_lock_range(CiterJob *job, CiterJobRange *range, CiterJobState *state);
extern bool citer_job_lock_same(const CiterJob *job, CiterJobRange *range);
extern void citer_job_advance(const CiterJob *job, CiterJobRange *range,
							  const CiterJobStep *step);
extern void citer_job_wait(const CiterJob *job, int range_no, const char *waiting_for);

extern bool citer_job_look(const CiterJob *job, bool *settled);
extern void citer_job_reopen_range(const CiterJob *job, const CiterJobRange *range);
extern void citer_job_settle(const CiterJob *job, bool settled);

extern bool citer_job_next_failed(const CiterJob *job, CiterJobKept *row);
extern int64 citer_job_drop_failed(const CiterJob *job, const CiterJobKept *row, bool whole_key);
extern int64 citer_job_count_failed(const CiterJob *job, const CiterJobKept *row);
extern void citer_job_keep_passed(const CiterJob *job, int range_no, NullableDatum key);
extern bool citer_job_next_passed(const CiterJob *job, CiterJobKept *row);
extern void citer_job_drop_passed(const CiterJob *job, const CiterJobKept *row);

#endif							/* CITER_JOB_STATE_H */
