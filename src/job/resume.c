/*
 * resume.c
 *	  Background jobs go on when the server starts.
 *
 * That takes shared_preload_libraries.  A worker of the server's looks once at
 * each database, by another worker, for only that can be connected to it.  Then
 * it sleeps, and does nothing any more: it is there only because the server
 * starts it again, and it alone, after a crash.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "job/resume.h"
#include "sql/spi.h"

/* After an error in the launcher, in seconds */
#define RESTART_S 60

static BackgroundWorker describe(const char *function, int restart_s);
static List *list_databases(void);
static void visit(Oid database);

/* Registers the launcher, if the library is being preloaded. */
void
citer_resume_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	worker = describe("citer_resume_main", RESTART_S);
	RegisterBackgroundWorker(&worker);
}

static BackgroundWorker
describe(const char *function, int restart_s)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = restart_s,
		.bgw_library_name = "chunked_iter",
		.bgw_name = "chunked_iter launcher",
		.bgw_type = "chunked_iter launcher",
	};

	strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
	return worker;
}

/* The launcher: connected to no database. */
void
citer_resume_main(Datum unused pg_attribute_unused())
{
	List	   *databases;
	ListCell   *cell;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	databases = list_databases();
	foreach(cell, databases)
		visit(lfirst_oid(cell));
	while (!ShutdownRequestPending)
	{
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* The databases that can be connected to, in the current memory context. */
static List *
list_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext scanning;

		if (!database->datallowconn || database->datistemplate)
			continue;
		scanning = MemoryContextSwitchTo(caller);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(scanning);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return databases;
}

/* Has a worker resume the jobs of a database, and waits for its end. */
static void
visit(Oid database)
{
	BackgroundWorker worker = describe("citer_resume_database_main", BGW_NEVER_RESTART);
	BackgroundWorkerHandle *handle;

	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		(void) WaitForBackgroundWorkerShutdown(handle);
	else
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a background worker to resume jobs in the database with OID %u", database),
				 errhint("You might need to increase max_worker_processes.")));
}

/* The worker for a database: calls chunked_iter_resume() there. */
void
citer_resume_database_main(Datum database)
{
	const SPIExecuteOptions options = {.read_only = false};
	static const char *const find =
	"SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension AS e"
	" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace"
	" WHERE e.extname OPERATOR(pg_catalog.=) 'chunked_iter'";

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION);
	pgstat_report_activity(STATE_RUNNING, "SELECT chunked_iter_resume()");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	citer_spi_connect(0);
	(void) citer_spi_execute(find, &options);
	if (SPI_processed == 1)
		(void) citer_spi_execute(psprintf("SELECT %s.chunked_iter_resume()",
										  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
								 &options);
	citer_spi_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}
