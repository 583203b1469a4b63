/*
 * reader_lock.c
 *	  Locks the rows of a chunk.
 *
 * A query that waits for a lock returns what has become of the row meanwhile,
 * perhaps under another key or in another place.  No position may be taken
 * from that: the rows between the key that the row had and the one that it
 * has would be left out.  So a chunk is first read without locks, which says
 * where it ends, and then once more with locks, from the end before to that
 * end, whatever comes back.
 *
 * The query that locks sees what is committed when it begins, as all such
 * queries do, and checks its conditions on the version of a row that it
 * locks in the end (EvalPlanQual).  So a row that was deleted or has moved out
 * of the chunk drops out, and one that has been changed otherwise comes as it
 * is now.  Rows are locked in the order of the walk, lest two jobs wait for each
 * other.
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "walk/reader.h"

static bool receive_locked(TupleTableSlot *slot, DestReceiver *self);
static bool is_behind_chunk(CiterReader *reader, TupleTableSlot *slot);
static void note_lowest(CiterReader *reader, TupleTableSlot *slot);
static int64 count_skipped(CiterReader *reader, const CiterPosition *before);
static void list_skipped(CiterReader *reader, const CiterPosition *before);
static bool receive_present(TupleTableSlot *slot, DestReceiver *self);
static bool is_in_chunk(CiterReader *reader, const CiterPosition *key);

/*
 * Fills the chunk that has been read with its rows as they are once they are
 * locked: those between "before" and the position that the walk has come to.
 * In the scratch context, with the session set up.
 */
void
citer_reader_lock_rows(CiterReader *reader, const CiterPosition *before)
{
	CiterRowReceiver receiver = citer_reader_receiver(reader, receive_locked);
	CiterQueryRows rows = {
		.after = before,
		.upto = &reader->after,
		.locking = reader->walk->locking,
	};
	CiterWalkQueries queries = citer_walk_cut_queries(reader->walk, &rows);

	citer_chunk_reset(reader->chunk);
	reader->lowest.nelements = 0;
	while (citer_walk_next_query(&queries))
		citer_reader_run_query(reader, &queries.rows, &receiver.pub);
	if (strstr(reader->walk->locking, "SKIP LOCKED") == NULL)
		return;
	if (reader->keeps_skipped)
		list_skipped(reader, before);
	reader->cost.skipped += reader->keeps_skipped ? list_length(reader->skipped) :
		count_skipped(reader, before);
}

/* DestReceiver callback: takes a row that is locked. */
static bool
receive_locked(TupleTableSlot *slot, DestReceiver *self)
{
	CiterReader *reader = ((CiterRowReceiver *) self)->reader;

	if (!reader->walk->key->physical)
		note_lowest(reader, slot);
	else if (is_behind_chunk(reader, slot))
		return true;
	citer_chunk_append(reader->chunk, slot);
	return true;
}

/*
 * Whether an update has moved the row to where the walk has yet to come.  Not
 * every release checks that by itself: TID range scans have done so since the
 * minor releases of November 2025.
 */
static bool
is_behind_chunk(CiterReader *reader, TupleTableSlot *slot)
{
	ItemPointerData tid = citer_reader_row_tid(reader->walk, slot);
	ItemPointer end = (ItemPointer) DatumGetPointer(reader->after.values[0]);

	return ItemPointerCompare(&tid, end) > 0;
}

/* Keeps the row's key if it is the lowest so far. */
static void
note_lowest(CiterReader *reader, TupleTableSlot *slot)
{
	MemoryContext caller;

	if (reader->lowest.nelements > 0 &&
		citer_key_reader_compare(reader->keys, slot, &reader->lowest) >= 0)
		return;
	caller = MemoryContextSwitchTo(reader->scratch);
	reader->lowest = citer_key_reader_read(reader->keys, slot);
	MemoryContextSwitchTo(caller);
}

/*
 * How many rows of the chunk others have locked: those that are there now, and
 * are not in the chunk.
 */
static int64
count_skipped(CiterReader *reader, const CiterPosition *before)
{
	int64		rows;

	PushActiveSnapshot(GetTransactionSnapshot());
	rows = citer_walk_count(reader->walk, before, &reader->after);
	PopActiveSnapshot();
	return Max(rows - citer_chunk_rows(reader->chunk), 0);
}

/*
 * Lists the keys of these rows; only for a key that is unique.  A row that came
 * in after the others were locked is one of them: no later chunk has it.
 */
static void
list_skipped(CiterReader *reader, const CiterPosition *before)
{
	CiterRowReceiver receiver = citer_reader_receiver(reader, receive_present);
	CiterQueryRows rows = {.after = before,.upto = &reader->after};
	CiterWalkQueries queries = citer_walk_queries(reader->walk, &rows);

	Assert(reader->walk->key->unique && reader->keys != NULL);
	PushActiveSnapshot(GetTransactionSnapshot());
	citer_chunk_rewind(reader->chunk);
	while (citer_walk_next_query(&queries))
		citer_reader_run_query(reader, &queries.rows, &receiver.pub);
	citer_chunk_rewind(reader->chunk);
	PopActiveSnapshot();
}

/* DestReceiver callback: keeps the key of a row that is not in the chunk. */
static bool
receive_present(TupleTableSlot *slot, DestReceiver *self)
{
	CiterReader *reader = ((CiterRowReceiver *) self)->reader;
	MemoryContext caller = MemoryContextSwitchTo(reader->scratch);
	CiterPosition *key = palloc(sizeof(CiterPosition));

	*key = citer_key_reader_read(reader->keys, slot);
	if (!is_in_chunk(reader, key))
		reader->skipped = lappend(reader->skipped, key);
	MemoryContextSwitchTo(caller);
	return true;
}

/*
 * Whether a row of the chunk has that key.  The search begins behind the row that
 * was found last, and comes round to there: most rows are found at once.
 */
static bool
is_in_chunk(CiterReader *reader, const CiterPosition *key)
{
	for (int64 i = citer_chunk_rows(reader->chunk); i > 0; i--)
	{
		TupleTableSlot *slot = citer_chunk_next(reader->chunk);

		if (slot == NULL)
		{
			citer_chunk_rewind(reader->chunk);
			slot = citer_chunk_next(reader->chunk);
		}
		if (citer_key_reader_compare(reader->keys, slot, key) == 0)
			return true;
	}
	return false;
}
