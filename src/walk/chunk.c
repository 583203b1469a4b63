/*
 * chunk.c
 *	  The rows of one chunk, in memory.
 *
 * The rows lie one behind the other in a single block of memory, the arena,
 * each as its length and the bytes of its tuple.  The arena is kept from chunk
 * to chunk and grows by doubling, so that a walk settles into memory that is
 * already mapped: to free and allocate it for each chunk costs more than to
 * copy the rows.  Toasted values are kept as the pointers that they are; the
 * caller's snapshot, which is as old as the walk, holds on to what they point
 * to.
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

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "walk/chunk.h"
#include "walk/last_row.h"

/* Bytes of a new arena: a page of rows need not move. */
#define ARENA_START 32768

/* Bytes of memory that the processor fetches at a time. */
#define CACHE_LINE 64

/* A row in the arena; the tuple's header and data follow, aligned. */
typedef struct ArenaRow
{
	uint32		length;			/* of what follows, not padded */
} ArenaRow;

#define ROW_HEADER_SIZE MAXALIGN(sizeof(ArenaRow))

struct CiterChunk
{
	MemoryContext context;		/* where all of it is allocated */
	TupleDesc	tupdesc;
	int			ncolumns;		/* columns that are kept, from the first */
	Size		prefix;			/* their bytes in a tuple without NULLs, if
								 * that is the same in all; else 0 */
	int64		rows;			/* rows that make it full */
	Size		memory;			/* bytes of the arena that do */

	char	   *arena;
	Size		allocated;		/* bytes of the arena */
	Size		used;
	Size		read;			/* offset of the next row to read */
	Size		last;			/* offset of the row appended last */
	int64		nrows;

	CiterLastRow *last_row;		/* kept instead of all but the first row;
								 * NULL: all are kept */

	Tuplestorestate *overflow;	/* NULL unless rows did not fit */
	TupleTableSlot *overflow_slot;

	HeapTupleData tuple;		/* the row in the slot */
	TupleTableSlot *slot;

	/* Where rows are returned in a slot of the caller's: */
	TupleTableSlot *returned;	/* NULL: in the one above */
	TupleDesc	returned_columns;	/* of tuples that have no others; NULL:
									 * not known of any */
};

static void drop_overflow(CiterChunk *chunk);
static HeapTuple stored_tuple(CiterChunk *chunk, TupleTableSlot *slot);
static pg_noinline HeapTuple fetch_tuple(CiterChunk *chunk, TupleTableSlot *slot, bool *should_free);
static Size prefix_length(TupleDesc tupdesc, int ncolumns);
static void append_to_arena(CiterChunk *chunk, HeapTuple tuple);
static pg_noinline void grow_arena(CiterChunk *chunk, Size size);
static pg_noinline void append_to_overflow(CiterChunk *chunk, HeapTuple tuple);
static pg_noinline TupleTableSlot *next_overflow(CiterChunk *chunk);
static TupleTableSlot *slot_of_row(CiterChunk *chunk, Size offset);
static TupleTableSlot *return_row(CiterChunk *chunk, Size offset);
static pg_noinline TupleTableSlot *return_slot(CiterChunk *chunk, TupleTableSlot *row);
static Size next_offset(CiterChunk *chunk);
static void set_tuple(CiterChunk *chunk, Size offset);

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
	chunk->ncolumns = ncolumns;
	chunk->prefix = prefix_length(tupdesc, ncolumns);
	chunk->memory = memory;
	chunk->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsHeapTuple);
	ItemPointerSetInvalid(&chunk->tuple.t_self);
	chunk->tuple.t_tableOid = InvalidOid;
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
	if (chunk->ncolumns == chunk->tupdesc->natts)
		chunk->returned_columns = chunk->tupdesc;
	else if (chunk->prefix > 0)
	{
		chunk->returned_columns = CreateTemplateTupleDesc(chunk->ncolumns);
		for (int i = 1; i <= chunk->ncolumns; i++)
			TupleDescCopyEntry(chunk->returned_columns, i, chunk->tupdesc, i);
		citer_compat_finish_columns(chunk->returned_columns);
	}
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
	ExecClearTuple(chunk->slot);
	drop_overflow(chunk);
	if (chunk->allocated > 2 * chunk->memory)
	{
		pfree(chunk->arena);
		chunk->arena = NULL;
		chunk->allocated = 0;
	}
	chunk->used = chunk->read = chunk->last = 0;
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
 * Columns beyond those of the chunk's descriptor are left out.
 */
bool
citer_chunk_append(CiterChunk *chunk, TupleTableSlot *slot)
{
	HeapTuple	tuple;
	bool		should_free = false;

	if (chunk->last_row != NULL && chunk->nrows > 0)
	{
		citer_last_row_set(chunk->last_row, slot);
		return ++chunk->nrows < chunk->rows;
	}
	tuple = stored_tuple(chunk, slot);
	if (tuple != NULL)
	{
		/*
		 * Ask the processor for the tuple below this one on the page.  Where
		 * rows were inserted in the order of the walk that is the next one,
		 * and waiting for it would be most of what its copy costs; elsewhere
		 * this does no harm.
		 */
		char	   *below = (char *) tuple->t_data - MAXALIGN(tuple->t_len);

		citer_compat_prefetch(below);
		citer_compat_prefetch(below + CACHE_LINE);
	}
	else
		tuple = fetch_tuple(chunk, slot, &should_free);
	if (chunk->used >= chunk->memory)
		append_to_overflow(chunk, tuple);
	else
		append_to_arena(chunk, tuple);
	chunk->nrows++;
	if (should_free)
		heap_freetuple(tuple);
	return chunk->nrows < chunk->rows && chunk->used < chunk->memory;
}

/*
 * Removes all rows but the first so many, which must be in the arena.  The
 * next row is then the first.
 */
void
citer_chunk_truncate(CiterChunk *chunk, int64 rows)
{
	Size		end = 0;

	ExecClearTuple(chunk->slot);
	drop_overflow(chunk);
	chunk->last = 0;
	for (int64 i = 0; i < rows; i++)
	{
		ArenaRow   *row = (ArenaRow *) (chunk->arena + end);

		chunk->last = end;
		end += ROW_HEADER_SIZE + MAXALIGN(row->length);
	}
	chunk->used = end;
	chunk->read = 0;
	chunk->nrows = rows;
}

/*
 * The next row, in the order they were appended, or NULL after the last.  It
 * is valid until the next call for the chunk.
 */
TupleTableSlot *
citer_chunk_next(CiterChunk *chunk)
{
	if (chunk->read < chunk->used)
		return slot_of_row(chunk, next_offset(chunk));
	return chunk->overflow != NULL ? next_overflow(chunk) : NULL;
}

/* The same in the slot of citer_chunk_return_in(), if there is one. */
TupleTableSlot *
citer_chunk_return(CiterChunk *chunk)
{
	TupleTableSlot *row;

	if (chunk->returned == NULL)
		return citer_chunk_next(chunk);
	if (chunk->read < chunk->used)
		return return_row(chunk, next_offset(chunk));
	row = citer_chunk_next(chunk);
	return row != NULL ? return_slot(chunk, row) : NULL;
}

/* The next row is the first again. */
void
citer_chunk_rewind(CiterChunk *chunk)
{
	ExecClearTuple(chunk->slot);
	chunk->read = 0;
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
	return slot_of_row(chunk, 0);
}

/* The last row that is in memory; the chunk must not be empty. */
TupleTableSlot *
citer_chunk_last(CiterChunk *chunk)
{
	if (chunk->last_row != NULL && chunk->nrows > 1)
		return citer_last_row_slot(chunk->last_row);
	return slot_of_row(chunk, chunk->last);
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

/*
 * The tuple that a scan has read from a page, as it lies there, if it has all
 * of the chunk's columns and no other; NULL if not.
 */
static HeapTuple
stored_tuple(CiterChunk *chunk, TupleTableSlot *slot)
{
	int			natts = chunk->tupdesc->natts;
	HeapTuple	tuple;

	if (!TTS_IS_BUFFERTUPLE(slot) || slot->tts_tupleDescriptor->natts != natts)
		return NULL;
	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;
	return tuple != NULL && HeapTupleHeaderGetNatts(tuple->t_data) == natts ? tuple : NULL;
}

/*
 * The row in the slot as a tuple that has all of the chunk's columns and no
 * other.
 */
static HeapTuple
fetch_tuple(CiterChunk *chunk, TupleTableSlot *slot, bool *should_free)
{
	int			natts = chunk->tupdesc->natts;

	if (slot->tts_tupleDescriptor->natts == natts)
	{
		HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, should_free);

		/* A row older than the table's newest columns lacks their defaults. */
		if (HeapTupleHeaderGetNatts(tuple->t_data) >= natts)
			return tuple;
		if (*should_free)
			heap_freetuple(tuple);
	}
	slot_getallattrs(slot);
	*should_free = true;
	return heap_form_tuple(chunk->tupdesc, slot->tts_values, slot->tts_isnull);
}

/*
 * The bytes that the data of the first columns take in each tuple without
 * NULLs; 0 if that is not the same in all, or all columns are asked for.
 */
static Size
prefix_length(TupleDesc tupdesc, int ncolumns)
{
	Size		length = 0;

	if (ncolumns == tupdesc->natts)
		return 0;
	for (int i = 0; i < ncolumns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attlen <= 0)
			return 0;
		length = att_align_nominal(length, attribute->attalign) + attribute->attlen;
	}
	return length;
}

/*
 * Appends a row to the arena, which grows if it has to.  Where it can be told
 * without looking at the values, only the columns that are kept are copied: a
 * tuple may have fewer attributes than its descriptor, as those have that are
 * older than a column.
 */
static void
append_to_arena(CiterChunk *chunk, HeapTuple tuple)
{
	bool		cut = chunk->prefix > 0 && !HeapTupleHasNulls(tuple);
	Size		length = cut ? tuple->t_data->t_hoff + chunk->prefix : tuple->t_len;
	Size		size = ROW_HEADER_SIZE + MAXALIGN(length);
	ArenaRow   *row;

	if (chunk->used + size > chunk->allocated)
		grow_arena(chunk, size);
	row = (ArenaRow *) (chunk->arena + chunk->used);
	row->length = length;
	memcpy((char *) row + ROW_HEADER_SIZE, tuple->t_data, length);
	if (cut)
		HeapTupleHeaderSetNatts((HeapTupleHeader) ((char *) row + ROW_HEADER_SIZE),
								chunk->ncolumns);
	chunk->last = chunk->used;
	chunk->used += size;
}

/* Makes room for so many more bytes. */
static void
grow_arena(CiterChunk *chunk, Size size)
{
	Size		allocated = Max(chunk->allocated, ARENA_START);

	while (chunk->used + size > allocated)
		allocated *= 2;
	chunk->arena = chunk->arena == NULL ?
		MemoryContextAllocHuge(chunk->context, allocated) :
		repalloc_huge(chunk->arena, allocated);
	chunk->allocated = allocated;
}

static void
append_to_overflow(CiterChunk *chunk, HeapTuple tuple)
{
	if (chunk->overflow == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(chunk->context);

		chunk->overflow = tuplestore_begin_heap(false, false, work_mem);
		if (chunk->overflow_slot == NULL)
			chunk->overflow_slot = MakeSingleTupleTableSlot(chunk->tupdesc, &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(caller);
	}
	tuplestore_puttuple(chunk->overflow, tuple);
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

/* The offset of the next row of the arena, which is then behind. */
static Size
next_offset(CiterChunk *chunk)
{
	Size		offset = chunk->read;

	chunk->read += ROW_HEADER_SIZE + MAXALIGN(((ArenaRow *) (chunk->arena + offset))->length);
	return offset;
}

/* Puts the row at an offset of the arena into the slot, without a copy. */
static TupleTableSlot *
slot_of_row(CiterChunk *chunk, Size offset)
{
	set_tuple(chunk, offset);
	return ExecStoreHeapTuple(&chunk->tuple, chunk->slot, false);
}

/* Puts the columns of the row at an offset of the arena into the caller's slot. */
static TupleTableSlot *
return_row(CiterChunk *chunk, Size offset)
{
	TupleTableSlot *slot = chunk->returned;
	TupleDesc	columns = chunk->returned_columns;

	set_tuple(chunk, offset);
	if (columns == NULL || HeapTupleHeaderGetNatts(chunk->tuple.t_data) != columns->natts)
		return return_slot(chunk, slot_of_row(chunk, offset));
	ExecClearTuple(slot);
	heap_deform_tuple(&chunk->tuple, columns, slot->tts_values, slot->tts_isnull);
	return ExecStoreVirtualTuple(slot);
}

/* The same for a row in another slot. */
static TupleTableSlot *
return_slot(CiterChunk *chunk, TupleTableSlot *row)
{
	TupleTableSlot *slot = chunk->returned;
	int			ncolumns = chunk->ncolumns;

	ExecClearTuple(slot);
	slot_getsomeattrs(row, ncolumns);
	memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * ncolumns);
	memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * ncolumns);
	return ExecStoreVirtualTuple(slot);
}

/* Makes the row at an offset of the arena the chunk's tuple. */
static void
set_tuple(CiterChunk *chunk, Size offset)
{
	ArenaRow   *row = (ArenaRow *) (chunk->arena + offset);

	chunk->tuple.t_len = row->length;
	chunk->tuple.t_data = (HeapTupleHeader) ((char *) row + ROW_HEADER_SIZE);
}
