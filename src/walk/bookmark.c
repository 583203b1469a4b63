/*
 * bookmark.c
 *	  Key values: as text that outlives a session, and out of rows.
 *
 * A bookmark is written by one session and read by another, whose DateStyle,
 * TimeZone, IntervalStyle and so on may differ.  It is therefore written
 * under fixed settings, in forms that every session reads as the same value:
 * dates in ISO order, time stamps in UTC, floats with all their digits.  What
 * a user passes is read under the session's own settings, so that a key typed
 * by hand means what it means elsewhere in the session, apart from money and
 * the NULLs of arrays; what a job has stored is read as it was written.
 * (postgres_fdw sends its constants in the same way, see
 * set_transmission_modes there.)
 *
 * A text that reads back as another value is no bookmark: a walk that went on
 * there would lose rows or repeat them.  Types whose text is exact for certain
 * are listed; any other value is read back as it is written, and compared by
 * the key's own comparison.  What is kept of an object name is its OID, for
 * names can be ambiguous and change.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "base/value.h"
#include "walk/bookmark.h"

/* Evaluates the elements of a key for rows of the relation. */
struct CiterKeyReader
{
	CiterKey   *key;
	ExprContext *econtext;		/* NULL if all elements are columns */
	ExprState **states;			/* one for each element; NULL for a column */
	Datum	   *values;			/* of the row that is being written */
	bool	   *isnull;
};

/* The element of a bookmark that is being read. */
typedef struct BookmarkElement
{
	const char *argument;		/* name of the argument it came in */
	int			number;			/* from 1 */
} BookmarkElement;

static ArrayType *write_values(const CiterKey *key, const Datum *values, const bool *isnull,
							   int nvalues);
static FmgrInfo *output_function(const CiterKeyElement *element);
static void write_value(const CiterKeyElement *element, Datum value, CiterTexts *texts);
static void check_exact(CiterKeyElement *element, Datum value, char *text);
static Datum read_back(const CiterKeyElement *element, char *text);
static void refuse_value(const CiterKeyElement *element, const char *detail);
static bool writing_needs_settings(const CiterKey *key);
static bool needs_settings(const CiterKey *key);
static bool has_fixed_text(const CiterKeyElement *element);
static bool has_exact_text(const CiterKeyElement *element);
static Oid	written_type(const CiterKeyElement *element);
static Datum read_element(CiterKeyReader *reader, int i, TupleTableSlot *slot, bool *isnull);
static void forget_row(CiterKeyReader *reader);
static void report_element(void *arg);

/* Set beside citer_settings_exact to write bookmarks, and to read stored ones. */
static const CiterSetting stored_settings[] = {
	{"timezone", "GMT"},
	{"search_path", "pg_catalog"},
	{NULL, NULL}
};

/* Set to read any bookmark. */
static const CiterSetting read_settings[] = {
	{"lc_monetary", "C"},
	{"array_nulls", "on"},
	{NULL, NULL}
};

/* A position of NULLs, in the current memory context. */
CiterPosition
citer_position_create(int nelements)
{
	CiterPosition position = {0};

	position.nelements = nelements;
	position.values = palloc0(sizeof(Datum) * nelements);
	position.isnull = palloc(sizeof(bool) * nelements);
	memset(position.isnull, true, sizeof(bool) * nelements);
	return position;
}

/* Frees the values and the arrays of a position that is not symbolic. */
void
citer_position_free(const CiterKey *key, CiterPosition *position)
{
	for (int i = 0; i < position->nelements; i++)
		if (!key->elements[i].typbyval && !position->isnull[i])
			pfree(DatumGetPointer(position->values[i]));
	pfree(position->values);
	pfree(position->isnull);
}

/* Some position in the middle of a walk; it has no values. */
CiterPosition
citer_position_symbolic(int nelements)
{
	CiterPosition position = citer_position_create(nelements);

	position.symbolic = true;
	memset(position.isnull, false, sizeof(bool) * nelements);
	return position;
}

/* A position in physical order, in the current memory context. */
CiterPosition
citer_position_of_tid(BlockNumber block, OffsetNumber offset)
{
	CiterPosition position = citer_position_create(1);
	ItemPointer tid = palloc(sizeof(ItemPointerData));

	ItemPointerSet(tid, block, offset);
	position.values[0] = PointerGetDatum(tid);
	position.isnull[0] = false;
	return position;
}

/*
 * The values a bookmark stands for, in the current memory context.  "stored"
 * says that citer_bookmark_write() has written it, and not a user.  22023 if
 * it has more elements than the key; the input function's error if an element
 * is no value of its type.
 */
CiterPosition
citer_bookmark_read(const CiterKey *key, const char *argument, const CiterBookmark *bookmark,
					bool stored)
{
	CiterPosition position;
	int			nestlevel;
	BookmarkElement element = {argument, 0};
	ErrorContextCallback context = {error_context_stack, report_element, &element};

	if (bookmark->nelements > key->nelements)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has too many elements", argument),
				 errdetail("It has %d elements, but the key has %d: %s.",
						   bookmark->nelements, key->nelements,
						   citer_key_describe(key)),
				 errhint("Pass chunked_iter_key() of a row, with the same \"order_by\".")));

	position = citer_position_create(bookmark->nelements);
	if (bookmark->nelements == 0)
		return position;
	nestlevel = citer_settings_begin();
	if (needs_settings(key))
	{
		citer_settings_set(read_settings);
		if (stored)
		{
			citer_settings_set(citer_settings_exact);
			citer_settings_set(stored_settings);
		}
	}
	error_context_stack = &context;
	for (int i = 0; i < bookmark->nelements; i++)
	{
		position.isnull[i] = bookmark->elements[i] == NULL;
		if (position.isnull[i])
			continue;
		element.number = i + 1;
		position.values[i] = citer_value_read(key->elements[i].type, bookmark->elements[i]);
	}
	error_context_stack = context.previous;
	citer_settings_end(nestlevel);
	return position;
}

/*
 * A position as the text[] to pass as a bookmark, in the current context.
 * 0A000 for a value that no text stands for exactly.
 */
ArrayType *
citer_bookmark_write(const CiterKey *key, const CiterPosition *position)
{
	return write_values(key, position->values, position->isnull, position->nelements);
}

/* The same for the values of the first elements. */
static ArrayType *
write_values(const CiterKey *key, const Datum *values, const bool *isnull, int nvalues)
{
	CiterTexts	texts;
	bool		set = writing_needs_settings(key);
	int			nestlevel = 0;

	citer_texts_begin(&texts, nvalues, memchr(isnull, true, nvalues) != NULL);
	if (set)
	{
		nestlevel = citer_settings_begin();
		citer_settings_set(read_settings);
		citer_settings_set(citer_settings_exact);
		citer_settings_set(stored_settings);
	}
	for (int i = 0; i < nvalues; i++)
	{
		if (isnull[i])
			citer_texts_add_null(&texts);
		else
			write_value(&key->elements[i], values[i], &texts);
	}
	if (set)
		citer_settings_end(nestlevel);
	return citer_texts_end(&texts);
}

/* Whether the text of an element's values, under our settings, is exact for certain. */
bool
citer_bookmark_is_exact(const CiterKeyElement *element)
{
	return has_fixed_text(element) || has_exact_text(element) || type_is_enum(element->type);
}

/* Adds the text of a value; the settings for that are in force. */
static void
write_value(const CiterKeyElement *element, Datum value, CiterTexts *texts)
{
	Oid			type = written_type(element);
	char	   *text;

	if (citer_texts_has_plain(type))
	{
		citer_texts_add_plain(texts, type, value);
		return;
	}
	text = OutputFunctionCall(output_function(element), value);
	if (!has_fixed_text(element) && !has_exact_text(element))
		check_exact(unconstify(CiterKeyElement *, element), value, text);
	citer_texts_add(texts, text);
}

/* The function that writes an element's values, looked up once for its key. */
static FmgrInfo *
output_function(const CiterKeyElement *element)
{
	FmgrInfo   *output = unconstify(FmgrInfo *, &element->output);

	if (!OidIsValid(output->fn_oid))
		citer_value_find_output(written_type(element), output, element->compare->fn_mcxt);
	return output;
}

/* 0A000 unless the text is text and reads back as an equal value. */
static void
check_exact(CiterKeyElement *element, Datum value, char *text)
{
	if (!pg_verifymbstr(text, strlen(text), true))
		refuse_value(element, "It is written as bytes that are no text in this database.");
	if (citer_key_compare(element, value, false, read_back(element, text), false) != 0)
		refuse_value(element, psprintf("It is written as \"%s\", which is read as another value.", text));
}

/* The value that the text is read as; 0A000 if it is not read at all. */
static Datum
read_back(const CiterKeyElement *element, char *text)
{
	Datum		value;
	char	   *error;

	if (!citer_value_read_back(element->type, text, &value, &error))
		refuse_value(element, psprintf("It is written as \"%s\", which is not read again: %s.",
									   text, error));
	return value;
}

static void
refuse_value(const CiterKeyElement *element, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("no bookmark stands for a value of %s exactly, which has type %s",
					citer_key_column(element), format_type_be(element->type)),
			 errdetail("%s", detail),
			 citer_key_uses_operator(element) ?
			 errhint("Order by another column, or by an expression whose text is exact.") :
			 errhint("Order by another column, or by the text of this one: order_by => '%s::text'.",
					 citer_key_column(element))));
}

/*
 * Whether settings may decide about what is written of this key's values.  Setting
 * them takes much longer than to write a key, and is not done for nothing.
 */
static bool
writing_needs_settings(const CiterKey *key)
{
	for (int i = 0; i < key->nelements; i++)
		if (!has_fixed_text(&key->elements[i]) &&
			!citer_texts_has_plain(written_type(&key->elements[i])))
			return true;
	return false;
}

/* Whether the text of this key's values may depend on settings. */
static bool
needs_settings(const CiterKey *key)
{
	for (int i = 0; i < key->nelements; i++)
		if (!has_fixed_text(&key->elements[i]))
			return true;
	return false;
}

/*
 * Whether values are the same text under all settings, and the text the same
 * value, for certain.
 */
static bool
has_fixed_text(const CiterKeyElement *element)
{
	switch (written_type(element))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case NAMEOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case TIDOID:
			return true;
		default:
			return false;
	}
}

/* Whether the text that is written under our settings is exact, for certain. */
static bool
has_exact_text(const CiterKeyElement *element)
{
	switch (element->type)
	{
		case FLOAT4OID:
		case FLOAT8OID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case BYTEAOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
			return true;
		default:
			return false;
	}
}

/*
 * The type as which an element is written: its own, or oid if that is what
 * its values are compared as (regclass and its like, which read numbers too).
 */
static Oid
written_type(const CiterKeyElement *element)
{
	return element->operand_type == OIDOID ? OIDOID : element->type;
}

/*
 * Makes a reader of keys out of rows of the relation, in the current memory
 * context; the expressions are initialized once.
 */
CiterKeyReader *
citer_key_reader_create(CiterKey *key)
{
	CiterKeyReader *reader = palloc0(sizeof(CiterKeyReader));

	reader->key = key;
	reader->states = palloc0(sizeof(ExprState *) * key->nelements);
	reader->values = palloc(sizeof(Datum) * key->nelements);
	reader->isnull = palloc(sizeof(bool) * key->nelements);
	for (int i = 0; i < key->nelements; i++)
	{
		Expr	   *expr = key->elements[i].expr;

		if (IsA(expr, Var) && ((Var *) expr)->varattno > 0)
			continue;
		reader->states[i] = ExecInitExpr(expression_planner(expr), NULL);
		if (reader->econtext == NULL)
			reader->econtext = CreateStandaloneExprContext();
	}
	return reader;
}

/* Frees what the reader holds beside the memory of its context. */
void
citer_key_reader_free(CiterKeyReader *reader)
{
	if (reader->econtext != NULL)
		FreeExprContext(reader->econtext, true);
}

/*
 * The key of the row in the slot, which has the relation's columns.  The
 * values are detoasted and copied into the current memory context.
 */
CiterPosition
citer_key_reader_read(CiterKeyReader *reader, TupleTableSlot *slot)
{
	CiterKey   *key = reader->key;
	CiterPosition position = citer_position_create(key->nelements);

	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];
		Datum		value = read_element(reader, i, slot, &position.isnull[i]);

		if (position.isnull[i])
			continue;
		if (element->typlen == -1)
			position.values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		else
			position.values[i] = datumCopy(value, element->typbyval, element->typlen);
	}
	forget_row(reader);
	return position;
}

/* The same as the text[] to pass as a bookmark; see citer_bookmark_write. */
ArrayType *
citer_key_reader_write(CiterKeyReader *reader, TupleTableSlot *slot)
{
	CiterKey   *key = reader->key;
	ArrayType  *bookmark;

	for (int i = 0; i < key->nelements; i++)
		reader->values[i] = read_element(reader, i, slot, &reader->isnull[i]);
	bookmark = write_values(key, reader->values, reader->isnull, key->nelements);
	forget_row(reader);
	return bookmark;
}

/*
 * Compares the key of the row in the slot with a position, or its first
 * elements with those of a shorter one: less than, equal to or greater than 0
 * if the row is before, at or after it in the order of the walk.
 */
int
citer_key_reader_compare(CiterKeyReader *reader, TupleTableSlot *slot,
						 const CiterPosition *position)
{
	CiterKey   *key = reader->key;
	int			order = 0;

	for (int i = 0; order == 0 && i < position->nelements; i++)
	{
		bool		isnull;
		Datum		value = read_element(reader, i, slot, &isnull);

		order = citer_key_compare(&key->elements[i], value, isnull,
								  position->values[i], position->isnull[i]);
	}
	forget_row(reader);
	return order;
}

/* The value of an element, which lasts as long as the row, and until it is forgotten. */
static Datum
read_element(CiterKeyReader *reader, int i, TupleTableSlot *slot, bool *isnull)
{
	if (reader->states[i] == NULL)
		return slot_getattr(slot, ((Var *) reader->key->elements[i].expr)->varattno, isnull);
	reader->econtext->ecxt_scantuple = slot;
	return ExecEvalExprSwitchContext(reader->states[i], reader->econtext, isnull);
}

/* Frees what reading a row has left. */
static void
forget_row(CiterKeyReader *reader)
{
	if (reader->econtext != NULL)
		ResetExprContext(reader->econtext);
}

/* Error context callback: says which element is no value of its type. */
static void
report_element(void *arg)
{
	BookmarkElement *element = arg;

	errcontext("element %d of argument \"%s\"", element->number, element->argument);
}
