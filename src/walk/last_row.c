/*
 * last_row.c
 *	  Some columns of the last row of a chunk.
 *
 * Each row of the chunk takes the place of the one before, in memory that grows to
 * what the largest values need.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "walk/last_row.h"

/* A column that is kept. */
typedef struct LastColumn
{
	AttrNumber	attnum;
	bool		byval;
	int16		length;			/* of its type */
	char	   *buffer;			/* holds the value, if that is not by value */
	Size		allocated;
} LastColumn;

struct CiterLastRow
{
	MemoryContext context;		/* where all of it is allocated */
	TupleTableSlot *slot;		/* other columns are NULL */
	LastColumn *columns;
	int			ncolumns;
};

/*
 * Keeps these columns, as pull_varattnos() gives them, of a row of a table's, in the
 * current memory context.
 */
CiterLastRow *
citer_last_row_create(TupleDesc tupdesc, const Bitmapset *columns)
{
	CiterLastRow *last = palloc0(sizeof(CiterLastRow));

	last->context = CurrentMemoryContext;
	last->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsVirtual);
	memset(last->slot->tts_isnull, true, sizeof(bool) * tupdesc->natts);
	ExecStoreVirtualTuple(last->slot);
	last->columns = palloc0(sizeof(LastColumn) * bms_num_members(columns));
	for (int member = -1; (member = bms_next_member(columns, member)) >= 0;)
	{
		LastColumn *column = &last->columns[last->ncolumns++];

		column->attnum = member + FirstLowInvalidHeapAttributeNumber;
		column->byval = TupleDescAttr(tupdesc, column->attnum - 1)->attbyval;
		column->length = TupleDescAttr(tupdesc, column->attnum - 1)->attlen;
	}
	return last;
}

/* Copies the columns of a row, in place of those of the row before. */
void
citer_last_row_set(CiterLastRow *last, TupleTableSlot *row)
{
	for (int i = 0; i < last->ncolumns; i++)
	{
		LastColumn *column = &last->columns[i];
		bool	   *isnull = &last->slot->tts_isnull[column->attnum - 1];
		Datum		value = slot_getattr(row, column->attnum, isnull);

		if (!*isnull && !column->byval)
		{
			Size		size = datumGetSize(value, false, column->length);

			if (size > column->allocated)
			{
				if (column->buffer != NULL)
					pfree(column->buffer);
				column->buffer = MemoryContextAlloc(last->context, 2 * size);
				column->allocated = 2 * size;
			}
			value = PointerGetDatum(memcpy(column->buffer, DatumGetPointer(value), size));
		}
		last->slot->tts_values[column->attnum - 1] = value;
	}
}

/* The row that was set last; valid until the next one is. */
TupleTableSlot *
citer_last_row_slot(const CiterLastRow *last)
{
	return last->slot;
}
