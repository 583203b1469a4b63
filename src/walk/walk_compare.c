/*
 * walk_compare.c
 *	  Which server compares the keys of a walk.
 *
 * A foreign server that is sent "k > 'x'" or "ORDER BY k" uses its own
 * collation, which may put text into another order than ours.  A walk is
 * right as long as the server that sorts is the server that compares:
 *
 * - Keys without a collation, such as integers, are in one order everywhere.
 * - One foreign server that answers the whole query does both.  Then nothing
 *	 may be concluded here from two keys, not even that there is nothing between
 *	 them.
 * - Rows of several servers, or rows that are sorted here and found there, are
 *	 right if the servers agree on the keys that there are.  Then each chunk is
 *	 checked (reader_check.c).
 *
 * For the same reason conditions are written so that whoever compares, it is the
 * same one for all of them: what is behind one key and, apart from that, what
 * is up to another.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "walk/walk.h"

static bool has_collation(const CiterKey *key);

/* Finds out which server compares; the walk's shape is known. */
CiterComparer
citer_walk_find_comparer(const CiterWalk *walk)
{
	if (!has_collation(walk->key) || !citer_walk_has_foreign_rows(walk))
		return CITER_COMPARES_HERE;
	return walk->index_shape.remote && list_length(walk->strategy.heaps) <= 1 ?
		CITER_COMPARES_THERE : CITER_COMPARES_BOTH;
}

/* Whether rows come from foreign tables; the walk's shape is known. */
bool
citer_walk_has_foreign_rows(const CiterWalk *walk)
{
	ListCell   *cell;

	foreach(cell, walk->index_shape.relations)
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/* Whether several servers have to agree on the keys, and counting rows tells. */
bool
citer_walk_must_agree(const CiterWalk *walk)
{
	return walk->comparer == CITER_COMPARES_BOTH && !walk->is_volatile;
}

/* Reports that a foreign server compares otherwise: HV000. */
void
citer_walk_report_comparer(const CiterWalk *walk, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("a foreign server compares the keys of %s otherwise",
					citer_relation_describe(walk->relation)),
			 errdetail_internal("%s", detail),
			 errhint("Declare the columns of foreign tables with the collations that they have on their servers, or order by them with COLLATE \"C\", which is compared here.")));
}

/*
 * Writes the ranges of what is between rows->after and rows->upto, returns how
 * many they are, and sets what else a row has to satisfy.
 */
int
citer_walk_split(const CiterWalk *walk, CiterQueryRows *rows, CiterRange *ranges)
{
	const CiterKey *key = walk->key;
	CiterPosition none = {0};
	CiterRange *within;
	int			nranges;

	if (walk->comparer == CITER_COMPARES_HERE || rows->upto->nelements == 0)
		return citer_range_split(key, rows->after, rows->upto, ranges);
	within = palloc(sizeof(CiterRange) * citer_range_max(key));
	rows->within = within;
	rows->nwithin = citer_range_split(key, &none, rows->upto, within);
	nranges = citer_range_split(key, rows->after, &none, ranges);
	for (int i = 0; i < nranges; i++)
	{
		/* That follows from the rest, but an index can make use of it. */
		if (ranges[i].nfixed == 0 && ranges[i].lower != CITER_BOUND_NONE && !rows->upto->isnull[0])
			ranges[i].upper = CITER_BOUND_INCLUSIVE;
	}
	return nranges;
}

static bool
has_collation(const CiterKey *key)
{
	for (int i = 0; i < key->nelements; i++)
		if (OidIsValid(key->elements[i].collation))
			return true;
	return false;
}
