/*
 * key_sql.c
 *	  Writes the pieces of SQL that an element of a key is written with.
 *
 * Operators are written as OPERATOR(schema.name) with operands of exactly the
 * family's input type, so no operator that stands in front of it in
 * search_path, nor one that fits the types better, can take its place.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/amvalidate.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "walk/clause.h"
#include "walk/key_sql.h"

static void write_operands(CiterKeySql *sql, Oid expr_type, Oid operand_type);
static void write_operators(CiterKeySql *sql, Oid opfamily, Oid opcintype);
static void write_index_column(CiterKeySql *sql, const CiterRelation *relation, Expr *expr,
							   Oid opfamily, Oid opcintype);
static char *expression_sql(const CiterRelation *relation, Expr *expr, bool with_alias);
static char *type_sql(Oid type);
static char *operator_sql(Oid opfamily, Oid opcintype, int strategy);

/*
 * The SQL of an expression of the relation that is ordered by a btree operator
 * family, whose operators take opcintype, as values of operand_type; in the
 * current memory context.
 */
CiterKeySql *
citer_key_sql_write(const CiterRelation *relation, Expr *expr, Oid operand_type,
					Oid opfamily, Oid opcintype)
{
	CiterKeySql *sql = palloc0(sizeof(CiterKeySql));

	sql->sort_expr = expression_sql(relation, expr, true);
	write_operands(sql, exprType((Node *) expr), operand_type);
	write_operators(sql, opfamily, opcintype);
	write_index_column(sql, relation, expr, opfamily, opcintype);
	return sql;
}

/*
 * The expression, whose SQL is given, as an index holds it: virtual columns as
 * what they stand for.
 */
char *
citer_key_sql_index(const CiterRelation *relation, Expr *expr, const CiterKeySql *sql)
{
	Relation	rel = relation_open(relation->relid, AccessShareLock);

	expr = (Expr *) citer_compat_expand_virtual((Node *) expr, rel);
	relation_close(rel, NoLock);
	return psprintf("%s%s", expression_sql(relation, expr, false), sql->index_class);
}

/* The expression and a parameter as operands, and as what is tested for NULL. */
static void
write_operands(CiterKeySql *sql, Oid expr_type, Oid operand_type)
{
	Oid			base_type = getBaseType(expr_type);
	bool		is_row = type_is_rowtype(expr_type);

	sql->operand = sql->sort_expr;
	sql->param_cast = "";
	if (expr_type != operand_type)
		sql->operand = psprintf("(%s)::%s", sql->sort_expr, type_sql(operand_type));
	if (base_type != operand_type)
		sql->param_cast = psprintf("::%s", type_sql(operand_type));

	/* A row of NULLs "IS NULL", but is not the NULL that sorts as one. */
	sql->is_null = psprintf("%s IS %s", sql->sort_expr,
							is_row ? "NOT DISTINCT FROM NULL" : "NULL");
	sql->is_not_null = psprintf("%s IS %s", sql->sort_expr,
								is_row ? "DISTINCT FROM NULL" : "NOT NULL");
}

static void
write_operators(CiterKeySql *sql, Oid opfamily, Oid opcintype)
{
	sql->less = operator_sql(opfamily, opcintype, BTLessStrategyNumber);
	sql->less_equal = operator_sql(opfamily, opcintype, BTLessEqualStrategyNumber);
	sql->equal = operator_sql(opfamily, opcintype, BTEqualStrategyNumber);
	sql->greater = operator_sql(opfamily, opcintype, BTGreaterStrategyNumber);
	sql->greater_equal = operator_sql(opfamily, opcintype, BTGreaterEqualStrategyNumber);
}

/* The expression as an index lists it, with an operator class if it needs one. */
static void
write_index_column(CiterKeySql *sql, const CiterRelation *relation, Expr *expr,
				   Oid opfamily, Oid opcintype)
{
	TypeCacheEntry *type = lookup_type_cache(exprType((Node *) expr), TYPECACHE_BTREE_OPFAMILY);

	sql->sort_using = opfamily != type->btree_opf;
	sql->index_class = "";
	if (sql->sort_using)
		sql->index_class =
			psprintf(" %s",
					 generate_opclass_name(opclass_for_family_datatype(BTREE_AM_OID, opfamily,
																	   opcintype)));
	sql->index_column = psprintf("%s%s", expression_sql(relation, expr, false), sql->index_class);
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
