/*
 * refusal.c
 *	  The errors for statements that a job refuses.
 *
 * Each says what to write instead.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "job/refusal.h"

static char *param_list(const CiterKey *key, int first, bool with_names);

/* 22023, with the detail given. */
void
citer_job_refuse(const CiterJobCheck *check, const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Write %s, which is exact, or join \"%s\"; or pass statement_is_global => true if the same is meant for every chunk.",
					 citer_job_advise(check->walk->relation->alias), "chunk")));
}

/*
 * 22023 for a chunk_range() whose name does not stand for the job's relation.
 */
void
citer_job_refuse_range(const CiterJobText *text, const CiterJobTextRange *range,
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

/* What each $n is, in words: for hints, and for dry_run. */
char *
citer_job_describe_params(const CiterKey *key)
{
	return psprintf("%s of the first row of the chunk; %s of the last",
					param_list(key, 1, true), param_list(key, key->nelements + 1, false));
}

/* What to write, in words; the relation goes by the name given. */
char *
citer_job_advise(const char *alias)
{
	return psprintf("WHERE %s(%s)", CITER_CHUNK_RANGE, alias);
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
