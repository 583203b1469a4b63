/*
 * value.c
 *	  Values of any type as text, and back.
 *
 * By the type's own output and input functions, under the settings in force.
 * What they write need not be read as the same value, nor be read at all: the
 * name of a function that regproc writes can be that of several.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

#include "base/value.h"

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
