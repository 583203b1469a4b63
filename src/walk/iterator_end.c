/*
 * iterator_end.c
 *	  Where a walk ends that sees new rows.
 *
 * If each chunk sees what is committed meanwhile, the end is frozen at the
 * start, at the last key that is seen there, or else rows that are appended
 * faster than they are read would keep the walk going forever.
 */
#include "postgres.h"

#include "access/relation.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "sql/receiver.h"
#include "walk/iterator_state.h"

/* Receives the one row whose key is the end of the walk. */
typedef struct EndReceiver
{
	DestReceiver pub;
	CiterIterator *iterator;
	bool		found;
} EndReceiver;

static bool receive_end(TupleTableSlot *slot, DestReceiver *self);

/*
 * Fixes where a walk ends whose chunks see new rows: at the last key there is
 * now, within the bounds that the user has given.  XX002 if it is not the last.
 */
void
citer_iterator_freeze_end(CiterIterator *iterator)
{
	EndReceiver receiver = {citer_receiver(receive_end), iterator, false};
	CiterPosition given = iterator->upto;
	CiterQueryRows rows = {
		.after = &iterator->after,
		.upto = &given,
		.backwards = true,
		.limit = 1,
	};
	int			nranges;
	int			nestlevel;

	if (iterator->walk->key->physical)
	{
		citer_iterator_freeze_heap(iterator);
		return;
	}
	nranges = citer_walk_split(iterator->walk, &rows, iterator->ranges);
	nestlevel = citer_session_begin(&iterator->session, iterator->walk);
	citer_walk_merge_heaps(iterator->walk, &rows);
	if (iterator->walk->stepwise)
	{
		rows.nranges = 1;
		for (int i = nranges - 1; i >= 0 && !receiver.found; i--)
		{
			rows.ranges = &iterator->ranges[i];
			citer_iterator_run_query(iterator, &rows, &receiver.pub);
		}
	}
	else if (nranges > 0)
	{
		rows.ranges = iterator->ranges;
		rows.nranges = nranges;
		citer_iterator_run_query(iterator, &rows, &receiver.pub);
	}
	if (receiver.found)
		citer_iterator_check_end(iterator, &given);
	citer_session_end(iterator->walk, nestlevel);
	iterator->done = !receiver.found;
}

/* The same in physical order: rows in new blocks are not walked. */
void
citer_iterator_freeze_heap(CiterIterator *iterator)
{
	const CiterWalk *walk = iterator->walk;
	Oid			heap = walk->relation->relid;
	Relation	rel;
	CiterPosition end;

	if (walk->heaps != NIL)
		heap = list_nth_oid(walk->heaps, iterator->heap);
	rel = relation_open(heap, AccessShareLock);
	end = citer_position_of_tid(RelationGetNumberOfBlocks(rel), InvalidOffsetNumber);
	relation_close(rel, NoLock);
	if (iterator->upto.nelements == 0 || walk->heaps != NIL ||
		citer_key_compare(&walk->key->elements[0], end.values[0], false,
						  iterator->upto.values[0], iterator->upto.isnull[0]) < 0)
		iterator->upto = end;
}

/* DestReceiver callback: takes the key of the first row. */
static bool
receive_end(TupleTableSlot *slot, DestReceiver *self)
{
	EndReceiver *receiver = (EndReceiver *) self;
	CiterIterator *iterator = receiver->iterator;
	MemoryContext caller = MemoryContextSwitchTo(iterator->context);

	iterator->upto = citer_key_reader_read(iterator->reader, slot);
	receiver->found = true;
	MemoryContextSwitchTo(caller);
	return false;
}
