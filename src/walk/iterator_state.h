/*
 * iterator_state.h
 *	  What the files of the iterator share, and nobody else sees.
 *
 *	  iterator.c		open, next row, close
 *	  iterator_chunk.c	reads the rows of one chunk
 *	  iterator_check.c	whether they are what the walk relies upon
 *	  iterator_lock.c	locks them
 *	  iterator_ties.c	keeps together what a LIMIT has parted
 *	  iterator_end.c	where a walk ends that sees new rows
 *	  iterator_query.c	runs one query, and hands on its rows
 */
#ifndef CITER_ITERATOR_STATE_H
#define CITER_ITERATOR_STATE_H

#include "tcop/dest.h"

#include "walk/bookmark.h"
#include "walk/chunk.h"
#include "walk/iterator.h"
#include "walk/session.h"
#include "walk/walk.h"

struct CiterIterator
{
	MemoryContext context;		/* holds all of it */
	MemoryContext scratch;		/* emptied before each chunk */
	CiterWalk  *walk;
	CiterKeyReader *reader;		/* NULL in physical order */
	CiterChunk *chunk;
	CiterRange *ranges;			/* room for those of any chunk */
	CiterCost	cost;
	List	   *measured;		/* relations whose scans are counted */
	int64		examined_before;	/* their count before the query's
									 * execution */

	CiterSession session;		/* the caller's, as it was at the start */

	/* Where the walk is. */
	bool		done;			/* nothing is left to read */
	int			heap;			/* index in walk->heaps */
	CiterPosition after;
	CiterPosition upto;
	CiterPosition lowest;		/* key of the rows locked, in scratch */
	MemoryContext position_contexts[2]; /* of "after", in turns */
	int			position_turn;
};

extern bool citer_iterator_read_chunk(CiterIterator *iterator);
extern void citer_iterator_keep_ties(CiterIterator *iterator, const CiterPosition *last);
extern void citer_iterator_check_chunk(CiterIterator *iterator, const CiterPosition *before);
extern void citer_iterator_check_end(CiterIterator *iterator, const CiterPosition *upto);
extern void citer_iterator_lock_rows(CiterIterator *iterator, const CiterPosition *before);
extern ItemPointerData citer_iterator_row_tid(const CiterWalk *walk, TupleTableSlot *slot);
extern void citer_iterator_freeze_end(CiterIterator *iterator);
extern void citer_iterator_freeze_heap(CiterIterator *iterator);
extern void citer_iterator_run_query(CiterIterator *iterator, const CiterQueryRows *rows,
									 DestReceiver *receiver);
extern void citer_iterator_run_all(CiterIterator *iterator, CiterQueryRows *rows,
								   DestReceiver *receiver);

#endif							/* CITER_ITERATOR_STATE_H */
