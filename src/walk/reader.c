/*
 * reader.c
 *	  Opens a walk, and reads its chunks one after the other.
 *
 * A chunk is read by the queries of its ranges, one after the other, until it
 * has its rows, in the way that the walk's strategy says.  Rows come through a
 * receiver that copies each from where the scan has it and stops the executor
 * when the chunk is full.  The key of the last row is where the next chunk
 * starts.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/settings.h"
#include "walk/citus.h"
#include "walk/reader.h"

static bool can_keep_ends(const CiterWalk *walk);
static void read_rows_while_copying(CiterReader *reader);
static void read_rows(CiterReader *reader);
static void count_chunk(CiterReader *reader);

/*
 * Opens a walk, in the current memory context, which is the reader's own.
 * Throws what is wrong with the options.
 */
void
citer_reader_open(CiterReader *reader, const CiterOptions *options)
{
	CiterWalk  *walk;

	reader->context = CurrentMemoryContext;
	reader->scratch = AllocSetContextCreate(reader->context, "chunked_iter scratch",
											ALLOCSET_DEFAULT_SIZES);
	walk = reader->walk = citer_walk_resolve(options);
	if (!walk->key->physical)
		reader->keys = citer_key_reader_create(walk->key);
	reader->chunk = citer_chunk_create(walk->relation->tupdesc, walk->ncolumns,
									   citer_settings_chunk_memory());
	if (options->planner.slot != NULL)
		citer_chunk_return_in(reader->chunk, options->planner.slot);
	if (options->job.ends_only && can_keep_ends(walk))
		citer_chunk_keep_ends(reader->chunk, walk->columns);
	reader->windows = citer_reader_create_windows(walk);
	reader->chunk_rows = citer_citus_is_copying() ? walk->chunk_size : citer_walk_first_rows(walk);
	if (options->planner.first_rows > 0)
		reader->chunk_rows = Min(options->planner.first_rows, walk->chunk_size);
	reader->expected_rows = options->planner.first_rows > 0 ?
		options->planner.first_rows : options->planner.rows;
	citer_session_remember(&reader->session, walk);
	reader->after = walk->after;
	reader->upto = walk->upto;
	reader->keeps_skipped = options->job.keeps_skipped;
	if (options->planner.measure)
		reader->measured = citer_relation_scanned(walk->relation);
}

/* Whether a chunk is read without a look at rows before its last one. */
static bool
can_keep_ends(const CiterWalk *walk)
{
	return (walk->strategy.way == CITER_BY_INDEX || walk->strategy.way == CITER_BY_SORT) &&
		walk->comparer == CITER_COMPARES_HERE && walk->locking == NULL && walk->columns != NULL &&
		citer_relation_is_table(walk->relation);
}

/* Frees all that the reader holds, its memory context included. */
void
citer_reader_close(CiterReader *reader)
{
	citer_chunk_free(reader->chunk);
	if (reader->keys != NULL)
		citer_key_reader_free(reader->keys);
	MemoryContextDelete(reader->context);
}

/*
 * Reads the next chunk, locks its rows if the walk does, and moves behind it;
 * false if there is none.  A chunk of which no row is left once they are locked
 * is one, too.
 */
bool
citer_reader_read_chunk(CiterReader *reader)
{
	const CiterWalk *walk = reader->walk;
	CiterPosition before = reader->after;
	MemoryContext caller;
	int			nestlevel;
	bool		found;

	MemoryContextReset(reader->scratch);
	reader->skipped = NIL;
	caller = MemoryContextSwitchTo(reader->scratch);
	nestlevel = citer_session_begin(&reader->session, walk);
	if (citer_chunk_rows(reader->chunk) > 0 && !walk->key->physical && walk->locking == NULL)
		citer_reader_check_position(reader);
	citer_chunk_begin(reader->chunk, reader->chunk_rows);
	if (walk->in_shards && reader->cost.chunks > 0 && citer_citus_is_copying())
		read_rows_while_copying(reader);
	else
		read_rows(reader);
	found = citer_chunk_rows(reader->chunk) > 0;
	if (found && !walk->key->physical)
		citer_reader_check_chunk(reader, &before);
	if (found && walk->locking != NULL)
		citer_reader_lock_rows(reader, &before);
	citer_session_end(&reader->session, walk, nestlevel);
	if (found)
		count_chunk(reader);
	reader->chunk_rows = reader->windows != NULL ? CITER_CHUNK_SIZE_MAX :
		citer_walk_grow_chunk(walk, Max(reader->chunk_rows, walk->chunk_size));
	MemoryContextSwitchTo(caller);
	return found;
}

/*
 * Switches to an empty memory context for a new position, while the one
 * before keeps its own.  Returns the context to switch back to.
 */
MemoryContext
citer_reader_begin_position(CiterReader *reader)
{
	MemoryContext *context;

	reader->position_turn = 1 - reader->position_turn;
	context = &reader->position_contexts[reader->position_turn];
	if (*context == NULL)
		*context = AllocSetContextCreate(reader->context, "chunked_iter position",
										 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(*context);
	return MemoryContextSwitchTo(*context);
}

/*
 * Reads the rows of a chunk but the first, while Citus copies those that the walk
 * returns.  0A000 if it does so by the connections that a query of ours needs, which
 * depends on where the shards are.
 */
static void
read_rows_while_copying(CiterReader *reader)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		read_rows(reader);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_CONNECTION_FAILURE)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot walk %s in several chunks while Citus inserts what it returns",
						citer_relation_describe(reader->walk->relation)),
				 errdetail_internal("%s", error->message),
				 errhint("Insert the rows into a temporary table first, or run a job.")));
	}
	PG_END_TRY();
}

/*
 * Reads rows into the empty chunk, and sets the position to its end, and "done"
 * if there are no more.
 */
static void
read_rows(CiterReader *reader)
{
	switch (reader->walk->strategy.way)
	{
		case CITER_BY_INDEX:
		case CITER_BY_SORT:
			citer_reader_read_keys(reader);
			break;
		case CITER_BY_TID_RANGE:
		case CITER_BY_TID_SORT:
			citer_reader_read_tids(reader);
			break;
		case CITER_FOREIGN:
		case CITER_FOREIGN_IN_TURN:
		case CITER_FOREIGN_MERGED:
			citer_reader_read_foreign(reader);
			break;
	}
}

/* Adds the chunk that was read to what the walk has cost. */
static void
count_chunk(CiterReader *reader)
{
	reader->cost.chunks++;
	reader->cost.rows += citer_chunk_rows(reader->chunk);
	reader->cost.peak_memory = Max(reader->cost.peak_memory, citer_chunk_memory(reader->chunk));
}
