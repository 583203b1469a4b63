/*
 * check.c
 *	  Refuses statements that cannot do the rows of each chunk.
 *
 * A job reads the rows of a chunk and then runs a statement that is to do just
 * these.  Nothing makes it do so: without a WHERE it does the whole table once a
 * chunk, and with half a condition it does rows more than once or not at all,
 * while the job counts the rows it has read.  So what can be seen to be wrong is
 * refused before there is any work:
 *
 *	  a command that writes and has nothing of the chunk in it, or only a part
 *	  of the bounds that the chunk has;
 *	  bounds that are compared with other columns than theirs, or the other way
 *	  than the walk goes;
 *	  bounds alone, where the job has a filter or locks rows: these are not in
 *	  the bounds, and chunk_range() or "chunk" have them.
 *
 * The commands are looked at as the user wrote them, before rewriting.  What
 * functions and triggers do cannot be seen, nor what stands in a DO block.  Who
 * means it says statement_is_global => true.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "job/check.h"

/* What a query, or a part of it, uses of the chunk. */
typedef struct Uses
{
	int			nkeys;
	bool		rows;			/* "chunk" */
	bool		ranges;			/* chunk_range() */
	bool		ctes;			/* a WITH query, whose rows may come from
								 * these */
	int			nrelations;		/* its targets among them */
	Bitmapset  *bounds;			/* numbers of parameters */
	int			flags;			/* QTW_ flags for the walk */
} Uses;

/* A walk that has to know what a variable stands for. */
typedef struct Scope
{
	const CiterJobCheck *check;
	List	   *rtables;		/* range tables around, innermost first */
} Scope;

/* A comparison of a column with a bound, turned so that the column is left. */
typedef struct Comparison
{
	int			column;			/* element of the key that it is; -1: none */
	int			element;		/* element that the bound is of */
	bool		is_last;		/* the bound is of the chunk's last key */
	int			strategy;		/* BTLess ...; 0: some other operator */
} Comparison;

static void check_utility(const CiterJobCheck *check, Query *command);
static void check_write(const CiterJobCheck *check, Query *query);
static void check_bounds(const CiterJobCheck *check, const Uses *uses);
static Uses find_uses(const CiterJobCheck *check, Node *node, int flags);
static bool note_use(Node *node, Uses *uses);
static bool note_relation(RangeTblEntry *rte, Uses *uses);
static bool writes(const Query *query);
static bool check_node(Node *node, Scope *scope);
static void check_range(Var *var, Scope *scope);
static void check_condition(Node *condition, Scope *scope);
static void check_comparison(OpExpr *expr, Scope *scope);
static void check_row_comparison(RowCompareExpr *expr, Scope *scope);
static bool read_comparison(Node *left, Node *right, Oid operator, Scope *scope,
							Comparison *comparison);
static int	key_column(Node *node, Scope *scope);
static void check_column(const CiterJobCheck *check, const Comparison *comparison);
static void check_direction(const CiterJobCheck *check, const Comparison *comparison);
pg_noreturn static void refuse(const CiterJobCheck *check, const char *message,
							   const char *detail);
static char *param_list(const CiterKey *key, int first, bool with_names);

/*
 * Checks a command as it was parsed: 2D000 or 0A000 for what no chunk's
 * transaction can do.
 */
void
citer_job_check_kind(const CiterJob *job, Node *command)
{
	if (IsA(command, TransactionStmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("the statement of a job must not begin or end a transaction"),
				 errdetail("It is \"%s\".", job->statement),
				 errhint("Leave it out: each chunk is committed by itself.")));
	if (IsA(command, CopyStmt) && ((CopyStmt *) command)->filename == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement of a job must not copy to or from the client"),
				 errhint("Use INSERT, or COPY with a file.")));
	/* It could outlive the chunk. */
	if (IsA(command, DeclareCursorStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement of a job must not declare a cursor"),
				 errhint("Use a query over \"%s\" as it is.", "chunk")));
}

/*
 * Checks a command of a statement, as it was analyzed and before rewriting.
 * 22023 for one that is to be refused.
 */
void
citer_job_check_command(const CiterJobCheck *check, Query *command)
{
	Scope		scope = {check, NIL};
	Uses		uses = find_uses(check, (Node *) command, 0);
	Query	   *query = command;
	bool		any = false;
	ListCell   *cell;

	if (command->commandType == CMD_UTILITY)
		query = UtilityContainsQuery(command->utilityStmt);
	if (uses.ranges && check->job->lock_rows != NULL && strstr(check->job->lock_rows, "SKIP LOCKED"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() does not go with lock_rows => '%s'", CITER_CHUNK_RANGE, check->job->lock_rows),
				 errdetail("It has the rows in it that the chunk leaves to others."),
				 errhint("Let the statement join \"%s\", which has only the rows that were locked.", "chunk")));
	(void) check_node((Node *) command, &scope);
	if (check->job->statement_is_global)
		return;
	if (query == NULL)
	{
		check_utility(check, command);
		return;
	}
	if (writes(query))
	{
		check_write(check, query);
		/* INSERT ... VALUES reads none beside its target. */
		any = query->commandType != CMD_INSERT || uses.nrelations > 1;
	}
	foreach(cell, query->cteList)
	{
		Query	   *with = castNode(Query, lfirst_node(CommonTableExpr, cell)->ctequery);

		if (writes(with))
		{
			check_write(check, with);
			any = true;
		}
	}
	if (any && !uses.rows && !uses.ranges)
		check_bounds(check, &uses);
}

/* What each $n is, in words: for hints, and for dry_run. */
char *
citer_job_check_params(const CiterKey *key)
{
	return psprintf("%s of the first row of the chunk; %s of the last",
					param_list(key, 1, true), param_list(key, key->nelements + 1, false));
}

/* What to write, in words. */
char *
citer_job_check_advice(const CiterRelation *relation)
{
	return psprintf("WHERE %s(%s)", CITER_CHUNK_RANGE, relation->alias);
}

/*
 * Commands that are no queries: those that change rows cannot go by the chunk,
 * unless a bound is an argument.
 */
static void
check_utility(const CiterJobCheck *check, Query *command)
{
	Node	   *utility = command->utilityStmt;
	Uses		uses = find_uses(check, (Node *) command, 0);

	if (IsA(utility, TruncateStmt) || IsA(utility, DoStmt) || IsA(utility, ExecuteStmt) ||
		(IsA(utility, CopyStmt) && ((CopyStmt *) utility)->is_from) ||
		(IsA(utility, CallStmt) && bms_is_empty(uses.bounds)))
		refuse(check, "a command of the statement would do the same for every chunk",
			   "It has nothing of the chunk in it.");
}

/* 22023 for a query that writes and has nothing of the chunk in it. */
static void
check_write(const CiterJobCheck *check, Query *query)
{
	Uses		uses = find_uses(check, (Node *) query, QTW_IGNORE_CTE_SUBQUERIES);

	if (!uses.rows && !uses.ranges && !uses.ctes && bms_is_empty(uses.bounds))
		refuse(check, "the statement would change the same rows for every chunk",
			   psprintf("It uses neither %s(), nor \"%s\", nor $1 ...", CITER_CHUNK_RANGE, "chunk"));
}

/* 22023 for a command that writes, goes by bounds alone, and must not. */
static void
check_bounds(const CiterJobCheck *check, const Uses *uses)
{
	int			nkeys = uses->nkeys;
	int			nfirst = 0;
	int			nlast = 0;

	if (bms_is_empty(uses->bounds))
		return;					/* that is, a constant */
	for (int i = 1; i <= nkeys; i++)
	{
		nfirst += bms_is_member(i, uses->bounds);
		nlast += bms_is_member(nkeys + i, uses->bounds);
	}
	if (check->job->filter != NULL || check->job->lock_rows != NULL)
		refuse(check, psprintf("the \"%s\" of the job does not reach a statement that goes by $1 ...",
							   check->job->filter != NULL ? "filter" : "lock_rows"),
			   "Between the first and the last key of a chunk there may be rows that are not in it.");
	if (nfirst == 0 || nlast == 0)
		refuse(check, psprintf("the statement uses the chunk's %s key and not its %s",
							   nlast == 0 ? "first" : "last", nlast == 0 ? "last" : "first"),
			   citer_job_check_params(check->walk->key));
	if (nfirst < nkeys || nlast < nkeys)
		refuse(check, "the statement uses a part of the chunk's keys only",
			   psprintf("Chunks can end between rows that do not differ in it. %s",
						citer_job_check_params(check->walk->key)));
}

/* Finds what a query or expression uses. */
static Uses
find_uses(const CiterJobCheck *check, Node *node, int flags)
{
	Uses		uses = {.nkeys = check->walk->key->nelements,.flags = flags | QTW_EXAMINE_RTES_BEFORE};

	if (node != NULL && IsA(node, Query) && ((Query *) node)->commandType != CMD_UTILITY)
		query_tree_walker((Query *) node, note_use, &uses, uses.flags);
	else
		(void) note_use(node, &uses);
	return uses;
}

static bool
note_use(Node *node, Uses *uses)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY)
		{
			Node	   *utility = query->utilityStmt;

			return note_use(IsA(utility, CallStmt) ? (Node *) ((CallStmt *) utility)->funcexpr :
							(Node *) UtilityContainsQuery(utility), uses);
		}
		return query_tree_walker(query, note_use, uses, uses->flags & ~QTW_IGNORE_CTE_SUBQUERIES);
	}
	if (IsA(node, RangeTblEntry))
		return note_relation((RangeTblEntry *) node, uses);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		if (((Param *) node)->paramid <= 2 * uses->nkeys)
			uses->bounds = bms_add_member(uses->bounds, ((Param *) node)->paramid);
		else
			uses->ranges = true;
	}
	return expression_tree_walker(node, note_use, uses);
}

static bool
note_relation(RangeTblEntry *rte, Uses *uses)
{
	if (rte->rtekind == RTE_NAMEDTUPLESTORE)
		uses->rows = true;
	else if (rte->rtekind == RTE_CTE)
		uses->ctes = true;
	else if (rte->rtekind == RTE_RELATION)
		uses->nrelations++;
	return false;
}

/* Whether the query, apart from those inside of it, changes rows. */
static bool
writes(const Query *query)
{
	return query->commandType != CMD_SELECT && query->commandType != CMD_UTILITY;
}

/* Expression walker: checks chunk_range() and comparisons with bounds. */
static bool
check_node(Node *node, Scope *scope)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		check_range((Var *) node, scope);
		return false;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY)
			return check_node((Node *) UtilityContainsQuery(query->utilityStmt), scope);
		scope->rtables = lcons(query->rtable, scope->rtables);
		if (!scope->check->job->statement_is_global && query->jointree != NULL)
			check_condition(query->jointree->quals, scope);
		(void) query_tree_walker(query, check_node, scope, QTW_IGNORE_JOINALIASES);
		scope->rtables = list_delete_first(scope->rtables);
		return false;
	}
	return expression_tree_walker(node, check_node, scope);
}

/* A variable of chunk_range(): 22023 unless it is one of the job's relation. */
static void
check_range(Var *var, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterJobTextRange *range = citer_job_text_range_with_key(check->text, var->location);
	RangeTblEntry *rte;

	if (range == NULL)
		return;
	rte = rt_fetch(var->varno, list_nth_node(List, scope->rtables, var->varlevelsup));
	if (rte->rtekind == RTE_RELATION && rte->relid != check->walk->relation->relid)
		citer_job_check_refuse_range(check->text, range, check->walk->relation);
}

/* Checks the comparisons that all rows have to pass: those between ANDs. */
static void
check_condition(Node *condition, Scope *scope)
{
	ListCell   *cell;

	if (condition == NULL)
		return;
	if (IsA(condition, OpExpr))
		check_comparison((OpExpr *) condition, scope);
	else if (IsA(condition, RowCompareExpr))
		check_row_comparison((RowCompareExpr *) condition, scope);
	else if (IsA(condition, BoolExpr) && ((BoolExpr *) condition)->boolop == AND_EXPR)
	{
		foreach(cell, ((BoolExpr *) condition)->args)
			check_condition(lfirst(cell), scope);
	}
}

static void
check_comparison(OpExpr *expr, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	Comparison	comparison;

	if (list_length(expr->args) != 2 ||
		!read_comparison(linitial(expr->args), lsecond(expr->args), expr->opno, scope, &comparison) ||
		comparison.strategy == 0 || comparison.strategy == BTEqualStrategyNumber)
		return;
	check_column(check, &comparison);
	check_direction(check, &comparison);
	if (comparison.column > 0)
		refuse(check, "the statement compares the columns of the key one by one",
			   "Between two keys the first columns differ first: (a, b) >= ($1, $2) AND (a, b) <= ($3, $4).");
}

/* (a, b) >= ($1, $2), likewise. */
static void
check_row_comparison(RowCompareExpr *expr, Scope *scope)
{
	const CiterJobCheck *check = scope->check;
	const CiterKey *key = check->walk->key;
	ListCell   *left;
	ListCell   *right;
	ListCell   *operator;
	int			i = 0;

	forthree(left, expr->largs, right, expr->rargs, operator, expr->opnos)
	{
		Comparison	comparison;

		if (!read_comparison(lfirst(left), lfirst(right), lfirst_oid(operator), scope, &comparison))
			return;
		check_column(check, &comparison);
		check_direction(check, &comparison);
		if (comparison.column != i ||
			key->elements[i].descending != key->elements[0].descending)
			refuse(check, "a row comparison does not give the order of the key",
				   psprintf("The key is %s.", citer_key_describe(key)));
		i++;
	}
}

/*
 * Reads the comparison of a column of the key with a bound, whichever is left;
 * false if it is none.
 */
static bool
read_comparison(Node *left, Node *right, Oid operator, Scope *scope, Comparison *comparison)
{
	const CiterKey *key = scope->check->walk->key;
	Param	   *param = (Param *) strip_implicit_coercions(right);
	int			number;

	if (!IsA(param, Param))
	{
		param = (Param *) strip_implicit_coercions(left);
		left = right;
		operator = get_commutator(operator);
	}
	if (!IsA(param, Param) || param->paramkind != PARAM_EXTERN ||
		param->paramid > 2 * key->nelements)
		return false;
	number = param->paramid - 1;
	comparison->column = key_column(left, scope);
	if (comparison->column < 0)
		return false;
	comparison->element = number % key->nelements;
	comparison->is_last = number >= key->nelements;
	comparison->strategy = !OidIsValid(operator) ? 0 :
		get_op_opfamily_strategy(operator, key->elements[comparison->column].opfamily);
	return true;
}

/* The element of the key that an expression is a column of; -1: none. */
static int
key_column(Node *node, Scope *scope)
{
	const CiterWalk *walk = scope->check->walk;
	Var		   *var = (Var *) strip_implicit_coercions(node);
	RangeTblEntry *rte;

	if (!IsA(var, Var))
		return -1;
	rte = rt_fetch(var->varno, list_nth_node(List, scope->rtables, var->varlevelsup));
	if (rte->rtekind != RTE_RELATION || rte->relid != walk->relation->relid)
		return -1;
	for (int i = 0; i < walk->key->nelements; i++)
	{
		Var		   *column = (Var *) walk->key->elements[i].expr;

		if (IsA(column, Var) && column->varattno == var->varattno)
			return i;
	}
	return -1;
}

/* 22023 if a column is compared with the bound of another. */
static void
check_column(const CiterJobCheck *check, const Comparison *comparison)
{
	const CiterKey *key = check->walk->key;

	if (comparison->column == comparison->element)
		return;
	refuse(check, psprintf("the statement compares %s with $%d, which is of %s",
						   citer_key_column(&key->elements[comparison->column]),
						   comparison->element + 1 + (comparison->is_last ? key->nelements : 0),
						   citer_key_column(&key->elements[comparison->element])),
		   citer_job_check_params(key));
}

/*
 * 22023 if a comparison leaves out what lies between the keys: because it goes
 * up where the walk goes down, or because it is strict.
 */
static void
check_direction(const CiterJobCheck *check, const Comparison *comparison)
{
	const CiterKey *key = check->walk->key;
	const CiterKeyElement *element = &key->elements[comparison->element];
	bool		is_least = element->descending == comparison->is_last;
	int			wanted = is_least ? BTGreaterEqualStrategyNumber : BTLessEqualStrategyNumber;
	int			number = comparison->element + 1 + (comparison->is_last ? key->nelements : 0);

	if (comparison->strategy == wanted || comparison->strategy == 0 ||
		comparison->strategy == BTEqualStrategyNumber)
		return;
	/* (a, b) > ($1, $2) is strict by its last pair alone, and so by all. */
	refuse(check, psprintf("the comparison with $%d leaves out rows of the chunk", number),
		   psprintf("The walk goes by %s: $%d is the %s %s of the chunk, and belongs to it.",
					citer_key_describe(key), number, is_least ? "least" : "greatest",
					citer_key_column(element)));
}

/* The error for a statement that is refused. */
static void
refuse(const CiterJobCheck *check, const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Write %s, which is exact, or join \"%s\"; statement_is_global => true is for who means it.",
					 citer_job_check_advice(check->walk->relation), "chunk")));
}

/*
 * The error for a chunk_range() whose name is not one of the job's relation
 * where it stands.
 */
void
citer_job_check_refuse_range(const CiterJobText *text, const CiterJobTextRange *range,
							 const CiterRelation *relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s(%s) does not name %s", CITER_CHUNK_RANGE, quote_identifier(range->name),
					relation->sql),
			 errhint("Write the name or alias that %s has in the query around: UPDATE %s AS o ... WHERE %s(o).",
					 relation->sql, relation->sql, CITER_CHUNK_RANGE),
			 internalerrposition(pg_mbstrlen_with_len(text->sql, range->start) + 1),
			 internalerrquery(text->sql)));
}

/* "$1, $2: customer, id", of the parameters from one on. */
static char *
param_list(const CiterKey *key, int first, bool with_names)
{
	StringInfoData numbers;
	StringInfoData names;

	initStringInfo(&numbers);
	initStringInfo(&names);
	for (int i = 0; i < key->nelements; i++)
	{
		appendStringInfo(&numbers, "%s$%d", i > 0 ? ", " : "", first + i);
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : " ", citer_key_column(&key->elements[i]));
	}
	return psprintf("%s:%s", numbers.data, with_names ? names.data : "");
}
