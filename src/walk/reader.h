/*
 * reader.h
 *	  A walk under way, as the files that read its chunks share it.
 *
 *	  reader.c			opens a walk, and reads a chunk
 *	  reader_keys.c		reads its rows in the order of a key
 *	  reader_windows.c	where a chunk ends in shards of Citus
 *	  reader_tids.c		reads them in physical order
 *	  reader_check.c	checks that they are what the walk relies on
 *	  reader_lock.c		locks them
 *	  reader_end.c		finds where a walk ends that sees new rows
 *	  reader_warn.c		warns if there is no index
 *	  reader_query.c	runs one query
 *	  reader_ahead.c	whether its blocks are asked for beforehand
 */
#ifndef CITER_READER_H
#define CITER_READER_H

#include "sql/receiver.h"
#include "walk/bookmark.h"
#include "walk/chunk.h"
#include "walk/cost.h"
#include "walk/session.h"
#include "walk/walk.h"

typedef struct CiterWindows CiterWindows;

typedef struct CiterReader
{
	MemoryContext context;		/* holds all of it */
	MemoryContext scratch;		/* emptied before each chunk */
	CiterWalk  *walk;
	CiterKeyReader *keys;		/* NULL in physical order */
	CiterChunk *chunk;
	int			chunk_rows;		/* that make the next chunk full */
	double		expected_rows;	/* of the walk, by the planner; 0: not known */
	CiterWindows *windows;		/* NULL: it is not read by windows */
	CiterCost	cost;
	List	   *measured;		/* relations whose scans are counted */
	int64		examined_before;	/* their count before the query's
									 * execution */

	CiterSession session;		/* the caller's, as it was at the start */

	/* Where the walk is. */
	bool		done;			/* nothing is left to read */
	int			heap;			/* index in the strategy's heaps */
	CiterPosition after;
	CiterPosition upto;
	CiterPosition lowest;		/* key of the rows locked, in scratch */
	bool		keeps_skipped;	/* the keys of rows that others have locked */
	List	   *skipped;		/* of the chunk at hand: CiterPosition, in
								 * scratch */
	MemoryContext position_contexts[2]; /* of "after", in turns; NULL: not
										 * used yet */
	int			position_turn;
} CiterReader;

/* What is known of the blocks that a query reads. */
typedef struct CiterReadAhead
{
	CiterPrefetch prefetch;

	/* When it began: */
	int64		rows;			/* in the chunk */
	int64		read;			/* blocks that were not in the server's cache */
	int64		disk;			/* blocks that came from disks, if measured */
	bool		measured;
} CiterReadAhead;

/* Receives rows for a reader; a receiver that keeps more begins with it. */
typedef struct CiterRowReceiver
{
	DestReceiver pub;
	CiterReader *reader;
} CiterRowReceiver;

/* reader.c */
extern void citer_reader_open(CiterReader *reader, const CiterOptions *options);
extern void citer_reader_close(CiterReader *reader);
extern bool citer_reader_read_chunk(CiterReader *reader);
extern MemoryContext citer_reader_begin_position(CiterReader *reader);

/* reader_keys.c, reader_tids.c */
extern void citer_reader_read_keys(CiterReader *reader);
extern void citer_reader_read_foreign(CiterReader *reader);
extern void citer_reader_read_tids(CiterReader *reader);
extern ItemPointerData citer_reader_row_tid(const CiterWalk *walk, TupleTableSlot *slot);

/* reader_windows.c */
extern CiterWindows *citer_reader_create_windows(const CiterWalk *walk);
extern const CiterPosition *citer_reader_choose_window(CiterReader *reader, CiterQueryRows *rows);
extern void citer_reader_learn_window(CiterReader *reader, const CiterPosition *end);

/* reader_check.c */
extern void citer_reader_check_position(CiterReader *reader);
extern void citer_reader_check_chunk(CiterReader *reader, const CiterPosition *before);
extern void citer_reader_check_next(CiterReader *reader, TupleTableSlot *slot,
									const CiterPosition *last);
extern void citer_reader_check_end(CiterReader *reader, const CiterPosition *upto);

/* reader_lock.c */
extern void citer_reader_lock_rows(CiterReader *reader, const CiterPosition *before);

/* reader_end.c */
extern void citer_reader_freeze_end(CiterReader *reader);
extern void citer_reader_freeze_heap(CiterReader *reader);

/* reader_warn.c */
extern void citer_reader_warn_of_index(const CiterWalk *walk);
extern void citer_reader_warn_of_rows(const CiterWalk *walk, double rows);

/* reader_query.c */
extern CiterRowReceiver citer_reader_receiver(CiterReader *reader, CiterReceive receive);
extern CiterRowReceiver citer_reader_chunk_receiver(CiterReader *reader, CiterReceive receive);
extern void citer_reader_run_query(CiterReader *reader, const CiterQueryRows *rows,
								   DestReceiver *receiver);
extern void citer_reader_read_query(CiterReader *reader, const CiterQueryRows *rows,
									DestReceiver *receiver);

/* reader_ahead.c */
extern void citer_reader_begin_ahead(CiterReader *reader, CiterReadAhead *ahead);
extern void citer_reader_end_ahead(CiterReader *reader, const CiterReadAhead *ahead);

#endif							/* CITER_READER_H */
