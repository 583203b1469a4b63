/*
 * instance.h
 *	  The job's relation in a statement, and what is compared with bounds there.
 */
#ifndef CITER_JOB_INSTANCE_H
#define CITER_JOB_INSTANCE_H

#include "job/refusal.h"

/* The job's relation in one place of the statement, if it is compared there. */
typedef struct CiterJobInstance
{
	const Query *query;
	int			varno;
	int			depth;			/* of the query; 1 is the whole command */
	const char *fault;			/* what is wrong with a comparison; NULL: none */
	const char *detail;
	int			bounds;			/* BOUND_ flags of the condition */
} CiterJobInstance;

/* Where a tree walker is, so that it knows what a Var stands for. */
typedef struct CiterJobScope
{
	const CiterJobCheck *check;
	List	   *queries;		/* around, innermost first */
	List	   *instances;
} CiterJobScope;

/* A comparison of a column with a bound, turned so that the column is left. */
typedef struct CiterJobComparison
{
	CiterJobInstance *instance; /* whose column it is */
	int			column;			/* element of the key that it is */
	int			element;		/* element that the bound is of */
	bool		is_last;		/* the bound is of the chunk's last key */
	int			strategy;		/* BTLess ...; 0: some other operator */
} CiterJobComparison;

extern bool citer_job_comparison_read(Node *left, Node *right, Oid operator, CiterJobScope *scope,
									  CiterJobComparison *comparison);
extern int	citer_job_bound_number(Node *node, const CiterKey *key);

#endif							/* CITER_JOB_INSTANCE_H */
