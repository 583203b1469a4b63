/*
 * value.c
 *	  Values of any type as text, and back.
 *
 * By the type's own output and input functions, under the settings in force.
 * What they write need not be read as the same value, nor be read at all: the
 * name of a function that regproc writes can be that of several.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/value.h"

static ArrayType *array_with_nulls(char **texts, int ntexts);

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
 * A text[] with a NULL for each text that is missing.  One without is laid out
 * here, for construct_md_array() copies each text once more.
 */
ArrayType *
citer_value_array(char **texts, int ntexts)
{
	Size		size = ARR_OVERHEAD_NONULLS(1);
	ArrayType  *array;
	char	   *element;

	for (int i = 0; i < ntexts; i++)
	{
		if (texts[i] == NULL)
			return array_with_nulls(texts, ntexts);
		size += INTALIGN(VARHDRSZ + strlen(texts[i]));
	}
	if (ntexts == 0)
		return construct_empty_array(TEXTOID);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = TEXTOID;
	ARR_DIMS(array)[0] = ntexts;
	ARR_LBOUND(array)[0] = 1;
	element = ARR_DATA_PTR(array);
	for (int i = 0; i < ntexts; i++)
	{
		Size		length = strlen(texts[i]);

		SET_VARSIZE(element, VARHDRSZ + length);
		memcpy(VARDATA(element), texts[i], length);
		element += INTALIGN(VARHDRSZ + length);
	}
	return array;
}

/* The same with NULLs. */
static ArrayType *
array_with_nulls(char **texts, int ntexts)
{
	Datum	   *elements = palloc0(sizeof(Datum) * ntexts);
	bool	   *isnull = palloc(sizeof(bool) * ntexts);
	int			lower_bound = 1;

	for (int i = 0; i < ntexts; i++)
	{
		isnull[i] = texts[i] == NULL;
		if (!isnull[i])
			elements[i] = CStringGetTextDatum(texts[i]);
	}
	return construct_md_array(elements, isnull, 1, &ntexts, &lower_bound,
							  TEXTOID, -1, false, TYPALIGN_INT);
}
