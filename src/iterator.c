/*
 * iterator.c
 *	  Walks a relation, one chunk in memory at a time.
 *
 * Between two calls an iterator holds memory in its own context and nothing
 * else: no SPI connection, no plan, no snapshot, no open relation.  Whatever
 * ends the query that it serves, an error included, therefore ends it too.
 * (The exception is the temporary file behind ties that exceed the memory of
 * a chunk, which belongs to the resource owner of the calling query, as that
 * of a tuplestore of its own would.)
 *
 * A chunk is read by the queries of its ranges, one after the other, until it
 * has its rows.  Rows come through a receiver that copies each from where the
 * scan has it and stops the executor when the chunk is full.  The key of the
 * last row is where the next chunk starts.
 *
 * Where the key is unique a chunk may end after any row.  Where it is not,
 * rows of the same key are never split: the queries say WITH TIES, and a
 * chunk that is full goes on as long as the key stays the same.  Foreign
 * servers are not asked for WITH TIES: what a plain LIMIT may have parted is
 * taken out again, and read as a whole (mend_cut).
 *
 * Snapshots: the queries of one calling statement all run under that
 * statement's own snapshot, which is the active one whenever a row is asked
 * for; or, if the user wants to see what is committed meanwhile, each chunk
 * under a new one.  Then the end is frozen at the start, at the last key that
 * is seen there, or else rows that are appended faster than they are read
 * would keep the walk going forever.  Either way what the calling statement
 * itself writes, or the transaction after it, is not seen.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "bookmark.h"
#include "chunk.h"
#include "iterator.h"
#include "session.h"
#include "settings.h"
#include "walk.h"

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
	MemoryContext position_contexts[2]; /* of "after", in turns */
	int			position_turn;
};

/* Receives the rows of one chunk. */
typedef struct ChunkReceiver
{
	DestReceiver pub;
	CiterIterator *iterator;
	bool		complete;		/* the chunk has all its rows */
	bool		at_tie;			/* it is full, but ties may follow */
	bool		cut;			/* a LIMIT may have parted them from it */
	CiterPosition last;			/* key of the last row, once full */
	ItemPointerData last_tid;	/* the same in physical order */
} ChunkReceiver;

/* Receives the one row whose key is the end of the walk. */
typedef struct EndReceiver
{
	DestReceiver pub;
	CiterIterator *iterator;
	bool		found;
} EndReceiver;

static void warn_of_missing_index(const CiterWalk *walk);
static void freeze_end(CiterIterator *iterator);
static void freeze_physical_end(CiterIterator *iterator);
static bool receive_end(TupleTableSlot *slot, DestReceiver *self);
static void read_chunk(CiterIterator *iterator);
static void read_ranges(CiterIterator *iterator, ChunkReceiver *receiver);
static void run_chunk_query(CiterIterator *iterator, const CiterQueryRows *rows,
							ChunkReceiver *receiver);
static bool is_enough(const ChunkReceiver *receiver);
static void mend_cut(CiterIterator *iterator, ChunkReceiver *receiver);
static void read_key(CiterIterator *iterator, const CiterPosition *position);
static bool receive_any(TupleTableSlot *slot, DestReceiver *self);
static void run_query(CiterIterator *iterator, const CiterQueryRows *rows, DestReceiver *receiver);
static void count_chunk(CiterIterator *iterator);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static ItemPointerData row_tid(const CiterWalk *walk, TupleTableSlot *slot);
static bool receive_tie(ChunkReceiver *receiver, TupleTableSlot *slot);
static void move_on(CiterIterator *iterator, ChunkReceiver *receiver);
static bool next_heap(CiterIterator *iterator);
static MemoryContext begin_position(CiterIterator *iterator);
static DestReceiver make_receiver(bool (*receive) (TupleTableSlot *, DestReceiver *));
static void ignore_startup(DestReceiver *self pg_attribute_unused(), int operation pg_attribute_unused(),
						   TupleDesc tupdesc pg_attribute_unused());
static void begin_chunk(DestReceiver *self, int operation pg_attribute_unused(),
						TupleDesc tupdesc);
static void ignore_end(DestReceiver *self);

/*
 * Opens a walk, in a memory context of its own below the current one.  Throws
 * what is wrong with the options; warns if the walk sorts for every chunk.
 */
CiterIterator *
citer_iterator_open(const CiterOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter walk",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CiterIterator *iterator = palloc0(sizeof(CiterIterator));

	iterator->context = context;
	iterator->scratch = AllocSetContextCreate(context, "chunked_iter scratch",
											  ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < 2; i++)
		iterator->position_contexts[i] = AllocSetContextCreate(context, "chunked_iter position",
															   ALLOCSET_SMALL_SIZES);
	iterator->walk = citer_walk_resolve(options);
	if (!iterator->walk->key->physical)
		iterator->reader = citer_key_reader_create(iterator->walk->key);
	iterator->chunk = citer_chunk_create(iterator->walk->relation->tupdesc,
										 iterator->walk->ncolumns,
										 iterator->walk->chunk_size,
										 citer_settings_chunk_memory());
	iterator->ranges = palloc(sizeof(CiterRange) * citer_range_max(iterator->walk->key));
	citer_session_remember(&iterator->session);
	iterator->after = iterator->walk->after;
	iterator->upto = iterator->walk->upto;

	if (options->measure)
		iterator->measured = citer_relation_scanned(iterator->walk->relation);
	if (!options->quiet)
		warn_of_missing_index(iterator->walk);
	if (iterator->walk->snapshot == CITER_SNAPSHOT_CHUNK)
		freeze_end(iterator);
	MemoryContextSwitchTo(caller);
	return iterator;
}

/*
 * The next row, in a slot that is valid until the next call; NULL after the
 * last.  55000 if the role or the relation is not what it was at the start.
 */
TupleTableSlot *
citer_iterator_next(CiterIterator *iterator)
{
	TupleTableSlot *slot;

	if (!citer_session_is_same(&iterator->session))
		citer_session_check(&iterator->session, iterator->walk);
	while ((slot = citer_chunk_next(iterator->chunk)) == NULL)
	{
		if (iterator->done)
			return NULL;
		read_chunk(iterator);
	}
	return slot;
}

/*
 * Reads the next chunk, for a caller who takes chunk by chunk and has taken
 * all rows of the one before; false if there is none.
 */
bool
citer_iterator_next_chunk(CiterIterator *iterator)
{
	if (!iterator->done)
		read_chunk(iterator);
	else
		citer_chunk_reset(iterator->chunk);
	return citer_chunk_rows(iterator->chunk) > 0;
}

/* The next row of that chunk, or NULL; valid until the next call. */
TupleTableSlot *
citer_iterator_next_in_chunk(CiterIterator *iterator)
{
	return citer_chunk_next(iterator->chunk);
}

/* Is there known to be no chunk after the one at hand? */
bool
citer_iterator_is_done(const CiterIterator *iterator)
{
	return iterator->done;
}

/*
 * The key of a row of the walk, in the current memory context; none in
 * physical order, where rows do not carry their place.
 */
CiterPosition
citer_iterator_key(CiterIterator *iterator, TupleTableSlot *slot)
{
	CiterPosition none = {0};

	return iterator->reader != NULL ? citer_key_reader_read(iterator->reader, slot) : none;
}

/*
 * Where the next chunk starts: the key of the last row read.  Valid until that
 * chunk is read.
 */
const CiterPosition *
citer_iterator_position(const CiterIterator *iterator)
{
	return &iterator->after;
}

/* Where the walk ends: what the user has given, or what was frozen. */
const CiterPosition *
citer_iterator_end(const CiterIterator *iterator)
{
	return &iterator->upto;
}

/*
 * Ends a walk early or late and frees its memory.  After an error there is
 * nothing to close: the memory goes with the caller's.
 */
void
citer_iterator_close(CiterIterator *iterator)
{
	citer_chunk_free(iterator->chunk);
	if (iterator->reader != NULL)
		citer_key_reader_free(iterator->reader);
	MemoryContextDelete(iterator->context);
}

/* What is walked. */
const CiterWalk *
citer_iterator_walk(const CiterIterator *iterator)
{
	return iterator->walk;
}

/* What the walk has cost so far. */
CiterCost
citer_iterator_cost(const CiterIterator *iterator)
{
	return iterator->cost;
}

static void
warn_of_missing_index(const CiterWalk *walk)
{
	char	   *index_sql;

	if (!citer_walk_lacks_index(walk))
		return;
	index_sql = citer_key_index_sql(walk->relation, walk->key);
	ereport(WARNING,
			(errmsg("no index gives the order of this walk of %s", walk->relation->sql),
			 walk->index_shape.sorts ?
			 errdetail("Every chunk reads and sorts all that is left, by %s.",
					   citer_key_describe(walk->key)) :
			 errdetail("An index gives the order of the first columns, and every chunk sorts the rest of %s.",
					   citer_key_describe(walk->key)),
			 index_sql ? errhint("%s", index_sql) : 0));
}

/*
 * Fixes where a walk ends whose chunks see new rows: at the last key there is
 * now, within the bounds that the user has given.
 */
static void
freeze_end(CiterIterator *iterator)
{
	EndReceiver receiver = {make_receiver(receive_end), iterator, false};
	CiterQueryRows rows = {
		.after = &iterator->after,
		.upto = &iterator->upto,
		.backwards = true,
		.limit = 1,
	};
	int			nranges;
	int			nestlevel;

	if (iterator->walk->key->physical)
	{
		freeze_physical_end(iterator);
		return;
	}
	nranges = citer_range_split(iterator->walk->key, rows.after, rows.upto, iterator->ranges);
	nestlevel = citer_session_begin(&iterator->session, iterator->walk);
	citer_walk_merge_heaps(iterator->walk, &rows);
	if (iterator->walk->stepwise)
	{
		rows.nranges = 1;
		for (int i = nranges - 1; i >= 0 && !receiver.found; i--)
		{
			rows.ranges = &iterator->ranges[i];
			run_query(iterator, &rows, &receiver.pub);
		}
	}
	else if (nranges > 0)
	{
		rows.ranges = iterator->ranges;
		rows.nranges = nranges;
		run_query(iterator, &rows, &receiver.pub);
	}
	citer_session_end(iterator->walk, nestlevel);
	iterator->done = !receiver.found;
}

/* The same in physical order: rows in new blocks are not walked. */
static void
freeze_physical_end(CiterIterator *iterator)
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

/* Reads the next chunk, or finds that there is none. */
static void
read_chunk(CiterIterator *iterator)
{
	ChunkReceiver receiver = {0};
	MemoryContext caller;
	int			heap = iterator->heap;
	int			nestlevel;

	receiver.pub = make_receiver(receive_row);
	receiver.pub.rStartup = begin_chunk;
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
		mend_cut(iterator, &receiver);
	}
	citer_session_end(iterator->walk, nestlevel);
	move_on(iterator, &receiver);
	count_chunk(iterator);
	MemoryContextSwitchTo(caller);
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
	int			nranges = citer_range_split(walk->key, rows.after, rows.upto, iterator->ranges);

	citer_walk_choose_heap(walk, iterator->heap, &rows);
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

	run_query(iterator, rows, &receiver->pub);
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
 * Keeps the rows of the last key together, though a LIMIT may have parted
 * them: they are left to the next chunk or, if this one has no others, read
 * once more, all of them.
 */
static void
mend_cut(CiterIterator *iterator, ChunkReceiver *receiver)
{
	int64		others = 0;

	while (!citer_key_reader_equals(iterator->reader, citer_chunk_next(iterator->chunk),
									&receiver->last))
		others++;
	citer_chunk_truncate(iterator->chunk, others);
	if (others == 0)
		read_key(iterator, &receiver->last);
}

/* Reads the rows of one key into an empty chunk. */
static void
read_key(CiterIterator *iterator, const CiterPosition *position)
{
	const CiterWalk *walk = iterator->walk;
	ChunkReceiver receiver = {.pub = make_receiver(receive_any),.iterator = iterator};
	CiterPosition none = {0};
	CiterRange	range = {.nfixed = walk->key->nelements,.fixed_to_upper = true};
	CiterQueryRows rows = {
		.after = &none,
		.upto = position,
		.ranges = &range,
		.nranges = 1,
	};

	citer_walk_merge_heaps(walk, &rows);
	run_query(iterator, &rows, &receiver.pub);
	if (citer_chunk_rows(iterator->chunk) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("rows of %s are not found by their own key", walk->relation->sql),
				 errdetail("The foreign server does not find %s equal to what it has sent.",
						   citer_key_describe(walk->key)),
				 errhint("Declare the columns of the foreign table with the types and collations that they have on the server.")));
}

/* DestReceiver callback: takes any row into the chunk. */
static bool
receive_any(TupleTableSlot *slot, DestReceiver *self)
{
	citer_chunk_append(((ChunkReceiver *) self)->iterator->chunk, slot);
	return true;
}

static void
run_query(CiterIterator *iterator, const CiterQueryRows *rows, DestReceiver *receiver)
{
	CiterQuery	query = citer_walk_query(iterator->walk, rows);

	iterator->examined_before = citer_relation_examined(iterator->measured);
	citer_plan_run(&query, citer_walk_params(iterator->walk, rows->after, rows->upto), receiver);
	iterator->cost.examined += citer_relation_examined(iterator->measured) -
		iterator->examined_before;
}

/* Adds the chunk that was read to what the walk has cost. */
static void
count_chunk(CiterIterator *iterator)
{
	if (citer_chunk_rows(iterator->chunk) == 0)
		return;
	iterator->cost.chunks++;
	iterator->cost.rows += citer_chunk_rows(iterator->chunk);
	iterator->cost.peak_memory = Max(iterator->cost.peak_memory,
									 citer_chunk_memory(iterator->chunk));
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
		receiver->last_tid = row_tid(walk, slot);
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

/* Where the row in the slot is stored. */
static ItemPointerData
row_tid(const CiterWalk *walk, TupleTableSlot *slot)
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
	if (!citer_key_reader_equals(iterator->reader, slot, &receiver->last))
	{
		receiver->complete = true;
		return false;
	}
	citer_chunk_append(iterator->chunk, slot);
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
		freeze_physical_end(iterator);
	MemoryContextSwitchTo(caller);
	return true;
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

/* A receiver that does nothing but receive rows. */
static DestReceiver
make_receiver(bool (*receive) (TupleTableSlot *, DestReceiver *))
{
	DestReceiver receiver = {
		.receiveSlot = receive,
		.rStartup = ignore_startup,
		.rShutdown = ignore_end,
		.rDestroy = ignore_end,
		/* SPI tells DestSPI and DestNone from others, and is told no more. */
		.mydest = DestTuplestore,
	};

	return receiver;
}

static void
ignore_startup(DestReceiver *self pg_attribute_unused(), int operation pg_attribute_unused(),
			   TupleDesc tupdesc pg_attribute_unused())
{
}

/*
 * DestReceiver callback: the query has been planned, which may have looked at
 * rows as well, and is about to run.  The rows of a query of the user have to
 * have the types that they had at its start, which DDL on its tables can
 * change.
 */
static void
begin_chunk(DestReceiver *self, int operation pg_attribute_unused(), TupleDesc tupdesc)
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

static void
ignore_end(DestReceiver *self pg_attribute_unused())
{
}
