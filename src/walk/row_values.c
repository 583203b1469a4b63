/*
 * row_values.c
 *	  The values of a row in one piece of memory that may be moved.
 *
 * First a Datum for each column, then whether it is NULL, then the values that are not in
 * a Datum, each aligned as its type asks.  The Datum of such a value is its offset from
 * the first Datum.  But for that it is what a virtual slot makes of its values when it
 * has to own them (tts_virtual_materialize in the server's execTuples.c).
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "utils/expandeddatum.h"

#include "walk/row_values.h"

/* A column whose values are not in a Datum. */
typedef struct LongColumn
{
	int			column;			/* from 0 */
	int16		length;			/* of its type */
	char		align;
} LongColumn;

struct CiterRowValues
{
	int			ncolumns;
	int			nlong;
	LongColumn	columns[FLEXIBLE_ARRAY_MEMBER];
};

static Size values_start(const CiterRowValues *values);
static Size value_length(const LongColumn *column, Datum value);
static void write_value(const LongColumn *column, Datum value, char *to, Size length);

/* Describes the first columns of such rows, in the current memory context. */
CiterRowValues *
citer_row_values_create(TupleDesc tupdesc, int ncolumns)
{
	CiterRowValues *values = palloc(offsetof(CiterRowValues, columns) +
									sizeof(LongColumn) * ncolumns);

	values->ncolumns = ncolumns;
	values->nlong = 0;
	for (int i = 0; i < ncolumns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		LongColumn *column = &values->columns[values->nlong];

		if (attribute->attbyval)
			continue;
		column->column = i;
		column->length = attribute->attlen;
		column->align = attribute->attalign;
		values->nlong++;
	}
	return values;
}

/* Bytes that the values of the row in the slot take; it has at least those columns. */
Size
citer_row_values_length(const CiterRowValues *values, TupleTableSlot *slot)
{
	Size		length = values_start(values);

	for (int i = 0; i < values->nlong; i++)
	{
		const LongColumn *column = &values->columns[i];

		if (!slot->tts_isnull[column->column])
			length = att_align_nominal(length, column->align) +
				value_length(column, slot->tts_values[column->column]);
	}
	return length;
}

/* Writes them to so many bytes of memory, which are aligned as palloc's are. */
void
citer_row_values_write(const CiterRowValues *values, TupleTableSlot *slot, char *row)
{
	Datum	   *datums = (Datum *) row;
	Size		end = values_start(values);

	memcpy(datums, slot->tts_values, sizeof(Datum) * values->ncolumns);
	memcpy(datums + values->ncolumns, slot->tts_isnull, sizeof(bool) * values->ncolumns);
	for (int i = 0; i < values->nlong; i++)
	{
		const LongColumn *column = &values->columns[i];
		Datum		value = slot->tts_values[column->column];
		Size		length;

		if (slot->tts_isnull[column->column])
			continue;
		length = value_length(column, value);
		end = att_align_nominal(end, column->align);
		write_value(column, value, row + end, length);
		datums[column->column] = (Datum) end;
		end += length;
	}
}

/*
 * Puts what was written into a virtual slot, whose other columns stay what they are.
 * Nothing is copied: it is valid as long as the memory is.
 */
TupleTableSlot *
citer_row_values_read(const CiterRowValues *values, char *row, TupleTableSlot *slot)
{
	Datum	   *datums = (Datum *) row;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, datums, sizeof(Datum) * values->ncolumns);
	memcpy(slot->tts_isnull, datums + values->ncolumns, sizeof(bool) * values->ncolumns);
	for (int i = 0; i < values->nlong; i++)
	{
		int			column = values->columns[i].column;

		if (!slot->tts_isnull[column])
			slot->tts_values[column] = PointerGetDatum(row + datums[column]);
	}
	return ExecStoreVirtualTuple(slot);
}

/* Where the values are that are not in a Datum. */
static Size
values_start(const CiterRowValues *values)
{
	return (sizeof(Datum) + sizeof(bool)) * values->ncolumns;
}

/* Bytes of a value that is not in a Datum. */
static Size
value_length(const LongColumn *column, Datum value)
{
	if (column->length == -1 && VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return EOH_get_flat_size(DatumGetEOHP(value));
	return att_addlength_datum(0, column->length, value);
}

/* Writes a value of that many bytes; one that is expanded becomes flat. */
static void
write_value(const LongColumn *column, Datum value, char *to, Size length)
{
	if (column->length == -1 && VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		EOH_flatten_into(DatumGetEOHP(value), to, length);
	else
		memcpy(to, DatumGetPointer(value), length);
}
