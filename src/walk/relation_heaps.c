/*
 * relation_heaps.c
 *	  The tables that hold a relation's rows: its own and its children's.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "walk/citus.h"
#include "walk/relation.h"

static bool computes_alike(const CiterRelation *relation, Relation heap);

/*
 * The OIDs of the heaps that hold the relation's own and its children's rows,
 * in ascending order; NIL when some of the rows are kept in something else,
 * such as a foreign table or the shards of Citus.
 */
List *
citer_relation_heaps(const CiterRelation *relation)
{
	List	   *heaps = NIL;
	List	   *relids = list_make1_oid(relation->relid);
	ListCell   *cell;

	if (relation->has_children)
		relids = find_all_inheritors(relation->relid, AccessShareLock, NULL);
	foreach(cell, relids)
	{
		char		relkind = get_rel_relkind(lfirst_oid(cell));

		if (citer_citus_has(lfirst_oid(cell)))
			return NIL;
		if (relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW)
			heaps = lappend_oid(heaps, lfirst_oid(cell));
		else if (relkind != RELKIND_PARTITIONED_TABLE)
			return NIL;
	}
	list_sort(heaps, list_oid_cmp);
	return heaps;
}

/*
 * The OIDs of all relations that hold the relation's own and its children's
 * rows, if any of them is a foreign table; else NIL.
 */
List *
citer_relation_foreign_heaps(const CiterRelation *relation)
{
	List	   *heaps = NIL;
	List	   *relids = list_make1_oid(relation->relid);
	bool		foreign = false;
	ListCell   *cell;

	if (relation->query != NULL)
		return NIL;
	if (relation->has_children)
		relids = find_all_inheritors(relation->relid, AccessShareLock, NULL);
	foreach(cell, relids)
	{
		char		relkind = get_rel_relkind(lfirst_oid(cell));

		if (relkind != RELKIND_PARTITIONED_TABLE)
			heaps = lappend_oid(heaps, lfirst_oid(cell));
		foreign |= relkind == RELKIND_FOREIGN_TABLE;
	}
	return foreign ? heaps : NIL;
}

/*
 * What to select from to read just the rows that are stored in one of the
 * relation's heaps; NULL if that has to be asked of the relation itself,
 * because the caller must not read the heap directly, or not without its
 * policies, or because a virtual column is computed otherwise there: to the
 * server a parent's expression holds for the rows of its children.
 */
char *
citer_relation_heap_sql(const CiterRelation *relation, Oid heap)
{
	Relation	rel;
	char	   *sql = NULL;

	if (relation->row_security ||
		pg_class_aclcheck(relation->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		pg_class_aclcheck(heap, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return NULL;
	rel = relation_open(heap, AccessShareLock);
	if (!rel->rd_rel->relrowsecurity && computes_alike(relation, rel))
		sql = psprintf("ONLY %s",
					   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												  RelationGetRelationName(rel)));
	relation_close(rel, NoLock);
	return sql;
}

/*
 * Whether rows of the relation, which is a table, can be sampled by blocks: not
 * where they are stored by column.
 */
bool
citer_relation_has_blocks(const CiterRelation *relation)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation->relid, AccessShareLock, NULL))
	{
		Relation	rel = relation_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_class form = rel->rd_rel;
		bool		is_heap = form->relkind == RELKIND_PARTITIONED_TABLE || form->relam == HEAP_TABLE_AM_OID;

		relation_close(rel, NoLock);
		if (!is_heap)
			return false;
	}
	return true;
}

/* How many children the relation has, and they have. */
int
citer_relation_count_children(const CiterRelation *relation)
{
	return relation->has_children ?
		list_length(find_all_inheritors(relation->relid, NoLock, NULL)) - 1 : 0;
}

/*
 * The OIDs of the tables that hold the relation's rows and of their indexes,
 * whose scans count the rows they look at; NIL if it is no table.
 */
List *
citer_relation_scanned(const CiterRelation *relation)
{
	List	   *scanned = NIL;
	ListCell   *cell;

	if (!citer_relation_is_table(relation))
		return NIL;
	foreach(cell, find_all_inheritors(relation->relid, AccessShareLock, NULL))
	{
		Relation	rel = relation_open(lfirst_oid(cell), AccessShareLock);

		scanned = list_concat(lappend_oid(scanned, lfirst_oid(cell)), RelationGetIndexList(rel));
		relation_close(rel, NoLock);
	}
	return scanned;
}

/*
 * How many rows scans of these relations have looked at in this transaction,
 * by the counters of the cumulative statistics system.
 */
int64
citer_relation_examined(List *scanned)
{
	int64		examined = 0;
	ListCell   *cell;

	foreach(cell, scanned)
		examined += citer_compat_tuples_returned(lfirst_oid(cell));
	return examined;
}

/* Whether the relation's virtual columns are computed in the heap as in itself. */
static bool
computes_alike(const CiterRelation *relation, Relation heap)
{
	Relation	rel = relation_open(relation->relid, AccessShareLock);
	bool		alike = citer_compat_same_virtual(rel, heap);

	relation_close(rel, NoLock);
	return alike;
}
