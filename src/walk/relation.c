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
#include "nodes/nodes.h"
#include "rewrite/rewriteSupport.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "walk/clause.h"
#include "base/compat.h"
#include "walk/relation.h"
#include "base/settings.h"

static Oid	rowtype_relid(Oid rowtype);
static bool has_children(Relation rel);
static void check_relkind(Relation rel);
static uint64 watched_version(const CiterRelation *relation);
static uint64 definition_version(Relation rel);
static uint64 view_version(Oid relid);
static uint64 policy_version(RowSecurityPolicy *policy);
static uint64 hash_name(const char *name);
static bool is_unchanged(const CiterRelation *relation, Relation rel);
static bool same_row_type(const CiterRelation *relation);
static bool is_plain(const CiterRelation *relation);
static bool computes_alike(const CiterRelation *relation, Relation heap);

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
	relation->names = citer_clause_names(relation);
	relation->tupdesc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	relation->row_security = rel->rd_rel->relrowsecurity;
	relation->has_children = has_children(rel);
	relation->is_plain = is_plain(relation);
	citer_compat_forget_virtual(relation->tupdesc);

	relation->definition_version = definition_version(rel);
	relation->rowtype_version = assign_record_type_identifier(rowtype, -1);
	relation->watched_version = watched_version(relation);

	relation_close(rel, NoLock);
	return relation;
}

/*
 * The same relation for SQL in which it goes by another name, which is not
 * quoted; in the current memory context, but for what it shares with the first.
 */
CiterRelation *
citer_relation_under_name(const CiterRelation *relation, const char *name)
{
	CiterRelation *renamed = palloc(sizeof(CiterRelation));

	*renamed = *relation;
	renamed->name = pstrdup(name);
	renamed->alias = pstrdup(quote_identifier(name));
	renamed->names = citer_clause_names(renamed);
	return renamed;
}

/*
 * Describes a query as if it were a relation, in the current memory context:
 * a subquery in FROM whose columns are named by the column definition list.
 * Its text is read again for each of our queries, under the settings of now.
 * Throws what citer_clause_query throws.
 */
CiterRelation *
citer_relation_of_query(const char *query, TupleDesc columns)
{
	CiterRelation *relation = palloc0(sizeof(CiterRelation));
	StringInfoData alias;
	char	   *select;

	relation->rowtype = RECORDOID;
	relation->name = "query";
	relation->tupdesc = columns;
	relation->query = citer_clause_query(query, relation->name, columns, &select);
	relation->names = citer_clause_names(relation);
	relation->query_settings = citer_settings_save();
	relation->sql = psprintf("(%s\n)", select);
	relation->alias = relation->name;
	initStringInfo(&alias);
	for (int i = 0; i < columns->natts; i++)
		appendStringInfo(&alias, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(columns, i)->attname)));
	relation->alias_columns = psprintf("(%s)", alias.data);
	return relation;
}

/*
 * Watches the relations that the rows of a view or a query come from, too.
 * The children of a table are watched anyway.
 */
void
citer_relation_watch(CiterRelation *relation, List *relids)
{
	if (citer_relation_is_table(relation))
		return;
	relation->watched = relids;
	relation->watched_version = watched_version(relation);
}

/*
 * Throws 55000 unless the relation is still what it was when it was opened,
 * and takes the lock again in case it is no longer held.
 *
 * "with_watched" says that the relations which its rows come from have to be
 * the same, too, as one snapshot demands: it must not see the rows of a
 * partition that was attached later, which no lock prevents, nor miss those of
 * a table that this session has rewritten.
 */
void
citer_relation_check(const CiterRelation *relation, bool with_watched)
{
	Relation	rel = NULL;
	bool		unchanged = true;

	if (relation->query == NULL)
	{
		rel = try_relation_open(relation->relid, AccessShareLock);
		unchanged = rel != NULL && is_unchanged(relation, rel);
	}
	if (unchanged && with_watched)
		unchanged = relation->watched_version == watched_version(relation);
	if (!unchanged)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 relation->query != NULL ?
				 errmsg("the query was changed while it was being walked") :
				 errmsg("relation %s was changed while it was being walked", relation->sql),
				 rel == NULL && relation->query == NULL ?
				 errdetail("The relation was dropped.") :
				 errdetail("It, or a relation that its rows come from, was renamed, moved, altered, truncated or defined anew."),
				 errhint("Start the walk again.")));
	if (rel != NULL)
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

/* What the relation is called in messages: its name in SQL, or "the query". */
const char *
citer_relation_describe(const CiterRelation *relation)
{
	return relation->query != NULL ? "the query" : relation->sql;
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
	if (!OidIsValid(relid) && OidIsValid(rowtype) &&
		!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(rowtype)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation with row type OID %u was dropped", rowtype)));
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not the row type of a table",
						OidIsValid(rowtype) ? format_type_be(rowtype) : "unknown"),
				 errhint("Pass a null of the table's row type: NULL::my_table.")));
	return relid;
}

/* Has it partitions or inheritance children?  Or could it have partitions? */
static bool
has_children(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		(rel->rd_rel->relhassubclass &&
		 find_inheritance_children(RelationGetRelid(rel), NoLock) != NIL);
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
 * A number that changes when one of the watched relations is added, taken
 * away or defined anew; 0 if there are none.
 */
static uint64
watched_version(const CiterRelation *relation)
{
	List	   *relids = relation->watched;
	uint64		version = 0;
	ListCell   *cell;

	if (relation->has_children)
		relids = find_all_inheritors(relation->relid, AccessShareLock, NULL);
	foreach(cell, relids)
	{
		Relation	rel = try_relation_open(lfirst_oid(cell), AccessShareLock);

		version = hash_combine64(version, lfirst_oid(cell));
		if (rel == NULL)
			continue;
		version = hash_combine64(version, definition_version(rel));
		relation_close(rel, NoLock);
	}
	return version;
}

/*
 * A number that changes with what a relation's name and rows depend on beside
 * its columns: where it is found, where its rows are stored, which query a
 * view stands for, and which policies filter its rows.
 */
static uint64
definition_version(Relation rel)
{
	uint64		version = hash_name(NameStr(rel->rd_rel->relname));

	version = hash_combine64(version, rel->rd_rel->relnamespace);
	version = hash_combine64(version, rel->rd_rel->relkind);
	version = hash_combine64(version, rel->rd_rel->relfilenode);
	version = hash_combine64(version, rel->rd_rel->relrowsecurity);
	if (rel->rd_rel->relkind == RELKIND_VIEW)
		version = hash_combine64(version, view_version(RelationGetRelid(rel)));
	if (rel->rd_rel->relrowsecurity && rel->rd_rsdesc != NULL)
	{
		ListCell   *cell;

		foreach(cell, rel->rd_rsdesc->policies)
			version = hash_combine64(version, policy_version(lfirst(cell)));
	}
	return version;
}

/* A number that changes when a view's query is replaced. */
static uint64
view_version(Oid relid)
{
	HeapTuple	rule = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(relid),
									   PointerGetDatum(ViewSelectRuleName));
	uint64		version;

	if (!HeapTupleIsValid(rule))
		return 0;
	version = hash_combine64(ItemPointerGetBlockNumber(&rule->t_self),
							 ItemPointerGetOffsetNumber(&rule->t_self));
	version = hash_combine64(version, HeapTupleHeaderGetRawXmin(rule->t_data));
	ReleaseSysCache(rule);
	return version;
}

/* A number that changes with what a policy lets whom see. */
static uint64
policy_version(RowSecurityPolicy *policy)
{
	uint64		version = hash_name(policy->policy_name);

	version = hash_combine64(version, policy->polcmd);
	version = hash_combine64(version, policy->permissive);
	version = hash_combine64(version, hash_bytes((unsigned char *) policy->roles,
												 VARSIZE(policy->roles)));
	return hash_combine64(version, hash_name(nodeToString(policy->qual)));
}

static uint64
hash_name(const char *name)
{
	return hash_bytes((const unsigned char *) name, strlen(name));
}

/* Is the open relation what was described, under the same name? */
static bool
is_unchanged(const CiterRelation *relation, Relation rel)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(rel));

	return schema != NULL && strcmp(schema, relation->schema) == 0 &&
		definition_version(rel) == relation->definition_version &&
		has_children(rel) == relation->has_children &&
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
			citer_compat_column_not_null(expected, i + 1) == citer_compat_column_not_null(present, i + 1) &&
			citer_compat_same_expression(expected, present, i + 1);
	}
	ReleaseTupleDesc(present);
	return same;
}

/*
 * Whether scanned tuples, without any projection, are rows of the row type.
 * Those of a view are computed, and those of a foreign table are fetched.
 */
static bool
is_plain(const CiterRelation *relation)
{
	if (relation->has_children || relation->tupdesc->natts == 0 ||
		(relation->relkind != RELKIND_RELATION && relation->relkind != RELKIND_MATVIEW))
		return false;
	for (int i = 1; i <= relation->tupdesc->natts; i++)
		if (!citer_compat_column_is_stored(relation->tupdesc, i))
			return false;
	return true;
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
