/*
 * needs.h
 *	  Jobs that have to succeed before another one begins.
 */
#ifndef CITER_JOB_NEEDS_H
#define CITER_JOB_NEEDS_H

extern void citer_job_check_needs(Oid procedure, const char *job, NullableDatum needs);

#endif							/* CITER_JOB_NEEDS_H */
