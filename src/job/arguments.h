/*
 * arguments.h
 *	  The validated arguments of chunked_iter_run.
 */
#ifndef CITER_JOB_ARGUMENTS_H
#define CITER_JOB_ARGUMENTS_H

#include "datatype/timestamp.h"

/* Those that can be left out have a value that means so. */
typedef struct CiterJobArguments
{
	char	   *job;
	Oid			relid;			/* InvalidOid: not given */
	char	   *statement;		/* texts: NULL if not given */
	int			chunk_size;		/* rows; 0: not given */
	char	   *order_by;
	int			reverse;		/* 0 or 1; -1: not given */
	char	   *filter;
	NullableDatum after;		/* text[] */
	NullableDatum upto;
	char	   *lock_rows;		/* as we spell it; empty: none */
	int			target_ms;		/* 0: none; -1: not given */
	int			pause_ms;		/* -1: not given */
	char	   *throttle_query; /* empty: none */
	int64		max_chunks;		/* 0: no limit */
	int64		max_ms;			/* 0: no limit */
	int			retries;		/* -1: not given */
	char	   *on_error;
	int			parts;			/* 0: not given */
	int			statement_is_global;	/* 0 or 1; -1: not given */
	int			workers;		/* 0: not given */
	int			follow;			/* 0 or 1; -1: not given */
	Interval   *follow_delay;	/* NULL: not given */
	int			nap_ms;			/* -1: not given */
	int64		max_failed;		/* -1: not given */
	int			revisit;		/* 0 or 1; -1: not given */
	NullableDatum needs;		/* text[] */
	int			duty_percent;	/* 0: off; -1: not given */
	int64		max_rows_per_second;	/* 0: none; -1: not given */
	int64		max_wal_per_second; /* bytes; 0: none; -1: not given */
} CiterJobArguments;

/* Arguments of chunked_iter_run, in the order of its declaration. */
enum CiterRunArgument
{
	CITER_RUN_JOB,
	CITER_RUN_REL,
	CITER_RUN_STATEMENT,
	CITER_RUN_CHUNK_SIZE,
	CITER_RUN_ORDER_BY,
	CITER_RUN_REVERSE,
	CITER_RUN_FILTER,
	CITER_RUN_AFTER,
	CITER_RUN_UPTO,
	CITER_RUN_LOCK_ROWS,
	CITER_RUN_TARGET_MS,
	CITER_RUN_PAUSE_MS,
	CITER_RUN_THROTTLE_QUERY,
	CITER_RUN_MAX_CHUNKS,
	CITER_RUN_MAX_MS,
	CITER_RUN_RETRIES,
	CITER_RUN_ON_ERROR,
	CITER_RUN_PARTS,
	CITER_RUN_DRY_RUN,
	CITER_RUN_STATEMENT_IS_GLOBAL,
	CITER_RUN_WORKERS,
	CITER_RUN_FOLLOW,
	CITER_RUN_FOLLOW_DELAY,
	CITER_RUN_NAP_MS,
	CITER_RUN_MAX_FAILED,
	CITER_RUN_REVISIT,
	CITER_RUN_NEEDS,
	CITER_RUN_DUTY_PERCENT,
	CITER_RUN_MAX_ROWS_PER_SECOND,
	CITER_RUN_MAX_WAL_PER_SECOND
};

extern void citer_job_arguments_read(CiterJobArguments *arguments, const NullableDatum *values);
extern char *citer_job_arguments_name(NullableDatum value);

#endif							/* CITER_JOB_ARGUMENTS_H */
