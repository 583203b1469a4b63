/*
 * reader_check.c
 *	  Checks that a chunk is what the walk relies on.
 *
 * The server promises that rows come in the order of their keys, and from behind
 * the position that a query names.  It does not keep the promise where an index
 * was built under another comparison: an operating system's collation that has
 * changed, a function that has been redefined.  Then a walk would lose rows,
 * repeat them or never end, without a word.  So the first and the last row of a
 * chunk are compared before any row is returned.
 *
 * One thing these do not show: an index entry that is too early for its key and
 * happens to end a chunk.  The next chunk begins behind that key, and what the
 * index has between the two places is lost.  The entry behind it would show it,
 * but a query that ends at its LIMIT does not read that one, nor does any later
 * query: to look at it takes one more row for each chunk, or one more query.  Where
 * a row is read there anyway, to keep ties together, it is looked at.
 *
 * A foreign server makes another promise: that rows come in its order.  So the
 * server counts the rows of a chunk, too; and where its order has to be ours as
 * well (walk_compare.c), all rows of a chunk are looked at.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "walk/reader.h"

static void check_ends(CiterReader *reader, const CiterPosition *before);
static void check_rows(CiterReader *reader);
static void check_count(CiterReader *reader, const CiterPosition *before);
static void report_order(CiterReader *reader, const CiterPosition *earlier,
						 const CiterPosition *later);
static void report_end(CiterReader *reader, int64 rows);
pg_noreturn static void report(CiterReader *reader, const char *detail);
static char *only_index(const CiterWalk *walk);
static char *describe_position(const CiterKey *key, const CiterPosition *position);

/*
 * Throws 55000 unless the last row of the chunk before still has the key that it
 * was read under.  A function that has been redefined since, or one that looks at
 * a setting, would have the walk go on somewhere else.
 */
void
citer_reader_check_position(CiterReader *reader)
{
	TupleTableSlot *last = citer_chunk_last(reader->chunk);
	const CiterKey *key = reader->walk->key;
	CiterPosition now;

	if (citer_key_reader_compare(reader->keys, last, &reader->after) == 0)
		return;
	now = citer_key_reader_read(reader->keys, last);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the key of %s was changed while it was being walked",
					citer_relation_describe(reader->walk->relation)),
			 errdetail("In the order of %s, the row at (%s) is at (%s) now.",
					   citer_key_describe(key), describe_position(key, &reader->after),
					   describe_position(key, &now)),
			 errhint("Start the walk again.")));
}

/*
 * Throws XX002 unless the chunk that was read, from "before" to the position
 * that the walk has come to, is in order; HV000 if it is not because a foreign
 * server compares its keys otherwise.
 */
void
citer_reader_check_chunk(CiterReader *reader, const CiterPosition *before)
{
	const CiterWalk *walk = reader->walk;
	bool		can_count = !reader->done && !walk->is_volatile;

	switch (walk->comparer)
	{
		case CITER_COMPARES_HERE:
			check_ends(reader, before);
			break;
		case CITER_COMPARES_THERE:
			if (can_count)
				check_count(reader, before);
			break;
		case CITER_COMPARES_BOTH:
			check_ends(reader, before);
			check_rows(reader);
			if (can_count)
				check_count(reader, before);
			break;
	}
}

/*
 * Throws XX002 for a row that came behind the last one of a chunk, whose key is
 * given, and is before it, unless a foreign server compares keys.
 */
void
citer_reader_check_next(CiterReader *reader, TupleTableSlot *slot, const CiterPosition *last)
{
	CiterPosition key;

	if (reader->walk->comparer == CITER_COMPARES_THERE)
		return;
	key = citer_key_reader_read(reader->keys, slot);
	report_order(reader, last, &key);
}

/*
 * Throws XX002 if there are rows between the end of the walk, which was the
 * last row up to "upto", and that.
 */
void
citer_reader_check_end(CiterReader *reader, const CiterPosition *upto)
{
	int64		rows = 0;

	if (reader->walk->comparer != CITER_COMPARES_THERE && !reader->walk->is_volatile)
		rows = citer_walk_count(reader->walk, &reader->upto, upto);
	if (rows > 0)
		report_end(reader, rows);
}

/*
 * The first row has to be behind "before", and the last one not before the
 * first.
 */
static void
check_ends(CiterReader *reader, const CiterPosition *before)
{
	CiterKeyReader *keys = reader->keys;
	TupleTableSlot *first = citer_chunk_first(reader->chunk);
	bool		several = citer_chunk_rows(reader->chunk) > 1;
	CiterPosition key;
	int			order;

	order = before->nelements > 0 ? citer_key_reader_compare(keys, first, before) : 1;
	if (order < 0 || (order == 0 && !before->included))
	{
		key = citer_key_reader_read(keys, first);
		report_order(reader, before, &key);
	}
	order = several ? citer_key_reader_compare(keys, first, &reader->after) : -1;
	if (order > 0 || (order == 0 && reader->walk->key->unique))
	{
		key = citer_key_reader_read(keys, first);
		report_order(reader, &key, &reader->after);
	}
}

/* No row may be before the one before it. */
static void
check_rows(CiterReader *reader)
{
	CiterKeyReader *keys = reader->keys;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter check",
												  ALLOCSET_SMALL_SIZES);
	CiterPosition previous = {0};
	TupleTableSlot *slot;

	citer_chunk_rewind(reader->chunk);
	while ((slot = citer_chunk_next(reader->chunk)) != NULL)
	{
		MemoryContext caller;

		if (citer_key_reader_compare(keys, slot, &previous) < 0)
		{
			CiterPosition key = citer_key_reader_read(keys, slot);

			report_order(reader, &previous, &key);
		}
		MemoryContextReset(context);
		caller = MemoryContextSwitchTo(context);
		previous = citer_key_reader_read(keys, slot);
		MemoryContextSwitchTo(caller);
	}
	citer_chunk_rewind(reader->chunk);
	MemoryContextDelete(context);
}

/*
 * The rows between the two positions have to be as many as were read.
 *
 * Where servers have to agree on the keys, that shows that every row has come
 * once, if each chunk has as many and no row comes that is before the one before.
 * For take the rows of one server, in whichever order it gives them: what was
 * read of them, and what lies between the positions for that server, both begin
 * behind "before".  A row that was read although it is behind the new position
 * for its server comes again in the next chunk, where it is not behind that
 * position for us.  And if there is no such row, an equal number means the same
 * rows.
 *
 * Where one server sorts and compares, it shows that the server does both in one
 * order: that rows which it takes for equal were not parted, and that what is
 * equal to it is so for the order as well (not so for a text column with a
 * nondeterministic collation that is ordered USING ~<~).
 */
static void
check_count(CiterReader *reader, const CiterPosition *before)
{
	int64		rows = citer_walk_count(reader->walk, before, &reader->after);

	if (rows != citer_chunk_rows(reader->chunk))
		report(reader, psprintf("Up to (%s) there are %lld rows where %lld came.",
								describe_position(reader->walk->key, &reader->after),
								(long long) rows, (long long) citer_chunk_rows(reader->chunk)));
}

/* Reports two keys that came in the wrong order. */
static void
report_order(CiterReader *reader, const CiterPosition *earlier, const CiterPosition *later)
{
	const CiterKey *key = reader->walk->key;

	report(reader, psprintf("In the order of %s, (%s) came after (%s).", citer_key_describe(key),
							describe_position(key, later), describe_position(key, earlier)));
}

/* Reports rows that are behind the last one. */
static void
report_end(CiterReader *reader, int64 rows)
{
	const CiterKey *key = reader->walk->key;

	report(reader, psprintf("In the order of %s, (%s) came last, and %lld rows are after it.",
							citer_key_describe(key), describe_position(key, &reader->upto),
							(long long) rows));
}

/* Reports rows that are not in order, or not in ours. */
static void
report(CiterReader *reader, const char *detail)
{
	const CiterWalk *walk = reader->walk;
	const char *relation = citer_relation_describe(walk->relation);
	char	   *index = only_index(walk);

	if (walk->comparer != CITER_COMPARES_HERE)
		citer_walk_report_comparer(walk, detail);
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
