/*
 * reader_end.c
 *	  Finds where a walk ends that sees new rows.
 *
 * If each chunk sees what is committed meanwhile, the end is fixed at the
 * start, at the last key that is visible then.  Otherwise rows that are appended
 * faster than they are read would keep the walk going forever.
 */
#include "postgres.h"

#include "access/relation.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "walk/reader.h"

/* Receives the one row whose key is the end of the walk. */
typedef struct EndReceiver
{
	CiterRowReceiver base;
	bool		found;
} EndReceiver;

static bool receive_end(TupleTableSlot *slot, DestReceiver *self);

/*
 * Fixes where a walk ends whose chunks see new rows: at the last key there is
 * now, within the bounds that the user has given.  XX002 if it is not the last.
 */
void
citer_reader_freeze_end(CiterReader *reader)
{
	EndReceiver receiver = {.base = citer_reader_receiver(reader, receive_end)};
	CiterPosition given = reader->upto;
	CiterQueryRows rows = {
		.after = &reader->after,
		.upto = &given,
		.backwards = true,
		.limit = 1,
	};
	CiterWalkQueries queries;
	int			nestlevel;

	if (reader->walk->key->physical)
	{
		citer_reader_freeze_heap(reader);
		return;
	}
	queries = citer_walk_queries(reader->walk, &rows);
	nestlevel = citer_session_begin(&reader->session, reader->walk);
	citer_walk_merge_heaps(reader->walk, &queries.rows);
	while (!receiver.found && citer_walk_next_query(&queries))
		citer_reader_run_query(reader, &queries.rows, &receiver.base.pub);
	if (receiver.found)
		citer_reader_check_end(reader, &given);
	citer_session_end(&reader->session, reader->walk, nestlevel);
	reader->done = !receiver.found;
}

/* The same in physical order: rows in new blocks are not walked. */
void
citer_reader_freeze_heap(CiterReader *reader)
{
	const CiterWalk *walk = reader->walk;
	Oid			heap = walk->relation->relid;
	Relation	rel;
	CiterPosition end;

	if (walk->strategy.heaps != NIL)
		heap = list_nth_oid(walk->strategy.heaps, reader->heap);
	rel = relation_open(heap, AccessShareLock);
	end = citer_position_of_tid(RelationGetNumberOfBlocks(rel), InvalidOffsetNumber);
	relation_close(rel, NoLock);
	if (reader->upto.nelements == 0 || walk->strategy.heaps != NIL ||
		citer_key_compare(&walk->key->elements[0], end.values[0], false,
						  reader->upto.values[0], reader->upto.isnull[0]) < 0)
		reader->upto = end;
}

/* DestReceiver callback: takes the key of the first row. */
static bool
receive_end(TupleTableSlot *slot, DestReceiver *self)
{
	EndReceiver *receiver = (EndReceiver *) self;
	CiterReader *reader = receiver->base.reader;
	MemoryContext caller = MemoryContextSwitchTo(reader->context);

	reader->upto = citer_key_reader_read(reader->keys, slot);
	receiver->found = true;
	MemoryContextSwitchTo(caller);
	return false;
}
