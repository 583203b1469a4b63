/*
 * subtransaction.c
 *	  Does something that may fail, and takes it back if it does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/resowner.h"

#include "sql/subtransaction.h"

/*
 * Does something in a subtransaction, in the current memory context.  Returns NULL,
 * or why it was undone: any error, a cancel included, which is the caller's to throw
 * again (ReThrowError).  In the manner of PL/pgSQL's exec_stmt_block().
 */
ErrorData *
citer_subtransaction_try(CiterSubtransactionWork work, void *context, void *argument)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	CHECK_FOR_INTERRUPTS();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(context, argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}
