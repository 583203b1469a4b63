/*
 * detached.h
 *	  Jobs that run in background workers, with no client.
 */
#ifndef CITER_JOB_DETACHED_H
#define CITER_JOB_DETACHED_H

extern void citer_detached_start(Oid procedure, const NullableDatum *arguments);
extern int	citer_detached_resume(Oid procedure);

#endif							/* CITER_JOB_DETACHED_H */
