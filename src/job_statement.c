/*
 * job_statement.c
 *	  The statement of a job, prepared.
 *
 * It sees the rows of a chunk as the relation "chunk": an ephemeral named
 * relation, as the transition tables of triggers are, which exists for the SPI
 * connection of the job and nowhere else.  The first and the last key of the
 * chunk are its parameters, $1 ... $n and the n after these.
 *
 * What of this it uses is read off its queries after rewriting, so that what
 * a rule or a view asks for counts, too.  A statement that does not mention
 * "chunk" needs no row to be copied, and one that mentions some of its columns
 * does not have to read the others.
 *
 * The plan is kept over the job's transactions and freed by who has prepared
 * it.  It depends on the columns of "chunk"; when those change, it is prepared
 * anew.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"

#include "job_statement.h"
#include "settings.h"
#include "spi.h"

#define CHUNK_NAME "chunk"

struct CiterJobStatement
{
	MemoryContext context;		/* holds all of it but the plan */
	char	   *sql;
	SPIPlanPtr	plan;
	int			nkeys;			/* elements of the key */
	Oid		   *types;			/* of the parameters, 2 * nkeys */
	EphemeralNamedRelation chunk;
	bool		uses_rows;
	bool		uses_bounds;
	Bitmapset  *columns;		/* of "chunk", as pull_varattnos() gives them */
	List	   *updated;		/* OIDs of relations whose rows it updates */
};

/* A walk through the statement's queries. */
typedef struct UseFinder
{
	CiterJobStatement *statement;
	List	   *rtables;		/* range tables around, innermost first */
} UseFinder;

static void register_chunk(CiterJobStatement *statement, MemoryContext caller,
						   TupleDesc columns, int chunk_size);
static void check_commands(CiterJobStatement *statement);
static bool find_uses(Node *node, UseFinder *finder);
static void find_uses_in_query(Query *query, UseFinder *finder);
static bool updates_rows(const Query *query);
static void note_variable(Var *var, UseFinder *finder);
static ParamListInfo make_params(const CiterJobStatement *statement,
								 const CiterPosition *first, const CiterPosition *last);

/*
 * Prepares a statement for chunks of rows with these columns, in a memory
 * context of its own below the current one, with SPI connected.  Throws the
 * parser's errors; 22023 for an empty statement, 2D000 for one that ends the
 * transaction, 0A000 for one that talks to the client.
 */
CiterJobStatement *
citer_job_statement_prepare(const char *sql, const CiterKey *key, TupleDesc columns, int chunk_size)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter statement",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CiterJobStatement *statement = palloc0(sizeof(CiterJobStatement));
	ListCell   *cell;

	statement->context = context;
	statement->sql = pstrdup(sql);
	statement->nkeys = key->nelements;
	statement->types = palloc(sizeof(Oid) * 2 * key->nelements);
	for (int i = 0; i < 2 * key->nelements; i++)
		statement->types[i] = key->elements[i % key->nelements].type;
	register_chunk(statement, caller, columns, chunk_size);
	statement->plan = citer_spi_prepare(sql, 2 * key->nelements, statement->types,
										CURSOR_OPT_PARALLEL_OK);
	check_commands(statement);
	foreach(cell, SPI_plan_get_plan_sources(statement->plan))
	{
		UseFinder	finder = {statement, NIL};

		find_uses((Node *) ((CachedPlanSource *) lfirst(cell))->query_list, &finder);
	}
	SPI_keepplan(statement->plan);
	MemoryContextSwitchTo(caller);
	return statement;
}

/* Is the statement prepared for chunks of rows with these columns? */
bool
citer_job_statement_fits(const CiterJobStatement *statement, TupleDesc columns)
{
	return equalTupleDescs(statement->chunk->md.tupdesc, columns);
}

bool
citer_job_statement_uses_rows(const CiterJobStatement *statement)
{
	return statement->uses_rows;
}

bool
citer_job_statement_uses_bounds(const CiterJobStatement *statement)
{
	return statement->uses_bounds;
}

/* Does one of its commands update rows of the relation? */
bool
citer_job_statement_updates(const CiterJobStatement *statement, Oid relid)
{
	return list_member_oid(statement->updated, relid);
}

/* The columns of "chunk" that it uses, as pull_varattnos() gives them. */
Bitmapset *
citer_job_statement_columns(const CiterJobStatement *statement)
{
	return statement->columns;
}

/*
 * Runs the statement.  "rows" holds the chunk, or is NULL if the statement
 * does not use it.  Deferred constraints are checked at once, so that what
 * they find is an error of this statement and not of the commit.
 */
void
citer_job_statement_run(CiterJobStatement *statement, Tuplestorestate *rows,
						const CiterPosition *first, const CiterPosition *last)
{
	SPIExecuteOptions options = {0};

	statement->chunk->reldata = rows;
	options.params = make_params(statement, first, last);
	options.dest = None_Receiver;
	citer_spi_run_any(statement->plan, &options);
	statement->chunk->reldata = NULL;
	citer_spi_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
}

/* Appends the plans of the statement's commands for a chunk of these bounds. */
void
citer_job_statement_explain(CiterJobStatement *statement, const CiterPosition *first,
							const CiterPosition *last, StringInfo output)
{
	ParamListInfo params = make_params(statement, first, last);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	ListCell   *cell;

	statement->chunk->reldata = rows;
	foreach(cell, SPI_plan_get_plan_sources(statement->plan))
	{
		RawStmt    *raw = ((CachedPlanSource *) lfirst(cell))->raw_parse_tree;
		int			length = raw->stmt_len > 0 ? raw->stmt_len :
		(int) strlen(statement->sql) - raw->stmt_location;
		char	   *command = pnstrdup(statement->sql + raw->stmt_location, length);
		SPIExecuteOptions options = {0};
		SPIPlanPtr	plan;

		if (!IsA(raw->stmt, InsertStmt) && !IsA(raw->stmt, UpdateStmt) &&
			!IsA(raw->stmt, DeleteStmt) && !IsA(raw->stmt, SelectStmt))
			continue;
		plan = citer_spi_prepare(psprintf("EXPLAIN (COSTS OFF) %s", command),
								 2 * statement->nkeys, statement->types, 0);
		options.params = params;
		citer_spi_run(plan, &options, SPI_OK_UTILITY);
		for (uint64 i = 0; i < SPI_processed; i++)
			appendStringInfo(output, "    %s\n", SPI_getvalue(SPI_tuptable->vals[i],
															  SPI_tuptable->tupdesc, 1));
		SPI_freetuptable(SPI_tuptable);
		SPI_freeplan(plan);
	}
	statement->chunk->reldata = NULL;
	tuplestore_end(rows);
}

/* Frees the statement, with SPI connected or not. */
void
citer_job_statement_free(CiterJobStatement *statement)
{
	SPI_unregister_relation(CHUNK_NAME);
	SPI_freeplan(statement->plan);
	MemoryContextDelete(statement->context);
}

/*
 * Makes "chunk" known to the SPI connection, which keeps its list of such
 * relations where it is first added to: in the caller's context.
 */
static void
register_chunk(CiterJobStatement *statement, MemoryContext caller,
			   TupleDesc columns, int chunk_size)
{
	EphemeralNamedRelation chunk = palloc0(sizeof(EphemeralNamedRelationData));
	int			result;

	chunk->md.name = pstrdup(CHUNK_NAME);
	chunk->md.tupdesc = CreateTupleDescCopyConstr(columns);
	chunk->md.reliddesc = InvalidOid;
	chunk->md.enrtype = ENR_NAMED_TUPLESTORE;
	chunk->md.enrtuples = chunk_size;
	statement->chunk = chunk;
	MemoryContextSwitchTo(caller);
	SPI_unregister_relation(CHUNK_NAME);
	result = SPI_register_relation(chunk);
	MemoryContextSwitchTo(statement->context);
	if (result != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation returned %s", SPI_result_code_string(result));
}

/* Refuses what no chunk's transaction can do. */
static void
check_commands(CiterJobStatement *statement)
{
	List	   *sources = SPI_plan_get_plan_sources(statement->plan);
	ListCell   *cell;

	if (sources == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has no command in it", "statement"),
				 errdetail("It is \"%s\".", statement->sql),
				 errhint("Pass what is to be done for each chunk, such as UPDATE t SET ... FROM chunk WHERE t.id = chunk.id.")));
	foreach(cell, sources)
	{
		RawStmt    *raw = ((CachedPlanSource *) lfirst(cell))->raw_parse_tree;

		if (raw != NULL && IsA(raw->stmt, TransactionStmt))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
					 errmsg("the statement of a job must not begin or end a transaction"),
					 errdetail("It is \"%s\".", statement->sql),
					 errhint("Leave it out: each chunk is committed by itself.")));
		if (raw != NULL && IsA(raw->stmt, CopyStmt) && ((CopyStmt *) raw->stmt)->filename == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the statement of a job must not copy to or from the client"),
					 errhint("Use INSERT, or COPY with a file.")));
		/* It could outlive the chunk. */
		if (raw != NULL && IsA(raw->stmt, DeclareCursorStmt))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the statement of a job must not declare a cursor"),
					 errhint("Use a query over \"%s\" as it is.", "chunk")));
	}
}

/* Expression walker: finds parameters, "chunk" and its columns. */
static bool
find_uses(Node *node, UseFinder *finder)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		find_uses_in_query((Query *) node, finder);
		return false;
	}
	if (IsA(node, Var))
	{
		note_variable((Var *) node, finder);
		return false;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		finder->statement->uses_bounds = true;
	return expression_tree_walker(node, find_uses, finder);
}

static void
find_uses_in_query(Query *query, UseFinder *finder)
{
	ListCell   *cell;

	if (query->commandType == CMD_UTILITY)
	{
		find_uses((Node *) UtilityContainsQuery(query->utilityStmt), finder);
		return;
	}
	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, CHUNK_NAME) == 0)
			finder->statement->uses_rows = true;
	}
	if (updates_rows(query))
		finder->statement->updated = lappend_oid(finder->statement->updated,
												 rt_fetch(query->resultRelation, query->rtable)->relid);
	finder->rtables = lcons(query->rtable, finder->rtables);
	query_tree_walker(query, find_uses, finder, QTW_IGNORE_JOINALIASES);
	finder->rtables = list_delete_first(finder->rtables);
}

/* Does the query, apart from those inside of it, update rows of its target? */
static bool
updates_rows(const Query *query)
{
	return query->resultRelation > 0 &&
		((query->commandType != CMD_INSERT && query->commandType != CMD_DELETE) ||
		 (query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE));
}

/* Notes the column of "chunk" that a variable stands for, if it is one. */
static void
note_variable(Var *var, UseFinder *finder)
{
	CiterJobStatement *statement = finder->statement;
	List	   *rtables = finder->rtables;
	RangeTblEntry *rte = rt_fetch(var->varno, list_nth_node(List, rtables, var->varlevelsup));

	if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, CHUNK_NAME) == 0)
		statement->columns = bms_add_member(statement->columns,
											var->varattno - FirstLowInvalidHeapAttributeNumber);
	else if (rte->rtekind == RTE_JOIN && var->varattno > 0)
	{
		/* The column that the join passes on, seen from the join's query. */
		finder->rtables = list_copy_tail(rtables, var->varlevelsup);
		find_uses(list_nth(rte->joinaliasvars, var->varattno - 1), finder);
		finder->rtables = rtables;
	}
	else if (rte->rtekind == RTE_JOIN)
	{
		finder->rtables = list_copy_tail(rtables, var->varlevelsup);
		find_uses((Node *) rte->joinaliasvars, finder);
		finder->rtables = rtables;
	}
}

/* The parameters of the statement: both keys. */
static ParamListInfo
make_params(const CiterJobStatement *statement, const CiterPosition *first,
			const CiterPosition *last)
{
	const CiterPosition *positions[2] = {first, last};
	ParamListInfo params = makeParamList(2 * statement->nkeys);

	for (int i = 0; i < 2 * statement->nkeys; i++)
	{
		const CiterPosition *position = positions[i / statement->nkeys];
		int			element = i % statement->nkeys;
		ParamExternData *param = &params->params[i];

		param->isnull = position->isnull[element];
		param->value = position->values[element];
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = statement->types[i];
	}
	return params;
}
