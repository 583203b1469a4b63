/*
 * reading.c
 *	  A job's statement as the server's parser reads it, in the user's terms.
 *
 * What is parsed is the expanded text, and often one command of several.  Its
 * errors point into the text as the user wrote it, and say what the statement
 * has: parameters, "chunk" and chunk_range().
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "job/reading.h"
#include "job/refusal.h"

static void report_reading(void *arg);
static void hint_at_word(const CiterJobReading *reading, const char *word);
static char *word_at(const char *sql, int position);

/* Makes errors point into the user's text until citer_job_reading_end(). */
void
citer_job_reading_begin(CiterJobReading *reading)
{
	reading->context.callback = report_reading;
	reading->context.arg = reading;
	reading->context.previous = error_context_stack;
	error_context_stack = &reading->context;
}

void
citer_job_reading_end(CiterJobReading *reading)
{
	error_context_stack = reading->context.previous;
}

/* Has errors that say no position show which of several commands they are of. */
void
citer_job_reading_show_command(CiterJobReading *reading, const RawStmt *raw)
{
	const char *text = reading->text->expanded;
	int			start = raw->stmt_location;
	int			length = raw->stmt_len;

	(void) CleanQuerytext(text, &start, &length);
	reading->command = pg_mbstrlen_with_len(text, start) + 1;
}

/*
 * A command of the expanded text as the parser understands it, before any
 * rewriting, with these parameters and "chunk".  22023 for a chunk_range()
 * whose name does not exist there.
 */
Query *
citer_job_reading_analyze(const CiterJobText *text, RawStmt *raw, const Oid *types, int ntypes,
						  EphemeralNamedRelation chunk, const CiterRelation *relation)
{
	ParseState *pstate = make_parsestate(NULL);
	MemoryContext caller = CurrentMemoryContext;
	Query	   *volatile query = NULL;

	pstate->p_sourcetext = text->expanded;
	pstate->p_queryEnv = create_queryEnv();
	register_ENR(pstate->p_queryEnv, chunk);
	citer_compat_set_fixed_params(pstate, types, ntypes);
	PG_TRY();
	{
		query = transformTopLevelStmt(pstate, raw);
	}
	PG_CATCH();
	{
		ErrorData  *error;
		const CiterJobTextRange *range;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		range = citer_job_text_range_of_error(text, error->internalpos);
		if (range == NULL ||
			(error->sqlerrcode != ERRCODE_UNDEFINED_TABLE &&
			 error->sqlerrcode != ERRCODE_UNDEFINED_COLUMN))
			PG_RE_THROW();
		FlushErrorState();
		citer_job_refuse_range(text, range, relation);
	}
	PG_END_TRY();
	free_parsestate(pstate);
	return query;
}

/*
 * Error context callback: turns the position into one in the user's text, and
 * adds hints to errors that users of jobs are likely to make.
 */
static void
report_reading(void *arg)
{
	CiterJobReading *reading = arg;
	int			position = geterrposition();

	if (position > 0)
		errposition(0);
	else
		position = getinternalerrposition();
	if (position == 0)
		position = reading->command;
	if (position > 0)
	{
		if (reading->text != NULL)
			position = citer_job_text_user_position(reading->text, reading->start + position);
		internalerrposition(position);
		internalerrquery(reading->sql);
		hint_at_word(reading, word_at(reading->sql, position));
	}
	switch (geterrcode())
	{
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_DATATYPE_MISMATCH:
		case ERRCODE_CANNOT_COERCE:
		case ERRCODE_AMBIGUOUS_FUNCTION:
			if (reading->text != NULL && reading->text->has_params)
				errcontext("the statement of a job, with %s", reading->params_in_words);
			break;
	}
}

/* Adds a hint to an error that is about the word, where users are likely to make it. */
static void
hint_at_word(const CiterJobReading *reading, const char *word)
{
	switch (geterrcode())
	{
		case ERRCODE_UNDEFINED_PARAMETER:
			errhint("The statement has %s.", reading->params_in_words);
			break;
		case ERRCODE_AMBIGUOUS_COLUMN:
			errhint("Put the name of its table in front of it, as in %s.%s, or in place of joining \"%s\" write %s.", reading->alias, word, "chunk",
					citer_job_advise(reading->alias));
			break;
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_FUNCTION:
			if (strstr(word, "chunk") != NULL)
				errhint("\"%s\", without a schema, is a table for FROM or USING; %s(%s) is a condition for WHERE.",
						"chunk", CITER_CHUNK_RANGE, reading->alias);
			break;
		case ERRCODE_SYNTAX_ERROR:
			if (pg_strcasecmp(word, "LIMIT") == 0)
				errhint("Leave LIMIT out and write %s: a chunk has \"chunk_size\" rows.",
						citer_job_advise(reading->alias));
			else if (strchr(":%", word[0]) != NULL && word[0] != '\0')
				errhint("The statement's parameters are %s.", reading->params_in_words);
			break;
	}
}

/*
 * The name, with dots, at a position in characters; where there is none, the
 * character that is there.
 */
static char *
word_at(const char *sql, int position)
{
	const char *word = sql + pg_mbcharcliplen(sql, strlen(sql), position - 1);
	int			length = 0;

	while (word[length] != '\0' &&
		   (IS_HIGHBIT_SET(word[length]) || isalnum((unsigned char) word[length]) ||
			strchr("_$.\"", word[length]) != NULL))
		length++;
	return pnstrdup(word, length > 0 ? length : 1);
}
