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

#include "options.h"

static const char *const snapshot_names[] = {
	[CITER_SNAPSHOT_STATEMENT] = "statement",
	[CITER_SNAPSHOT_CHUNK] = "chunk",
};

/* Sets the rows of a chunk; 22023 when it is out of range. */
void
citer_options_set_chunk_size(CiterOptions *options, int chunk_size)
{
	if (chunk_size < CITER_CHUNK_SIZE_MIN || chunk_size > CITER_CHUNK_SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %d", "chunk_size", chunk_size),
				 errdetail("A chunk has between %d and %d rows.",
						   CITER_CHUNK_SIZE_MIN, CITER_CHUNK_SIZE_MAX),
				 errhint("Leave it out for chunks of %d rows.", CITER_CHUNK_SIZE_DEFAULT)));
	options->chunk_size = chunk_size;
}

/* Sets the snapshot mode by its name; 22023 for any other name. */
void
citer_options_set_snapshot(CiterOptions *options, const char *snapshot)
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
 * The elements of a text[] argument, in the current memory context.  An empty
 * array is no bookmark.  22023 for an array of more than one dimension.
 */
CiterBookmark
citer_options_bookmark(const char *argument, ArrayType *array)
{
	CiterBookmark bookmark = {0};
	Datum	   *values;
	bool	   *nulls;

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

/* The name of a snapshot mode, as it is given by the user. */
const char *
citer_options_snapshot_name(CiterSnapshotMode mode)
{
	return snapshot_names[mode];
}
