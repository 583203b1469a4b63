/*
 * key.c
 *	  From a relation and an ORDER BY list to the key of a walk.
 *
 * The parser has turned each ORDER BY item into an expression and an ordering
 * operator; the operator's btree family says everything else: the comparison
 * function, the operators of the conditions that position a chunk, and the
 * type they take.  Operators are put into SQL as OPERATOR(schema.name) with
 * operands of exactly the family's input type, so no operator that stands in
 * front of it in search_path, nor one that fits the types better, can take
 * its place.
 *
 * A key that does not tell all rows apart gets the columns of the primary
 * key, or else of a unique index over NOT NULL columns, appended.  An index
 * that is partial, deferrable, not valid, over expressions or under another
 * notion of equality proves nothing and is not used.  Where no index serves,
 * the key is not unique, and its reader has to keep ties together.
 *
 * Based on the manual's chapters "Index Methods and Operator Classes"
 * (strategies and support functions of B-trees) and on how the planner's
 * make_pathkeys_for_sortclauses() reads a SortGroupClause.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "walk/clause.h"
#include "base/compat.h"
#include "walk/key.h"

/* Elements that the array of a key grows by. */
#define ELEMENTS_STEP 8

/* A unique index whose columns can break ties. */
typedef struct UniqueIndex
{
	Oid			indexid;		/* InvalidOid: there is none */
	bool		is_primary;
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
} UniqueIndex;

static CiterKey *resolve_key(const CiterRelation *relation, const char *order_by, List *order,
							 bool reverse);
static List *read_order(const CiterRelation *relation, const char *order_by);
static void resolve_given(CiterKey *key, const CiterRelation *relation, const char *order_by);
static void resolve_default(CiterKey *key, const CiterRelation *relation, const UniqueIndex *unique);
static void check_physical(const CiterRelation *relation);
static void resolve_reverse(CiterKey *key);
static UniqueIndex find_unique_index(const CiterRelation *relation);
static bool read_unique_index(const CiterRelation *relation, Oid indexid, UniqueIndex *unique);
static bool same_equality(Oid opfamily_a, Oid collation_a, Oid opfamily_b, Oid collation_b);
static void append_column(CiterKey *key, const CiterRelation *relation, AttrNumber attnum);
static bool has_column(const CiterKey *key, const CiterRelation *relation, AttrNumber attnum);
static CiterKeyElement *append_element(CiterKey *key, const CiterRelation *relation,
									   Expr *expr, Oid sort_operator, bool nulls_first);
static bool is_nullable(const CiterRelation *relation, Expr *expr);
static void write_element_sql(CiterKeyElement *element, const CiterRelation *relation, Oid opcintype);
static char *expression_sql(const CiterRelation *relation, Expr *expr, bool with_alias);
static char *type_sql(Oid type);
static char *operator_sql(Oid opfamily, Oid opcintype, int strategy);
static void append_index_columns(StringInfo sql, const CiterKey *key, bool turned);
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
		order = read_order(relation, order_by);
	return resolve_key(relation, order_by, order, reverse);
}

/*
 * The same for what an ORDER BY list has been found to say before ("order" of
 * the key it was resolved to), whatever its text would say now.
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
	UniqueIndex unique = find_unique_index(relation);

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
			 (!relation->has_children || relation->relkind == RELKIND_PARTITIONED_TABLE))
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
	order = DatumGetInt32(FunctionCall2Coll(&element->compare, element->collation, a, b));
	if (order == 0)
		return 0;
	return (order < 0) != element->descending ? -1 : 1;
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

		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", element->sort_expr);
		if (!element->sort_using)
			append_direction(&sql, descending, nulls_first);
		else
			appendStringInfo(&sql, " USING %s NULLS %s",
							 descending ? element->greater : element->less,
							 nulls_first ? "FIRST" : "LAST");
	}
	return sql.data;
}

/* The order of the walk in the words of an ORDER BY list, to be read by people. */
char *
citer_key_describe(const CiterKey *key)
{
	StringInfoData sql;

	initStringInfo(&sql);
	append_index_columns(&sql, key, false);
	return sql.data;
}

/*
 * The CREATE INDEX command whose index gives the key's order; NULL when none
 * can, because an index cannot hold the key or the relation has no indexes.
 * An inheritance parent needs one for each of its children as well.
 */
char *
citer_key_index_sql(const CiterRelation *relation, const CiterKey *key)
{
	StringInfoData sql;

	if (!key->immutable || !citer_relation_is_table(relation) || key->nelements > INDEX_MAX_KEYS)
		return NULL;
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE INDEX ON %s (", relation->sql);
	append_index_columns(&sql, key, key->reverse);
	appendStringInfoString(&sql, ");");
	if (relation->has_children && relation->relkind != RELKIND_PARTITIONED_TABLE)
		appendStringInfoString(&sql, " and the same on each of its children");
	return sql.data;
}

/* What an ORDER BY list says: its clauses, and the targets that they refer to. */
static List *
read_order(const CiterRelation *relation, const char *order_by)
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
resolve_default(CiterKey *key, const CiterRelation *relation, const UniqueIndex *unique)
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
	key->order = read_order(relation, "ctid");
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
				 errdetail("It has no rows of its own, or some of them are in foreign tables."),
				 errhint("Give an order: order_by => 'column, ...'.")));
}

/* Turns every direction and every placement of NULLs around. */
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

/*
 * The index whose columns tell all rows of the relation apart: the primary
 * key, else the oldest unique index that does.
 */
static UniqueIndex
find_unique_index(const CiterRelation *relation)
{
	UniqueIndex found = {InvalidOid};
	Relation	rel;
	ListCell   *cell;

	if (!citer_relation_is_table(relation))
		return found;
	rel = relation_open(relation->relid, AccessShareLock);
	foreach(cell, RelationGetIndexList(rel))
	{
		UniqueIndex candidate = {InvalidOid};

		if (read_unique_index(relation, lfirst_oid(cell), &candidate) &&
			(!OidIsValid(found.indexid) || candidate.is_primary))
			found = candidate;
	}
	relation_close(rel, NoLock);
	return found;
}

/* Reads an index into *unique; false if it does not tell all rows apart. */
static bool
read_unique_index(const CiterRelation *relation, Oid indexid, UniqueIndex *unique)
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
 * Do two values that are equal under the first family and collation have to
 * be equal under the second?
 */
static bool
same_equality(Oid opfamily_a, Oid collation_a, Oid opfamily_b, Oid collation_b)
{
	if (opfamily_a != opfamily_b)
		return false;
	return collation_a == collation_b ||
		(get_collation_isdeterministic(collation_a) && get_collation_isdeterministic(collation_b));
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

/* Does the key have the column as an element, under its own equality? */
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
	fmgr_info_cxt(compare, &element->compare, CurrentMemoryContext);

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
	write_element_sql(element, relation, opcintype);
	return element;
}

/*
 * Can the expression be NULL?  A parent's NOT NULL says nothing of the rows
 * of its inheritance children, nor does that of a foreign table.
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
	return !citer_compat_column_not_null(relation->tupdesc, attnum);
}

/* Fills in the element's pieces of SQL. */
static void
write_element_sql(CiterKeyElement *element, const CiterRelation *relation, Oid opcintype)
{
	Oid			expr_type = exprType((Node *) element->expr);
	Oid			operand_type = element->operand_type;
	TypeCacheEntry *type = lookup_type_cache(expr_type, TYPECACHE_BTREE_OPFAMILY);

	element->sort_expr = expression_sql(relation, element->expr, true);
	element->operand = element->sort_expr;
	element->param_cast = "";
	if (expr_type != operand_type)
		element->operand = psprintf("(%s)::%s", element->sort_expr, type_sql(operand_type));
	if (element->type != operand_type)
		element->param_cast = psprintf("::%s", type_sql(operand_type));

	/* A row of NULLs "IS NULL", but is not the NULL that sorts as one. */
	element->is_null = psprintf("%s IS %s", element->sort_expr,
								type_is_rowtype(expr_type) ? "NOT DISTINCT FROM NULL" : "NULL");
	element->is_not_null = psprintf("%s IS %s", element->sort_expr,
									type_is_rowtype(expr_type) ? "DISTINCT FROM NULL" : "NOT NULL");
	element->less = operator_sql(element->opfamily, opcintype, BTLessStrategyNumber);
	element->less_equal = operator_sql(element->opfamily, opcintype, BTLessEqualStrategyNumber);
	element->equal = operator_sql(element->opfamily, opcintype, BTEqualStrategyNumber);
	element->greater = operator_sql(element->opfamily, opcintype, BTGreaterStrategyNumber);
	element->greater_equal = operator_sql(element->opfamily, opcintype, BTGreaterEqualStrategyNumber);

	element->sort_using = element->opfamily != type->btree_opf;
	element->index_column = expression_sql(relation, element->expr, false);
	if (element->sort_using)
		element->index_column = psprintf("%s %s", element->index_column,
										 generate_opclass_name(opclass_for_family_datatype(BTREE_AM_OID,
																						   element->opfamily,
																						   opcintype)));
}

/*
 * The expression as SQL, in parentheses unless it does without, its columns
 * qualified with the relation's alias if asked to.
 */
static char *
expression_sql(const CiterRelation *relation, Expr *expr, bool with_alias)
{
	char	   *sql = citer_clause_sql(relation, (Node *) expr, with_alias);

	/* These stand alone, or have had parentheses put around them. */
	if (IsA(expr, Var) || IsA(expr, OpExpr) || IsA(expr, CollateExpr) ||
		(IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcformat == COERCE_EXPLICIT_CALL))
		return sql;
	return psprintf("(%s)", sql);
}

/* A type's own name, which means no other type and has no modifier. */
static char *
type_sql(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	char	   *sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	sql = quote_qualified_identifier(get_namespace_name(form->typnamespace),
									 NameStr(form->typname));
	ReleaseSysCache(tuple);
	return sql;
}

/* An operator of the family, in a form that search_path has no say in. */
static char *
operator_sql(Oid opfamily, Oid opcintype, int strategy)
{
	Oid			operator = get_opfamily_member(opfamily, opcintype, opcintype, strategy);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "missing operator %d(%u,%u) in opfamily %u",
			 strategy, opcintype, opcintype, opfamily);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql = psprintf("OPERATOR(%s.%s)",
				   quote_identifier(get_namespace_name(form->oprnamespace)),
				   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return sql;
}

/* Writes the elements as an index lists its columns, turned around if asked. */
static void
append_index_columns(StringInfo sql, const CiterKey *key, bool turned)
{
	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];

		appendStringInfo(sql, "%s%s", i > 0 ? ", " : "", element->index_column);
		append_direction(sql, element->descending != turned, element->nulls_first != turned);
	}
}

/* Writes what differs from ASC NULLS LAST, each direction's own default. */
static void
append_direction(StringInfo sql, bool descending, bool nulls_first)
{
	if (descending)
		appendStringInfoString(sql, " DESC");
	if (nulls_first != descending)
		appendStringInfoString(sql, nulls_first ? " NULLS FIRST" : " NULLS LAST");
}
