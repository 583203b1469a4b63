/*
 * arena.c
 *	  Rows one behind the other in one block of memory.
 *
 * The arena is kept from chunk to chunk and grows by doubling, so that a walk
 * settles into memory that is already mapped: to free and allocate it for each
 * chunk costs more than to copy the rows.
 *
 * A row that a scan has read from a page is copied as it lies there, one memcpy.  That
 * includes rows older than the table's newest columns, unless a default of such a
 * column is stored in the catalog: those come with their values in a slot, as do rows of
 * tables with a dropped column, of index-only scans, views and joins.  To form a tuple of
 * the values and to take that apart again costs more than all else about the row, and so
 * the values themselves are kept (row_values.c).
 *
 * Toasted values are kept as the pointers that they are; the caller's snapshot,
 * which is as old as the walk, holds on to what they point to.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "walk/arena.h"
#include "walk/row_values.h"

/* Bytes of a new arena: a page of rows need not move. */
#define ARENA_START 32768

/* Bytes of memory that the processor fetches at a time. */
#define CACHE_LINE 64

/* A row.  What follows, aligned, is the tuple's header and data, or its values. */
typedef struct ArenaRow
{
	uint64		length:63;		/* of what follows, not padded */
	uint64		has_values:1;	/* it is not a tuple */
} ArenaRow;

#define ROW_HEADER_SIZE MAXALIGN(sizeof(ArenaRow))

struct CiterArena
{
	MemoryContext context;		/* where all of it is allocated */
	TupleDesc	tupdesc;
	int			ncolumns;		/* columns that are kept, from the first */
	Size		prefix;			/* their bytes in a tuple without NULLs, if
								 * that is the same in all; else 0 */
	TupleDesc	prefix_columns; /* of tuples that have those columns and no
								 * others; NULL: not known */
	CiterRowValues *values;		/* of rows that are not tuples */

	char	   *block;
	Size		allocated;
	Size		used;
	Size		next;			/* offset of the row to be read next */
	Size		last;			/* offset of the row appended last */

	HeapTupleData tuple;		/* the row in the slot of tuples */
	TupleTableSlot *tuple_slot;
	TupleTableSlot *values_slot;	/* NULL until it is needed */
};

static void find_prefix(CiterArena *arena);
static HeapTuple stored_tuple(CiterArena *arena, TupleTableSlot *slot);
static bool has_defaults(TupleDesc tupdesc);
static ArenaRow *add_row(CiterArena *arena, Size length);
static pg_noinline void grow(CiterArena *arena, Size size);
static void append_tuple(CiterArena *arena, HeapTuple tuple);
static void append_values(CiterArena *arena, TupleTableSlot *slot);
static ArenaRow *next_row(CiterArena *arena);
static TupleTableSlot *slot_of_row(CiterArena *arena, ArenaRow *row);
static pg_noinline TupleTableSlot *values_slot(CiterArena *arena);
static void set_tuple(CiterArena *arena, ArenaRow *row);

/*
 * Makes an empty arena for rows of the given descriptor, which must not be
 * reference-counted, in the current memory context.  Of a row the first
 * ncolumns columns are sure to be kept.
 */
CiterArena *
citer_arena_create(TupleDesc tupdesc, int ncolumns)
{
	CiterArena *arena = palloc0(sizeof(CiterArena));

	arena->context = CurrentMemoryContext;
	arena->tupdesc = tupdesc;
	arena->ncolumns = ncolumns;
	arena->values = citer_row_values_create(tupdesc, ncolumns);
	find_prefix(arena);
	arena->tuple_slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsHeapTuple);
	ItemPointerSetInvalid(&arena->tuple.t_self);
	arena->tuple.t_tableOid = InvalidOid;
	return arena;
}

/* Empties the arena.  Memory beyond twice what is given is freed. */
void
citer_arena_reset(CiterArena *arena, Size memory)
{
	citer_arena_truncate(arena, 0);
	if (arena->allocated > 2 * memory)
	{
		pfree(arena->block);
		arena->block = NULL;
		arena->allocated = 0;
	}
}

/*
 * Appends a copy of the row in the slot; returns the bytes that all rows take.  Columns
 * beyond those of the arena's descriptor are left out.
 */
Size
citer_arena_append(CiterArena *arena, TupleTableSlot *slot)
{
	HeapTuple	tuple = stored_tuple(arena, slot);

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
		append_tuple(arena, tuple);
	}
	else
		append_values(arena, slot);
	return arena->used;
}

/* Removes all rows but the first so many; returns the bytes that they take. */
Size
citer_arena_truncate(CiterArena *arena, int64 rows)
{
	ExecClearTuple(arena->tuple_slot);
	if (arena->values_slot != NULL)
		ExecClearTuple(arena->values_slot);
	arena->next = arena->last = 0;
	for (int64 i = 0; i < rows; i++)
	{
		arena->last = arena->next;
		next_row(arena);
	}
	arena->used = arena->next;
	arena->next = 0;
	return arena->used;
}

/*
 * The next row, in the order they were appended, without a copy; NULL after the last.
 * It is valid until the next call for the arena.
 */
TupleTableSlot *
citer_arena_next(CiterArena *arena)
{
	return arena->next < arena->used ? slot_of_row(arena, next_row(arena)) : NULL;
}

/* The same in a virtual slot of the caller's, where other columns stay what they are. */
TupleTableSlot *
citer_arena_next_in(CiterArena *arena, TupleTableSlot *slot)
{
	TupleDesc	columns = arena->prefix_columns;
	ArenaRow   *row;

	if (arena->next >= arena->used)
		return NULL;
	row = next_row(arena);
	if (row->has_values)
		return citer_row_values_read(arena->values, (char *) row + ROW_HEADER_SIZE, slot);
	set_tuple(arena, row);
	if (columns != arena->tupdesc &&
		(columns == NULL || HeapTupleHeaderGetNatts(arena->tuple.t_data) != columns->natts))
		return citer_arena_copy(arena, slot_of_row(arena, row), slot);
	ExecClearTuple(slot);
	heap_deform_tuple(&arena->tuple, columns, slot->tts_values, slot->tts_isnull);
	return ExecStoreVirtualTuple(slot);
}

/* The same for a row in another slot, which the values belong to. */
TupleTableSlot *
citer_arena_copy(const CiterArena *arena, TupleTableSlot *row, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	slot_getsomeattrs(row, arena->ncolumns);
	memcpy(slot->tts_values, row->tts_values, sizeof(Datum) * arena->ncolumns);
	memcpy(slot->tts_isnull, row->tts_isnull, sizeof(bool) * arena->ncolumns);
	return ExecStoreVirtualTuple(slot);
}

/* The next row is the first again. */
void
citer_arena_rewind(CiterArena *arena)
{
	arena->next = 0;
}

/* The first row, whichever is the next; the arena must not be empty. */
TupleTableSlot *
citer_arena_first(CiterArena *arena)
{
	return slot_of_row(arena, (ArenaRow *) arena->block);
}

/* The last one. */
TupleTableSlot *
citer_arena_last(CiterArena *arena)
{
	return slot_of_row(arena, (ArenaRow *) (arena->block + arena->last));
}

/*
 * Finds what a tuple is cut to, of which only some columns are kept, and the columns of
 * such tuples; none are cut if that depends on the values.
 */
static void
find_prefix(CiterArena *arena)
{
	Size		length = 0;

	if (arena->ncolumns == arena->tupdesc->natts)
	{
		arena->prefix_columns = arena->tupdesc;
		return;
	}
	for (int i = 0; i < arena->ncolumns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(arena->tupdesc, i);

		if (attribute->attlen <= 0)
			return;
		length = att_align_nominal(length, attribute->attalign) + attribute->attlen;
	}
	arena->prefix = length;
	arena->prefix_columns = CreateTemplateTupleDesc(arena->ncolumns);
	for (int i = 1; i <= arena->ncolumns; i++)
		TupleDescCopyEntry(arena->prefix_columns, i, arena->tupdesc, i);
	citer_compat_finish_columns(arena->prefix_columns);
}

/*
 * The tuple of the row in the slot, if it can be read as one of the arena's: it has the
 * same columns, and those that it lacks are NULL.  NULL if not.
 */
static HeapTuple
stored_tuple(CiterArena *arena, TupleTableSlot *slot)
{
	int			natts = arena->tupdesc->natts;
	HeapTuple	tuple;

	if (!TTS_IS_BUFFERTUPLE(slot) || slot->tts_tupleDescriptor->natts != natts)
		return NULL;
	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;
	if (tuple == NULL || HeapTupleHeaderGetNatts(tuple->t_data) == natts)
		return tuple;
	return has_defaults(slot->tts_tupleDescriptor) || has_defaults(arena->tupdesc) ? NULL : tuple;
}

/* Whether rows that are older than one of the columns have a value there. */
static bool
has_defaults(TupleDesc tupdesc)
{
	return tupdesc->constr != NULL && tupdesc->constr->missing != NULL;
}

/* Makes room for a row of that many bytes, which is the last one then. */
static ArenaRow *
add_row(CiterArena *arena, Size length)
{
	Size		size = ROW_HEADER_SIZE + MAXALIGN(length);
	ArenaRow   *row;

	if (arena->used + size > arena->allocated)
		grow(arena, size);
	row = (ArenaRow *) (arena->block + arena->used);
	row->length = length;
	arena->last = arena->used;
	arena->used += size;
	return row;
}

/* Makes room for so many more bytes. */
static void
grow(CiterArena *arena, Size size)
{
	Size		allocated = Max(arena->allocated, ARENA_START);

	while (arena->used + size > allocated)
		allocated *= 2;
	arena->block = arena->block == NULL ?
		MemoryContextAllocHuge(arena->context, allocated) :
		repalloc_huge(arena->block, allocated);
	arena->allocated = allocated;
}

/*
 * Appends a row as a tuple.  Where it can be told without looking at the values, only
 * the columns that are kept are copied: a tuple may have fewer attributes than its
 * descriptor, as those have that are older than a column.
 */
static void
append_tuple(CiterArena *arena, HeapTuple tuple)
{
	bool		has_prefix = HeapTupleHeaderGetNatts(tuple->t_data) >= arena->ncolumns;
	bool		cut = has_prefix && arena->prefix > 0 && !HeapTupleHasNulls(tuple);
	Size		length = cut ? tuple->t_data->t_hoff + arena->prefix : tuple->t_len;
	ArenaRow   *row = add_row(arena, length);
	HeapTupleHeader copy = (HeapTupleHeader) ((char *) row + ROW_HEADER_SIZE);

	row->has_values = false;
	memcpy(copy, tuple->t_data, length);
	if (cut)
		HeapTupleHeaderSetNatts(copy, arena->ncolumns);
}

/* Appends a row as the values of the columns that are kept. */
static void
append_values(CiterArena *arena, TupleTableSlot *slot)
{
	ArenaRow   *row;

	slot_getsomeattrs(slot, arena->ncolumns);
	row = add_row(arena, citer_row_values_length(arena->values, slot));
	row->has_values = true;
	citer_row_values_write(arena->values, slot, (char *) row + ROW_HEADER_SIZE);
}

/* The row that is to be read next, which is then behind. */
static ArenaRow *
next_row(CiterArena *arena)
{
	ArenaRow   *row = (ArenaRow *) (arena->block + arena->next);

	arena->next += ROW_HEADER_SIZE + MAXALIGN(row->length);
	return row;
}

/* Puts a row into a slot of the arena's. */
static TupleTableSlot *
slot_of_row(CiterArena *arena, ArenaRow *row)
{
	if (row->has_values)
		return citer_row_values_read(arena->values, (char *) row + ROW_HEADER_SIZE,
									 values_slot(arena));
	set_tuple(arena, row);
	return ExecStoreHeapTuple(&arena->tuple, arena->tuple_slot, false);
}

/* The slot of rows that are values, in which columns that are not kept are NULL. */
static TupleTableSlot *
values_slot(CiterArena *arena)
{
	MemoryContext caller = MemoryContextSwitchTo(arena->context);

	if (arena->values_slot == NULL)
	{
		arena->values_slot = MakeSingleTupleTableSlot(arena->tupdesc, &TTSOpsVirtual);
		memset(arena->values_slot->tts_isnull, true, sizeof(bool) * arena->tupdesc->natts);
	}
	MemoryContextSwitchTo(caller);
	return arena->values_slot;
}

/* Makes a row the arena's tuple. */
static void
set_tuple(CiterArena *arena, ArenaRow *row)
{
	arena->tuple.t_len = row->length;
	arena->tuple.t_data = (HeapTupleHeader) ((char *) row + ROW_HEADER_SIZE);
}
