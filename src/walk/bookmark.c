/*
 * bookmark.c
 *	  Key values: as text that outlives a session, and out of rows.
 *
 * A bookmark is written by one session and read by another, whose DateStyle,
 * TimeZone, IntervalStyle and so on may differ.  It is therefore written
 * under fixed settings, in forms that every session reads as the same value:
 * dates in ISO order, time stamps with their offset, floats with all their
 * digits, object names qualified.  It is read under the session's own
 * settings, so that a key typed by hand means what it means elsewhere in the
 * session; only money needs the same setting on both sides.  (postgres_fdw
 * sends its constants in the same way, see set_transmission_modes there.)
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "walk/bookmark.h"
#include "base/settings.h"

/* Evaluates the elements of a key for rows of the relation. */
struct CiterKeyReader
{
	CiterKey   *key;
	EState	   *estate;			/* owns the expressions' states */
	ExprContext *econtext;
	ExprState **states;			/* one for each element */
	TupleTableSlot *row;		/* a view of the caller's row */
};

/* The element of a bookmark that is being read. */
typedef struct BookmarkElement
{
	const char *argument;		/* name of the argument it came in */
	int			number;			/* from 1 */
} BookmarkElement;

static bool needs_settings(const CiterKey *key);
static bool has_fixed_output(Oid type);
static void report_element(void *arg);

static const CiterSetting write_settings[] = {
	{"lc_monetary", "C"},
	{"search_path", "pg_catalog"},
	{NULL, NULL}
};

static const CiterSetting read_settings[] = {
	{"lc_monetary", "C"},
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
 * The values a bookmark stands for, in the current memory context.  22023 if
 * it has more elements than the key; the input function's error if an element
 * is no value of its type.
 */
CiterPosition
citer_bookmark_read(const CiterKey *key, const char *argument, const CiterBookmark *bookmark)
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
	nestlevel = citer_settings_begin();
	citer_settings_set(read_settings);
	error_context_stack = &context;
	for (int i = 0; i < bookmark->nelements; i++)
	{
		Oid			typinput;
		Oid			typioparam;

		position.isnull[i] = bookmark->elements[i] == NULL;
		if (position.isnull[i])
			continue;
		element.number = i + 1;
		getTypeInputInfo(key->elements[i].type, &typinput, &typioparam);
		position.values[i] = OidInputFunctionCall(typinput, bookmark->elements[i], typioparam, -1);
	}
	error_context_stack = context.previous;
	citer_settings_end(nestlevel);
	return position;
}

/* A position as the text[] to pass as a bookmark, in the current context. */
ArrayType *
citer_bookmark_write(const CiterKey *key, const CiterPosition *position)
{
	Datum	   *elements = palloc0(sizeof(Datum) * Max(position->nelements, 1));
	int			dims[1] = {position->nelements};
	int			lower_bounds[1] = {1};
	bool		set = needs_settings(key);
	int			nestlevel = 0;

	if (set)
	{
		nestlevel = citer_settings_begin();
		citer_settings_set(citer_settings_exact);
		citer_settings_set(write_settings);
	}
	for (int i = 0; i < position->nelements; i++)
	{
		Oid			typoutput;
		bool		is_varlena;

		if (position->isnull[i])
			continue;
		getTypeOutputInfo(key->elements[i].type, &typoutput, &is_varlena);
		elements[i] = CStringGetTextDatum(OidOutputFunctionCall(typoutput, position->values[i]));
	}
	if (set)
		citer_settings_end(nestlevel);
	return construct_md_array(elements, position->isnull, 1, dims, lower_bounds,
							  TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * May the text of this key's values depend on settings?  Setting them takes much
 * longer than to write a key, and is not done for nothing.
 */
static bool
needs_settings(const CiterKey *key)
{
	for (int i = 0; i < key->nelements; i++)
		if (!has_fixed_output(key->elements[i].type))
			return true;
	return false;
}

/* Is a value of this type the same text under all settings, for certain? */
static bool
has_fixed_output(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
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

/*
 * Makes a reader of keys out of rows of the relation, in the current memory
 * context; the expressions are initialized once.
 */
CiterKeyReader *
citer_key_reader_create(CiterKey *key)
{
	CiterKeyReader *reader = palloc0(sizeof(CiterKeyReader));

	reader->key = key;
	reader->estate = CreateExecutorState();
	reader->econtext = CreateExprContext(reader->estate);
	reader->states = palloc0(sizeof(ExprState *) * key->nelements);
	for (int i = 0; i < key->nelements; i++)
		reader->states[i] = ExecPrepareExpr(key->elements[i].expr, reader->estate);
	return reader;
}

/* Frees what the reader holds beside the memory of its context. */
void
citer_key_reader_free(CiterKeyReader *reader)
{
	FreeExecutorState(reader->estate);
}

/*
 * The key of the row in the slot, which has the relation's columns.  The
 * values are copied into the current memory context, nothing toasted left.
 */
CiterPosition
citer_key_reader_read(CiterKeyReader *reader, TupleTableSlot *slot)
{
	CiterKey   *key = reader->key;
	CiterPosition position = citer_position_create(key->nelements);

	reader->econtext->ecxt_scantuple = slot;
	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];
		Datum		value = ExecEvalExprSwitchContext(reader->states[i], reader->econtext,
													  &position.isnull[i]);

		if (position.isnull[i])
			continue;
		if (element->typlen == -1)
			position.values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		else
			position.values[i] = datumCopy(value, element->typbyval, element->typlen);
	}
	ResetExprContext(reader->econtext);
	return position;
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

	reader->econtext->ecxt_scantuple = slot;
	for (int i = 0; order == 0 && i < position->nelements; i++)
	{
		bool		isnull;
		Datum		value = ExecEvalExprSwitchContext(reader->states[i], reader->econtext, &isnull);

		order = citer_key_compare(&key->elements[i], value, isnull,
								  position->values[i], position->isnull[i]);
	}
	ResetExprContext(reader->econtext);
	return order;
}

/* Error context callback: says which element is no value of its type. */
static void
report_element(void *arg)
{
	BookmarkElement *element = arg;

	errcontext("element %d of argument \"%s\"", element->number, element->argument);
}
