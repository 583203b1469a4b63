/*
 * key.c
 *	  From a relation and an ORDER BY list to the key of a walk.
 *
 * The parser has turned each ORDER BY item into an expression and an ordering
 * operator; the operator's btree family says everything else: the comparison
 * function, the operators of the conditions that position a chunk, and the
 * type they take (key_sql.c writes them).
 *
 * A key that does not tell all rows apart gets the columns of the primary key,
 * or else of a unique index over NOT NULL columns, appended (unique_index.c).
 * Where no index serves, the key is not unique, and a chunk has to keep ties
 * together.
 *
 * Based on the manual's chapters "Index Methods and Operator Classes"
 * (strategies and support functions of B-trees) and on how the planner's
 * make_pathkeys_for_sortclauses() reads a SortGroupClause.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/sysattr.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "walk/clause.h"
#include "walk/key.h"
#include "walk/key_sql.h"
#include "walk/timescale.h"
#include "walk/unique_index.h"

/* Elements that the array of a key grows by. */
#define ELEMENTS_STEP 8

static CiterKey *resolve_key(const CiterRelation *relation, const char *order_by, List *order,
							 bool reverse);
static List *read_order_by(const CiterRelation *relation, const char *order_by);
static void resolve_given(CiterKey *key, const CiterRelation *relation, const char *order_by);
static void resolve_default(CiterKey *key, const CiterRelation *relation, const CiterUniqueIndex *unique);
static void check_physical(const CiterRelation *relation);
static bool has_global_indexes(const CiterRelation *relation);
static void resolve_reverse(CiterKey *key);
static void append_column(CiterKey *key, const CiterRelation *relation, AttrNumber attnum);
static bool has_column(const CiterKey *key, const CiterRelation *relation, AttrNumber attnum);
static CiterKeyElement *append_element(CiterKey *key, const CiterRelation *relation,
									   Expr *expr, Oid sort_operator, bool nulls_first);
static bool is_nullable(const CiterRelation *relation, Expr *expr);
static char *index_columns(const CiterKey *key, const CiterRelation *indexed, bool reversed);
static void append_direction(StringInfo sql, bool descending, bool nulls_first);

/*
 * Resolves the key under which a relation is walked, in the current memory
 * context.  order_by may be NULL for the default order.  Throws the parser's
 * errors for the list, 42P10 when there is no default order, 0A000 for orders
 * that cannot be walked.
 */
CiterKey *
citer_key_resolve(const CiterRelation *relation, const char *order_by, bool reverse)
{
	List	   *order = NIL;

	if (order_by != NULL && pg_strcasecmp(order_by, "ctid") == 0)
		check_physical(relation);
	if (order_by != NULL)
		order = read_order_by(relation, order_by);
	return resolve_key(relation, order_by, order, reverse);
}

/*
 * The same for an ORDER BY list that was resolved before: "order" is that of
 * the key.  Its text, which may mean something else now, is not read again.
 */
CiterKey *
citer_key_resolve_again(const CiterRelation *relation, List *order, bool reverse)
{
	return resolve_key(relation, NULL, order, reverse);
}

/* The text is for error messages only. */
static CiterKey *
resolve_key(const CiterRelation *relation, const char *order_by, List *order, bool reverse)
{
	CiterKey   *key = palloc0(sizeof(CiterKey));
	CiterUniqueIndex unique = citer_unique_index_find(relation);

	key->immutable = true;
	key->elements = palloc(sizeof(CiterKeyElement) * ELEMENTS_STEP);
	key->order = order;
	if (order != NIL)
		resolve_given(key, relation, order_by);
	else
		resolve_default(key, relation, &unique);
	key->ngiven = key->nelements;

	if (key->physical)
	{
		check_physical(relation);
		key->unique = true;
	}
	else if (OidIsValid(unique.indexid) &&
			 (!relation->has_children || has_global_indexes(relation)))
	{
		for (int i = 0; i < unique.ncolumns; i++)
			if (!has_column(key, relation, unique.columns[i]))
				append_column(key, relation, unique.columns[i]);
		key->unique = true;
		key->unique_is_primary = unique.is_primary;
		key->unique_index = pstrdup(quote_identifier(get_rel_name(unique.indexid)));
	}

	if (reverse)
		resolve_reverse(key);
	return key;
}

/*
 * Compares two values of an element in the order of the walk: less than,
 * equal to or greater than 0, with NULLs where the walk has them.
 */
int
citer_key_compare(CiterKeyElement *element, Datum a, bool a_isnull, Datum b, bool b_isnull)
{
	int32		order;

	if (a_isnull || b_isnull)
	{
		if (a_isnull && b_isnull)
			return 0;
		return a_isnull == element->nulls_first ? -1 : 1;
	}
	order = DatumGetInt32(FunctionCall2Coll(element->compare, element->collation, a, b));
	if (order == 0)
		return 0;
	return (order < 0) != element->descending ? -1 : 1;
}

/* An element as a column of CREATE INDEX, to be read by people. */
const char *
citer_key_column(const CiterKeyElement *element)
{
	return element->sql->index_column;
}

/* Whether an element is ordered by USING an operator, not by ASC or DESC. */
bool
citer_key_uses_operator(const CiterKeyElement *element)
{
	return element->sql->sort_using;
}

/* The operator that sorts an element, in SQL. */
const char *
citer_key_operator(const CiterKeyElement *element)
{
	return element->descending ? element->sql->greater : element->sql->less;
}

/* The ORDER BY list that gives the key's order, or its exact opposite. */
char *
citer_key_order_sql(const CiterKey *key, bool backwards)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];
		bool		descending = element->descending != backwards;
		bool		nulls_first = element->nulls_first != backwards;

		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", element->sql->sort_expr);
		if (!element->sql->sort_using)
			append_direction(&sql, descending, nulls_first);
		else
			appendStringInfo(&sql, " USING %s NULLS %s",
							 descending ? element->sql->greater : element->sql->less,
							 nulls_first ? "FIRST" : "LAST");
	}
	return sql.data;
}

/* The order of the walk in the words of an ORDER BY list, to be read by people. */
char *
citer_key_describe(const CiterKey *key)
{
	return index_columns(key, NULL, false);
}

/* The same of the walk the other way round. */
char *
citer_key_describe_reverse(const CiterKey *key)
{
	return index_columns(key, NULL, true);
}

/*
 * The CREATE INDEX command whose index gives the key's order; NULL when none
 * can, because an index cannot hold the key or the relation has no indexes.
 * An inheritance parent needs one for each of its children as well.
 */
char *
citer_key_index_sql(const CiterRelation *relation, const CiterKey *key)
{
	bool		for_children = relation->has_children && !has_global_indexes(relation);

	if (!key->immutable || !citer_relation_is_table(relation) || key->nelements > INDEX_MAX_KEYS)
		return NULL;
	return psprintf("CREATE INDEX ON %s (%s);%s", relation->sql,
					index_columns(key, relation, key->reverse),
					for_children ? " and the same on each of its children" : "");
}

/* What an ORDER BY list says: its clauses, and the targets that they refer to. */
static List *
read_order_by(const CiterRelation *relation, const char *order_by)
{
	List	   *targetlist;
	List	   *clauses = citer_clause_order_by(relation, order_by, &targetlist);
	List	   *targets = NIL;
	ListCell   *cell;

	foreach(cell, clauses)
		targets = lappend(targets, get_sortgroupclause_tle(lfirst(cell), targetlist));
	return list_make2(clauses, targets);
}

/* The elements of the user's ORDER BY list. */
static void
resolve_given(CiterKey *key, const CiterRelation *relation, const char *order_by)
{
	List	   *sort_clauses = linitial(key->order);
	List	   *targetlist = lsecond(key->order);
	ListCell   *cell;

	foreach(cell, sort_clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		Expr	   *expr = get_sortgroupclause_tle(clause, targetlist)->expr;
		CiterKeyElement *element = append_element(key, relation, expr, clause->sortop,
												  clause->nulls_first);

		if (contain_mutable_functions((Node *) expr))
			key->immutable = false;
		if (!IsA(expr, Var) || ((Var *) expr)->varattno >= 0)
			continue;
		if (((Var *) expr)->varattno != SelfItemPointerAttributeNumber ||
			list_length(sort_clauses) > 1 || element->descending)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot order by \"%s\"", order_by),
					 errdetail("Of the system columns only ctid can be ordered by, alone and ascending."),
					 errhint("Use 'ctid', or order by columns.")));
		key->physical = true;
	}
}

/*
 * The default order: the primary key, else a unique index, else the physical
 * order.  An inheritance parent's primary key holds for its own rows only,
 * but is still the order that people expect.
 */
static void
resolve_default(CiterKey *key, const CiterRelation *relation, const CiterUniqueIndex *unique)
{
	if (OidIsValid(unique->indexid))
	{
		for (int i = 0; i < unique->ncolumns; i++)
			append_column(key, relation, unique->columns[i]);
		return;
	}
	if (!citer_relation_is_table(relation))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("%s has no default order", citer_relation_describe(relation)),
				 relation->query != NULL ? errdetail("A query has no primary key.") :
				 relation->relkind == RELKIND_VIEW ?
				 errdetail("A view has no primary key.") :
				 errdetail("A foreign table has no primary key."),
				 errhint("Give one: order_by => 'column, ...'.")));
	key->order = read_order_by(relation, "ctid");
	resolve_given(key, relation, "ctid");
}

/*
 * Checks that a relation can be walked in physical order: 0A000 unless all of
 * its rows are in tables.  A view's or a query's own column may be called ctid.
 */
static void
check_physical(const CiterRelation *relation)
{
	for (int i = 0; i < relation->tupdesc->natts; i++)
		if (namestrcmp(&TupleDescAttr(relation->tupdesc, i)->attname, "ctid") == 0)
			return;
	if (citer_relation_heaps(relation) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot walk %s in physical order", citer_relation_describe(relation)),
				 errdetail("It has no rows of its own, or some of them are in foreign tables or shards."),
				 errhint("Give an order: order_by => 'column, ...'.")));
}

/* Whether the indexes of a relation with children hold for these, too. */
static bool
has_global_indexes(const CiterRelation *relation)
{
	return relation->relkind == RELKIND_PARTITIONED_TABLE || citer_timescale_has(relation->relid);
}

/* Reverses every direction and every placement of NULLs. */
static void
resolve_reverse(CiterKey *key)
{
	if (key->physical)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot walk in reverse physical order"),
				 errdetail("The server reads a table's blocks forward only."),
				 errhint("Leave out \"reverse\", or order by columns.")));
	key->reverse = true;
	for (int i = 0; i < key->nelements; i++)
	{
		key->elements[i].descending = !key->elements[i].descending;
		key->elements[i].nulls_first = !key->elements[i].nulls_first;
	}
}

/* Appends a column in its type's default order, ascending. */
static void
append_column(CiterKey *key, const CiterRelation *relation, AttrNumber attnum)
{
	Form_pg_attribute attribute = TupleDescAttr(relation->tupdesc, attnum - 1);
	Var		   *var = makeVar(1, attnum, attribute->atttypid, attribute->atttypmod,
							  attribute->attcollation, 0);
	TypeCacheEntry *type = lookup_type_cache(attribute->atttypid, TYPECACHE_LT_OPR);

	append_element(key, relation, (Expr *) var, type->lt_opr, false);
}

/* Whether the key has the column as an element, under its own equality. */
static bool
has_column(const CiterKey *key, const CiterRelation *relation, AttrNumber attnum)
{
	Form_pg_attribute attribute = TupleDescAttr(relation->tupdesc, attnum - 1);
	TypeCacheEntry *type = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR);

	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];

		if (IsA(element->expr, Var) && ((Var *) element->expr)->varattno == attnum &&
			element->equal_operator == type->eq_opr)
			return true;
	}
	return false;
}

/*
 * Appends the element for an expression that is sorted by an operator.
 * 42883 when the operator orders nothing, which the parser has ruled out for
 * all but exotic operators.
 */
static CiterKeyElement *
append_element(CiterKey *key, const CiterRelation *relation, Expr *expr,
			   Oid sort_operator, bool nulls_first)
{
	CiterKeyElement *element;
	Oid			opcintype;
	Oid			compare;

	if (key->nelements > 0 && key->nelements % ELEMENTS_STEP == 0)
		key->elements = repalloc(key->elements, sizeof(CiterKeyElement) *
								 (key->nelements + ELEMENTS_STEP));
	element = &key->elements[key->nelements++];
	memset(element, 0, sizeof(*element));

	if (!citer_compat_ordering_operator(sort_operator, &element->opfamily, &opcintype,
										&element->descending))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("operator %u is not an ordering operator", sort_operator)));
	compare = get_opfamily_proc(element->opfamily, opcintype, opcintype, BTORDER_PROC);
	element->compare = palloc(sizeof(FmgrInfo));
	fmgr_info_cxt(compare, element->compare, CurrentMemoryContext);

	element->less_operator = get_opfamily_member(element->opfamily, opcintype, opcintype,
												 BTLessStrategyNumber);
	element->equal_operator = get_opfamily_member(element->opfamily, opcintype, opcintype,
												  BTEqualStrategyNumber);
	element->greater_operator = get_opfamily_member(element->opfamily, opcintype, opcintype,
													BTGreaterStrategyNumber);
	element->expr = expr;
	element->collation = exprCollation((Node *) expr);
	element->nulls_first = nulls_first;
	element->nullable = is_nullable(relation, expr);
	element->type = getBaseType(exprType((Node *) expr));
	element->operand_type = get_typtype(opcintype) == TYPTYPE_PSEUDO ? element->type : opcintype;
	get_typlenbyval(element->type, &element->typlen, &element->typbyval);
	element->sql = citer_key_sql_write(relation, expr, element->operand_type, element->opfamily,
									   opcintype);
	return element;
}

/*
 * Whether the expression can be NULL.  A parent's NOT NULL says nothing of the
 * rows of its inheritance children, nor does that of a foreign table.  That of a
 * virtual column has been checked for what it is in the partition.
 */
static bool
is_nullable(const CiterRelation *relation, Expr *expr)
{
	AttrNumber	attnum;

	if (!IsA(expr, Var))
		return true;
	attnum = ((Var *) expr)->varattno;
	if (attnum <= 0)
		return attnum == 0;
	if (relation->relkind != RELKIND_PARTITIONED_TABLE &&
		(relation->relkind != RELKIND_RELATION || relation->has_children))
		return true;
	if (relation->has_children && citer_compat_column_is_virtual(relation->relid, attnum))
		return true;
	return !citer_compat_column_not_null(relation->tupdesc, attnum);
}

/*
 * The elements as an index lists its columns, reversed if asked.  An index of
 * that relation, which may be NULL, cannot have virtual columns.
 */
static char *
index_columns(const CiterKey *key, const CiterRelation *indexed, bool reversed)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];

		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", indexed == NULL ?
						 element->sql->index_column :
						 citer_key_sql_index(indexed, element->expr, element->sql));
		append_direction(&sql, element->descending != reversed, element->nulls_first != reversed);
	}
	return sql.data;
}

/* Writes DESC, and where NULLs go unless that is the direction's default. */
static void
append_direction(StringInfo sql, bool descending, bool nulls_first)
{
	if (descending)
		appendStringInfoString(sql, " DESC");
	if (nulls_first != descending)
		appendStringInfoString(sql, nulls_first ? " NULLS FIRST" : " NULLS LAST");
}
