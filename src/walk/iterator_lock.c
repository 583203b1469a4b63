/*
 * iterator_lock.c
 *	  Locks the rows of a chunk.
 *
 * A query that waits for a lock returns what has become of the row meanwhile,
 * perhaps under another key or in another place.  No position may be taken
 * from that: the rows between the key that the row had and the one that it
 * has would be left out.  So a chunk is first read without locks, which says
 * where it ends, and then once more with them, between that end and the one
 * before, whatever comes back.
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

#include "sql/receiver.h"
#include "walk/iterator_state.h"

/* Receives rows that are locked. */
typedef struct LockReceiver
{
	DestReceiver pub;
	CiterIterator *iterator;
} LockReceiver;

static bool receive_locked(TupleTableSlot *slot, DestReceiver *self);
static bool is_behind_chunk(CiterIterator *iterator, TupleTableSlot *slot);
static void note_lowest(CiterIterator *iterator, TupleTableSlot *slot);
static int64 count_passed(CiterIterator *iterator, const CiterPosition *before);

/*
 * Fills the chunk that has been read with its rows as they are once they are
 * locked: those between "before" and the position that the walk has come to.
 * In the scratch context, with the session set up.
 */
void
citer_iterator_lock_rows(CiterIterator *iterator, const CiterPosition *before)
{
	LockReceiver receiver = {citer_receiver(receive_locked), iterator};
	CiterQueryRows rows = {
		.after = before,
		.upto = &iterator->after,
		.locking = iterator->walk->locking,
	};

	citer_chunk_reset(iterator->chunk);
	iterator->lowest.nelements = 0;
	citer_iterator_run_all(iterator, &rows, &receiver.pub);
	if (strstr(iterator->walk->locking, "SKIP LOCKED") != NULL)
		iterator->cost.passed += count_passed(iterator, before);
}

/* DestReceiver callback: takes a row that is locked. */
static bool
receive_locked(TupleTableSlot *slot, DestReceiver *self)
{
	CiterIterator *iterator = ((LockReceiver *) self)->iterator;

	if (!iterator->walk->key->physical)
		note_lowest(iterator, slot);
	else if (is_behind_chunk(iterator, slot))
		return true;
	citer_chunk_append(iterator->chunk, slot);
	return true;
}

/*
 * Whether an update has moved the row to where the walk has yet to come.  Not
 * every release checks that by itself: TID range scans have done so since the
 * minor releases of November 2025.
 */
static bool
is_behind_chunk(CiterIterator *iterator, TupleTableSlot *slot)
{
	ItemPointerData tid = citer_iterator_row_tid(iterator->walk, slot);
	ItemPointer end = (ItemPointer) DatumGetPointer(iterator->after.values[0]);

	return ItemPointerCompare(&tid, end) > 0;
}

/* Keeps the row's key if it is the lowest so far. */
static void
note_lowest(CiterIterator *iterator, TupleTableSlot *slot)
{
	MemoryContext caller;

	if (iterator->lowest.nelements > 0 &&
		citer_key_reader_compare(iterator->reader, slot, &iterator->lowest) >= 0)
		return;
	caller = MemoryContextSwitchTo(iterator->scratch);
	iterator->lowest = citer_key_reader_read(iterator->reader, slot);
	MemoryContextSwitchTo(caller);
}

/*
 * How many rows of the chunk others have locked: those that are there now, and
 * are not in the chunk.
 */
static int64
count_passed(CiterIterator *iterator, const CiterPosition *before)
{
	int64		rows;

	PushActiveSnapshot(GetTransactionSnapshot());
	rows = citer_walk_count(iterator->walk, before, &iterator->after);
	PopActiveSnapshot();
	return Max(rows - citer_chunk_rows(iterator->chunk), 0);
}
