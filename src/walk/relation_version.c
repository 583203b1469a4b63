/*
 * relation_version.c
 *	  Notices when a relation changes that is being walked.
 *
 * A walk runs SQL that names the relation, many times over, and hands control
 * back to its caller in between.  The caller can rename the relation, put
 * another in its place or change its columns, and the same text would then
 * mean something else.  So before each chunk everything that the SQL text
 * relies upon is compared with what it was at the start, by numbers that
 * change with it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "nodes/nodes.h"
#include "rewrite/rewriteSupport.h"
#include "rewrite/rowsecurity.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "walk/relation.h"

static bool is_unchanged(const CiterRelation *relation, Relation rel);
static bool same_row_type(const CiterRelation *relation);
static uint64 watched_version(const CiterRelation *relation);
static uint64 children_version(Relation rel);
static uint64 definition_version(Relation rel);
static uint64 view_version(Oid relid);
static uint64 policy_version(RowSecurityPolicy *policy);
static uint64 hash_name(const char *name);

/* Remembers the open relation as it is now, to be compared with later. */
void
citer_relation_remember(CiterRelation *relation, Relation rel)
{
	relation->definition_version = definition_version(rel);
	relation->rowtype_version = assign_record_type_identifier(relation->rowtype, -1);
	relation->watched_version = watched_version(relation);
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
				 errdetail("It, or a relation that its rows come from, was renamed, moved, altered, truncated or redefined."),
				 errhint("Start the walk again.")));
	if (rel != NULL)
		relation_close(rel, NoLock);
}

/* Whether the open relation is what was described, under the same name. */
static bool
is_unchanged(const CiterRelation *relation, Relation rel)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(rel));

	return schema != NULL && strcmp(schema, relation->schema) == 0 &&
		definition_version(rel) == relation->definition_version &&
		citer_relation_has_children(rel) == relation->has_children &&
		same_row_type(relation);
}

/*
 * Whether the columns are still those that were described.  The type cache
 * gives a row type a new version with any change of its table, be it an index
 * or a privilege, so a new version is a reason to compare and not a difference.
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
 * A number that changes when one of the watched relations, or a child of one, is
 * added, taken away or defined anew; 0 if there are none.
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
		if (relids == relation->watched)
			version = hash_combine64(version, children_version(rel));
		relation_close(rel, NoLock);
	}
	return version;
}

/*
 * A number that changes when a relation, of which not all children are watched,
 * gets another one.
 */
static uint64
children_version(Relation rel)
{
	uint64		version = 0;
	ListCell   *cell;

	if (rel->rd_rel->relhassubclass)
		foreach(cell, find_inheritance_children(RelationGetRelid(rel), NoLock))
			version = hash_combine64(version, lfirst_oid(cell));
	return version;
}

/*
 * A number that changes with what a relation's name and rows depend on beside
 * its columns: where it is found, where its rows are stored, which query a
 * view stands for, and which policies filter its rows, and whose.
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

		version = hash_combine64(version, rel->rd_rel->relforcerowsecurity);
		version = hash_combine64(version, rel->rd_rel->relowner);
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
