/*
 * key_index.c
 *	  Finds an index by which a range of keys is found, from the catalogs.
 *
 * Elsewhere the planner says that (walk_strategy.c); of what Citus plans on other
 * nodes it says nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "nodes/nodeFuncs.h"
#include "utils/rel.h"

#include "walk/key_index.h"

static bool begins_as_key(Oid indexid, const CiterKeyElement *first);

/*
 * An index of a table that holds all its rows and begins as the key does;
 * InvalidOid if there is none.
 */
Oid
citer_key_index_find(const CiterRelation *relation, const CiterKey *key)
{
	Oid			found = InvalidOid;
	Relation	rel;
	ListCell   *cell;

	if (!citer_relation_is_table(relation))
		return InvalidOid;
	rel = relation_open(relation->relid, AccessShareLock);
	foreach(cell, RelationGetIndexList(rel))
	{
		if (begins_as_key(lfirst_oid(cell), &key->elements[0]))
		{
			found = lfirst_oid(cell);
			break;
		}
	}
	relation_close(rel, NoLock);
	return found;
}

/* Whether ranges of the key's first element are found by the index. */
static bool
begins_as_key(Oid indexid, const CiterKeyElement *first)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	AttrNumber	attnum = form->indkey.values[0];
	Node	   *expr = strip_implicit_coercions((Node *) first->expr);
	bool		fits;

	fits = form->indisvalid && index->rd_rel->relam == BTREE_AM_OID &&
		RelationGetIndexPredicate(index) == NIL &&
		index->rd_opfamily[0] == first->opfamily && index->rd_indcollation[0] == first->collation;
	if (fits && attnum != 0)
		fits = IsA(expr, Var) && ((Var *) expr)->varattno == attnum;
	else if (fits)
		fits = equal(linitial(RelationGetIndexExpressions(index)), first->expr);
	index_close(index, NoLock);
	return fits;
}
