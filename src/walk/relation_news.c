/*
 * relation_news.c
 *	  Whether any relation, or its name, may have changed.
 *
 * To compare a thousand partitions with what they were takes as long as to read
 * a thousand rows.  But whoever changes a relation tells all sessions to forget
 * what they have cached of it, and tells them of its parent, too, if that gets a
 * child or loses one.  As long as nothing of the kind has been heard, there is
 * nothing to compare.
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "walk/relation_news.h"

static void count_news(Datum arg, Oid relid);
static void count_schema(CITER_SYSCACHE_CALLBACK_PARAMS);

static uint64 news = 1;

/* Begins to listen.  Called once, when the library is loaded. */
void
citer_relation_news_init(void)
{
	CacheRegisterRelcacheCallback(count_news, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, count_schema, (Datum) 0);
}

/* How often anything was heard of a relation or a schema, up to now; at least 1. */
uint64
citer_relation_news(void)
{
	AcceptInvalidationMessages();
	return news;
}

/* Relation cache callback: a relation has changed, or all of them. */
static void
count_news(Datum arg pg_attribute_unused(), Oid relid pg_attribute_unused())
{
	news++;
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
