/*
 * relation.c
 *	  Finds the relation behind a row type and describes it.
 *
 * The relation is pinned by its OID.  An AccessShareLock is taken and kept to
 * the end of the transaction, which keeps out the DDL of other sessions; what
 * the caller's own session does to it is noticed in relation_version.c.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/settings.h"
#include "walk/relation.h"
#include "walk/relation_news.h"

static Oid	rowtype_relid(Oid rowtype);
static void check_relkind(Relation rel);
static List *column_names(const CiterRelation *relation);
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

	relation->news = citer_relation_news();
	relation->relkind = rel->rd_rel->relkind;
	relation->name = pstrdup(RelationGetRelationName(rel));
	relation->schema = get_namespace_name(RelationGetNamespace(rel));
	relation->sql = quote_qualified_identifier(relation->schema, relation->name);
	relation->alias = pstrdup(quote_identifier(relation->name));
	relation->names = column_names(relation);
	relation->tupdesc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	relation->row_security = rel->rd_rel->relrowsecurity;
	relation->has_children = citer_relation_has_children(rel);
	relation->is_plain = is_plain(relation);
	citer_compat_forget_virtual(relation->tupdesc);

	citer_relation_remember(relation, rel);
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
	renamed->names = column_names(renamed);
	return renamed;
}

/*
 * Describes a query as if it were a relation, in the current memory context:
 * the entry is that of a subquery in FROM, with an alias and names for its
 * columns, and "select" is its text, which is read again for each of our
 * queries, under the settings of now.
 */
CiterRelation *
citer_relation_of_subquery(RangeTblEntry *entry, const char *select, TupleDesc columns)
{
	CiterRelation *relation = palloc0(sizeof(CiterRelation));
	StringInfoData alias;

	relation->news = citer_relation_news();
	relation->rowtype = RECORDOID;
	relation->name = entry->alias->aliasname;
	relation->tupdesc = columns;
	relation->query = entry;
	relation->names = column_names(relation);
	relation->query_settings = citer_settings_save(NULL);
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
 * 42804 if a value of this type cannot be a row of a relation.  "name" is what
 * the query calls the relation that the value is a column of; NULL: unknown.
 */
void
citer_relation_check_row(Oid type, const char *name)
{
	char		kind = get_typtype(type);

	/* A type that is gone is an error of its own. */
	if (kind == TYPTYPE_COMPOSITE || kind == '\0')
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("argument \"%s\" must be a row of a table", "rec"),
			 errdetail("It is of type %s.", format_type_be(type)),
			 name != NULL ? errhint("Pass the whole row: %s(%s).", "chunked_iter_key", name) :
			 errhint("Pass the whole row, by the name of the table or the walk in FROM: SELECT %s(t) FROM my_table AS t",
					 "chunked_iter_key")));
}

/*
 * Fills in the query that reads the relation, as range table entry 1, if there
 * are queries of views or conditions of policies in it.
 */
void
citer_relation_rewrite(CiterRelation *relation)
{
	ParseState *pstate = make_parsestate(NULL);
	Query	   *query = makeNode(Query);
	RangeTblRef *from = makeNode(RangeTblRef);

	if (relation->query != NULL)
		pstate->p_rtable = list_make1(copyObject(relation->query));
	else if (relation->relkind == RELKIND_VIEW || relation->row_security)
	{
		Relation	rel = relation_open(relation->relid, AccessShareLock);

		(void) addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, true, true);
		relation_close(rel, NoLock);
	}
	else
		return;
	from->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = pstate->p_rtable;
	citer_compat_take_permissions(query, pstate);
	query->jointree = makeFromExpr(list_make1(from), NULL);
	AcquireRewriteLocks(query, true, false);
	relation->rewritten = linitial_node(Query, QueryRewrite(query));
}

/* What the relation is called in messages: its name in SQL, or "the query". */
const char *
citer_relation_describe(const CiterRelation *relation)
{
	return relation->query != NULL ? "the query" : relation->sql;
}

/* Whether the relation keeps its rows itself, so that an index can order them. */
bool
citer_relation_is_table(const CiterRelation *relation)
{
	return relation->relkind == RELKIND_RELATION ||
		relation->relkind == RELKIND_MATVIEW ||
		relation->relkind == RELKIND_PARTITIONED_TABLE;
}

/* Whether two descriptors have the same columns, as far as values go. */
bool
citer_relation_same_columns(TupleDesc a, TupleDesc b)
{
	bool		same = a->natts == b->natts;

	for (int i = 0; same && i < a->natts; i++)
	{
		Form_pg_attribute column_a = TupleDescAttr(a, i);
		Form_pg_attribute column_b = TupleDescAttr(b, i);

		same = column_a->attisdropped == column_b->attisdropped &&
			column_a->atttypid == column_b->atttypid;
	}
	return same;
}

/* Whether an expression uses the row as a whole, which is another in a child. */
bool
citer_relation_row_is_used(Node *expr)
{
	ListCell   *cell;

	foreach(cell, pull_vars_of_level(expr, 0))
	{
		if (lfirst_node(Var, cell)->varattno == InvalidAttrNumber)
			return true;
	}
	return false;
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

/* Whether the relation has inheritance children, or can have partitions. */
bool
citer_relation_has_children(Relation rel)
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
 * The names under which expressions over the relation are written, in the
 * current memory context.  To find them takes time by the square of the
 * number of columns.
 */
static List *
column_names(const CiterRelation *relation)
{
	PlannedStmt *statement;

	if (relation->query == NULL)
		return deparse_context_for(relation->name, relation->relid);
	statement = makeNode(PlannedStmt);
	statement->rtable = list_make1(relation->query);
	return deparse_context_for_plan_tree(statement, list_make1(relation->name));
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
