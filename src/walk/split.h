/*
 * split.h
 *	  Splits a walk into ranges of keys that several sessions can share.
 */
#ifndef CITER_SPLIT_H
#define CITER_SPLIT_H

#include "base/options.h"

/* The rows after one bookmark, up to and including the other. */
typedef struct CiterSplitRange
{
	int			number;			/* from 1 */
	ArrayType  *after;			/* NULL: from the first row */
	ArrayType  *upto;			/* NULL: to the last row */
	double		rows;			/* that are in it, about */
} CiterSplitRange;

/*
 * Takes a range, which is gone when it returns.  Called while a query of the
 * split may be running, so it should keep what it needs and do no more.
 */
typedef void (*CiterSplitEmit) (const CiterSplitRange *range, void *arg);

extern void citer_split(const CiterOptions *options, int parts, CiterSplitEmit emit, void *arg);

#endif							/* CITER_SPLIT_H */
