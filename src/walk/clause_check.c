/*
 * clause_check.c
 *	  Refuses what has been read of a walk's clauses, and cannot serve.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_node.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/value.h"
#include "walk/clause_check.h"
#include "walk/volatility.h"

/* An argument and its text. */
typedef struct ClauseText
{
	const char *argument;
	const char *text;
} ClauseText;

static void refuse_item(ParseState *pstate, int sqlstate, const char *what, int location);
pg_noreturn static void refuse_volatile(ParseState *pstate, const CiterRelation *relation,
										Node *node);
static bool check_constant(Node *node, ClauseText *clause);
static bool reads_back(const Const *constant);

/*
 * Refuses an item of an ORDER BY list, whose text is given, unless it is a
 * function of the row alone: 42803, 42P20, 0A000, 42P17; 42P22 if it has no
 * collation; 22023 if it is the same for every row.
 */
void
citer_clause_check_item(ParseState *pstate, const CiterRelation *relation, const char *order_by,
						Expr *expr)
{
	Node	   *node = (Node *) expr;
	List	   *variables;
	ListCell   *cell;

	if (contain_aggs_of_level(node, 0))
		refuse_item(pstate, ERRCODE_GROUPING_ERROR, "an aggregate function",
					locate_agg_of_level(node, 0));
	if (contain_windowfuncs(node))
		refuse_item(pstate, ERRCODE_WINDOWING_ERROR, "a window function",
					locate_windowfunc(node));
	if (checkExprHasSubLink(node))
		refuse_item(pstate, ERRCODE_FEATURE_NOT_SUPPORTED, "a subquery",
					exprLocation(node));
	if (expression_returns_set(node))
		refuse_item(pstate, ERRCODE_FEATURE_NOT_SUPPORTED, "a set-returning function",
					exprLocation(node));
	if (contain_volatile_functions(node))
		refuse_item(pstate, ERRCODE_INVALID_OBJECT_DEFINITION, "a volatile function",
					exprLocation(node));
	if (type_is_collatable(exprType(node)) && !OidIsValid(exprCollation(node)))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_COLLATION),
				 errmsg("could not determine which collation to use for \"%s\"", "order_by"),
				 errhint("Use the COLLATE clause to set the collation explicitly."),
				 parser_errposition(pstate, exprLocation(node))));

	variables = pull_var_clause(node, 0);
	if (variables == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("each item of argument \"%s\" must refer to a column", "order_by"),
				 errdetail("One of \"%s\" is the same for every row.", order_by),
				 errhint("Leave it out, or order by columns or by expressions over them."),
				 parser_errposition(pstate, exprLocation(node))));
	foreach(cell, variables)
	{
		Var		   *var = lfirst_node(Var, cell);

		if (var->varattno < 0 && node != (Node *) var)
			refuse_item(pstate, ERRCODE_FEATURE_NOT_SUPPORTED, "a system column",
						var->location);
	}
	if (citer_volatility_of_expression(relation, node))
		refuse_volatile(pstate, relation, node);
}

/* The error for an ORDER BY item that has something in it that cannot serve. */
static void
refuse_item(ParseState *pstate, int sqlstate, const char *what, int location)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("argument \"%s\" must not contain %s", "order_by", what),
			 errdetail("A row must have the same key each time, computed from the row alone."),
			 errhint("Order by columns or by immutable expressions over them."),
			 parser_errposition(pstate, location)));
}

/* 42P17 for an item whose columns are not the same each time that they are read. */
static void
refuse_volatile(ParseState *pstate, const CiterRelation *relation, Node *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("argument \"%s\" must not contain a volatile column of %s", "order_by",
					citer_relation_describe(relation)),
			 errdetail("Each chunk computes it once more, and a volatile function decides what it is then."),
			 errhint("Order by other columns, declare the function STABLE if it is, or store the rows in a table."),
			 parser_errposition(pstate, exprLocation(node))));
}

/*
 * 0A000 for a constant, in an expression that was read from an argument's text,
 * which does not read back as it: it becomes text in the SQL of chunks.  Called
 * while the clause is read, under the settings for that.
 */
void
citer_clause_check_constants(Node *node, const char *argument, const char *text)
{
	ClauseText	clause = {argument, text};

	(void) check_constant(node, &clause);
}

/* Expression walker for that. */
static bool
check_constant(Node *node, ClauseText *clause)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_constant, clause, 0);
	if (IsA(node, Const) && !reads_back((Const *) node))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("argument \"%s\" must not contain a constant of type %s that no text stands for",
						clause->argument, format_type_be(((Const *) node)->consttype)),
				 errdetail("It is in \"%s\", and is not the same when it is written and read again.",
						   clause->text),
				 errhint("Round it, or use a function that returns it.")));
	return expression_tree_walker(node, check_constant, clause);
}

/*
 * Whether the text of a constant is read as the same value; if not, the caller
 * throws an error (see citer_value_read_back).  Types without an
 * equality (json, xml, point ...) have values that are their text.
 */
static bool
reads_back(const Const *constant)
{
	TypeCacheEntry *type;
	Datum		again;
	char	   *error;

	if (constant->constisnull || constant->consttype == TEXTOID || constant->consttype == INT4OID)
		return true;
	type = lookup_type_cache(constant->consttype, TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(type->eq_opr_finfo.fn_oid))
		return true;
	citer_settings_set(citer_settings_exact);
	if (!citer_value_read_back(constant->consttype,
							   citer_value_write(constant->consttype, constant->constvalue),
							   &again, &error))
		return false;
	return datumIsEqual(constant->constvalue, again, constant->constbyval, constant->constlen) ||
		DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, constant->constcollid,
									   constant->constvalue, again));
}
