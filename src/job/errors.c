/*
 * errors.c
 *	  What an error says about the transaction that it ended.
 *
 * Only its SQLSTATE tells: the statement is the user's, and so are most of the
 * errors.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "job/errors.h"

/*
 * Whether an error comes of what other transactions did at the same time, so
 * that the same work can succeed if it is tried again.
 */
bool
citer_job_error_of_others(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/*
 * Whether an error can be one of single rows, which can be skipped, and not
 * one that every row would have (the statement is wrong or not permitted, this
 * server or a foreign one is in trouble) or that others can have caused.
 */
bool
citer_job_error_of_rows(const ErrorData *error)
{
	static const int of_all_rows[] = {
		ERRCODE_CONNECTION_EXCEPTION,
		ERRCODE_INVALID_TRANSACTION_STATE,
		ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
		ERRCODE_INVALID_CATALOG_NAME,
		ERRCODE_INVALID_SCHEMA_NAME,
		ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION,
		ERRCODE_INVALID_TRANSACTION_TERMINATION,
		ERRCODE_INSUFFICIENT_RESOURCES,
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		ERRCODE_OPERATOR_INTERVENTION,
		ERRCODE_SYSTEM_ERROR,
		ERRCODE_CONFIG_FILE_ERROR,
		ERRCODE_INTERNAL_ERROR,
	};

	if (citer_job_error_of_others(error))
		return false;
	for (int i = 0; i < (int) lengthof(of_all_rows); i++)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(of_all_rows[i]))
			return false;
	}
	return true;
}

/* SQLSTATE, message and detail of an error, for last_error. */
char *
citer_job_error_text(const ErrorData *error)
{
	return psprintf("%s: %s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
					error->detail != NULL ? ". " : "", error->detail != NULL ? error->detail : "");
}

/*
 * Adds to an error of a job which job that was and where it was ("place" may be
 * NULL), and, unless the error has a hint of its own, how to continue it.
 */
void
citer_job_error_place(ErrorData *error, const char *job, const char *place)
{
	char	   *context = psprintf("job \"%s\"%s%s", job, place != NULL ? ", " : "",
								   place != NULL ? place : "");

	error->context = error->context != NULL ? psprintf("%s\n%s", error->context, context) : context;
	if (error->hint == NULL)
		error->hint = psprintf("CALL chunked_iter_run(%s) continues the job.",
							   quote_literal_cstr(job));
}
