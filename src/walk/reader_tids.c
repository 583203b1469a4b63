/*
 * reader_tids.c
 *	  Reads the rows of a chunk in physical order.
 *
 * Tables are read one after the other, each from its start, and every row has
 * to be stored behind the one before: the SQL of TID range scans does not ask
 * for that order.
 */
#include "postgres.h"

#include "walk/reader.h"

/* Receives the rows of one chunk. */
typedef struct TidReceiver
{
	CiterRowReceiver base;
	bool		complete;		/* the chunk has all its rows */
	ItemPointerData last;		/* where the last row so far is */
} TidReceiver;

static void read_heap(CiterReader *reader, TidReceiver *receiver);
static bool next_heap(CiterReader *reader);
static bool receive_stored(TupleTableSlot *slot, DestReceiver *self);
static inline bool is_after(const ItemPointerData *a, const ItemPointerData *b);
pg_noreturn static void report_tids(const CiterWalk *walk, const ItemPointerData *earlier,
									const ItemPointerData *later);
static void move_to_last(CiterReader *reader, const TidReceiver *receiver);

/* Reader of CITER_BY_TID_RANGE and CITER_BY_TID_SORT. */
void
citer_reader_read_tids(CiterReader *reader)
{
	TidReceiver receiver = {.base = citer_reader_chunk_receiver(reader, receive_stored)};

	do
		read_heap(reader, &receiver);
	while (!receiver.complete && next_heap(reader));
	move_to_last(reader, &receiver);
}

/* Where the row in the slot is stored. */
ItemPointerData
citer_reader_row_tid(const CiterWalk *walk, TupleTableSlot *slot)
{
	bool		isnull;

	if (!walk->strategy.with_tid)
	{
		if (!ItemPointerIsValid(&slot->tts_tid))
			elog(ERROR, "a tuple of %s came without its place", walk->relation->sql);
		return slot->tts_tid;
	}
	return *(ItemPointer) DatumGetPointer(slot_getattr(slot, slot->tts_tupleDescriptor->natts,
													   &isnull));
}

/* Reads rows of the table at hand until the chunk is complete. */
static void
read_heap(CiterReader *reader, TidReceiver *receiver)
{
	CiterQueryRows rows = {
		.after = &reader->after,
		.upto = &reader->upto,
		.limit = reader->walk->strategy.limit,
	};
	CiterWalkQueries queries = citer_walk_queries(reader->walk, &rows);

	citer_walk_choose_heap(reader->walk, reader->heap, &queries.rows);
	while (!receiver->complete && citer_walk_next_query(&queries))
	{
		receiver->last = *(ItemPointer) DatumGetPointer(reader->after.values[0]);
		citer_reader_run_query(reader, &queries.rows, &receiver->base.pub);
	}
}

/* Goes to the start of the next table; false if this was the last. */
static bool
next_heap(CiterReader *reader)
{
	MemoryContext caller;

	if (reader->heap + 1 >= list_length(reader->walk->strategy.heaps))
		return false;
	reader->heap++;
	caller = citer_reader_begin_position(reader);
	reader->after = citer_position_of_tid(0, InvalidOffsetNumber);
	MemoryContextSwitchTo(reader->context);
	if (reader->walk->snapshot == CITER_SNAPSHOT_CHUNK)
		citer_reader_freeze_heap(reader);
	MemoryContextSwitchTo(caller);
	return true;
}

/*
 * DestReceiver callback: takes a row of the chunk; false when it is enough.
 * XX002 unless it is stored after the row before.
 */
static bool
receive_stored(TupleTableSlot *slot, DestReceiver *self)
{
	TidReceiver *receiver = (TidReceiver *) self;
	CiterReader *reader = receiver->base.reader;
	ItemPointerData tid = citer_reader_row_tid(reader->walk, slot);

	if (unlikely(!is_after(&tid, &receiver->last)))
		report_tids(reader->walk, &receiver->last, &tid);
	receiver->last = tid;
	receiver->complete = !citer_chunk_append(reader->chunk, slot);
	return !receiver->complete;
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

/* Reports two rows that did not come in their physical order. */
static void
report_tids(const CiterWalk *walk, const ItemPointerData *earlier, const ItemPointerData *later)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("rows of %s did not come in their physical order", walk->relation->sql),
			 errdetail("The row at (%u,%u) came after the one at (%u,%u).",
					   ItemPointerGetBlockNumberNoCheck(later),
					   ItemPointerGetOffsetNumberNoCheck(later),
					   ItemPointerGetBlockNumberNoCheck(earlier),
					   ItemPointerGetOffsetNumberNoCheck(earlier)),
			 errhint("Check the table with verify_heapam() of the extension amcheck.")));
}

/* Sets the position to the last row. */
static void
move_to_last(CiterReader *reader, const TidReceiver *receiver)
{
	MemoryContext caller;

	reader->done = !receiver->complete;
	if (citer_chunk_rows(reader->chunk) == 0)
		return;
	caller = citer_reader_begin_position(reader);
	reader->after = citer_position_of_tid(ItemPointerGetBlockNumberNoCheck(&receiver->last),
										  ItemPointerGetOffsetNumberNoCheck(&receiver->last));
	MemoryContextSwitchTo(caller);
}
