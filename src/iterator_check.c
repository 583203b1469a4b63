/*
 * iterator_check.c
 *	  Whether a chunk is what the walk relies upon.
 *
 * That rows come in the order of their keys, and behind the position that they
 * were asked for, is what the server promises.  It does not keep the promise
 * where an index was built under another comparison: an operating system's
 * collation that has changed, a function that has been redefined.  Then a walk
 * would lose rows, repeat them or never end, and say nothing.  A look at the
 * first and at the last row of a chunk, before any of them goes out, makes that
 * an error.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "iterator_state.h"

static void report_order(CiterIterator *iterator, const CiterPosition *earlier,
						 const CiterPosition *later);
static void report_end(CiterIterator *iterator, int64 rows);
static void report(CiterIterator *iterator, const char *detail) pg_attribute_noreturn();
static char *only_index(const CiterWalk *walk);
static char *describe_position(const CiterKey *key, const CiterPosition *position);

/*
 * Throws XX002 unless the first row of the chunk that was read is behind
 * "before", where the chunk begins, and its last row is not before its first.
 */
void
citer_iterator_check_order(CiterIterator *iterator, const CiterPosition *before)
{
	CiterKeyReader *reader = iterator->reader;
	TupleTableSlot *first = citer_chunk_first(iterator->chunk);
	bool		several = citer_chunk_rows(iterator->chunk) > 1;
	CiterPosition key;
	int			order;

	if (before->nelements > 0 && citer_key_reader_compare(reader, first, before) <= 0)
	{
		key = citer_key_reader_read(reader, first);
		report_order(iterator, before, &key);
	}
	order = several ? citer_key_reader_compare(reader, first, &iterator->after) : -1;
	if (order > 0 || (order == 0 && iterator->walk->key->unique))
	{
		key = citer_key_reader_read(reader, first);
		report_order(iterator, &key, &iterator->after);
	}
}

/*
 * Throws XX002 if there are rows between the end of the walk, which was the
 * last row up to "upto", and that.
 */
void
citer_iterator_check_end(CiterIterator *iterator, const CiterPosition *upto)
{
	int64		rows = citer_iterator_count(iterator, &iterator->upto, upto);

	if (rows > 0)
		report_end(iterator, rows);
}

/* Reports two keys that came in the wrong order. */
static void
report_order(CiterIterator *iterator, const CiterPosition *earlier, const CiterPosition *later)
{
	const CiterKey *key = iterator->walk->key;

	report(iterator, psprintf("In the order of %s, (%s) came after (%s).", citer_key_describe(key),
							  describe_position(key, later), describe_position(key, earlier)));
}

/* Reports rows that are behind the last one. */
static void
report_end(CiterIterator *iterator, int64 rows)
{
	const CiterKey *key = iterator->walk->key;

	report(iterator, psprintf("In the order of %s, (%s) came last, and %lld rows are after it.",
							  citer_key_describe(key), describe_position(key, &iterator->upto),
							  (long long) rows));
}

/* Reports an order that is none. */
static void
report(CiterIterator *iterator, const char *detail)
{
	const char *relation = citer_relation_describe(iterator->walk->relation);
	char	   *index = only_index(iterator->walk);

	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 index != NULL ?
			 errmsg("index %s returned rows of %s out of order", index, relation) :
			 errmsg("rows of %s came out of order", relation),
			 errdetail_internal("%s", detail),
			 index != NULL ?
			 errhint("REINDEX INDEX %s; the extension amcheck has bt_index_check() to tell which indexes need it.", index) :
			 errhint("REINDEX the indexes that give this order; the extension amcheck has bt_index_check() to tell which of them need it.")));
}

/* The index that gives the walk's order, in SQL; NULL if it is not just one. */
static char *
only_index(const CiterWalk *walk)
{
	Oid			index;

	if (list_length(walk->index_shape.indexes) != 1)
		return NULL;
	index = linitial_oid(walk->index_shape.indexes);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(index)),
									  get_rel_name(index));
}

/* A position as its values, to be read by people. */
static char *
describe_position(const CiterKey *key, const CiterPosition *position)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < position->nelements; i++)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(key->elements[i].type, &output, &is_varlena);
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 position->isnull[i] ? "NULL" :
						 OidOutputFunctionCall(output, position->values[i]));
	}
	return text.data;
}
