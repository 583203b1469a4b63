/*
 * session.c
 *	  What a walk relies upon in its caller's session.
 *
 * A walk is suspended between two rows, and the session can run anything
 * meanwhile.  Its role, its relations and the functions that it calls have to
 * stay what they were, or the walk ends with an error; search_path and the
 * settings that SQL goes by are put back while its queries run; and a snapshot
 * of a chunk does not see what the session has written since.
 */
#include "postgres.h"

#include "access/gin.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "base/settings.h"
#include "walk/relation_news.h"
#include "walk/session.h"

static void check_relations(CiterSession *session, const CiterWalk *walk);

/*
 * Remembers the session as it is now, in the current memory context, and the walk
 * as it was when it was resolved.
 */
void
citer_session_remember(CiterSession *session, const CiterWalk *walk)
{
	session->user = GetUserId();
	session->search_path = pstrdup(namespace_search_path);
	session->news = walk->relation->news;
	session->functions = walk->functions;
	session->started_at = GetActiveSnapshot()->curcid;
	session->checked_at = GetCurrentCommandId(false);
}

/*
 * Throws 55000 unless the role and the relation are those of the start.  Done
 * before each chunk, and after other commands of the session also before a
 * row that is in memory: its type may be gone, or what its toast pointers
 * point to.
 */
void
citer_session_check(CiterSession *session, const CiterWalk *walk)
{
	if (GetUserId() != session->user)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the role was changed while %s was being walked",
						citer_relation_describe(walk->relation)),
				 errdetail("The walk was started by role \"%s\".",
						   GetUserNameFromId(session->user, true)),
				 errhint("Continue under that role, or start the walk again.")));
	check_relations(session, walk);
	session->checked_at = GetCurrentCommandId(false);
}

/*
 * The relation has to be what it was, and those that its rows come from.  They are
 * looked at if there is news of any relation.  All have been locked since the walk
 * was opened, but a savepoint may have given up the lock.
 */
static void
check_relations(CiterSession *session, const CiterWalk *walk)
{
	uint64		news;

	if (walk->relation->query == NULL)
		LockRelationOid(walk->relation->relid, AccessShareLock);
	news = citer_relation_news();
	if (news != session->news)
		citer_relation_check(walk->relation, citer_walk_needs_tables(walk));
	session->news = news;
}

/*
 * Prepares the session for queries: checks it, takes a snapshot if each
 * chunk has its own, and puts search_path back to what it was at the start,
 * since the filter and the key may have names in them, and the settings, since
 * under another TimeZone the day of a time stamp is another key.  A setting under
 * which an index returns some of its rows is switched off.  Returns what
 * citer_session_end() needs: 0 if there was nothing to set.
 */
int
citer_session_begin(CiterSession *session, const CiterWalk *walk)
{
	CiterSetting settings[] = {{"search_path", session->search_path}, {NULL, NULL}};
	int			nestlevel = 0;

	citer_session_check(session, walk);
	if (walk->snapshot == CITER_SNAPSHOT_CHUNK)
	{
		/* What the caller's own commands write from now on is not seen. */
		PushCopiedSnapshot(GetTransactionSnapshot());
		GetActiveSnapshot()->curcid = session->started_at;
	}
	if (GinFuzzySearchLimit != 0 || strcmp(namespace_search_path, session->search_path) != 0 ||
		citer_settings_version() != walk->settings_version)
	{
		nestlevel = citer_settings_begin();
		citer_settings_set(citer_settings_whole);
		citer_settings_set(settings);
		citer_settings_restore(walk->settings);
	}
	citer_function_version_check(&session->functions, walk);
	return nestlevel;
}

/*
 * Undoes what citer_session_begin() has set up.  Throws 55000 if a function was
 * changed while the queries ran, and they may have used the new one.
 */
void
citer_session_end(CiterSession *session, const CiterWalk *walk, int nestlevel)
{
	citer_function_version_check(&session->functions, walk);
	if (nestlevel > 0)
		citer_settings_end(nestlevel);
	if (walk->snapshot == CITER_SNAPSHOT_CHUNK)
		PopActiveSnapshot();
}
