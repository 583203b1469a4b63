/*
 * chunk.h
 *	  One chunk of a job: read, worked on, its position known.
 */
#ifndef CITER_JOB_CHUNK_H
#define CITER_JOB_CHUNK_H

#include "job/state.h"
#include "job/statement.h"

/* How the rows of a chunk are done. */
typedef enum CiterJobChunkMode
{
	CITER_CHUNK_WHOLE,			/* all at once, and an error undoes them all */
	CITER_CHUNK_ROWS,			/* row by row; those that fail are recorded */
	CITER_CHUNK_KEYS			/* the same, and of those that fail only the
								 * key is read and recorded */
} CiterJobChunkMode;

/* How far it got. */
typedef enum CiterJobChunkPhase
{
	CITER_CHUNK_NOT_BEGUN,
	CITER_CHUNK_READING,
	CITER_CHUNK_IN_STATEMENT	/* which is running, or has run */
} CiterJobChunkPhase;

/* What a chunk was; the texts are for messages. */
typedef struct CiterJobChunk
{
	CiterJobChunkPhase phase;
	int64		rows;
	int64		locked;			/* rows that others had locked, and that were
								 * skipped */
	List	   *passed;			/* their keys as text[], pointers to
								 * NullableDatum, if the job revisits them */
	int64		failed;			/* of the rows, recorded and skipped */
	char	   *failure;		/* of the last one of these: its key and error */
	bool		unique;			/* the key tells all rows apart */
	int64		retried;		/* of a key that does not, the rows that were
								 * recorded and were tried again; -1: all */
	bool		last;			/* the range has no more rows */
	bool		full;			/* it ended because it had all its rows */
	NullableDatum first;		/* text[]: key of the first row; none if no
								 * row was left once they were locked */
	NullableDatum position;		/* where it ends; none if there is no chunk */
	CiterJobEffect effect;		/* of the statement */
} CiterJobChunk;

extern void citer_job_chunk_run(const CiterJob *job, const CiterJobRange *range, int limit,
								CiterJobChunkMode mode, CiterJobStatement **statement,
								CiterJobChunk *chunk);

#endif							/* CITER_JOB_CHUNK_H */
