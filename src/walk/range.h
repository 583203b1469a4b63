/*
 * range.h
 *	  Splits what lies between two positions into ranges that an index serves.
 */
#ifndef CITER_RANGE_H
#define CITER_RANGE_H

#include "walk/bookmark.h"
#include "walk/key.h"

/* The condition on the first element of a key that a range does not fix. */
typedef enum CiterRangeNulls
{
	CITER_NULLS_ANY,			/* the bounds alone decide */
	CITER_NULLS_ONLY,			/* the element is NULL */
	CITER_NULLS_NEVER			/* the element is not NULL, whatever it is */
} CiterRangeNulls;

typedef enum CiterRangeBound
{
	CITER_BOUND_NONE,
	CITER_BOUND_EXCLUSIVE,
	CITER_BOUND_INCLUSIVE
} CiterRangeBound;

/*
 * The rows whose first nfixed elements equal those of the lower (or the
 * upper) position and whose next element satisfies the rest.
 */
typedef struct CiterRange
{
	int			nfixed;
	bool		fixed_to_upper; /* those of the upper position, else lower */
	CiterRangeNulls nulls;
	CiterRangeBound lower;		/* in walking order; never inclusive */
	CiterRangeBound upper;
} CiterRange;

extern int	citer_range_max(const CiterKey *key);
extern int	citer_range_split(const CiterKey *key, const CiterPosition *after,
							  const CiterPosition *upto, CiterRange *ranges);

#endif							/* CITER_RANGE_H */
