/*
 * reader_keys.c
 *	  Reads the rows of a chunk in the order of a key.
 *
 * Where the key is unique a chunk may end after any row.  Where it is not, rows
 * of the same key are never split: the queries say WITH TIES, and a chunk that
 * is full goes on as long as the key stays the same.
 *
 * Foreign servers are not asked for WITH TIES.  A plain LIMIT, of one row more
 * than the chunk has, may part rows of the same key: then these are taken out of
 * the chunk again, for the next one, or read once more as a whole if the chunk
 * has no others.
 */
#include "postgres.h"

#include "walk/reader.h"

/* Receives the rows of one chunk. */
typedef struct KeyReceiver
{
	CiterRowReceiver base;
	bool		complete;		/* the chunk has all its rows */
	bool		at_tie;			/* it is full, but ties may follow */
	CiterPosition last;			/* key of the last row, once full */
} KeyReceiver;

static bool read_partition(CiterReader *reader, KeyReceiver *receiver);
static bool next_partition(CiterReader *reader);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static pg_noinline bool receive_tie(KeyReceiver *receiver, TupleTableSlot *slot);
static void keep_ties(CiterReader *reader, const CiterPosition *last);
static void read_key(CiterReader *reader, const CiterPosition *position);
static bool receive_any(TupleTableSlot *slot, DestReceiver *self);
static void move_on(CiterReader *reader, bool done);

/*
 * Reader of CITER_BY_INDEX and CITER_BY_SORT.  Ties come with the query that
 * fills the chunk.
 */
void
citer_reader_read_keys(CiterReader *reader)
{
	KeyReceiver receiver = {.base = citer_reader_chunk_receiver(reader, receive_row)};
	CiterQueryRows rows = {
		.after = &reader->after,
		.upto = &reader->upto,
		.limit = reader->walk->strategy.limit,
	};
	const CiterPosition *window = NULL;
	CiterWalkQueries queries;
	bool		full = false;

	if (reader->windows != NULL)
		window = citer_reader_choose_window(reader, &rows);
	queries = citer_walk_cut_queries(reader->walk, &rows);
	while (!full && citer_walk_next_query(&queries))
	{
		int64		before = citer_chunk_rows(reader->chunk);

		citer_reader_read_query(reader, &queries.rows, &receiver.base.pub);
		full = receiver.complete || receiver.at_tie;
		if (queries.rows.sections != NULL)
			citer_cuts_learn(reader->walk->cuts, queries.begun,
							 citer_chunk_rows(reader->chunk) - before, !full, reader->chunk_rows);
	}
	move_on(reader, !full && window == NULL);
	if (reader->windows != NULL)
		citer_reader_learn_window(reader, window);
}

/*
 * Reader of CITER_FOREIGN, CITER_FOREIGN_IN_TURN and CITER_FOREIGN_MERGED.  If
 * ties were parted, the next chunk begins in the partition where this one did.
 */
void
citer_reader_read_foreign(CiterReader *reader)
{
	KeyReceiver receiver = {.base = citer_reader_chunk_receiver(reader, receive_row)};
	int			heap = reader->heap;
	bool		cut;

	do
		cut = read_partition(reader, &receiver);
	while (!cut && !receiver.complete && next_partition(reader));
	if (cut)
	{
		reader->heap = heap;
		keep_ties(reader, &receiver.last);
	}
	move_on(reader, !cut && !receiver.complete);
}

/*
 * Reads rows of the partition at hand, or of all of them, until the chunk is
 * complete.  Returns whether the LIMIT of a query may have parted ties: those of
 * a full chunk may follow in another partition as well.
 */
static bool
read_partition(CiterReader *reader, KeyReceiver *receiver)
{
	CiterQueryRows rows = {
		.after = &reader->after,
		.upto = &reader->upto,
		.limit = reader->walk->strategy.limit,
	};
	CiterWalkQueries queries = citer_walk_queries(reader->walk, &rows);
	bool		cut = false;

	citer_walk_choose_heap(reader->walk, reader->heap, &queries.rows);
	while (!cut && !receiver->complete && citer_walk_next_query(&queries))
	{
		int64		before = citer_chunk_rows(reader->chunk);

		citer_reader_run_query(reader, &queries.rows, &receiver->base.pub);
		cut = !receiver->complete && citer_chunk_rows(reader->chunk) - before == rows.limit;
	}
	return cut;
}

/* Goes to the next partition, if they are read in turn; false after the last. */
static bool
next_partition(CiterReader *reader)
{
	const CiterStrategy *strategy = &reader->walk->strategy;

	if (strategy->way != CITER_FOREIGN_IN_TURN ||
		reader->heap + 1 >= list_length(strategy->heaps))
		return false;
	reader->heap++;
	return true;
}

/* DestReceiver callback: takes a row of the chunk; false when it is enough. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	KeyReceiver *receiver = (KeyReceiver *) self;
	CiterReader *reader = receiver->base.reader;

	if (receiver->at_tie)
		return receive_tie(receiver, slot);
	if (citer_chunk_append(reader->chunk, slot))
		return true;
	if (reader->walk->key->unique)
	{
		receiver->complete = true;
		return false;
	}
	receiver->at_tie = true;
	return true;
}

/* Takes a row into a full chunk if its key is that of the last one. */
static bool
receive_tie(KeyReceiver *receiver, TupleTableSlot *slot)
{
	CiterReader *reader = receiver->base.reader;
	int			order;

	if (receiver->last.nelements == 0)
	{
		MemoryContext caller = MemoryContextSwitchTo(reader->scratch);

		receiver->last = citer_key_reader_read(reader->keys, citer_chunk_last(reader->chunk));
		MemoryContextSwitchTo(caller);
	}
	order = citer_key_reader_compare(reader->keys, slot, &receiver->last);
	if (order < 0)
		citer_reader_check_next(reader, slot, &receiver->last);
	if (order != 0)
	{
		receiver->complete = true;
		return false;
	}
	citer_chunk_append(reader->chunk, slot);
	return true;
}

/*
 * Keeps the rows of the chunk's last key together, though a LIMIT may have
 * parted them: they are left to the next chunk or, if this one has no others,
 * read once more, all of them.
 */
static void
keep_ties(CiterReader *reader, const CiterPosition *last)
{
	int64		others = 0;

	while (citer_key_reader_compare(reader->keys, citer_chunk_next(reader->chunk), last) != 0)
		others++;
	citer_chunk_truncate(reader->chunk, others);
	if (others == 0)
		read_key(reader, last);
}

/* Reads the rows of one key into an empty chunk. */
static void
read_key(CiterReader *reader, const CiterPosition *position)
{
	const CiterWalk *walk = reader->walk;
	CiterRowReceiver receiver = citer_reader_receiver(reader, receive_any);
	CiterPosition none = {0};
	CiterRange	range = {.nfixed = walk->key->nelements,.fixed_to_upper = true};
	CiterQueryRows rows = {
		.after = &none,
		.upto = position,
		.ranges = &range,
		.nranges = 1,
	};

	citer_walk_merge_heaps(walk, &rows);
	citer_reader_run_query(reader, &rows, &receiver.pub);
	if (citer_chunk_rows(reader->chunk) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("rows of %s are not found by their own key",
						citer_relation_describe(walk->relation)),
				 errdetail("The foreign server does not find %s equal to what it has sent.",
						   citer_key_describe(walk->key)),
				 errhint("Declare the columns of the foreign table with the types and collations that they have on the server.")));
}

/* DestReceiver callback: takes any row into the chunk. */
static bool
receive_any(TupleTableSlot *slot, DestReceiver *self)
{
	citer_chunk_append(((CiterRowReceiver *) self)->reader->chunk, slot);
	return true;
}

/* Sets the position to the key of the chunk's last row. */
static void
move_on(CiterReader *reader, bool done)
{
	MemoryContext caller;

	reader->done = done;
	if (citer_chunk_rows(reader->chunk) == 0)
		return;
	caller = citer_reader_begin_position(reader);
	reader->after = citer_key_reader_read(reader->keys, citer_chunk_last(reader->chunk));
	MemoryContextSwitchTo(caller);
}
