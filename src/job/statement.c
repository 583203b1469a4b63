/*
 * statement.c
 *	  The statement of a job, prepared.
 *
 * It sees the rows of a chunk as the relation "chunk": an ephemeral named
 * relation, as the transition tables of triggers are, which exists for the SPI
 * connection of the job and nowhere else.  The first and the last key of the
 * chunk are its parameters, $1 ... $n and the n after these.
 *
 * chunk_range(t) becomes a condition, whose parameters are those after the
 * user's (conditions.c).  The condition has a few forms, so there are a few
 * texts, each of which is prepared once.
 *
 * Each command has a plan of its own, since SPI counts the rows of the last only.
 *
 * What it uses of "chunk" is found in its queries after rewriting, so that what a rule
 * or a view uses counts, too.  No row is copied and no column read that is not used.
 *
 * The plans are kept over the job's transactions; when the columns of the relation
 * change, the statement is prepared anew.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"

#include "job/check.h"
#include "job/citus.h"
#include "job/conditions.h"
#include "job/explain.h"
#include "job/joined.h"
#include "job/merged.h"
#include "job/reading.h"
#include "job/statement.h"
#include "job/text.h"
#include "sql/statement.h"

#define CHUNK_NAME "chunk"

/* Texts whose plans are kept; a key of many columns can give more. */
#define SHAPES_MAX 16

/* A command of the statement, in one of its texts. */
typedef struct Command
{
	int			start;			/* offset in the text */
	int			length;
	bool		is_query;		/* rather than a utility command */
	bool		counts;			/* the rows it has changed */
	bool		is_own;			/* and they are the job's relation's */
	CiterStatement *prepared;
} Command;

/* The statement with conditions of one form in the place of chunk_range(). */
typedef struct Shape
{
	MemoryContext context;		/* holds all of it */
	CiterJobText text;
	List	   *commands;
} Shape;

struct CiterJobStatement
{
	MemoryContext context;		/* holds all of it */
	CiterJobText *text;
	CiterJobConditions *conditions;
	List	   *commands;		/* without their place and plan */
	List	   *shapes;
	char	   *params_in_words;
	char	   *alias;			/* of the relation, quoted */
	int			nkeys;			/* elements of the key */
	Oid		   *types;			/* of the parameters, 4 * nkeys */
	CiterJobRows *chunk;
	bool		counted;		/* a command changes rows */
	char	   *two_phase;		/* SQL that has Citus commit in two phases, or
								 * NULL */
	CiterJobUses uses;
};

static void register_chunk(CiterJobStatement *statement, MemoryContext caller,
						   TupleDesc columns, int chunk_size);
static void expand_text(CiterJobStatement *statement, const CiterJob *job, const CiterWalk *walk);
static List *check_statement(CiterJobStatement *statement, const CiterJob *job,
							 const CiterWalk *walk, CiterJobReading *reading);
static Shape *find_shape(CiterJobStatement *statement, const CiterJobBounds *bounds);
static CiterJobReading reading_of(const CiterJobStatement *statement, const char *sql);
static Shape *prepare_shape(CiterJobStatement *statement, CiterJobReading *reading);
static CiterStatementSource command_source(const CiterJobStatement *statement,
										   const CiterJobText *text, const Command *command);
static void note_uses(CiterJobStatement *statement, const CiterJob *job, const Shape *shape);
static ParamListInfo make_params(const CiterJobStatement *statement, const CiterJobBounds *bounds);

/*
 * Prepares a job's statement for chunks of the walk, in a memory context of
 * its own below the current one, with SPI connected.  Throws the parser's
 * errors; 22023 for an empty statement and for one that cannot be right
 * (check.c), 2D000 for one that ends the transaction, 0A000 for one that
 * talks to the client.  It is read under the job's settings, which the caller
 * has set, as for the verbs that run and explain it.
 */
CiterJobStatement *
citer_job_statement_prepare(const CiterJob *job, const CiterWalk *walk)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter statement",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CiterJobStatement *statement = palloc0(sizeof(CiterJobStatement));
	const CiterKey *key = walk->key;
	CiterJobReading reading;
	List	   *implied;

	statement->context = context;
	statement->nkeys = key->nelements;
	statement->types = palloc(sizeof(Oid) * 4 * key->nelements);
	for (int i = 0; i < 4 * key->nelements; i++)
		statement->types[i] = key->elements[i % key->nelements].type;
	statement->params_in_words = citer_job_describe_params(key);
	statement->alias = pstrdup(walk->relation->alias);
	register_chunk(statement, caller, walk->relation->tupdesc, job->chunk_size);

	reading = reading_of(statement, job->statement);
	citer_job_reading_begin(&reading);
	statement->text = citer_job_text_read(job->statement, 2 * key->nelements);
	expand_text(statement, job, walk);
	reading.text = statement->text;
	implied = check_statement(statement, job, walk, &reading);
	if (implied != NIL)
	{
		citer_job_text_add_implied(statement->text, implied);
		expand_text(statement, job, walk);
	}
	statement->shapes = list_make1(prepare_shape(statement, &reading));
	note_uses(statement, job, linitial(statement->shapes));
	citer_job_reading_end(&reading);
	MemoryContextSwitchTo(caller);
	return statement;
}

/* Whether the statement is prepared for chunks of rows with these columns. */
bool
citer_job_statement_fits(const CiterJobStatement *statement, TupleDesc columns)
{
	return equalTupleDescs(statement->chunk->enr.md.tupdesc, columns);
}

/* What it uses of the chunk, and the relations it writes to. */
const CiterJobUses *
citer_job_statement_uses(const CiterJobStatement *statement)
{
	return &statement->uses;
}

/* Whether it uses chunk_range(), or does the rows of that. */
bool
citer_job_statement_uses_ranges(const CiterJobStatement *statement)
{
	return statement->text->nranges > 0 &&
		(!statement->text->ranges[0].implied || citer_job_is_merged(statement->chunk));
}

/*
 * Runs the statement.  "rows" holds the chunk, or is NULL if the statement
 * does not use it.  Deferred constraints are checked at once, so that what
 * they find is an error of this statement and not of the commit.  The snapshot of
 * the chunk, which is active, is that of a statement that is merged, too.
 */
void
citer_job_statement_run(CiterJobStatement *statement, Tuplestorestate *rows,
						const CiterJobBounds *bounds, CiterJobEffect *effect)
{
	const SPIExecuteOptions options = {
		.params = make_params(statement, bounds),
		.dest = None_Receiver,
	};
	const SPIExecuteOptions plain = {0};
	Shape	   *shape = find_shape(statement, bounds);
	Snapshot	snapshot = citer_job_is_merged(statement->chunk) ? GetActiveSnapshot() : InvalidSnapshot;
	ListCell   *cell;

	memset(effect, 0, sizeof(*effect));
	effect->counted = statement->counted;
	statement->chunk->enr.reldata = rows;
	if (statement->two_phase != NULL)
		citer_spi_execute(statement->two_phase, &plain);
	foreach(cell, shape->commands)
	{
		Command    *command = lfirst(cell);
		int			result = citer_statement_run(command->prepared, &options, snapshot);

		if (!command->counts)
			continue;
		/* A rule has made something else of it. */
		if (result == SPI_OK_REWRITTEN)
			effect->counted = false;
		effect->changed += SPI_processed;
		if (command->is_own)
			effect->own = Max(effect->own, (int64) SPI_processed);
	}
	statement->chunk->enr.reldata = NULL;
	citer_spi_execute("SET CONSTRAINTS ALL IMMEDIATE", &plain);
}

/*
 * Appends the plans of the statement's commands for a chunk of these bounds, with
 * the rows they are expected to change.
 */
void
citer_job_statement_explain(CiterJobStatement *statement, const CiterJobBounds *bounds,
							StringInfo output)
{
	ParamListInfo params = make_params(statement, bounds);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	Shape	   *shape = find_shape(statement, bounds);
	ListCell   *cell;

	statement->chunk->enr.reldata = rows;
	foreach(cell, shape->commands)
	{
		Command    *command = lfirst(cell);
		CiterStatementSource source = command_source(statement, &shape->text, command);

		if (!command->is_query)
			continue;
		citer_job_explain_command(&source, params, output);
		if (command->counts)
			appendStringInfo(output, "    Rows to change: about %.0f\n",
							 citer_job_explain_changes(&source, params));
	}
	statement->chunk->enr.reldata = NULL;
	tuplestore_end(rows);
}

/* What each $n is, in words. */
const char *
citer_job_statement_params(const CiterJobStatement *statement)
{
	return statement->params_in_words;
}

/* Frees it, with SPI connected or not. */
void
citer_job_statement_free(CiterJobStatement *statement)
{
	SPI_unregister_relation(CHUNK_NAME);
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
	CiterJobRows *chunk = palloc0(sizeof(CiterJobRows));
	int			result;

	chunk->enr.md.name = pstrdup(CHUNK_NAME);
	chunk->enr.md.tupdesc = CreateTupleDescCopyConstr(columns);
	chunk->enr.md.enrtype = ENR_NAMED_TUPLESTORE;
	chunk->enr.md.enrtuples = chunk_size;
	statement->chunk = chunk;
	MemoryContextSwitchTo(caller);
	SPI_unregister_relation(CHUNK_NAME);
	result = SPI_register_relation(&chunk->enr);
	MemoryContextSwitchTo(statement->context);
	if (result != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation returned %s", SPI_result_code_string(result));
}

/* Puts conditions into the text, of the form that most chunks have. */
static void
expand_text(CiterJobStatement *statement, const CiterJob *job, const CiterWalk *walk)
{
	CiterPosition somewhere = citer_position_symbolic(statement->nkeys);

	statement->conditions = citer_job_conditions_create(statement->text, job, walk);
	citer_job_conditions_expand(statement->conditions, &somewhere, &somewhere);
}

/*
 * Analyzes the commands of the expanded text and refuses those that no job can
 * have.  Returns ranges that they imply (joined.c).
 */
static List *
check_statement(CiterJobStatement *statement, const CiterJob *job, const CiterWalk *walk,
				CiterJobReading *reading)
{
	List	   *implied = NIL;
	CiterJobCheck check = {job, walk, statement->text};
	List	   *commands = raw_parser(statement->text->expanded, RAW_PARSE_DEFAULT);
	ListCell   *cell;

	if (commands == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has no command in it", "statement"),
				 errdetail("It is \"%s\".", job->statement),
				 errhint("Pass the command to run for each chunk, such as UPDATE %s SET ... %s.",
						 walk->relation->sql, citer_job_advise(statement->alias))));
	foreach(cell, commands)
	{
		if (list_length(commands) > 1)
			citer_job_reading_show_command(reading, lfirst_node(RawStmt, cell));
		citer_job_check_kind(job, lfirst_node(RawStmt, cell)->stmt);
	}
	foreach(cell, commands)
	{
		Command    *command = palloc0(sizeof(Command));
		Query	   *query;
		char	   *name;

		if (list_length(commands) > 1)
			citer_job_reading_show_command(reading, lfirst_node(RawStmt, cell));
		query = citer_job_reading_analyze(statement->text, lfirst_node(RawStmt, cell),
										  statement->types, 4 * statement->nkeys,
										  &statement->chunk->enr, walk->relation);

		command->is_query = query->commandType != CMD_UTILITY;
		command->counts = command->is_query && query->commandType != CMD_SELECT;
		command->is_own = command->counts && query->commandType != CMD_INSERT &&
			rt_fetch(query->resultRelation, query->rtable)->relid == walk->relation->relid;
		statement->counted |= command->counts;
		statement->commands = lappend(statement->commands, command);
		citer_job_check_command(&check, query);
		name = citer_job_joined_target(query, CHUNK_NAME, job, walk);
		if (name != NULL && statement->text->nranges == 0)
			implied = lappend(implied, citer_job_text_imply(statement->text, name,
															lfirst_node(RawStmt, cell)));
		if (implied != NIL && list_length(commands) == 1)
			citer_job_merge(statement->chunk, query, job, walk);
	}
	reading->command = 0;
	return implied;
}

/* The plans for chunks with bounds like these, prepared if they are not. */
static Shape *
find_shape(CiterJobStatement *statement, const CiterJobBounds *bounds)
{
	MemoryContext caller = CurrentMemoryContext;
	CiterJobReading reading;
	Shape	   *shape;
	ListCell   *cell;

	if (statement->text->nranges == 0)
		return linitial(statement->shapes);
	citer_job_conditions_expand(statement->conditions, bounds->after, bounds->last);
	foreach(cell, statement->shapes)
	{
		shape = lfirst(cell);
		if (strcmp(shape->text.expanded, statement->text->expanded) == 0)
			return shape;
	}
	if (list_length(statement->shapes) >= SHAPES_MAX)
	{
		shape = linitial(statement->shapes);
		MemoryContextDelete(shape->context);
		statement->shapes = list_delete_first(statement->shapes);
	}
	reading = reading_of(statement, statement->text->sql);
	citer_job_reading_begin(&reading);
	shape = prepare_shape(statement, &reading);
	citer_job_reading_end(&reading);
	MemoryContextSwitchTo(statement->context);
	statement->shapes = lappend(statement->shapes, shape);
	MemoryContextSwitchTo(caller);
	return shape;
}

/* What errors in the user's text refer to. */
static CiterJobReading
reading_of(const CiterJobStatement *statement, const char *sql)
{
	CiterJobReading reading = {
		.sql = sql,
		.params_in_words = statement->params_in_words,
		.alias = statement->alias,
	};

	return reading;
}

/* Prepares the commands of the text as it is expanded now. */
static Shape *
prepare_shape(CiterJobStatement *statement, CiterJobReading *reading)
{
	MemoryContext context = AllocSetContextCreate(statement->context, "chunked_iter shape",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Shape	   *shape = palloc0(sizeof(Shape));
	CiterJobText *text = &shape->text;
	ListCell   *raw;
	ListCell   *command;

	shape->context = context;
	*text = *statement->text;
	text->expanded = pstrdup(text->expanded);
	text->ranges = palloc(sizeof(CiterJobTextRange) * Max(text->nranges, 1));
	memcpy(text->ranges, statement->text->ranges, sizeof(CiterJobTextRange) * text->nranges);
	reading->text = text;
	forboth(raw, raw_parser(text->expanded, RAW_PARSE_DEFAULT), command, statement->commands)
	{
		int			start = lfirst_node(RawStmt, raw)->stmt_location;
		int			length = lfirst_node(RawStmt, raw)->stmt_len;
		Command    *placed = palloc(sizeof(Command));
		CiterStatementSource source;

		*placed = *(Command *) lfirst(command);
		(void) CleanQuerytext(text->expanded, &start, &length);
		placed->start = start;
		placed->length = length;
		reading->start = pg_mbstrlen_with_len(text->expanded, start);
		source = command_source(statement, text, placed);
		placed->prepared = citer_statement_prepare(&source);
		shape->commands = lappend(shape->commands, placed);
	}
	reading->start = 0;
	MemoryContextSwitchTo(caller);
	return shape;
}

/* A command in one of the statement's texts, with the statement's parameters. */
static CiterStatementSource
command_source(const CiterJobStatement *statement, const CiterJobText *text, const Command *command)
{
	CiterStatementSource source = {
		.sql = pnstrdup(text->expanded + command->start, command->length),
		.nparams = 4 * statement->nkeys,
		.types = statement->types,
		.cursor_options = CURSOR_OPT_PARALLEL_OK,
	};

	return source;
}

/* Notes what the statement uses, after rewriting.  0A000 for what Citus cannot run. */
static void
note_uses(CiterJobStatement *statement, const CiterJob *job, const Shape *shape)
{
	ListCell   *cell;

	foreach(cell, shape->commands)
	{
		const Command *command = lfirst(cell);
		List	   *queries = citer_statement_queries(command->prepared);
		char	   *two_phase = citer_job_citus_check(job, CHUNK_NAME, queries);

		if (two_phase != NULL)
			statement->two_phase = two_phase;
		citer_job_uses_add(&statement->uses, CHUNK_NAME, 2 * statement->nkeys, queries);
	}
}

/* The parameters: both keys as the user has them, then those of chunk_range(). */
static ParamListInfo
make_params(const CiterJobStatement *statement, const CiterJobBounds *bounds)
{
	const CiterPosition *positions[] = {bounds->first, bounds->last, bounds->after, bounds->last};
	ParamListInfo params = makeParamList(4 * statement->nkeys);

	for (int i = 0; i < 4 * statement->nkeys; i++)
	{
		const CiterPosition *position = positions[i / statement->nkeys];
		int			element = i % statement->nkeys;
		ParamExternData *param = &params->params[i];

		param->isnull = element >= position->nelements || position->isnull[element];
		param->value = param->isnull ? (Datum) 0 : position->values[element];
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = statement->types[i];
	}
	return params;
}
