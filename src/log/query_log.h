/*
 * query_log.h
 *	  Debug mode: what the session remembers of its queries.
 */
#ifndef CITER_QUERY_LOG_H
#define CITER_QUERY_LOG_H

#include "datatype/timestamp.h"
#include "portability/instr_time.h"

#include "log/ring.h"

/* chunked_iter.debug */
typedef enum CiterDebugMode
{
	CITER_DEBUG_OFF,
	CITER_DEBUG_CHUNKS,
	CITER_DEBUG_ALL
} CiterDebugMode;

/* A query under way; see citer_query_log_begin. */
typedef struct CiterQueryRun
{
	Oid			user;
	Oid			session_user;
	TimestampTz started_at;
	instr_time	started;
} CiterQueryRun;

/* An entry as it is read. */
typedef struct CiterLoggedQuery
{
	int64		query_no;		/* from 1, since the log was empty */
	text	   *sql;
	TimestampTz started_at;
	double		duration_ms;
	int64		rows;
} CiterLoggedQuery;

/* Where a reader of the log is. */
typedef struct CiterQueryLogReader
{
	uint64		generation;		/* which ends with a reset */
	int64		next;			/* number of the next entry */
	int64		last;			/* number of the last to be read */
	CiterRingPosition position; /* of the next entry, while it is kept */
} CiterQueryLogReader;

/* The log at one time. */
typedef struct CiterQueryLogSize
{
	int64		queries;		/* logged since the last reset */
	int64		sql_bytes;		/* of the texts that are kept */
	int64		memory_bytes;
	int64		evicted;		/* entries dropped */
} CiterQueryLogSize;

/* A size for each time the number of queries doubles, and one for now. */
#define CITER_QUERY_LOG_SIZES 64

extern int	citer_query_log_mode;

/* Whether each query that the extension runs is to be logged. */
static inline bool
citer_query_log_is_on(void)
{
	return unlikely(citer_query_log_mode != CITER_DEBUG_OFF);
}

extern void citer_query_log_init(void);
extern void citer_query_log_begin(CiterQueryRun *run);
extern void citer_query_log_stamp(CiterQueryRun *run);
extern double citer_query_log_elapsed(const CiterQueryRun *run);
extern void citer_query_log_end(const CiterQueryRun *run, const char *sql, int length,
								double duration_ms, int64 rows, bool failed);
extern int64 citer_query_log_reset(void);
extern void citer_query_log_read_start(CiterQueryLogReader *reader);
extern bool citer_query_log_read(CiterQueryLogReader *reader, CiterLoggedQuery *query);
extern int	citer_query_log_growth(CiterQueryLogSize *sizes);

#endif							/* CITER_QUERY_LOG_H */
