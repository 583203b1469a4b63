/*
 * session.h
 *	  What a walk relies upon in its caller's session.
 */
#ifndef CITER_SESSION_H
#define CITER_SESSION_H

#include "access/xact.h"
#include "miscadmin.h"

#include "walk/function_version.h"
#include "walk/walk.h"

/* The session as it was when the walk was opened. */
typedef struct CiterSession
{
	Oid			user;
	char	   *search_path;
	uint64		news;			/* citer_relation_news() of the last check */
	CiterFunctionVersion functions;
	CommandId	started_at;		/* the calling statement's command */
	CommandId	checked_at;		/* the command at the last check */
} CiterSession;

extern void citer_session_remember(CiterSession *session, const CiterWalk *walk);
extern void citer_session_check(CiterSession *session, const CiterWalk *walk);
extern int	citer_session_begin(CiterSession *session, const CiterWalk *walk);
extern void citer_session_end(CiterSession *session, const CiterWalk *walk, int nestlevel);

/* Whether nothing has happened since the last check.  Cheap enough for every row. */
static inline bool
citer_session_is_same(const CiterSession *session)
{
	return GetUserId() == session->user && GetCurrentCommandId(false) == session->checked_at;
}

#endif							/* CITER_SESSION_H */
