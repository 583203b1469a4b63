/*
 * unique_index.c
 *	  Finds the index whose columns tell all rows of a relation apart.
 *
 * An index that is partial, deferrable, not valid, over expressions or under
 * another notion of equality than its columns' types proves nothing, and is
 * not used; nor is one over columns that can be NULL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "walk/unique_index.h"

static bool read_unique_index(const CiterRelation *relation, Oid indexid, CiterUniqueIndex *unique);
static bool same_equality(Oid opfamily_a, Oid collation_a, Oid opfamily_b, Oid collation_b);

/*
 * The index whose columns tell all rows of the relation apart: the primary
 * key, else the oldest unique index that does.
 */
CiterUniqueIndex
citer_unique_index_find(const CiterRelation *relation)
{
	CiterUniqueIndex found = {.indexid = InvalidOid};
	Relation	rel;
	ListCell   *cell;

	if (!citer_relation_is_table(relation))
		return found;
	rel = relation_open(relation->relid, AccessShareLock);
	foreach(cell, RelationGetIndexList(rel))
	{
		CiterUniqueIndex candidate = {.indexid = InvalidOid};

		if (read_unique_index(relation, lfirst_oid(cell), &candidate) &&
			(!OidIsValid(found.indexid) || candidate.is_primary))
			found = candidate;
	}
	relation_close(rel, NoLock);
	return found;
}

/* Reads an index into *unique; false if it does not tell all rows apart. */
static bool
read_unique_index(const CiterRelation *relation, Oid indexid, CiterUniqueIndex *unique)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	bool		usable;

	usable = form->indisunique && form->indimmediate && form->indisvalid &&
		index->rd_rel->relam == BTREE_AM_OID && RelationGetIndexPredicate(index) == NIL;
	unique->indexid = indexid;
	unique->is_primary = form->indisprimary;
	unique->ncolumns = form->indnkeyatts;
	for (int i = 0; usable && i < form->indnkeyatts; i++)
	{
		AttrNumber	attnum = form->indkey.values[i];
		TypeCacheEntry *type;

		if (attnum <= 0 || !citer_compat_column_not_null(relation->tupdesc, attnum))
		{
			usable = false;
			break;
		}
		type = lookup_type_cache(TupleDescAttr(relation->tupdesc, attnum - 1)->atttypid,
								 TYPECACHE_BTREE_OPFAMILY);
		usable = same_equality(type->btree_opf,
							   TupleDescAttr(relation->tupdesc, attnum - 1)->attcollation,
							   index->rd_opfamily[i], index->rd_indcollation[i]);
		unique->columns[i] = attnum;
	}
	index_close(index, NoLock);
	return usable;
}

/*
 * Whether values that are equal under the first family and collation are
 * equal under the second, too.
 */
static bool
same_equality(Oid opfamily_a, Oid collation_a, Oid opfamily_b, Oid collation_b)
{
	if (opfamily_a != opfamily_b)
		return false;
	return collation_a == collation_b ||
		(get_collation_isdeterministic(collation_a) && get_collation_isdeterministic(collation_b));
}
