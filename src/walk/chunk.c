/*
 * chunk.c
 *	  The rows of one chunk, in memory.
 *
 * Rows that are appended when the arena has reached its size go to a
 * tuplestore, which spills to a temporary file.  That happens only to ties
 * that must be kept together (reader_keys.c), and to rows that have grown
 * before they could be locked (reader_lock.c).
 *
 * Of a chunk whose rows nobody asks for, the first row is kept, and the key's
 * columns of the last one (last_row.c).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "walk/arena.h"
#include "walk/chunk.h"
#include "walk/last_row.h"

struct CiterChunk
{
	MemoryContext context;		/* where all of it is allocated */
	TupleDesc	tupdesc;
	int64		rows;			/* rows that make it full */
	Size		memory;			/* bytes of the arena that do */

	CiterArena *arena;
	Size		used;			/* bytes of it */
	int64		nrows;

	CiterLastRow *last_row;		/* kept instead of all but the first row;
								 * NULL: all are kept */

	Tuplestorestate *overflow;	/* NULL unless rows did not fit */
	TupleTableSlot *overflow_slot;

	TupleTableSlot *returned;	/* where rows are returned; NULL: in a slot of
								 * the arena's */
};

static void drop_overflow(CiterChunk *chunk);
static pg_noinline void append_to_overflow(CiterChunk *chunk, TupleTableSlot *slot);
static pg_noinline TupleTableSlot *next_overflow(CiterChunk *chunk);
static TupleTableSlot *return_overflow(CiterChunk *chunk);

/*
 * Makes an empty chunk for rows of the given descriptor, which must not be
 * reference-counted, in the current memory context.  Of a row the first
 * ncolumns columns are sure to be kept.  The chunk is full at "memory" bytes,
 * or earlier, see citer_chunk_begin().
 */
CiterChunk *
citer_chunk_create(TupleDesc tupdesc, int ncolumns, Size memory)
{
	CiterChunk *chunk = palloc0(sizeof(CiterChunk));

	chunk->context = CurrentMemoryContext;
	chunk->tupdesc = tupdesc;
	chunk->memory = memory;
	chunk->arena = citer_arena_create(tupdesc, ncolumns);
	return chunk;
}

/*
 * Has the chunk keep nothing but its first row and these columns of its last
 * one, as pull_varattnos() gives them, which are a table's.  However many rows it
 * has, they take no more memory.
 */
void
citer_chunk_keep_ends(CiterChunk *chunk, const Bitmapset *columns)
{
	chunk->last_row = citer_last_row_create(chunk->tupdesc, columns);
}

/*
 * Has citer_chunk_return() put the chunk's columns of each row into this virtual slot,
 * in which all others are NULL.
 */
void
citer_chunk_return_in(CiterChunk *chunk, TupleTableSlot *slot)
{
	chunk->returned = slot;
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
}

/* Frees what is not in the memory of its context.  Not for use at an abort. */
void
citer_chunk_free(CiterChunk *chunk)
{
	citer_chunk_reset(chunk);
}

/* Empties the chunk.  An arena that a giant row has made too large is freed. */
void
citer_chunk_reset(CiterChunk *chunk)
{
	citer_arena_reset(chunk->arena, chunk->memory);
	drop_overflow(chunk);
	chunk->used = 0;
	chunk->nrows = 0;
}

/* Empties the chunk for others, of which so many make it full. */
void
citer_chunk_begin(CiterChunk *chunk, int64 rows)
{
	citer_chunk_reset(chunk);
	chunk->rows = rows;
}

/*
 * Appends a copy of the row in the slot, and returns whether there is room for
 * another.
 */
bool
citer_chunk_append(CiterChunk *chunk, TupleTableSlot *slot)
{
	if (chunk->last_row != NULL && chunk->nrows > 0)
	{
		citer_last_row_set(chunk->last_row, slot);
		return ++chunk->nrows < chunk->rows;
	}
	if (chunk->used < chunk->memory)
		chunk->used = citer_arena_append(chunk->arena, slot);
	else
		append_to_overflow(chunk, slot);
	chunk->nrows++;
	return chunk->nrows < chunk->rows && chunk->used < chunk->memory;
}

/*
 * Removes all rows but the first so many, which must be in the arena.  The
 * next row is then the first.
 */
void
citer_chunk_truncate(CiterChunk *chunk, int64 rows)
{
	drop_overflow(chunk);
	chunk->used = citer_arena_truncate(chunk->arena, rows);
	chunk->nrows = rows;
}

/*
 * The next row, in the order they were appended, or NULL after the last.  It
 * is valid until the next call for the chunk.
 */
TupleTableSlot *
citer_chunk_next(CiterChunk *chunk)
{
	TupleTableSlot *row = citer_arena_next(chunk->arena);

	return row == NULL && chunk->overflow != NULL ? next_overflow(chunk) : row;
}

/* The same in the slot of citer_chunk_return_in(), if there is one. */
TupleTableSlot *
citer_chunk_return(CiterChunk *chunk)
{
	TupleTableSlot *row;

	if (chunk->returned == NULL)
		return citer_chunk_next(chunk);
	row = citer_arena_next_in(chunk->arena, chunk->returned);
	return row == NULL && chunk->overflow != NULL ? return_overflow(chunk) : row;
}

/* The next row is the first again. */
void
citer_chunk_rewind(CiterChunk *chunk)
{
	citer_arena_rewind(chunk->arena);
	if (chunk->overflow != NULL)
	{
		ExecClearTuple(chunk->overflow_slot);
		tuplestore_rescan(chunk->overflow);
	}
}

/* The first row, whichever is the next; the chunk must not be empty. */
TupleTableSlot *
citer_chunk_first(CiterChunk *chunk)
{
	return citer_arena_first(chunk->arena);
}

/* The last row that is in memory; the chunk must not be empty. */
TupleTableSlot *
citer_chunk_last(CiterChunk *chunk)
{
	if (chunk->last_row != NULL && chunk->nrows > 1)
		return citer_last_row_slot(chunk->last_row);
	return citer_arena_last(chunk->arena);
}

/* How many rows the chunk has. */
int64
citer_chunk_rows(const CiterChunk *chunk)
{
	return chunk->nrows;
}

/* Bytes of the arena that hold rows. */
Size
citer_chunk_memory(const CiterChunk *chunk)
{
	return chunk->used;
}

static void
drop_overflow(CiterChunk *chunk)
{
	if (chunk->overflow == NULL)
		return;
	ExecClearTuple(chunk->overflow_slot);
	tuplestore_end(chunk->overflow);
	chunk->overflow = NULL;
}

/* Appends a row to the tuplestore, with the columns of the chunk's descriptor. */
static void
append_to_overflow(CiterChunk *chunk, TupleTableSlot *slot)
{
	if (chunk->overflow == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(chunk->context);

		chunk->overflow = tuplestore_begin_heap(false, false, work_mem);
		if (chunk->overflow_slot == NULL)
			chunk->overflow_slot = MakeSingleTupleTableSlot(chunk->tupdesc, &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(caller);
	}
	slot_getallattrs(slot);
	tuplestore_putvalues(chunk->overflow, chunk->tupdesc, slot->tts_values, slot->tts_isnull);
}

/* The next row of the tuplestore, or NULL. */
static TupleTableSlot *
next_overflow(CiterChunk *chunk)
{
	/* A row read from a file is allocated, and has to outlive this call. */
	MemoryContext caller = MemoryContextSwitchTo(chunk->context);
	bool		found = tuplestore_gettupleslot(chunk->overflow, true, false,
												chunk->overflow_slot);

	MemoryContextSwitchTo(caller);
	return found ? chunk->overflow_slot : NULL;
}

/* The same in the caller's slot. */
static TupleTableSlot *
return_overflow(CiterChunk *chunk)
{
	TupleTableSlot *row = next_overflow(chunk);

	return row == NULL ? NULL :
		citer_arena_copy(chunk->arena, row, chunk->returned);
}
