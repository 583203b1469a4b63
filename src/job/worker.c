/*
 * worker.c
 *	  A background worker of a job: the process itself.
 *
 * It runs one command, as if a client had sent it: CALL chunked_iter_work() for
 * a run that has workers, or CALL chunked_iter_run() for a job that was started
 * on its own (detached.c).  So there is one way to work on a job, whoever does.
 *
 * What it may do is what the session that started it may do.  It connects as
 * the role that this one has logged in as, never as more than that, for a
 * statement can always go back to it by RESET SESSION AUTHORIZATION and RESET
 * ROLE.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/settings.h"
#include "job/guard.h"
#include "job/worker.h"

/* The texts of an error, in the order in which they are shared. */
#define ERROR_TEXTS(error) \
	{&(error)->message, &(error)->detail, &(error)->hint, &(error)->context, \
	 &(error)->schema_name, &(error)->table_name, &(error)->column_name, \
	 &(error)->datatype_name, &(error)->constraint_name}

/* In a worker: its share; else NULL. */
static CiterWorkerShared *my_shared = NULL;
static CiterWorkerSlot *my_slot = NULL;

static void log_in(const CiterWorkerShared *shared);
static void set_role(const char *parameter, Oid role);
static void tell_ready(void);
static bool was_started(TransactionId xid);
static void run_helper(const char *sql);
static void share_error(CiterWorkerSlot *slot, ErrorData *error);

/*
 * The entry point.  The argument is the handle of the shared memory; which slot
 * is this worker's is in bgw_extra.
 */
void
citer_worker_main(Datum handle)
{
	dsm_segment *segment;
	const char *sql;
	int			slot;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(handle));
	/* Then whoever started it is gone. */
	if (segment == NULL)
		return;
	my_shared = dsm_segment_address(segment);
	memcpy(&slot, MyBgworkerEntry->bgw_extra, sizeof(slot));
	my_slot = &my_shared->slots[slot];
	log_in(my_shared);
	sql = (const char *) my_shared + my_shared->sql;
	if (!my_shared->helps)
		citer_guard_come(my_shared->owner, (const char *) my_shared + my_shared->job);
	tell_ready();
	if (my_shared->helps)
		run_helper(sql);
	else if (was_started(my_shared->starter_xid))
		citer_worker_run(sql);
}

/* Connects, and takes the roles and settings of the session. */
static void
log_in(const CiterWorkerShared *shared)
{
	BackgroundWorkerInitializeConnectionByOid(shared->database, shared->authenticated,
											  BGWORKER_BYPASS_ROLELOGINCHECK);
	StartTransactionCommand();
	if (shared->settings != 0)
		RestoreGUCState((char *) shared + shared->settings);
	if (GetSessionUserId() != shared->session)
		set_role("session_authorization", shared->session);
	if (GetCurrentRoleId() != shared->role)
		set_role("role", shared->role);
	CommitTransactionCommand();
}

static void
set_role(const char *parameter, Oid role)
{
	SetConfigOption(parameter, OidIsValid(role) ? GetUserNameFromId(role, false) : "none",
					PGC_USERSET, PGC_S_SESSION);
}

/* Whoever started the worker may go now. */
static void
tell_ready(void)
{
	PGPROC	   *starter = BackendPidGetProc(my_shared->starter);

	pg_memory_barrier();
	my_slot->ready = true;
	if (starter != NULL)
		SetLatch(&starter->procLatch);
}

/*
 * Whether the transaction that has started a job on its own has committed.
 * Waits for its end, however long that takes, before anything is looked up: it may
 * have made the extension.
 */
static bool
was_started(TransactionId xid)
{
	int			nestlevel;

	if (!TransactionIdIsValid(xid))
		return true;
	StartTransactionCommand();
	nestlevel = citer_settings_begin();
	citer_settings_set(citer_settings_patient);
	XactLockTableWait(xid, NULL, NULL, XLTW_None);
	citer_settings_end(nestlevel);
	CommitTransactionCommand();
	return TransactionIdDidCommit(xid);
}

/*
 * Runs the command of a worker whose run waits for it, and leaves the error to
 * that: it is the run's own.  But a worker that is cancelled by itself only
 * leaves its range to others.
 */
static void
run_helper(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		citer_worker_run(sql);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		share_error(my_slot, error);
	}
	PG_END_TRY();
}

/*
 * Runs a command as a client's is run, so that a procedure can commit: in a
 * portal, at top level.
 */
void
citer_worker_run(const char *sql)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "chunked_iter command",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	Portal		portal;
	List	   *commands;

	debug_query_string = sql;
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, sql);
	StartTransactionCommand();
	caller = MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	commands = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)),
												  sql, NULL, 0, NULL);
	commands = pg_plan_queries(commands, sql, CURSOR_OPT_PARALLEL_OK, NULL);
	PopActiveSnapshot();
	portal = CreateNewPortal();
	portal->visible = false;
	PortalDefineQuery(portal, NULL, sql, CMDTAG_CALL, commands, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	citer_compat_portal_run(portal);
	PortalDrop(portal, false);
	MemoryContextSwitchTo(caller);
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	debug_query_string = NULL;
	MemoryContextDelete(context);
}

/* Has a call in a worker know what it is a part of. */
void
citer_worker_join(CiterJobRun *run)
{
	if (my_shared == NULL)
		return;
	run->detached = !my_shared->helps;
	if (!my_shared->helps)
		return;
	run->shared = my_shared;
	run->arguments.max_chunks = my_shared->max_chunks;
}

/* Counts another chunk for all sessions of the run, and tells this one's totals. */
void
citer_worker_note(const CiterJobRun *run)
{
	if (run->shared == NULL)
		return;
	pg_atomic_fetch_add_u64(&run->shared->chunks, 1);
	if (run->shared == my_shared)
		my_slot->totals = run->totals;
}

/* The chunks of all sessions of the run. */
int64
citer_worker_chunks(const CiterJobRun *run)
{
	return run->shared == NULL ? run->totals.chunks :
		(int64) pg_atomic_read_u64(&run->shared->chunks);
}

/* Writes an error into a slot; texts that have no room are cut off or left out. */
static void
share_error(CiterWorkerSlot *slot, ErrorData *error)
{
	char	  **texts[] = ERROR_TEXTS(error);
	char	   *to = slot->error;
	char	   *end = slot->error + sizeof(slot->error) - lengthof(texts);

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		const char *text = *texts[i] != NULL ? *texts[i] : "";
		int			length = pg_mbcliplen(text, (int) strlen(text), (int) (end - to));

		memcpy(to, text, length);
		to[length] = '\0';
		to += length + 1;
		end++;
	}
	slot->sqlerrcode = error->sqlerrcode;
	pg_write_barrier();
	slot->failed = true;
}

/* The error in a slot, in the current memory context; NULL if there is none. */
ErrorData *
citer_worker_error(const CiterWorkerSlot *slot)
{
	ErrorData  *error;
	const char *from = slot->error;

	if (!slot->failed)
		return NULL;
	pg_read_barrier();
	error = palloc0(sizeof(ErrorData));
	{
		char	  **texts[] = ERROR_TEXTS(error);

		error->elevel = ERROR;
		error->sqlerrcode = slot->sqlerrcode;
		for (int i = 0; i < (int) lengthof(texts); i++)
		{
			*texts[i] = from[0] != '\0' ? pstrdup(from) : NULL;
			from += strlen(from) + 1;
		}
	}
	return error;
}
