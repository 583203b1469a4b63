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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/options.h"
#include "base/settings.h"
#include "job/arguments.h"

#define MS_MAX 86400000

static int	read_flag(NullableDatum value);
static Interval *read_delay(NullableDatum value);
static NullableDatum read_names(const char *argument, NullableDatum value);
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
	arguments->reverse = read_flag(values[CITER_RUN_REVERSE]);
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
				 errhint("Use 'stop' to stop at the first error, or 'skip' to skip the rows that fail.")));
	citer_settings_check_sql("statement", arguments->statement);
	citer_settings_check_sql("order_by", arguments->order_by);
	citer_settings_check_sql("filter", arguments->filter);
	citer_settings_check_sql("throttle_query", arguments->throttle_query);
	arguments->parts = READ_NUMBER("parts", CITER_RUN_PARTS, DatumGetInt64, 1, CITER_PARTS_MAX, 0);
	arguments->statement_is_global = read_flag(values[CITER_RUN_STATEMENT_IS_GLOBAL]);
	arguments->workers = READ_NUMBER("workers", CITER_RUN_WORKERS, DatumGetInt64,
									 1, MAX_BACKENDS, 0);
	arguments->follow = read_flag(values[CITER_RUN_FOLLOW]);
	arguments->follow_delay = read_delay(values[CITER_RUN_FOLLOW_DELAY]);
	arguments->nap_ms = READ_NUMBER("nap_ms", CITER_RUN_NAP_MS, DatumGetInt64, 1, MS_MAX, -1);
	arguments->max_failed = READ_NUMBER("max_failed", CITER_RUN_MAX_FAILED, DatumGetInt64,
										0, PG_INT64_MAX, -1);
	arguments->revisit = read_flag(values[CITER_RUN_REVISIT]);
	arguments->needs = read_names("needs", values[CITER_RUN_NEEDS]);
	arguments->duty_percent = READ_NUMBER("duty_percent", CITER_RUN_DUTY_PERCENT, DatumGetInt64,
										  0, 100, -1);
	arguments->max_rows_per_second = READ_NUMBER("max_rows_per_second", CITER_RUN_MAX_ROWS_PER_SECOND,
												 DatumGetInt64, 0, PG_INT64_MAX, -1);
	arguments->max_wal_per_second = READ_NUMBER("max_wal_per_second", CITER_RUN_MAX_WAL_PER_SECOND,
												DatumGetInt64, 0, PG_INT64_MAX, -1);
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

/* A boolean as 0 or 1; -1 if it is NULL. */
static int
read_flag(NullableDatum value)
{
	return value.isnull ? -1 : DatumGetBool(value.value);
}

/* A copy of the interval "follow_delay"; 22023 if it is negative. */
static Interval *
read_delay(NullableDatum value)
{
	Interval	zero = {0};
	Interval   *delay;

	if (value.isnull)
		return NULL;
	if (DatumGetBool(DirectFunctionCall2(interval_lt, value.value, IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\": %s", "follow_delay",
						DatumGetCString(DirectFunctionCall1(interval_out, value.value))),
				 errdetail("It must not be negative."),
				 errhint("Give the time by which rows can come late, such as '30 seconds'.")));
	delay = palloc(sizeof(Interval));
	*delay = *DatumGetIntervalP(value.value);
	return delay;
}

/*
 * A copy of a text[] argument that names jobs, which may be empty; 22004 if
 * there is a NULL in it, 22023 if it has several dimensions.
 */
static NullableDatum
read_names(const char *argument, NullableDatum value)
{
	NullableDatum copy = {(Datum) 0, value.isnull};

	if (value.isnull)
		return copy;
	copy.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value.value));
	if (array_contains_nulls(DatumGetArrayTypeP(copy.value)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not contain nulls", argument),
				 errhint("Give names of jobs, such as '{copy,check}'.")));
	if (ARR_NDIM(DatumGetArrayTypeP(copy.value)) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be one-dimensional", argument),
				 errhint("Give names of jobs, such as '{copy,check}'.")));
	return copy;
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
				 max == PG_INT64_MAX ? errdetail("It must be at least %lld.", (long long) min) :
				 errdetail("It must be between %lld and %lld.", (long long) min, (long long) max),
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
