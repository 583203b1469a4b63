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
 *
 * A foreign server makes another promise: that rows come in its order.  Where
 * that has to be ours as well (walk_compare.c), all rows of a chunk are looked at,
 * and counted.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "walk/iterator_state.h"

static void check_ends(CiterIterator *iterator, const CiterPosition *before);
static void check_rows(CiterIterator *iterator);
static void check_count(CiterIterator *iterator, const CiterPosition *before);
static void check_ties(CiterIterator *iterator);
static void report_order(CiterIterator *iterator, const CiterPosition *earlier,
						 const CiterPosition *later);
static void report_end(CiterIterator *iterator, int64 rows);
pg_noreturn static void report(CiterIterator *iterator, const char *detail);
static char *only_index(const CiterWalk *walk);
static char *describe_position(const CiterKey *key, const CiterPosition *position);

/*
 * Throws XX002 unless the chunk that was read, from "before" to the position
 * that the walk has come to, is in order; HV000 if it is not because a foreign
 * server compares its keys otherwise.
 */
void
citer_iterator_check_chunk(CiterIterator *iterator, const CiterPosition *before)
{
	const CiterWalk *walk = iterator->walk;
	bool		can_count = !iterator->done && !walk->is_volatile;

	switch (walk->comparer)
	{
		case CITER_COMPARES_HERE:
			check_ends(iterator, before);
			break;
		case CITER_COMPARES_THERE:
			if (can_count)
				check_ties(iterator);
			break;
		case CITER_COMPARES_BOTH:
			check_ends(iterator, before);
			check_rows(iterator);
			if (can_count)
				check_count(iterator, before);
			break;
	}
}

/*
 * Throws XX002 if there are rows between the end of the walk, which was the
 * last row up to "upto", and that.
 */
void
citer_iterator_check_end(CiterIterator *iterator, const CiterPosition *upto)
{
	int64		rows = iterator->walk->comparer == CITER_COMPARES_THERE || iterator->walk->is_volatile ?
		0 : citer_walk_count(iterator->walk, &iterator->upto, upto);

	if (rows > 0)
		report_end(iterator, rows);
}

/*
 * The first row has to be behind "before", and the last one not before the
 * first.
 */
static void
check_ends(CiterIterator *iterator, const CiterPosition *before)
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

/* No row may be before the one before it. */
static void
check_rows(CiterIterator *iterator)
{
	CiterKeyReader *reader = iterator->reader;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter check",
												  ALLOCSET_SMALL_SIZES);
	CiterPosition previous = {0};
	TupleTableSlot *slot;

	citer_chunk_rewind(iterator->chunk);
	while ((slot = citer_chunk_next(iterator->chunk)) != NULL)
	{
		MemoryContext caller;

		if (citer_key_reader_compare(reader, slot, &previous) < 0)
		{
			CiterPosition key = citer_key_reader_read(reader, slot);

			report_order(iterator, &previous, &key);
		}
		MemoryContextReset(context);
		caller = MemoryContextSwitchTo(context);
		previous = citer_key_reader_read(reader, slot);
		MemoryContextSwitchTo(caller);
	}
	citer_chunk_rewind(iterator->chunk);
	MemoryContextDelete(context);
}

/*
 * The rows between the two positions have to be as many as were read.  If each
 * chunk's are, and no row comes that is before the one before, every row has come
 * once.  For take the rows of one server, in whichever order it gives them:
 * what was read of them, and what lies between the positions for that server,
 * both begin behind "before".  A row that was read although it is behind the new
 * position for its server comes again in the next chunk, where it is not behind
 * that position for us.  And if there is no such row, an equal number means the
 * same rows.
 */
static void
check_count(CiterIterator *iterator, const CiterPosition *before)
{
	int64		rows = citer_walk_count(iterator->walk, before, &iterator->after);

	if (rows != citer_chunk_rows(iterator->chunk))
		report(iterator, psprintf("Up to (%s) there are %lld rows where %lld came.",
								  describe_position(iterator->walk->key, &iterator->after),
								  (long long) rows, (long long) citer_chunk_rows(iterator->chunk)));
}

/*
 * All rows that a foreign server takes for equal to the last one have to be in
 * the chunk: what is equal for us was kept together, but its collation may
 * make no difference between more.
 */
static void
check_ties(CiterIterator *iterator)
{
	int64		ties = 0;
	int64		rows;
	TupleTableSlot *slot;

	citer_chunk_rewind(iterator->chunk);
	while ((slot = citer_chunk_next(iterator->chunk)) != NULL)
		ties += citer_key_reader_compare(iterator->reader, slot, &iterator->after) == 0;
	citer_chunk_rewind(iterator->chunk);
	rows = citer_walk_count_key(iterator->walk, &iterator->after);
	if (rows != ties)
		report(iterator, psprintf("The server has %lld rows that it takes for equal to (%s), here they are %lld.",
								  (long long) rows, describe_position(iterator->walk->key, &iterator->after),
								  (long long) ties));
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

/* Reports an order that is none, or not ours. */
static void
report(CiterIterator *iterator, const char *detail)
{
	const CiterWalk *walk = iterator->walk;
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
