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
 * Snapshots: the queries of one calling statement all run under that
 * statement's own snapshot, which is the active one whenever a row is asked
 * for; or, if the user wants to see what is committed meanwhile, each chunk
 * under a new one (see reader_end.c).  Either way what the calling statement
 * itself writes, or the transaction after it, is not seen.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "walk/iterator.h"
#include "walk/reader.h"

struct CiterIterator
{
	CiterReader reader;
};

static void check_snapshot(const CiterWalk *walk);

/*
 * Opens a walk, in a memory context of its own below the current one.  Throws
 * what is wrong with the options; warns if the walk sorts for every chunk, once
 * in a session for a table and an order.
 */
CiterIterator *
citer_iterator_open(const CiterOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter walk",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CiterIterator *iterator = palloc0(sizeof(CiterIterator));

	citer_reader_open(&iterator->reader, options);
	if (!options->job.stored)
		check_snapshot(iterator->reader.walk);
	if (!options->job.quiet)
		citer_reader_warn_of_index(iterator->reader.walk);
	if (iterator->reader.walk->snapshot == CITER_SNAPSHOT_CHUNK)
		citer_reader_freeze_end(&iterator->reader);
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

	if (!citer_session_is_same(&iterator->reader.session))
		citer_session_check(&iterator->reader.session, iterator->reader.walk);
	while ((slot = citer_chunk_return(iterator->reader.chunk)) == NULL)
	{
		if (iterator->reader.done)
			return NULL;
		citer_reader_read_chunk(&iterator->reader);
	}
	return slot;
}

/*
 * Reads the next chunk, for a caller who takes chunk by chunk and has taken
 * all rows of the one before; false if there is none.  If rows are locked, a
 * chunk may have none left and still not be the last.
 */
bool
citer_iterator_next_chunk(CiterIterator *iterator)
{
	if (!iterator->reader.done)
		return citer_reader_read_chunk(&iterator->reader);
	citer_chunk_reset(iterator->reader.chunk);
	return false;
}

/* The next row of that chunk, or NULL; valid until the next call. */
TupleTableSlot *
citer_iterator_next_in_chunk(CiterIterator *iterator)
{
	return citer_chunk_next(iterator->reader.chunk);
}

/* Whether there is known to be no chunk after the one at hand. */
bool
citer_iterator_is_done(const CiterIterator *iterator)
{
	return iterator->reader.done;
}

/*
 * The lowest key of the rows of the chunk at hand, which must have some, in the
 * current memory context; none in physical order.  It is the first row's,
 * unless that has been changed before it was locked.
 */
CiterPosition
citer_iterator_first(CiterIterator *iterator)
{
	return iterator->reader.walk->locking != NULL ? iterator->reader.lowest :
		citer_iterator_key(iterator, citer_chunk_first(iterator->reader.chunk));
}

/*
 * The key of a row of the walk, in the current memory context; none in
 * physical order, where rows do not carry their place.
 */
CiterPosition
citer_iterator_key(CiterIterator *iterator, TupleTableSlot *slot)
{
	CiterPosition none = {0};

	return iterator->reader.keys != NULL ? citer_key_reader_read(iterator->reader.keys, slot) : none;
}

/*
 * Where the next chunk starts: the key of the last row read.  Valid until that
 * chunk is read.
 */
const CiterPosition *
citer_iterator_position(const CiterIterator *iterator)
{
	return &iterator->reader.after;
}

/* Where the walk ends: what the user has given, or what was frozen. */
const CiterPosition *
citer_iterator_end(const CiterIterator *iterator)
{
	return &iterator->reader.upto;
}

/*
 * The keys of those rows of the chunk at hand that others have locked, as
 * pointers to CiterPosition, if the walk keeps them; valid as long as the chunk.
 */
List *
citer_iterator_skipped(const CiterIterator *iterator)
{
	return iterator->reader.skipped;
}

/*
 * Ends a walk early or late and frees its memory.  After an error there is
 * nothing to close: the memory goes with the caller's.
 */
void
citer_iterator_close(CiterIterator *iterator)
{
	citer_reader_close(&iterator->reader);
}

/* What is walked. */
const CiterWalk *
citer_iterator_walk(const CiterIterator *iterator)
{
	return iterator->reader.walk;
}

/* What the walk has cost so far. */
CiterCost
citer_iterator_cost(const CiterIterator *iterator)
{
	return iterator->reader.cost;
}

/*
 * 0A000 unless each query of the walk sees what its snapshot mode says: under
 * READ COMMITTED a worker of Citus takes a new snapshot for each.
 */
static void
check_snapshot(const CiterWalk *walk)
{
	if (walk->snapshot == CITER_SNAPSHOT_STATEMENT && walk->in_shards &&
		!IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot walk %s in one snapshot", citer_relation_describe(walk->relation)),
				 errdetail("Its rows are in shards of Citus, which under READ COMMITTED take a new snapshot for each chunk."),
				 errhint("Use snapshot => 'chunk', or BEGIN ISOLATION LEVEL REPEATABLE READ.")));
}
