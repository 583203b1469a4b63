/*
 * relation.c
 *	  Finds the relation behind a row type and notices when it changes.
 *
 * A walk runs SQL that names the relation, many times over, and hands control
 * back to its caller in between.  The caller can rename the relation, put
 * another in its place or change its columns, and the same text would then
 * mean something else.  So the relation is pinned by its OID, an
 * AccessShareLock is taken and kept to the end of the transaction (which
 * keeps out the DDL of other sessions), and before each chunk everything that
 * the SQL text relies upon is compared with what it was at the start.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "relation.h"

static Oid	rowtype_relid(Oid rowtype);
static void check_relkind(Relation rel);
static uint64 children_version(const CiterRelation *relation);
static bool is_unchanged(const CiterRelation *relation, Relation rel);
static bool same_row_type(const CiterRelation *relation);
static bool is_plain(const CiterRelation *relation);

/*
 * Opens the relation whose row type is given and describes it, in the current
 * memory context.  Its AccessShareLock stays until the transaction ends.
 * 42804 when the type is no relation's row type, 42809 for a kind of relation
 * that has no rows to walk, 42P01 when the relation is gone.
 */
CiterRelation *
citer_relation_open(Oid rowtype)
{
	CiterRelation *relation = palloc0(sizeof(CiterRelation));
	Relation	rel;

	relation->rowtype = rowtype;
	relation->relid = rowtype_relid(rowtype);
	rel = try_relation_open(relation->relid, AccessShareLock);
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation->relid)));
	check_relkind(rel);

	relation->relkind = rel->rd_rel->relkind;
	relation->name = pstrdup(RelationGetRelationName(rel));
	relation->schema = get_namespace_name(RelationGetNamespace(rel));
	relation->sql = quote_qualified_identifier(relation->schema, relation->name);
	relation->alias = pstrdup(quote_identifier(relation->name));
	relation->tupdesc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	relation->row_security = rel->rd_rel->relrowsecurity;
	relation->has_children = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		(rel->rd_rel->relhassubclass &&
		 find_inheritance_children(relation->relid, NoLock) != NIL);
	relation->is_plain = is_plain(relation);

	relation->relfilenode = rel->rd_rel->relfilenode;
	relation->rowtype_version = assign_record_type_identifier(rowtype, -1);
	relation->children_version = children_version(relation);

	relation_close(rel, NoLock);
	return relation;
}

/*
 * Throws 55000 unless the relation is still what it was when it was opened,
 * and takes the lock again should a rolled back savepoint have released it.
 *
 * "with_children" says that its children have to be the same, too.  The lock
 * does not keep another session from attaching or detaching a partition, and
 * one snapshot must not see rows of a partition that was attached later.
 */
void
citer_relation_check(const CiterRelation *relation, bool with_children)
{
	Relation	rel = try_relation_open(relation->relid, AccessShareLock);

	if (rel == NULL || !is_unchanged(relation, rel) ||
		(with_children && relation->children_version != children_version(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s was changed while it was being walked", relation->sql),
				 rel == NULL ?
				 errdetail("The relation was dropped.") :
				 errdetail("It, or one of its children, was renamed, moved, altered, truncated or rewritten."),
				 errhint("Start the walk again.")));
	relation_close(rel, NoLock);
}

/*
 * The OIDs of the heaps that hold the relation's own and its children's rows,
 * in ascending order; NIL when some of the rows are kept in something else,
 * such as a foreign table.
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

		if (relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW)
			heaps = lappend_oid(heaps, lfirst_oid(cell));
		else if (relkind != RELKIND_PARTITIONED_TABLE)
			return NIL;
	}
	list_sort(heaps, list_oid_cmp);
	return heaps;
}

/*
 * What to select from to read just the rows that are stored in one of the
 * relation's heaps; NULL if that has to be asked of the relation itself,
 * because the caller must not read the heap directly, or not without its
 * policies.
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
	if (!rel->rd_rel->relrowsecurity)
		sql = psprintf("ONLY %s",
					   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												  RelationGetRelationName(rel)));
	relation_close(rel, NoLock);
	return sql;
}

/* Does the relation keep its rows itself, so that an index can order them? */
bool
citer_relation_is_table(const CiterRelation *relation)
{
	return relation->relkind == RELKIND_RELATION ||
		relation->relkind == RELKIND_MATVIEW ||
		relation->relkind == RELKIND_PARTITIONED_TABLE;
}

/* The relation whose row type this is; 42804 when there is none. */
static Oid
rowtype_relid(Oid rowtype)
{
	Oid			relid = OidIsValid(rowtype) ? get_typ_typrelid(rowtype) : InvalidOid;

	if (rowtype == RECORDOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not the row type of a table", "record"),
				 errdetail("An anonymous record does not say which table it comes from."),
				 errhint("Pass NULL::my_table; for the rows of a query use chunked_iter_query.")));
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not the row type of a table",
						OidIsValid(rowtype) ? format_type_be(rowtype) : "unknown"),
				 errhint("Pass a null of the table's row type: NULL::my_table.")));
	return relid;
}

/* 42809 unless the relation is of a kind that has rows to select. */
static void
check_relkind(Relation rel)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_MATVIEW:
		case RELKIND_VIEW:
		case RELKIND_FOREIGN_TABLE:
			return;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("cannot walk relation \"%s\"", RelationGetRelationName(rel)),
					 errdetail("It is not a table, partitioned table, materialized view, view or foreign table."),
					 errhint("Pass a null of a table's row type: NULL::my_table.")));
	}
}

/*
 * A number that changes when a child is added, taken away, renamed or
 * rewritten; 0 for a relation without children.
 */
static uint64
children_version(const CiterRelation *relation)
{
	uint64		version = 0;
	ListCell   *cell;

	if (!relation->has_children)
		return 0;
	foreach(cell, find_all_inheritors(relation->relid, AccessShareLock, NULL))
	{
		Oid			relid = lfirst_oid(cell);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

		version = hash_combine64(version, relid);
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

			version = hash_combine64(version, form->relfilenode);
			version = hash_combine64(version, form->relnamespace);
			version = hash_combine64(version, hash_bytes((unsigned char *) NameStr(form->relname),
														 strlen(NameStr(form->relname))));
			ReleaseSysCache(tuple);
		}
	}
	return version;
}

/* Is the open relation what was described, under the same name? */
static bool
is_unchanged(const CiterRelation *relation, Relation rel)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(rel));

	return rel->rd_rel->relkind == relation->relkind &&
		rel->rd_rel->relfilenode == relation->relfilenode &&
		strcmp(RelationGetRelationName(rel), relation->name) == 0 &&
		schema != NULL && strcmp(schema, relation->schema) == 0 &&
		same_row_type(relation);
}

/*
 * Are the columns still those that were described?  The type cache gives a
 * row type a new version with any change of its table, be it an index or a
 * privilege, so a new version is a reason to compare and not a difference.
 */
static bool
same_row_type(const CiterRelation *relation)
{
	TupleDesc	expected = relation->tupdesc;
	TupleDesc	present;
	bool		same;

	if (assign_record_type_identifier(relation->rowtype, -1) == relation->rowtype_version)
		return true;
	present = lookup_rowtype_tupdesc(relation->rowtype, -1);
	same = present->natts == expected->natts;
	for (int i = 0; same && i < expected->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(expected, i);
		Form_pg_attribute b = TupleDescAttr(present, i);

		same = a->attisdropped == b->attisdropped &&
			a->atttypid == b->atttypid && a->atttypmod == b->atttypmod &&
			a->attcollation == b->attcollation &&
			strcmp(NameStr(a->attname), NameStr(b->attname)) == 0 &&
			citer_compat_column_not_null(expected, i + 1) == citer_compat_column_not_null(present, i + 1);
	}
	ReleaseTupleDesc(present);
	return same;
}

/* Are scanned tuples, without any projection, rows of the row type? */
static bool
is_plain(const CiterRelation *relation)
{
	if (relation->has_children || relation->tupdesc->natts == 0)
		return false;
	for (int i = 1; i <= relation->tupdesc->natts; i++)
		if (!citer_compat_column_is_stored(relation->tupdesc, i))
			return false;
	return true;
}
