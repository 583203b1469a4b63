/*
 * arguments.c
 *	  Checks those arguments of chunked_iter_run that need nothing else to be checked.
 *
 * An argument that is left out, or NULL, means "as the job has it", or the
 * default when the job is new.  0 or an empty text switches off what can be
 * switched off.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#include "base/options.h"
#include "base/settings.h"
#include "job/arguments.h"

#define MS_MAX 86400000

static NullableDatum read_bookmark(const char *argument, NullableDatum value);
static int64 read_number(const char *argument, NullableDatum value, int64 number,
						 int64 min, int64 max, int64 omitted);
static char *read_locking(const char *lock_rows);
static char *single_spaced(const char *text);

/*
 * Fills in the arguments of a call, copied into the current memory context.
 * 22004 for a NULL name, 42P01 for a relation that does not exist, 22023 for
 * any other value that no job can have.
 */
void
citer_job_arguments_read(CiterJobArguments *arguments, const NullableDatum *values)
{
#define NUMBER_OF(argument, get) \
	(values[argument].isnull ? 0 : get(values[argument].value))
#define READ_NUMBER(name, argument, get, min, max, omitted) \
	read_number(name, values[argument], NUMBER_OF(argument, get), min, max, omitted)

	memset(arguments, 0, sizeof(*arguments));
	arguments->job = citer_job_arguments_name(values[CITER_RUN_JOB]);
	arguments->relid = NUMBER_OF(CITER_RUN_REL, DatumGetObjectId);
	if (!values[CITER_RUN_REL].isnull && !OidIsValid(arguments->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", arguments->relid)));
	arguments->statement = citer_options_text(values[CITER_RUN_STATEMENT]);
	arguments->chunk_size = READ_NUMBER("chunk_size", CITER_RUN_CHUNK_SIZE, DatumGetInt64,
										CITER_CHUNK_SIZE_MIN, CITER_CHUNK_SIZE_MAX, 0);
	arguments->order_by = citer_options_text(values[CITER_RUN_ORDER_BY]);
	arguments->reverse = values[CITER_RUN_REVERSE].isnull ? -1 :
		DatumGetBool(values[CITER_RUN_REVERSE].value);
	arguments->filter = citer_options_text(values[CITER_RUN_FILTER]);
	arguments->after = read_bookmark("after", values[CITER_RUN_AFTER]);
	arguments->upto = read_bookmark("upto", values[CITER_RUN_UPTO]);
	arguments->lock_rows = citer_options_text(values[CITER_RUN_LOCK_ROWS]);
	if (arguments->lock_rows != NULL)
		arguments->lock_rows = read_locking(arguments->lock_rows);
	arguments->target_ms = READ_NUMBER("target_ms", CITER_RUN_TARGET_MS, DatumGetInt64, 0, MS_MAX, -1);
	arguments->pause_ms = READ_NUMBER("pause_ms", CITER_RUN_PAUSE_MS, DatumGetInt64, 0, MS_MAX, -1);
	arguments->throttle_query = citer_options_text(values[CITER_RUN_THROTTLE_QUERY]);
	arguments->max_chunks = READ_NUMBER("max_chunks", CITER_RUN_MAX_CHUNKS, DatumGetInt64,
										1, PG_INT64_MAX, 0);
	arguments->max_ms = READ_NUMBER("max_ms", CITER_RUN_MAX_MS, DatumGetInt64, 1, PG_INT64_MAX, 0);
	arguments->retries = READ_NUMBER("retries", CITER_RUN_RETRIES, DatumGetInt64, 0, 1000, -1);
	arguments->on_error = citer_options_text(values[CITER_RUN_ON_ERROR]);
	if (arguments->on_error != NULL && strcmp(arguments->on_error, "stop") != 0 &&
		strcmp(arguments->on_error, "skip") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": \"%s\"", "on_error", arguments->on_error),
				 errhint("Use 'stop' to stop at the first error, or 'skip' to pass over the rows that fail.")));
	citer_settings_check_sql("statement", arguments->statement);
	citer_settings_check_sql("order_by", arguments->order_by);
	citer_settings_check_sql("filter", arguments->filter);
	citer_settings_check_sql("throttle_query", arguments->throttle_query);
	arguments->parts = READ_NUMBER("parts", CITER_RUN_PARTS, DatumGetInt64, 1, CITER_PARTS_MAX, 0);
	arguments->statement_is_global = values[CITER_RUN_STATEMENT_IS_GLOBAL].isnull ? -1 :
		DatumGetBool(values[CITER_RUN_STATEMENT_IS_GLOBAL].value);
#undef READ_NUMBER
#undef NUMBER_OF
}

/* The name of a job: 22004 if it is NULL, 22023 if it is empty. */
char *
citer_job_arguments_name(NullableDatum value)
{
	char	   *job = citer_options_text(value);

	if (job == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "job"),
				 errhint("Give the job a name; by that name it is run again.")));
	if (job[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": \"%s\"", "job", job),
				 errhint("Give the job a name; by that name it is run again.")));
	return job;
}

/* A copy of a text[] argument; NULL if it is empty. */
static NullableDatum
read_bookmark(const char *argument, NullableDatum value)
{
	NullableDatum copy = {(Datum) 0, true};

	if (citer_options_bookmark(argument, value).nelements > 0)
	{
		copy.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value.value));
		copy.isnull = false;
	}
	return copy;
}

/* A number within its limits, 22023 if it is not; "omitted" if it is NULL. */
static int64
read_number(const char *argument, NullableDatum value, int64 number,
			int64 min, int64 max, int64 omitted)
{
	if (value.isnull)
		return omitted;
	if (number < min || number > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %lld", argument, (long long) number),
				 errdetail("It has to be between %lld and %lld.", (long long) min, (long long) max),
				 errhint("Leave it out for the default, or for what the job has already.")));
	return number;
}

/*
 * A locking clause, spelled as we spell it, so that it can stand in SQL; empty
 * for an empty text.  22023 for anything else.
 */
static char *
read_locking(const char *lock_rows)
{
	static const char *const strengths[] = {
		"FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE"
	};
	static const char *const policies[] = {"", " NOWAIT", " SKIP LOCKED"};
	char	   *words = single_spaced(lock_rows);

	if (words[0] == '\0')
		return words;
	for (int i = 0; i < (int) lengthof(strengths); i++)
	{
		for (int j = 0; j < (int) lengthof(policies); j++)
		{
			char	   *clause = psprintf("%s%s", strengths[i], policies[j]);

			if (pg_strcasecmp(words, clause) == 0)
				return clause;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\": \"%s\"", "lock_rows", lock_rows),
			 errhint("Use a locking clause, such as 'FOR UPDATE' or 'FOR NO KEY UPDATE SKIP LOCKED'.")));
}

/* The words of a text, separated by single spaces. */
static char *
single_spaced(const char *text)
{
	char	   *words = palloc(strlen(text) + 1);
	char	   *end = words;

	for (; *text != '\0'; text++)
	{
		bool		space = scanner_isspace(*text);

		if (!space)
			*end++ = *text;
		else if (end > words && end[-1] != ' ')
			*end++ = ' ';
	}
	while (end > words && end[-1] == ' ')
		end--;
	*end = '\0';
	return words;
}
