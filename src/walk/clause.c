/*
 * clause.c
 *	  Reads the ORDER BY list and the filter of a walk.
 *
 * Both are pieces of SQL.  They are parsed and analyzed by the server's own
 * parser as the clause of a query on the walked relation, so names, types,
 * operators and collations mean what they mean in the user's own query, under
 * the user's own search_path.  String literals and NULLs in arrays are read as
 * in all SQL of ours (citer_settings_sql), because a query of the user's is put
 * into it as it is.  A piece that closes its clause and begins another (a
 * LIMIT, say) is refused, since the parse tree shows it.
 *
 * Errors point into the user's text: an error context callback takes off what
 * was put in front of it, as PL/pgSQL does for its expressions.
 */
#include "postgres.h"

#include "access/relation.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parse_target.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "base/compat.h"
#include "base/settings.h"
#include "walk/clause.h"
#include "walk/clause_check.h"

/* The query in front of a user's clause; nothing but ASCII. */
#define ORDER_BY_PREFIX "SELECT FROM relation ORDER BY "
#define FILTER_PREFIX "SELECT FROM relation WHERE "

/* A piece of the user's SQL while it is being read. */
typedef struct Clause
{
	const CiterRelation *relation;	/* whose columns it has; NULL: a query */
	const char *argument;		/* name of the argument it came in */
	const char *text;			/* what the user wrote */
	const char *sql;			/* the same behind its prefix */
	int			prefix_length;
	int			nestlevel;		/* of the settings it is read under */
	ErrorContextCallback context;
} Clause;

/* Arguments, what each must be, and a hint for those that are something else. */
static const char *const clause_words[] = {
	"query", "one SELECT that does not write", "Write a single SELECT, without INTO and FOR UPDATE.",
	"order_by", "one ORDER BY list", "Write what follows ORDER BY, without these words, and nothing after it.",
	"filter", "one boolean expression", "Write what follows WHERE, without this word, and nothing after it.",
};

static RangeTblEntry *read_query(const char *query, const char *alias, TupleDesc columns,
								 char **select);
static void begin_clause(Clause *clause, const CiterRelation *relation, const char *argument,
						 const char *prefix, const char *text);
static void end_clause(Clause *clause);
static void report_clause(void *arg);
static const char *const *words_for(const Clause *clause);
static SelectStmt *parse_clause(Clause *clause);
static Node *read_filter(const CiterRelation *relation, Clause *clause,
						 int nparams, Oid *param_types);
static ParseState *make_clause_parsestate(const CiterRelation *relation,
										  const Clause *clause);
static void check_columns(Query *query, TupleDesc columns);
static void refuse_clause(const Clause *clause);

/*
 * Describes a query as if it were a relation, in the current memory context:
 * a subquery in FROM whose columns are named by the column definition list.
 *
 * Throws the parser's own errors; 42601 for what is not one SELECT that does
 * not write; 42804 if its columns are not those given.
 */
CiterRelation *
citer_clause_query(const char *query, TupleDesc columns)
{
	char	   *select;
	RangeTblEntry *entry = read_query(query, "query", columns, &select);

	return citer_relation_of_subquery(entry, select, columns);
}

/*
 * Reads a query.  Returns it as a range table entry with the alias, and the
 * columns' names, given, and in *select its text without what may follow it,
 * such as a semicolon.
 */
static RangeTblEntry *
read_query(const char *query, const char *alias, TupleDesc columns, char **select)
{
	Clause		clause;
	List	   *statements;
	RawStmt    *statement;
	ParseState *pstate;
	Query	   *analyzed;
	List	   *names = NIL;
	ParseNamespaceItem *item;

	begin_clause(&clause, NULL, "query", "", query);
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1)
		refuse_clause(&clause);
	statement = linitial_node(RawStmt, statements);
	if (!IsA(statement->stmt, SelectStmt))
		refuse_clause(&clause);
	*select = statement->stmt_len > 0 ?
		pnstrdup(query + statement->stmt_location, statement->stmt_len) :
		pstrdup(query + statement->stmt_location);

	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = query;
	analyzed = transformStmt(pstate, statement->stmt);
	if (analyzed->commandType != CMD_SELECT || analyzed->hasModifyingCTE ||
		analyzed->hasForUpdate)
		refuse_clause(&clause);
	check_columns(analyzed, columns);
	for (int i = 0; i < columns->natts; i++)
		names = lappend(names, makeString(pstrdup(NameStr(TupleDescAttr(columns, i)->attname))));

	/*
	 * Not in the parse state of the query, whose range table would have
	 * itself in it.
	 */
	item = addRangeTableEntryForSubquery(make_parsestate(NULL), analyzed, makeAlias(alias, names),
										 false, true);
	end_clause(&clause);
	return item->p_rte;
}

/*
 * Reads an ORDER BY list.  Returns its SortGroupClauses in order and, in
 * *targetlist, the target list they refer to, which begins with the
 * relation's columns (so that "2 DESC" works as in SELECT *).  Expressions
 * have the relation as range table entry 1.
 *
 * Throws the parser's own errors, and refuses what does not give a row the
 * same key each time (42P17) or cannot be computed from one row alone (42803,
 * 42P20, 0A000).
 */
List *
citer_clause_order_by(const CiterRelation *relation, const char *order_by,
					  List **targetlist)
{
	Clause		clause;
	SelectStmt *select;
	ParseState *pstate;
	ResTarget  *star = makeNode(ResTarget);
	ColumnRef  *all_columns = makeNode(ColumnRef);
	List	   *sort_clauses;
	ListCell   *cell;

	begin_clause(&clause, relation, "order_by", ORDER_BY_PREFIX, order_by);
	select = parse_clause(&clause);
	if (select->whereClause != NULL || select->sortClause == NIL)
		refuse_clause(&clause);

	pstate = make_clause_parsestate(relation, &clause);
	all_columns->fields = list_make1(makeNode(A_Star));
	all_columns->location = -1;
	star->val = (Node *) all_columns;
	star->location = -1;
	*targetlist = transformTargetList(pstate, list_make1(star), EXPR_KIND_SELECT_TARGET);
	sort_clauses = transformSortClause(pstate, select->sortClause, targetlist,
									   EXPR_KIND_ORDER_BY, false);
	foreach(cell, sort_clauses)
	{
		TargetEntry *target = get_sortgroupclause_tle(lfirst(cell), *targetlist);

		assign_expr_collations(pstate, (Node *) target->expr);
		citer_clause_check_item(pstate, relation, order_by, target->expr);
		citer_clause_check_constants((Node *) target->expr, "order_by", order_by);
	}
	free_parsestate(pstate);
	end_clause(&clause);
	return sort_clauses;
}

/*
 * Reads a filter: one boolean expression over the relation's columns, which
 * has the relation as range table entry 1.  Throws the parser's own errors,
 * and 0A000 for a constant that cannot be written.
 */
Node *
citer_clause_filter(const CiterRelation *relation, const char *filter)
{
	Clause		clause;
	Node	   *qual;

	begin_clause(&clause, relation, "filter", FILTER_PREFIX, filter);
	qual = read_filter(relation, &clause, 0, NULL);
	citer_clause_check_constants(qual, "filter", filter);
	end_clause(&clause);
	return qual;
}

/*
 * An expression over the relation as SQL that reads back as the same
 * expression under the current search_path; its columns are qualified with
 * the relation's name if asked to.
 */
char *
citer_clause_sql(const CiterRelation *relation, Node *expr, bool with_alias)
{
	int			nestlevel;
	char	   *sql;

	/*
	 * Constants have to read back exactly, whatever the session shows of
	 * them.
	 */
	nestlevel = citer_settings_begin();
	citer_settings_set(citer_settings_exact);
	citer_settings_set(citer_settings_sql);
	sql = deparse_expression(expr, relation->names, with_alias, false);
	citer_settings_end(nestlevel);
	return sql;
}

/*
 * Whether a condition that the planner has simplified comes back the same when
 * its SQL is read as a filter, with parameters of the types given.  Some do
 * not: a COLLATE clause, say, is no longer visible in the tree.  The
 * caller has made sure that it can be written and read.
 */
bool
citer_clause_reads_back(const CiterRelation *relation, Node *qual, int nparams, Oid *param_types)
{
	char	   *sql = citer_clause_sql(relation, qual, true);
	int			nestlevel = citer_settings_begin();
	Clause		clause;
	Node	   *again;

	citer_settings_set(citer_settings_sql);
	begin_clause(&clause, relation, "filter", FILTER_PREFIX, sql);
	again = read_filter(relation, &clause, nparams, param_types);
	end_clause(&clause);
	citer_settings_end(nestlevel);
	return equal(eval_const_expressions(NULL, again), qual);
}

/*
 * Puts the user's text behind the prefix, makes errors point into it, and sets
 * what it is read under.
 */
static void
begin_clause(Clause *clause, const CiterRelation *relation, const char *argument,
			 const char *prefix, const char *text)
{
	citer_settings_check_sql(argument, text);
	clause->relation = relation;
	clause->argument = argument;
	clause->text = text;
	clause->sql = psprintf("%s%s", prefix, text);
	clause->prefix_length = strlen(prefix);
	clause->context.callback = report_clause;
	clause->context.arg = clause;
	clause->context.previous = error_context_stack;
	error_context_stack = &clause->context;
	clause->nestlevel = citer_settings_begin();
	citer_settings_set(citer_settings_sql);
}

static void
end_clause(Clause *clause)
{
	citer_settings_end(clause->nestlevel);
	error_context_stack = clause->context.previous;
}

/*
 * Error context callback: turns the error's cursor into one in the user's text,
 * and adds hints to errors that users are likely to make.
 */
static void
report_clause(void *arg)
{
	Clause	   *clause = arg;
	int			cursor = geterrposition();

	if (cursor > clause->prefix_length)
	{
		errposition(0);
		internalerrposition(cursor - clause->prefix_length);
		internalerrquery(clause->text);
	}
	errcontext("argument \"%s\" of a chunked_iter function", clause->argument);
	switch (geterrcode())
	{
		case ERRCODE_SYNTAX_ERROR:
			if (clause->relation != NULL || cursor == 1)
				errhint("%s", words_for(clause)[2]);
			break;
		case ERRCODE_UNDEFINED_PARAMETER:
			errhint("This text has no parameters: compare with them in WHERE, around the call.");
			break;
		case ERRCODE_UNDEFINED_TABLE:
			if (clause->relation != NULL)
				errhint("Write columns alone, or behind the name \"%s\".", clause->relation->name);
			break;
	}
}

/* Parses the clause; 42601 unless it is all there is beside the FROM list. */
static SelectStmt *
parse_clause(Clause *clause)
{
	List	   *statements = raw_parser(clause->sql, RAW_PARSE_DEFAULT);
	SelectStmt *select;

	if (list_length(statements) != 1)
		refuse_clause(clause);
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (!IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		select->groupClause != NIL || select->havingClause != NULL ||
		select->windowClause != NIL || select->lockingClause != NIL ||
		select->limitOffset != NULL || select->limitCount != NULL)
		refuse_clause(clause);
	return select;
}

/* The expression of a filter, which may have parameters. */
static Node *
read_filter(const CiterRelation *relation, Clause *clause, int nparams, Oid *param_types)
{
	SelectStmt *select = parse_clause(clause);
	ParseState *pstate;
	Node	   *qual;

	if (select->whereClause == NULL || select->sortClause != NIL)
		refuse_clause(clause);
	pstate = make_clause_parsestate(relation, clause);
	if (nparams > 0)
		citer_compat_set_fixed_params(pstate, param_types, nparams);
	qual = transformWhereClause(pstate, select->whereClause, EXPR_KIND_WHERE, "WHERE");
	assign_expr_collations(pstate, qual);
	free_parsestate(pstate);
	return qual;
}

/* A parse state in which the relation's columns are visible. */
static ParseState *
make_clause_parsestate(const CiterRelation *relation, const Clause *clause)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;

	pstate->p_sourcetext = clause->sql;
	if (relation->query != NULL)
		item = addRangeTableEntryForSubquery(pstate, relation->query->subquery,
											 relation->query->alias, false, true);
	else
	{
		Relation	rel = relation_open(relation->relid, AccessShareLock);

		item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, true, true);
		relation_close(rel, NoLock);
	}
	addNSItemToQuery(pstate, item, true, true, true);
	return pstate;
}

/* 42804 unless the query's columns have the types of those given. */
static void
check_columns(Query *query, TupleDesc columns)
{
	List	   *targets = NIL;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		if (!lfirst_node(TargetEntry, cell)->resjunk)
			targets = lappend(targets, lfirst(cell));
	}
	if (list_length(targets) != columns->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the query and the column definition list do not match"),
				 errdetail("The query returns %d columns, but the list defines %d.",
						   list_length(targets), columns->natts)));
	for (int i = 0; i < columns->natts; i++)
	{
		TargetEntry *target = list_nth_node(TargetEntry, targets, i);
		Form_pg_attribute column = TupleDescAttr(columns, i);
		Oid			type = exprType((Node *) target->expr);

		if (type != column->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the query and the column definition list do not match"),
					 errdetail("Column \"%s\" has type %s in the query, but type %s in the list.",
							   NameStr(column->attname), format_type_be(type),
							   format_type_be(column->atttypid)),
					 errhint("Cast it in the query, or change the list.")));
	}
}

/* The error for text that is more, or less, than the one clause. */
static void
refuse_clause(const Clause *clause)
{
	const char *const *words = words_for(clause);

	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("argument \"%s\" must be %s", clause->argument, words[1]),
			 errdetail("It is \"%s\".", clause->text),
			 errhint("%s", words[2])));
}

/* The line of clause_words for the clause's argument. */
static const char *const *
words_for(const Clause *clause)
{
	const char *const *words = clause_words;

	while (strcmp(words[0], clause->argument) != 0)
		words += 3;
	return words;
}
