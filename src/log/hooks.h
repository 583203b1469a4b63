/*
 * hooks.h
 *	  Statements of the session, for the query log.
 */
#ifndef CITER_QUERY_LOG_HOOKS_H
#define CITER_QUERY_LOG_HOOKS_H

extern void citer_query_log_hooks_init(void);

#endif							/* CITER_QUERY_LOG_HOOKS_H */
