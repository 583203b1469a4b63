/*
 * query.c
 *	  Writes the SQL of a chunk.
 *
 * Pure: what comes in has been resolved before, nothing is looked up.  The
 * columns come out in the order and number of the row type, with a NULL in
 * the place of a dropped one, so that a scan of a plain table can hand over its
 * tuples as they are, each with its ctid; elsewhere a walk in physical order
 * asks for the ctid as one more column.  The LIMIT is part of the text, because
 * the planner must know it to see that reading in order is cheap; keys are
 * parameters, so that one plan serves every chunk.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "query.h"

static void append_columns(StringInfo sql, const CiterRelation *relation);
static void append_conditions(StringInfo sql, const CiterRelation *relation, const CiterKey *key,
							  const char *filter, const CiterQueryRows *rows);
static char *range_sql(const CiterKey *key, const CiterRange *range, const CiterQueryRows *rows);
static void append_condition(StringInfo sql, const char *operand, const char *operator, int param);
static void append_and(StringInfo sql, const char *condition);

/* Writes the query of some rows, in the current memory context. */
CiterQuery
citer_query_build(const CiterRelation *relation, const CiterKey *key, const char *filter,
				  int steer, const CiterQueryRows *rows)
{
	CiterQuery	query = {NULL, 2 * key->nelements, NULL, steer};
	StringInfoData sql;

	initStringInfo(&sql);
	append_columns(&sql, relation);
	if (key->physical && !relation->is_plain)
		appendStringInfo(&sql, "%s%s.ctid", relation->tupdesc->natts > 0 ? ", " : " ", relation->alias);
	appendStringInfo(&sql, "\nFROM %s AS %s",
					 rows->heap_sql ? rows->heap_sql : relation->sql, relation->alias);
	append_conditions(&sql, relation, key, filter, rows);
	if (!key->physical)
		appendStringInfo(&sql, "\nORDER BY %s", citer_key_order_sql(key, rows->backwards));
	if (key->unique || rows->backwards)
		appendStringInfo(&sql, "\nLIMIT %d", rows->limit);
	else
		appendStringInfo(&sql, "\nFETCH FIRST %d ROWS WITH TIES", rows->limit);

	query.sql = sql.data;
	query.types = palloc(sizeof(Oid) * query.nparams);
	for (int i = 0; i < query.nparams; i++)
		query.types[i] = key->elements[i % key->nelements].type;
	return query;
}

/* SELECT and the columns of the row type. */
static void
append_columns(StringInfo sql, const CiterRelation *relation)
{
	appendStringInfoString(sql, "SELECT");
	for (int i = 0; i < relation->tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(relation->tupdesc, i);

		appendStringInfoString(sql, i > 0 ? ", " : " ");
		if (attribute->attisdropped)
			appendStringInfoString(sql, "NULL");
		else
			appendStringInfo(sql, "%s.%s", relation->alias,
							 quote_identifier(NameStr(attribute->attname)));
	}
}

/* WHERE and the conditions, if there are any. */
static void
append_conditions(StringInfo sql, const CiterRelation *relation, const CiterKey *key,
				  const char *filter, const CiterQueryRows *rows)
{
	StringInfoData where;

	initStringInfo(&where);
	if (filter != NULL)
		append_and(&where, filter);
	if (OidIsValid(rows->heap) && rows->heap_sql == NULL)
		append_and(&where, psprintf("%s.tableoid OPERATOR(pg_catalog.=) %u::pg_catalog.oid",
									relation->alias, rows->heap));
	if (rows->nranges == 1)
		append_and(&where, range_sql(key, &rows->ranges[0], rows));
	else
	{
		StringInfoData any;

		initStringInfo(&any);
		for (int i = 0; i < rows->nranges; i++)
			appendStringInfo(&any, "%s(%s)", i > 0 ? " OR " : "",
							 range_sql(key, &rows->ranges[i], rows));
		append_and(&where, psprintf("(%s)", any.data));
	}
	if (where.len > 0)
		appendStringInfo(sql, "\nWHERE %s", where.data);
}

/* The condition that a row is in the range; empty if all rows are. */
static char *
range_sql(const CiterKey *key, const CiterRange *range, const CiterQueryRows *rows)
{
	const CiterPosition *fixed = range->fixed_to_upper ? rows->upto : rows->after;
	int			first_upper = key->nelements + 1;
	const CiterKeyElement *element;
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < range->nfixed; i++)
	{
		element = &key->elements[i];
		if (fixed->isnull[i])
			append_and(&sql, psprintf("%s IS NULL", element->sort_expr));
		else
			append_condition(&sql, element->operand, element->equal,
							 (range->fixed_to_upper ? first_upper : 1) + i);
	}
	if (range->nfixed == key->nelements)
		return sql.data;

	element = &key->elements[range->nfixed];
	if (range->lower != CITER_BOUND_NONE)
		append_condition(&sql, element->operand,
						 element->descending ? element->less : element->greater,
						 1 + range->nfixed);
	if (range->upper == CITER_BOUND_EXCLUSIVE)
		append_condition(&sql, element->operand,
						 element->descending ? element->greater : element->less,
						 first_upper + range->nfixed);
	if (range->upper == CITER_BOUND_INCLUSIVE)
		append_condition(&sql, element->operand,
						 element->descending ? element->greater_equal : element->less_equal,
						 first_upper + range->nfixed);
	if (range->nulls == CITER_NULLS_ONLY)
		append_and(&sql, psprintf("%s IS NULL", element->sort_expr));
	if (range->nulls == CITER_NULLS_NEVER)
		append_and(&sql, psprintf("%s IS NOT NULL", element->sort_expr));
	return sql.data;
}

static void
append_condition(StringInfo sql, const char *operand, const char *operator, int param)
{
	append_and(sql, psprintf("%s %s $%d", operand, operator, param));
}

/* Adds a condition, unless it is empty. */
static void
append_and(StringInfo sql, const char *condition)
{
	if (condition[0] != '\0')
		appendStringInfo(sql, "%s%s", sql->len > 0 ? " AND " : "", condition);
}
