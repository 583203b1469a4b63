/*
 * iterator_chunk.c
 *	  Reads the rows of one chunk.
 *
 * A chunk is read by the queries of its ranges, one after the other, until it
 * has its rows.  Rows come through a receiver that copies each from where the
 * scan has it and stops the executor when the chunk is full.  The key of the
 * last row is where the next chunk starts.
 *
 * Where the key is unique a chunk may end after any row.  Where it is not,
 * rows of the same key are never split: the queries say WITH TIES, and a
 * chunk that is full goes on as long as the key stays the same.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "sql/receiver.h"
#include "walk/iterator_state.h"

/* Receives the rows of one chunk. */
typedef struct ChunkReceiver
{
	DestReceiver pub;
	CiterIterator *iterator;
	bool		complete;		/* the chunk has all its rows */
	bool		at_tie;			/* it is full, but ties may follow */
	bool		cut;			/* a LIMIT may have parted them from it */
	CiterPosition last;			/* key of the last row, once full */
	ItemPointerData last_tid;	/* in physical order, of the last row so far */
} ChunkReceiver;

static void read_ranges(CiterIterator *iterator, ChunkReceiver *receiver);
static void run_chunk_query(CiterIterator *iterator, const CiterQueryRows *rows,
							ChunkReceiver *receiver);
static bool is_enough(const ChunkReceiver *receiver);
static void begin_rows(DestReceiver *self, int operation pg_attribute_unused(),
					   TupleDesc tupdesc);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static void move_to_row(ChunkReceiver *receiver, TupleTableSlot *slot);
static inline bool is_after(const ItemPointerData *a, const ItemPointerData *b);
static bool receive_tie(ChunkReceiver *receiver, TupleTableSlot *slot);
static bool next_heap(CiterIterator *iterator);
static void move_on(CiterIterator *iterator, ChunkReceiver *receiver);
static MemoryContext begin_position(CiterIterator *iterator);
static void count_chunk(CiterIterator *iterator);

/*
 * Reads the next chunk, locks its rows if the walk does, and goes behind it;
 * false if there is none.  A chunk of which no row is left once they are locked
 * is one, too.
 */
bool
citer_iterator_read_chunk(CiterIterator *iterator)
{
	ChunkReceiver receiver = {0};
	MemoryContext caller;
	CiterPosition before = iterator->after;
	int			heap = iterator->heap;
	int			nestlevel;
	bool		found;

	receiver.pub = citer_receiver(receive_row);
	receiver.pub.rStartup = begin_rows;
	receiver.iterator = iterator;
	citer_chunk_reset(iterator->chunk);
	MemoryContextReset(iterator->scratch);
	caller = MemoryContextSwitchTo(iterator->scratch);
	nestlevel = citer_session_begin(&iterator->session, iterator->walk);
	do
		read_ranges(iterator, &receiver);
	while (!is_enough(&receiver) && next_heap(iterator));
	if (receiver.cut)
	{
		iterator->heap = heap;
		citer_iterator_keep_ties(iterator, &receiver.last);
	}
	found = citer_chunk_rows(iterator->chunk) > 0;
	move_on(iterator, &receiver);
	if (found && !iterator->walk->key->physical)
		citer_iterator_check_chunk(iterator, &before);
	if (found && iterator->walk->locking != NULL)
		citer_iterator_lock_rows(iterator, &before);
	citer_session_end(iterator->walk, nestlevel);
	if (found)
		count_chunk(iterator);
	MemoryContextSwitchTo(caller);
	return found;
}

/* Runs the queries of what is left (of the current heap) until it is enough. */
static void
read_ranges(CiterIterator *iterator, ChunkReceiver *receiver)
{
	CiterWalk  *walk = iterator->walk;
	CiterQueryRows rows = {
		.after = &iterator->after,
		.upto = &iterator->upto,
		.limit = walk->limit,
	};
	int			nranges = citer_walk_split(walk, &rows, iterator->ranges);

	citer_walk_choose_heap(walk, iterator->heap, &rows);
	if (walk->key->physical && nranges > 0)
		receiver->last_tid = *(ItemPointer) DatumGetPointer(iterator->after.values[0]);
	if (!walk->stepwise)
	{
		rows.ranges = iterator->ranges;
		rows.nranges = nranges;
		if (nranges > 0)
			run_chunk_query(iterator, &rows, receiver);
		return;
	}
	rows.nranges = 1;
	for (int i = 0; i < nranges && !is_enough(receiver); i++)
	{
		rows.ranges = &iterator->ranges[i];
		run_chunk_query(iterator, &rows, receiver);
	}
}

/* Runs a query of a chunk, and notices if its LIMIT may have parted ties. */
static void
run_chunk_query(CiterIterator *iterator, const CiterQueryRows *rows, ChunkReceiver *receiver)
{
	int64		before = citer_chunk_rows(iterator->chunk);

	citer_iterator_run_query(iterator, rows, &receiver->pub);
	receiver->cut = iterator->walk->cuts_ties && !receiver->complete &&
		citer_chunk_rows(iterator->chunk) - before == rows->limit;
}

/*
 * Needs the chunk no more queries?  Ties came with the query that filled it;
 * those that a LIMIT could part may follow in another heap as well.
 */
static bool
is_enough(const ChunkReceiver *receiver)
{
	return receiver->complete || receiver->cut ||
		(receiver->at_tie && !receiver->iterator->walk->cuts_ties);
}

/*
 * DestReceiver callback: the query has been planned, which may have looked at
 * rows as well, and is about to run.  The rows of a query of the user have to
 * have the types that they had at its start, which DDL on its tables can
 * change.
 */
static void
begin_rows(DestReceiver *self, int operation pg_attribute_unused(), TupleDesc tupdesc)
{
	CiterIterator *iterator = ((ChunkReceiver *) self)->iterator;
	const CiterWalk *walk = iterator->walk;
	TupleDesc	expected = walk->relation->tupdesc;

	iterator->examined_before = citer_relation_examined(iterator->measured);
	for (int i = 0; walk->relation->query != NULL && i < expected->natts; i++)
	{
		if (!bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, walk->columns) &&
			walk->columns != NULL)
			continue;
		if (TupleDescAttr(tupdesc, i)->atttypid != TupleDescAttr(expected, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the query was changed while it was being walked"),
					 errdetail("Column \"%s\" has type %s now.",
							   NameStr(TupleDescAttr(expected, i)->attname),
							   format_type_be(TupleDescAttr(tupdesc, i)->atttypid)),
					 errhint("Start the walk again.")));
	}
}

/* DestReceiver callback: takes a row of the chunk; false when it is enough. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ChunkReceiver *receiver = (ChunkReceiver *) self;
	CiterIterator *iterator = receiver->iterator;
	const CiterWalk *walk = iterator->walk;

	if (receiver->at_tie)
		return receive_tie(receiver, slot);

	if (walk->key->physical)
		move_to_row(receiver, slot);
	if (citer_chunk_append(iterator->chunk, slot))
		return true;
	if (walk->key->unique)
	{
		receiver->complete = true;
		return false;
	}
	receiver->at_tie = true;
	return true;
}

/*
 * Moves on to where the row in the slot is stored.  XX002 unless that is after
 * the row before.
 */
static void
move_to_row(ChunkReceiver *receiver, TupleTableSlot *slot)
{
	const CiterWalk *walk = receiver->iterator->walk;
	ItemPointerData tid = citer_iterator_row_tid(walk, slot);

	if (unlikely(!is_after(&tid, &receiver->last_tid)))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("rows of %s did not come in their physical order", walk->relation->sql),
				 errdetail("The row at (%u,%u) came after the one at (%u,%u).",
						   ItemPointerGetBlockNumberNoCheck(&tid),
						   ItemPointerGetOffsetNumberNoCheck(&tid),
						   ItemPointerGetBlockNumberNoCheck(&receiver->last_tid),
						   ItemPointerGetOffsetNumberNoCheck(&receiver->last_tid)),
				 errhint("Check the table with verify_heapam() of the extension amcheck.")));
	receiver->last_tid = tid;
}

/* ItemPointerCompare(a, b) > 0, but inline, for it is done for every row. */
static inline bool
is_after(const ItemPointerData *a, const ItemPointerData *b)
{
	BlockNumber block_a = ItemPointerGetBlockNumberNoCheck(a);
	BlockNumber block_b = ItemPointerGetBlockNumberNoCheck(b);

	return block_a > block_b ||
		(block_a == block_b &&
		 ItemPointerGetOffsetNumberNoCheck(a) > ItemPointerGetOffsetNumberNoCheck(b));
}

/* Where the row in the slot is stored. */
ItemPointerData
citer_iterator_row_tid(const CiterWalk *walk, TupleTableSlot *slot)
{
	bool		isnull;

	if (!walk->with_tid)
	{
		if (!ItemPointerIsValid(&slot->tts_tid))
			elog(ERROR, "a tuple of %s came without its place", walk->relation->sql);
		return slot->tts_tid;
	}
	return *(ItemPointer) DatumGetPointer(slot_getattr(slot, slot->tts_tupleDescriptor->natts,
													   &isnull));
}

/* Takes a row into a full chunk if its key is that of the last one. */
static bool
receive_tie(ChunkReceiver *receiver, TupleTableSlot *slot)
{
	CiterIterator *iterator = receiver->iterator;

	if (receiver->last.nelements == 0)
	{
		MemoryContext caller = MemoryContextSwitchTo(iterator->scratch);

		receiver->last = citer_key_reader_read(iterator->reader,
											   citer_chunk_last(iterator->chunk));
		MemoryContextSwitchTo(caller);
	}
	if (citer_key_reader_compare(iterator->reader, slot, &receiver->last) != 0)
	{
		receiver->complete = true;
		return false;
	}
	citer_chunk_append(iterator->chunk, slot);
	return true;
}

/* Goes to the start of the next heap; false if this was the last. */
static bool
next_heap(CiterIterator *iterator)
{
	MemoryContext caller;

	if (iterator->walk->merge_heaps ||
		iterator->heap + 1 >= list_length(iterator->walk->heaps))
		return false;
	iterator->heap++;
	if (!iterator->walk->key->physical)
		return true;
	caller = begin_position(iterator);
	iterator->after = citer_position_of_tid(0, InvalidOffsetNumber);
	MemoryContextSwitchTo(iterator->context);
	if (iterator->walk->snapshot == CITER_SNAPSHOT_CHUNK)
		citer_iterator_freeze_heap(iterator);
	MemoryContextSwitchTo(caller);
	return true;
}

/* Sets the position to the end of the chunk, and the walk to done after the last. */
static void
move_on(CiterIterator *iterator, ChunkReceiver *receiver)
{
	MemoryContext caller;

	if (!is_enough(receiver))
		iterator->done = true;
	if (citer_chunk_rows(iterator->chunk) == 0)
		return;
	caller = begin_position(iterator);
	if (iterator->walk->key->physical)
		iterator->after = citer_position_of_tid(ItemPointerGetBlockNumberNoCheck(&receiver->last_tid),
												ItemPointerGetOffsetNumberNoCheck(&receiver->last_tid));
	else
		iterator->after = citer_key_reader_read(iterator->reader,
												citer_chunk_last(iterator->chunk));
	MemoryContextSwitchTo(caller);
}

/*
 * Switches to an empty memory context for a new position, while the one
 * before keeps its own.  Returns the context to switch back to.
 */
static MemoryContext
begin_position(CiterIterator *iterator)
{
	MemoryContext context;

	iterator->position_turn = 1 - iterator->position_turn;
	context = iterator->position_contexts[iterator->position_turn];
	MemoryContextReset(context);
	return MemoryContextSwitchTo(context);
}

/* Adds the chunk that was read to what the walk has cost. */
static void
count_chunk(CiterIterator *iterator)
{
	iterator->cost.chunks++;
	iterator->cost.rows += citer_chunk_rows(iterator->chunk);
	iterator->cost.peak_memory = Max(iterator->cost.peak_memory,
									 citer_chunk_memory(iterator->chunk));
}
