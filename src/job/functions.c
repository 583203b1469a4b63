/*
 * functions.c
 *	  The procedures and functions of jobs: arguments in, one call.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "job/control.h"
#include "job/detached.h"
#include "job/guard.h"
#include "job/job.h"
#include "job/tune.h"
#include "job/wait.h"

PG_FUNCTION_INFO_V1(chunked_iter_run_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_work_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_retry_failed_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_start_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_wait_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_resume_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_pause_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_cancel_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_forget_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_tune_1_0);
PG_FUNCTION_INFO_V1(chunked_iter_guard_1_0);

static void check_can_commit(FunctionCallInfo fcinfo, const char *procedure);
static void check_can_write(const char *function);

/* chunked_iter_run(job text, ...) */
Datum
chunked_iter_run_1_0(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(CITER_RUN_DRY_RUN) && PG_GETARG_BOOL(CITER_RUN_DRY_RUN))
	{
		citer_job_dry_run(fcinfo->flinfo->fn_oid, fcinfo->args);
		PG_RETURN_VOID();
	}
	check_can_commit(fcinfo, "chunked_iter_run");
	citer_job_run(fcinfo->flinfo->fn_oid, fcinfo->args);
	PG_RETURN_VOID();
}

/* chunked_iter_work(job text) */
Datum
chunked_iter_work_1_0(PG_FUNCTION_ARGS)
{
	check_can_commit(fcinfo, "chunked_iter_work");
	citer_job_work(fcinfo->flinfo->fn_oid, fcinfo->args);
	PG_RETURN_VOID();
}

/* chunked_iter_retry_failed(job text) */
Datum
chunked_iter_retry_failed_1_0(PG_FUNCTION_ARGS)
{
	check_can_commit(fcinfo, "chunked_iter_retry_failed");
	citer_job_retry_failed(fcinfo->flinfo->fn_oid, fcinfo->args);
	PG_RETURN_VOID();
}

/* chunked_iter_start(job text, ...) RETURNS void, as chunked_iter_run */
Datum
chunked_iter_start_1_0(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(CITER_RUN_DRY_RUN) && PG_GETARG_BOOL(CITER_RUN_DRY_RUN))
	{
		citer_job_dry_run(fcinfo->flinfo->fn_oid, fcinfo->args);
		PG_RETURN_VOID();
	}
	check_can_write("chunked_iter_start");
	citer_detached_start(fcinfo->flinfo->fn_oid, fcinfo->args);
	PG_RETURN_VOID();
}

/* chunked_iter_wait(job text, timeout_ms bigint) RETURNS text */
Datum
chunked_iter_wait_1_0(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(citer_job_await(fcinfo->flinfo->fn_oid, fcinfo->args[0],
													 fcinfo->args[1])));
}

/* chunked_iter_resume() RETURNS integer */
Datum
chunked_iter_resume_1_0(PG_FUNCTION_ARGS)
{
	check_can_write("chunked_iter_resume");
	PG_RETURN_INT32(citer_detached_resume(fcinfo->flinfo->fn_oid));
}

/* chunked_iter_pause(job text) RETURNS void */
Datum
chunked_iter_pause_1_0(PG_FUNCTION_ARGS)
{
	check_can_write("chunked_iter_pause");
	citer_job_pause(fcinfo->flinfo->fn_oid, fcinfo->args[0]);
	PG_RETURN_VOID();
}

/* chunked_iter_cancel(job text) RETURNS void */
Datum
chunked_iter_cancel_1_0(PG_FUNCTION_ARGS)
{
	check_can_write("chunked_iter_cancel");
	citer_job_cancel(fcinfo->flinfo->fn_oid, fcinfo->args[0]);
	PG_RETURN_VOID();
}

/* chunked_iter_forget(job text) RETURNS void */
Datum
chunked_iter_forget_1_0(PG_FUNCTION_ARGS)
{
	check_can_write("chunked_iter_forget");
	citer_job_forget(fcinfo->flinfo->fn_oid, fcinfo->args[0]);
	PG_RETURN_VOID();
}

/* chunked_iter_tune(job text, ...) RETURNS void */
Datum
chunked_iter_tune_1_0(PG_FUNCTION_ARGS)
{
	check_can_write("chunked_iter_tune");
	citer_job_tune(fcinfo->flinfo->fn_oid, fcinfo->args);
	PG_RETURN_VOID();
}

/* chunked_iter_guard(owner oid, job text, range_no integer) RETURNS bigint */
Datum
chunked_iter_guard_1_0(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(citer_guard_lock(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)),
									 PG_GETARG_INT32(2)));
}

/*
 * 2D000 unless the procedure can commit here, 25006 unless it can write.  (A
 * subtransaction, such as that of an EXCEPTION block, does not show in the
 * call's context.)
 */
static void
check_can_commit(FunctionCallInfo fcinfo, const char *procedure)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
	castNode(CallContext, fcinfo->context)->atomic;

	if (atomic || IsSubTransaction())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s cannot be called in a transaction block", procedure),
				 errdetail("It commits after each chunk."),
				 errhint("CALL it by itself, outside of BEGIN ... COMMIT, functions, EXCEPTION blocks and procedures with a SET clause. From a client: switch autocommit on, and send one statement a message.")));
	check_can_write(procedure);
}

/* 25006 on a standby and in a read-only transaction. */
static void
check_can_write(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", function),
				 errdetail("A job and its position are kept where its table is written."),
				 errhint("Connect to the primary.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s in a read-only transaction", function),
				 errdetail("A job keeps its position in a table."),
				 errhint("SET default_transaction_read_only = off, or connect to the primary.")));
}
