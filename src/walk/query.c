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
 * parameters, so that one plan serves every chunk.  A query of a relation with
 * children carries their version beside its text: a plan that was made in a
 * transaction which has taken a child away is not told when that is rolled
 * back.  A user's query likewise carries the
 * settings under which its text is read.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "walk/key_sql.h"
#include "walk/query.h"

static uint64 version_of_query(const CiterRelation *relation);
static void append_branches(StringInfo sql, const CiterQuerySource *source,
							const CiterQueryRows *rows);
static void append_from(StringInfo sql, const CiterQuerySource *source,
						const CiterQueryRows *rows, const char *from);
static void append_order(StringInfo sql, const CiterQuerySource *source,
						 const CiterQueryRows *rows);
static void append_columns(StringInfo sql, const CiterQuerySource *source);
static void append_conditions(StringInfo sql, const CiterQuerySource *source,
							  const CiterQueryRows *rows);
static char *ranges_sql(const CiterKey *key, const CiterRange *ranges, int nranges,
						const CiterQueryRows *rows, int first_lower, int first_upper);
static char *range_sql(const CiterKey *key, const CiterRange *range, const CiterQueryRows *rows,
					   int first_lower, int first_upper);
static void append_condition(StringInfo sql, const CiterKeyElement *element,
							 const char *operator, int param);
static void append_and(StringInfo sql, const char *condition);

/* Writes the query of some rows, in the current memory context. */
CiterQuery
citer_query_build(const CiterQuerySource *source, const CiterQueryRows *rows)
{
	const CiterRelation *relation = source->relation;
	const CiterKey *key = source->key;
	bool		physical = key->physical && !rows->unordered && !rows->counted;
	CiterQuery	query = {
		.nparams = source->nparams + 2 * key->nelements,
		.steer = source->steer,
		.locks = rows->locking != NULL,
		.unsorted = physical && !source->sort_tids,
		.needs_tids = physical && !source->with_tid,
	};
	StringInfoData sql;

	initStringInfo(&sql);
	if (rows->counted)
		appendStringInfoString(&sql, "SELECT pg_catalog.count(*)");
	else
		append_columns(&sql, source);
	if (rows->branches != NIL)
		append_branches(&sql, source, rows);
	else
		append_from(&sql, source, rows, rows->heap_sql ? rows->heap_sql : relation->sql);
	if (!rows->counted)
		append_order(&sql, source, rows);
	if (rows->locking != NULL)
		appendStringInfo(&sql, "\n%s", rows->locking);

	query.sql = sql.data;
	query.hash = hash_bytes((const unsigned char *) sql.data, sql.len);
	query.version = relation->query != NULL ? version_of_query(relation) :
		relation->has_children ? relation->watched_version : 0;
	if (rows->sections != NULL)
		query.version = hash_combine64(query.version, rows->sections_version);
	query.types = palloc(sizeof(Oid) * query.nparams);
	for (int i = 0; i < source->nparams; i++)
		query.types[i] = source->param_types[i];
	for (int i = 0; i < 2 * key->nelements; i++)
		query.types[source->nparams + i] = key->elements[i % key->nelements].type;
	return query;
}

/* What a user's query means, beside its text. */
static uint64
version_of_query(const CiterRelation *relation)
{
	return hash_bytes_extended((const unsigned char *) relation->query_settings,
							   VARSIZE(relation->query_settings), 0);
}

/*
 * FROM a UNION ALL of the branches, each of them a query like the whole.  Its
 * alias is the relation's name, and its columns are those that are read.
 */
static void
append_branches(StringInfo sql, const CiterQuerySource *source, const CiterQueryRows *rows)
{
	const char *separator = "\nFROM (\n(";
	ListCell   *cell;

	foreach(cell, rows->branches)
	{
		appendStringInfoString(sql, separator);
		append_columns(sql, source);
		append_from(sql, source, rows, lfirst(cell));
		append_order(sql, source, rows);
		separator = ")\nUNION ALL\n(";
	}
	appendStringInfo(sql, ")\n) AS %s", source->relation->alias);
}

/* FROM that, and the conditions. */
static void
append_from(StringInfo sql, const CiterQuerySource *source, const CiterQueryRows *rows,
			const char *from)
{
	const CiterRelation *relation = source->relation;

	appendStringInfo(sql, "\nFROM %s AS %s%s", from, relation->alias,
					 relation->alias_columns ? relation->alias_columns : "");
	if (rows->sample != NULL)
		appendStringInfo(sql, " %s", rows->sample);
	append_conditions(sql, source, rows);
}

/* The order, unless the scan itself gives it, and the limit. */
static void
append_order(StringInfo sql, const CiterQuerySource *source, const CiterQueryRows *rows)
{
	const CiterKey *key = source->key;

	if (!rows->unordered && (!key->physical || source->sort_tids))
		appendStringInfo(sql, "\nORDER BY %s", citer_key_order_sql(key, rows->backwards));
	if (rows->limit > 0 && (key->unique || rows->backwards || source->plain_limit))
		appendStringInfo(sql, "\nLIMIT %d", rows->limit);
	else if (rows->limit > 0)
		appendStringInfo(sql, "\nFETCH FIRST %d ROWS WITH TIES", rows->limit);
}

/* SELECT and the columns of the row type, with NULL for what is not wanted. */
static void
append_columns(StringInfo sql, const CiterQuerySource *source)
{
	const CiterRelation *relation = source->relation;

	appendStringInfoString(sql, "SELECT");
	for (int i = 0; i < relation->tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(relation->tupdesc, i);

		appendStringInfoString(sql, i > 0 ? ", " : " ");
		if (attribute->attisdropped ||
			(source->columns != NULL &&
			 !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, source->columns)))
			appendStringInfoString(sql, "NULL");
		else
			appendStringInfo(sql, "%s.%s", relation->alias,
							 quote_identifier(NameStr(attribute->attname)));
	}
	if (source->with_tid)
		appendStringInfo(sql, "%s%s.ctid", relation->tupdesc->natts > 0 ? ", " : " ",
						 relation->alias);
}

/* WHERE and the conditions, if there are any. */
static void
append_conditions(StringInfo sql, const CiterQuerySource *source, const CiterQueryRows *rows)
{
	const CiterKey *key = source->key;
	int			first_lower = source->nparams + 1;
	int			first_upper = first_lower + key->nelements;
	StringInfoData where;

	initStringInfo(&where);
	if (source->filter != NULL)
		append_and(&where, source->filter);
	if (OidIsValid(rows->heap) && rows->heap_sql == NULL)
		append_and(&where, psprintf("%s.tableoid OPERATOR(pg_catalog.=) %u::pg_catalog.oid",
									source->relation->alias, rows->heap));
	append_and(&where, citer_query_ranges_sql(key, rows, first_lower, first_upper));
	if (rows->sections != NULL)
		append_and(&where, rows->sections);
	if (rows->nwithin > 0)
		append_and(&where, ranges_sql(key, rows->within, rows->nwithin, rows,
									  first_lower, first_upper));
	if (where.len > 0)
		appendStringInfo(sql, "\nWHERE %s", where.data);
}

/*
 * The condition that a row is in any of the rows' ranges, fit to stand between
 * ANDs; empty if all rows are.  The elements of the lower position are
 * parameters from number first_lower on, those of the upper one from
 * first_upper on.
 */
char *
citer_query_ranges_sql(const CiterKey *key, const CiterQueryRows *rows,
					   int first_lower, int first_upper)
{
	return ranges_sql(key, rows->ranges, rows->nranges, rows, first_lower, first_upper);
}

/* The condition that a row is in any of the ranges; empty if it is for all rows. */
static char *
ranges_sql(const CiterKey *key, const CiterRange *ranges, int nranges, const CiterQueryRows *rows,
		   int first_lower, int first_upper)
{
	StringInfoData any;

	if (nranges == 1)
		return range_sql(key, &ranges[0], rows, first_lower, first_upper);
	if (nranges == 0)
		return pstrdup("false");
	initStringInfo(&any);
	for (int i = 0; i < nranges; i++)
	{
		char	   *condition = range_sql(key, &ranges[i], rows, first_lower, first_upper);

		appendStringInfo(&any, "%s(%s)", i > 0 ? " OR " : "(",
						 condition[0] != '\0' ? condition : "true");
	}
	appendStringInfoChar(&any, ')');
	return any.data;
}

/* The condition that a row is in the range; empty if it is for all rows. */
static char *
range_sql(const CiterKey *key, const CiterRange *range, const CiterQueryRows *rows,
		  int first_lower, int first_upper)
{
	const CiterPosition *fixed = range->fixed_to_upper ? rows->upto : rows->after;
	const CiterKeyElement *element;
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < range->nfixed; i++)
	{
		element = &key->elements[i];
		if (fixed->isnull[i])
			append_and(&sql, element->sql->is_null);
		else
			append_condition(&sql, element, element->sql->equal,
							 (range->fixed_to_upper ? first_upper : first_lower) + i);
	}
	if (range->nfixed == key->nelements)
		return sql.data;

	element = &key->elements[range->nfixed];
	if (range->lower != CITER_BOUND_NONE)
		append_condition(&sql, element,
						 element->descending ? element->sql->less : element->sql->greater,
						 first_lower + range->nfixed);
	if (range->upper == CITER_BOUND_EXCLUSIVE)
		append_condition(&sql, element,
						 element->descending ? element->sql->greater : element->sql->less,
						 first_upper + range->nfixed);
	if (range->upper == CITER_BOUND_INCLUSIVE)
		append_condition(&sql, element,
						 element->descending ? element->sql->greater_equal : element->sql->less_equal,
						 first_upper + range->nfixed);
	if (range->nulls == CITER_NULLS_ONLY)
		append_and(&sql, element->sql->is_null);
	if (range->nulls == CITER_NULLS_NEVER)
		append_and(&sql, element->sql->is_not_null);
	return sql.data;
}

static void
append_condition(StringInfo sql, const CiterKeyElement *element, const char *operator, int param)
{
	append_and(sql, psprintf("%s %s $%d%s", element->sql->operand, operator, param,
							 element->sql->param_cast));
}

/* Adds a condition, unless it is empty. */
static void
append_and(StringInfo sql, const char *condition)
{
	if (condition[0] != '\0')
		appendStringInfo(sql, "%s%s", sql->len > 0 ? " AND " : "", condition);
}
