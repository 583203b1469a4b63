/*
 * options.c
 *	  Checks the arguments of a walk that can be checked by themselves.
 *
 * Knows no catalog and runs no SQL: whether an ORDER BY list makes sense for
 * a relation is found out where the key is resolved.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/options.h"

static const char *const snapshot_names[] = {
	[CITER_SNAPSHOT_STATEMENT] = "statement",
	[CITER_SNAPSHOT_CHUNK] = "chunk",
};

static int	checked_parts(int64 parts);
static void set_chunk_size(CiterOptions *options, int64 chunk_size);
static void set_snapshot(CiterOptions *options, const char *snapshot);

/*
 * Fills in a request from the arguments of a call (CiterArgument says which
 * is where), with defaults for those that are NULL.  All is in the current
 * memory context.  22023 for a value that no walk can have.
 */
void
citer_options_read(CiterOptions *options, Oid rowtype, const NullableDatum *arguments)
{
	const NullableDatum *chunk_size = &arguments[CITER_ARGUMENT_CHUNK_SIZE];
	const NullableDatum *reverse = &arguments[CITER_ARGUMENT_REVERSE];
	char	   *snapshot = citer_options_text(arguments[CITER_ARGUMENT_SNAPSHOT]);

	memset(options, 0, sizeof(*options));
	options->rowtype = rowtype;
	set_chunk_size(options, chunk_size->isnull ? CITER_CHUNK_SIZE_DEFAULT :
				   DatumGetInt64(chunk_size->value));
	options->order_by = citer_options_text(arguments[CITER_ARGUMENT_ORDER_BY]);
	options->reverse = !reverse->isnull && DatumGetBool(reverse->value);
	options->filter = citer_options_text(arguments[CITER_ARGUMENT_FILTER]);
	options->after = citer_options_bookmark("after", arguments[CITER_ARGUMENT_AFTER]);
	options->upto = citer_options_bookmark("upto", arguments[CITER_ARGUMENT_UPTO]);
	if (snapshot != NULL)
		set_snapshot(options, snapshot);
}

/*
 * The same for a call of chunked_iter_query, whose result has the columns
 * given.  22004 for a NULL query.
 */
void
citer_options_read_query(CiterOptions *options, TupleDesc columns, const NullableDatum *arguments)
{
	NullableDatum reordered[CITER_ARGUMENTS];
	NullableDatum none = {(Datum) 0, true};

	if (arguments[CITER_QUERY_ARGUMENT_QUERY].isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "query"),
				 errhint("Pass a SELECT as text.")));
	reordered[CITER_ARGUMENT_REL] = none;
	reordered[CITER_ARGUMENT_CHUNK_SIZE] = arguments[CITER_QUERY_ARGUMENT_CHUNK_SIZE];
	reordered[CITER_ARGUMENT_ORDER_BY] = arguments[CITER_QUERY_ARGUMENT_ORDER_BY];
	reordered[CITER_ARGUMENT_REVERSE] = arguments[CITER_QUERY_ARGUMENT_REVERSE];
	reordered[CITER_ARGUMENT_FILTER] = none;
	reordered[CITER_ARGUMENT_AFTER] = arguments[CITER_QUERY_ARGUMENT_AFTER];
	reordered[CITER_ARGUMENT_UPTO] = arguments[CITER_QUERY_ARGUMENT_UPTO];
	reordered[CITER_ARGUMENT_SNAPSHOT] = arguments[CITER_QUERY_ARGUMENT_SNAPSHOT];
	citer_options_read(options, RECORDOID, reordered);
	options->query = citer_options_text(arguments[CITER_QUERY_ARGUMENT_QUERY]);
	options->query_columns = columns;
}

/*
 * The same for a call of chunked_iter_ranges.  Returns in how many parts the
 * walk shall be split, or 0 if in ranges of chunk_size rows.
 */
int
citer_options_read_ranges(CiterOptions *options, Oid rowtype, const NullableDatum *arguments)
{
	const NullableDatum *parts = &arguments[CITER_RANGES_ARGUMENT_PARTS];
	NullableDatum reordered[CITER_ARGUMENTS];

	if (parts->isnull == arguments[CITER_RANGES_ARGUMENT_CHUNK_SIZE].isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of the arguments \"%s\" and \"%s\" must be given",
						"parts", "chunk_size"),
				 parts->isnull ? errdetail("Both are null.") : errdetail("Both are given."),
				 errhint("Pass parts => 4 for four ranges, or chunk_size => 100000 for ranges of so many rows.")));
	for (int i = 0; i < CITER_ARGUMENTS; i++)
		reordered[i] = (NullableDatum)
	{
		(Datum) 0, true
	};
	reordered[CITER_ARGUMENT_CHUNK_SIZE] = arguments[CITER_RANGES_ARGUMENT_CHUNK_SIZE];
	reordered[CITER_ARGUMENT_ORDER_BY] = arguments[CITER_RANGES_ARGUMENT_ORDER_BY];
	reordered[CITER_ARGUMENT_FILTER] = arguments[CITER_RANGES_ARGUMENT_FILTER];
	citer_options_read(options, rowtype, reordered);
	return parts->isnull ? 0 : checked_parts(DatumGetInt64(parts->value));
}

/* The number of ranges; 22023 when it is out of range. */
static int
checked_parts(int64 parts)
{
	if (parts < 1 || parts > CITER_PARTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %lld", "parts", (long long) parts),
				 errdetail("A walk is split into between %d and %d parts.", 1, CITER_PARTS_MAX),
				 errhint("For more ranges pass chunk_size => ..., the rows of each.")));
	return parts;
}

/* Sets the rows of a chunk; 22023 when it is out of range. */
static void
set_chunk_size(CiterOptions *options, int64 chunk_size)
{
	if (chunk_size < CITER_CHUNK_SIZE_MIN || chunk_size > CITER_CHUNK_SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %lld", "chunk_size", (long long) chunk_size),
				 errdetail("A chunk has between %d and %d rows.",
						   CITER_CHUNK_SIZE_MIN, CITER_CHUNK_SIZE_MAX),
				 errhint("Leave it out for chunks of %d rows.", CITER_CHUNK_SIZE_DEFAULT)));
	options->chunk_size = chunk_size;
}

/* Sets the snapshot mode by its name; 22023 for any other name. */
static void
set_snapshot(CiterOptions *options, const char *snapshot)
{
	for (int mode = 0; mode < (int) lengthof(snapshot_names); mode++)
	{
		if (strcmp(snapshot, snapshot_names[mode]) == 0)
		{
			options->snapshot = (CiterSnapshotMode) mode;
			return;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\": \"%s\"", "snapshot", snapshot),
			 errhint("Use 'statement' for one snapshot of the whole walk, or 'chunk' for a new one with every chunk.")));
}

/*
 * The elements of a text[] argument.  NULL and the empty array are no
 * bookmark.  22023 for an array of more than one dimension.
 */
CiterBookmark
citer_options_bookmark(const char *argument, NullableDatum value)
{
	CiterBookmark bookmark = {0};
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;

	if (value.isnull)
		return bookmark;
	array = DatumGetArrayTypeP(value.value);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a one-dimensional array", argument),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array)),
				 errhint("Pass one key, such as chunked_iter_key() returns it.")));

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &bookmark.nelements);
	bookmark.elements = palloc0(sizeof(char *) * Max(bookmark.nelements, 1));
	for (int i = 0; i < bookmark.nelements; i++)
		if (!nulls[i])
			bookmark.elements[i] = TextDatumGetCString(values[i]);
	return bookmark;
}

/* A text argument, or NULL. */
char *
citer_options_text(NullableDatum value)
{
	return value.isnull ? NULL : TextDatumGetCString(value.value);
}

/* The name of a snapshot mode, as it is given by the user. */
const char *
citer_options_snapshot_name(CiterSnapshotMode mode)
{
	return snapshot_names[mode];
}
