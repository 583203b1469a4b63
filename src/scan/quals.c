/*
 * quals.c
 *	  Conditions of a query that a walk in its FROM checks itself.
 *
 * A condition that moves becomes a part of the filter of the walk's queries,
 * where an index may serve it.  Moving it is an optimization: what is not sure
 * to mean the same there stays on the scan, which checks it on the rows.  That
 * is decided before anything is tried, for the parser would throw what it
 * cannot read.  So the kinds of expressions that move are listed.
 *
 * What has no value before the query runs (parameters, those of joins and
 * subqueries included) and what may not read back from its text (constants of
 * other types than the common ones) becomes a parameter of the walk's queries.
 * One plan of them then serves all values.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "scan/scan.h"
#include "walk/clause.h"

static bool can_move(RelOptInfo *rel, RestrictInfo *rinfo);
static bool stays(Node *node, void *context);
static bool is_other_kind(Node *node);
static bool has_hidden_name(Node *node);
static bool is_hidden_type(Oid type);
static bool is_hidden_function(Oid function, void *context);
static bool has_hidden_operator(List *operators);
static Node *name_params(Node *node, void *params);
static bool is_common_type(Oid type);

/*
 * Finds the conditions on a walk in FROM that the walk itself can check, in
 * the current memory context.  Throws nothing.
 */
void
citer_scan_take_quals(RelOptInfo *rel, const CiterRelation *relation, CiterScanQuals *quals)
{
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		List	   *params = list_copy(quals->params);
		Node	   *qual;

		if (!can_move(rel, rinfo))
			continue;
		qual = name_params((Node *) rinfo->clause, &params);
		ChangeVarNodes(qual, rel->relid, 1, 0);
		if (!citer_clause_reads_back(relation, qual, list_length(params),
									 citer_scan_param_types(params)))
			continue;
		quals->clauses = lappend(quals->clauses, rinfo);
		quals->quals = lappend(quals->quals, qual);
		quals->params = params;
	}
}

/* The types of parameters, given as expressions; in the current memory context. */
Oid *
citer_scan_param_types(List *params)
{
	Oid		   *types = palloc(sizeof(Oid) * Max(list_length(params), 1));
	ListCell   *cell;

	foreach(cell, params)
		types[foreach_current_index(cell)] = exprType(lfirst(cell));
	return types;
}

/*
 * Whether a condition means the same in the walk's queries, where it is checked
 * for rows that others have yet to see.  One that leaks must not be checked
 * before those of a lower security level.
 */
static bool
can_move(RelOptInfo *rel, RestrictInfo *rinfo)
{
	Node	   *clause = (Node *) rinfo->clause;
	Bitmapset  *columns = NULL;

	if (rinfo->pseudoconstant || !bms_is_subset(rinfo->clause_relids, rel->relids) ||
		(rinfo->security_level > rel->baserestrict_min_security && !rinfo->leakproof) ||
		stays(clause, NULL) || contain_volatile_functions(clause))
		return false;
	pull_varattnos(clause, rel->relid, &columns);
	return !bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns);
}

/* Expression walker: whether there is something that must stay on the scan. */
static bool
stays(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (is_other_kind(node) || has_hidden_name(node) ||
		check_functions_in_node(node, is_hidden_function, NULL))
		return true;
	return expression_tree_walker(node, stays, context);
}

/* Whether a node is of a kind that is not known to read back from its SQL. */
static bool
is_other_kind(Node *node)
{
	switch (nodeTag(node))
	{
		case T_List:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_SubscriptingRef:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_CoerceToDomain:
		case T_CaseWhen:
		case T_ArrayExpr:
		case T_RowCompareExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_SQLValueFunction:
		case T_NullTest:
		case T_BooleanTest:
			return false;
		case T_Var:
			return get_typtype(((Var *) node)->vartype) == TYPTYPE_PSEUDO;
		case T_Param:
			return (((Param *) node)->paramkind != PARAM_EXTERN &&
					((Param *) node)->paramkind != PARAM_EXEC) ||
				get_typtype(((Param *) node)->paramtype) == TYPTYPE_PSEUDO;
		case T_FieldSelect:
			return exprType((Node *) ((FieldSelect *) node)->arg) == RECORDOID;
		case T_CaseExpr:
			/* Of "CASE x WHEN y" the planner leaves no "x = y" to be read. */
			return ((CaseExpr *) node)->arg != NULL;
		default:
			return true;
	}
}

/*
 * Whether a node's SQL has a name of a type or an operator that could not be
 * read.  What is in a schema that the caller has no right to use cannot be
 * named, though the query may have it from a view; what is visible can.
 */
static bool
has_hidden_name(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
			return get_typtype(((Const *) node)->consttype) == TYPTYPE_PSEUDO;
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_CoerceToDomain:
		case T_ArrayExpr:
			return is_hidden_type(exprType(node));
		case T_FuncExpr:
			return ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL &&
				is_hidden_type(exprType(node));
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return has_hidden_operator(list_make1_oid(((OpExpr *) node)->opno));
		case T_ScalarArrayOpExpr:
			return has_hidden_operator(list_make1_oid(((ScalarArrayOpExpr *) node)->opno));
		case T_RowCompareExpr:
			return has_hidden_operator(((RowCompareExpr *) node)->opnos);
		default:
			return false;
	}
}

static bool
is_hidden_type(Oid type)
{
	Oid			element = get_element_type(type);

	return get_typtype(type) == TYPTYPE_PSEUDO ||
		!TypeIsVisible(OidIsValid(element) ? element : type);
}

static bool
is_hidden_function(Oid function, void *context pg_attribute_unused())
{
	return function >= FirstNormalObjectId && !FunctionIsVisible(function);
}

static bool
has_hidden_operator(List *operators)
{
	ListCell   *cell;

	foreach(cell, operators)
	{
		if (lfirst_oid(cell) >= FirstNormalObjectId && !OperatorIsVisible(lfirst_oid(cell)))
			return true;
	}
	return false;
}

/*
 * Expression mutator: a copy in which parameters $1 ... stand for those
 * expressions of the list, which grows, that have no text of their own.
 */
static Node *
name_params(Node *node, void *params)
{
	List	  **expressions = params;
	Param	   *param;
	int			number = 0;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param) &&
		!(IsA(node, Const) && !is_common_type(((Const *) node)->consttype)))
		return expression_tree_mutator(node, name_params, params);

	while (number < list_length(*expressions) && !equal(list_nth(*expressions, number), node))
		number++;
	if (number == list_length(*expressions))
		*expressions = lappend(*expressions, copyObject(node));
	param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramid = number + 1;
	param->paramtype = exprType(node);
	param->paramtypmod = -1;
	param->paramcollid = exprCollation(node);
	param->location = -1;
	return (Node *) param;
}

/*
 * Whether each value of a type is certain to read back from its text: most types
 * of the server itself, and enums.  A text that names an object can be the name
 * of several, or of one that the caller may not look up.
 */
static bool
is_common_type(Oid type)
{
	Oid			element = get_element_type(type);

	if (OidIsValid(element))
		type = element;
	switch (type)
	{
		case ACLITEMOID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDATABASEOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPERATOROID:
		case REGOPEROID:
		case REGPROCEDUREOID:
		case REGPROCOID:
		case REGROLEOID:
		case REGTYPEOID:
		case XMLOID:
			return false;
		default:
			break;
	}
	if (get_typtype(type) == TYPTYPE_ENUM)
		return TypeIsVisible(type);
	return type < FirstGenbkiObjectId && get_typtype(type) != TYPTYPE_COMPOSITE;
}
