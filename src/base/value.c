/*
 * value.c
 *	  Values of any type as text, and back.
 *
 * By the type's own output and input functions, under the settings in force;
 * those of the commonest types of keys are also written without.
 * What they write need not be read as the same value, nor be read at all: the
 * name of a function that regproc writes can be that of several.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/value.h"

static char *begin_text(CiterTexts *texts, int length);
static void end_text(CiterTexts *texts, int length);
static void write_date(DateADT value, char *text);
static void write_timestamp(Timestamp value, bool with_zone, char *text);

/* The value of a type that a text stands for.  The input function's errors. */
Datum
citer_value_read(Oid type, char *text)
{
	Oid			typinput;
	Oid			typioparam;

	getTypeInputInfo(type, &typinput, &typioparam);
	return OidInputFunctionCall(typinput, text, typioparam, -1);
}

/* The text of a value. */
char *
citer_value_write(Oid type, Datum value)
{
	Oid			typoutput;
	bool		is_varlena;

	getTypeOutputInfo(type, &typoutput, &is_varlena);
	return OidOutputFunctionCall(typoutput, value);
}

/* The function that writes values of a type; what it remembers is in the context. */
void
citer_value_find_output(Oid type, FmgrInfo *output, MemoryContext context)
{
	Oid			typoutput;
	bool		is_varlena;

	getTypeOutputInfo(type, &typoutput, &is_varlena);
	fmgr_info_cxt(typoutput, output, context);
}

/*
 * Reads a text that was written; false, and why, if it is not read.  Then the
 * caller has to throw an error, for what the input function has left behind is
 * cleaned up with the transaction only.
 */
bool
citer_value_read_back(Oid type, char *text, Datum *value, char **error)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_read = true;

	PG_TRY();
	{
		*value = citer_value_read(type, text);
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		if (category != ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION) &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_FEATURE_NOT_SUPPORTED) &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION))
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		*error = CopyErrorData()->message;
		FlushErrorState();
		is_read = false;
	}
	PG_END_TRY();
	return is_read;
}

/*
 * Begins a text[] with so many elements, in the current memory context.  It is laid
 * out as they come, for construct_md_array() copies each of them once more.
 */
void
citer_texts_begin(CiterTexts *texts, int ntexts, bool has_nulls)
{
	int			header = has_nulls ? ARR_OVERHEAD_WITHNULLS(1, ntexts) : ARR_OVERHEAD_NONULLS(1);
	ArrayType  *array;

	initStringInfo(&texts->array);
	enlargeStringInfo(&texts->array, header);
	memset(texts->array.data, 0, header);
	texts->array.len = header;
	texts->nadded = 0;
	array = (ArrayType *) texts->array.data;
	array->ndim = 1;
	array->dataoffset = has_nulls ? header : 0;
	array->elemtype = TEXTOID;
	ARR_DIMS(array)[0] = ntexts;
	ARR_LBOUND(array)[0] = 1;
}

/* Adds a NULL, to an array that is known to have some. */
void
citer_texts_add_null(CiterTexts *texts)
{
	texts->nadded++;
}

/* Adds a text. */
void
citer_texts_add(CiterTexts *texts, const char *text)
{
	int			length = strlen(text);

	memcpy(begin_text(texts, length), text, length);
	end_text(texts, length);
}

/* Whether citer_texts_add_plain() adds values of a type. */
bool
citer_texts_has_plain(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

/*
 * Adds the text that the type's output function has for a value with DateStyle ISO
 * in the time zone GMT, whatever the settings in force.
 */
void
citer_texts_add_plain(CiterTexts *texts, Oid type, Datum value)
{
	char	   *text = begin_text(texts, MAXDATELEN);

	switch (type)
	{
		case INT2OID:
			(void) pg_itoa(DatumGetInt16(value), text);
			break;
		case INT4OID:
			(void) pg_ltoa(DatumGetInt32(value), text);
			break;
		case INT8OID:
			(void) pg_lltoa(DatumGetInt64(value), text);
			break;
		case DATEOID:
			write_date(DatumGetDateADT(value), text);
			break;
		case TIMESTAMPOID:
			write_timestamp(DatumGetTimestamp(value), false, text);
			break;
		case TIMESTAMPTZOID:
			write_timestamp(DatumGetTimestampTz(value), true, text);
			break;
		default:
			elog(ERROR, "values of type %u are not plain", type);
	}
	end_text(texts, strlen(text));
}

/* The array, with all of its elements added. */
ArrayType *
citer_texts_end(CiterTexts *texts)
{
	ArrayType  *array = (ArrayType *) texts->array.data;

	if (texts->nadded == 0)
		return construct_empty_array(TEXTOID);
	SET_VARSIZE(array, texts->array.len);
	return array;
}

/* Where the next text goes, which has at most so many bytes, and a NUL. */
static char *
begin_text(CiterTexts *texts, int length)
{
	enlargeStringInfo(&texts->array, VARHDRSZ + INTALIGN(length));
	return VARDATA(texts->array.data + texts->array.len);
}

/* Makes the bytes that were written there the next element. */
static void
end_text(CiterTexts *texts, int length)
{
	char	   *element = texts->array.data + texts->array.len;
	uint8	   *bitmap = ARR_NULLBITMAP((ArrayType *) texts->array.data);

	SET_VARSIZE(element, VARHDRSZ + length);
	memset(VARDATA(element) + length, 0, INTALIGN(length) - length);
	texts->array.len += VARHDRSZ + INTALIGN(length);
	if (bitmap != NULL)
		bitmap[texts->nadded / BITS_PER_BYTE] |= 1 << (texts->nadded % BITS_PER_BYTE);
	texts->nadded++;
}

/* See date_out(). */
static void
write_date(DateADT value, char *text)
{
	struct pg_tm tm;

	if (DATE_NOT_FINITE(value))
	{
		EncodeSpecialDate(value, text);
		return;
	}
	j2date(value + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, text);
}

/* With the time zone, or without; see timestamp_out() and timestamptz_out(). */
static void
write_timestamp(Timestamp value, bool with_zone, char *text)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(value))
	{
		EncodeSpecialTimestamp(value, text);
		return;
	}
	if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	tm.tm_isdst = 0;			/* less than 0 is without the zone */
	EncodeDateTime(&tm, fsec, with_zone, 0, NULL, USE_ISO_DATES, text);
}
