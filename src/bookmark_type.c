/*
 * bookmark_type.c
 *	  The type of the arguments "after" and "upto", chunked_iter_bookmark.
 *
 * It is a text[] in all but its name, so that there can be implicit casts to it
 * from arrays of other types, which clients bind.  An implicit cast from these
 * to text[] itself would change what other functions accept.  Nothing returns
 * this type: keys that are returned or stored are text[].
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "base/value.h"

PG_FUNCTION_INFO_V1(chunked_iter_bookmark_in_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_bookmark_recv_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_bookmark_of_1_0);

static void suggest_braces(void *text);
static char *element_text(Oid type, Datum value);

/*
 * chunked_iter_bookmark_in(cstring) RETURNS chunked_iter_bookmark
 *
 * As text[] is read, with a hint for the text of a key alone.
 */
Datum
chunked_iter_bookmark_in_1_0(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	ErrorContextCallback context = {error_context_stack, suggest_braces, text};
	Datum		array;

	error_context_stack = &context;
	array = OidInputFunctionCall(F_ARRAY_IN, text, TEXTOID, -1);
	error_context_stack = context.previous;
	return array;
}

/* chunked_iter_bookmark_recv(internal) RETURNS chunked_iter_bookmark, likewise */
Datum
chunked_iter_bookmark_recv_1_0(PG_FUNCTION_ARGS)
{
	return OidReceiveFunctionCall(F_ARRAY_RECV, (StringInfo) PG_GETARG_POINTER(0), TEXTOID, -1);
}

/*
 * chunked_iter_bookmark_of(anyarray) RETURNS chunked_iter_bookmark, immutable
 * chunked_iter_bookmark_at(timestamptz[]) RETURNS chunked_iter_bookmark, stable
 *
 * The array with its elements as text.  42804 for elements of a type whose text
 * depends on settings.
 */
Datum
chunked_iter_bookmark_of_1_0(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;

	if (type == TEXTOID)
		PG_RETURN_ARRAYTYPE_P(array);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, &nulls, &nvalues);
	for (int i = 0; i < nvalues; i++)
	{
		if (!nulls[i])
			values[i] = CStringGetTextDatum(element_text(type, values[i]));
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, ARR_NDIM(array), ARR_DIMS(array),
											 ARR_LBOUND(array), TEXTOID, -1, false, TYPALIGN_INT));
}

/* Error context callback: the array that was meant, if there are no braces. */
static void
suggest_braces(void *text)
{
	if (geterrcode() == ERRCODE_INVALID_TEXT_REPRESENTATION && strpbrk(text, "{}") == NULL)
		errhint("A key is an array, with an element for each column of the order: '{%s}'.",
				(char *) text);
}

/*
 * The text of a value.  Dates are in ISO format whatever DateStyle is, and a
 * timestamptz has the offset of the session's time zone: read as a value of
 * another of these types it is what the server's cast makes of it.
 */
static char *
element_text(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			return citer_value_write(type, value);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return JsonEncodeDateTime(NULL, value, type, NULL);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("an array of type %s is not a bookmark", format_type_be(type)),
					 errhint("Pass the elements as text.")));
	}
}
