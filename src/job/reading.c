/*
 * reading.c
 *	  A job's statement as the server's parser reads it, in the user's terms.
 *
 * What is parsed is the expanded text, and often one command of several.  Its
 * errors point into the text as the user wrote it, and say what the statement
 * has: parameters, "chunk" and chunk_range().
 */
#include "postgres.h"

#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "job/reading.h"
#include "job/refusal.h"

static void report_reading(void *arg);

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
	if (position > 0)
	{
		if (reading->text != NULL)
			position = citer_job_text_user_position(reading->text, reading->start + position);
		internalerrposition(position);
		internalerrquery(reading->sql);
	}
	switch (geterrcode())
	{
		case ERRCODE_UNDEFINED_PARAMETER:
			errhint("The statement has %s.", reading->params_in_words);
			break;
		case ERRCODE_AMBIGUOUS_COLUMN:
			errhint("Put the table's name in front of it, or in place of joining \"%s\" write %s.",
					"chunk", reading->advice);
			break;
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_DATATYPE_MISMATCH:
		case ERRCODE_CANNOT_COERCE:
		case ERRCODE_AMBIGUOUS_FUNCTION:
			if (reading->text != NULL && reading->text->has_params)
				errcontext("the statement of a job, with %s", reading->params_in_words);
			break;
	}
}
