/*
 * iterator_ties.c
 *	  Keeps together what a LIMIT has parted.
 *
 * Where the key is not unique, rows of the same key are never split.  Foreign
 * servers are not asked for WITH TIES: what a plain LIMIT may have parted is
 * taken out of the chunk again, and read as a whole.
 */
#include "postgres.h"

#include "sql/receiver.h"
#include "walk/iterator_state.h"

/* Receives all rows of one key. */
typedef struct TieReceiver
{
	DestReceiver pub;
	CiterChunk *chunk;
} TieReceiver;

static void read_key(CiterIterator *iterator, const CiterPosition *position);
static bool receive_any(TupleTableSlot *slot, DestReceiver *self);

/*
 * Keeps the rows of the chunk's last key together, though a LIMIT may have
 * parted them: they are left to the next chunk or, if this one has no others,
 * read once more, all of them.
 */
void
citer_iterator_keep_ties(CiterIterator *iterator, const CiterPosition *last)
{
	int64		others = 0;

	while (citer_key_reader_compare(iterator->reader, citer_chunk_next(iterator->chunk), last) != 0)
		others++;
	citer_chunk_truncate(iterator->chunk, others);
	if (others == 0)
		read_key(iterator, last);
}

/* Reads the rows of one key into an empty chunk. */
static void
read_key(CiterIterator *iterator, const CiterPosition *position)
{
	const CiterWalk *walk = iterator->walk;
	TieReceiver receiver = {citer_receiver(receive_any), iterator->chunk};
	CiterPosition none = {0};
	CiterRange	range = {.nfixed = walk->key->nelements,.fixed_to_upper = true};
	CiterQueryRows rows = {
		.after = &none,
		.upto = position,
		.ranges = &range,
		.nranges = 1,
	};

	citer_walk_merge_heaps(walk, &rows);
	citer_iterator_run_query(iterator, &rows, &receiver.pub);
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
	citer_chunk_append(((TieReceiver *) self)->chunk, slot);
	return true;
}
