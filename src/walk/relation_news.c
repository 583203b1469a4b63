/*
 * relation_news.c
 *	  Whether any relation, or its name, may have changed.
 *
 * To compare a thousand partitions with what they were takes as long as to read
 * a thousand rows.  But whoever changes a relation tells all sessions to forget
 * what they have cached of it, and tells them of its parent, too, if that gets a
 * child or loses one.  As long as nothing of the kind has been heard, there is
 * nothing to compare.
 *
 * One thing is not told: that a table has a child again, because the transaction
 * which took it away was rolled back.  The session that did so hears of the child
 * alone, and a plan or a walk made in between does not know of that one.  So it
 * counts how often it has undone what it did to relations.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "walk/relation_news.h"

static void count_news(Datum arg, Oid relid);
static void count_schema(CITER_SYSCACHE_CALLBACK_PARAMS);
static void notice_end(XactEvent event, void *arg);
static void notice_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction,
									  SubTransactionId parent, void *arg);

static uint64 news = 1;

/* The news at which this session has last undone what it did to a relation. */
static uint64 undone = 0;

/* Whether a transaction was rolled back that may have, and news may be of that. */
static bool undoing = false;

/* Begins to listen.  Called once, when the library is loaded. */
void
citer_relation_news_init(void)
{
	CacheRegisterRelcacheCallback(count_news, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, count_schema, (Datum) 0);
	RegisterXactCallback(notice_end, NULL);
	RegisterSubXactCallback(notice_subtransaction_end, NULL);
}

/* How often anything was heard of a relation or a schema, up to now; at least 1. */
uint64
citer_relation_news(void)
{
	undoing = false;
	AcceptInvalidationMessages();
	return news;
}

/* A number that is another one once this session has undone what it did to a relation. */
uint64
citer_relation_undone(void)
{
	undoing = false;
	return undone;
}

/* Relation cache callback: a relation has changed, or all of them. */
static void
count_news(Datum arg pg_attribute_unused(), Oid relid pg_attribute_unused())
{
	news++;
	if (undoing)
		undone = news;
}

/* Syscache callback: a schema has changed, perhaps its name. */
static void
count_schema(CITER_SYSCACHE_CALLBACK_PARAMS)
{
	(void) arg;
	(void) cacheid;
	(void) hashvalue;
	news++;
}

/*
 * Transaction callback.  The server tells of what is undone right after an abort;
 * a transaction that is prepared is one that others have not seen yet.
 */
static void
notice_end(XactEvent event, void *arg)
{
	(void) arg;
	undoing = (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) &&
		TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* Subtransaction callback, likewise. */
static void
notice_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction,
						  SubTransactionId parent, void *arg)
{
	(void) subtransaction;
	(void) parent;
	(void) arg;
	undoing = event == SUBXACT_EVENT_ABORT_SUB && TransactionIdIsValid(GetCurrentTransactionIdIfAny());
}
