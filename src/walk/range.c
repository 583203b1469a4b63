/*
 * range.c
 *	  Splits what lies between two positions into ranges that an index serves.
 *
 * "Strictly after (5, 'x') in the order a, b DESC" is a disjunction,
 *
 *		(a = 5 AND b < 'x') OR a > 5
 *
 * and a B-tree cannot look up a disjunction: it reads all rows that come
 * before, and filters them out.  But each of its terms is an equality on the first
 * columns and one inequality on the next, which a B-tree finds in one
 * descent, and the terms read one after the other give the order of the
 * whole.  NULLs make it a few more terms (b < 'x', then b IS NULL), and an
 * upper position a few more at the end, but never a term of another kind.
 *
 * This is keyset pagination (the "seek method") for keys of several columns;
 * the manual's section on multicolumn indexes says which conditions a B-tree
 * can use.
 */
#include "postgres.h"

#include "walk/range.h"

typedef struct Split
{
	const CiterKey *key;
	const CiterPosition *after;
	const CiterPosition *upto;
	CiterRange *ranges;
	int			nranges;
} Split;

static void split_element(Split *split, int i, bool has_lower, bool has_upper);
static void emit_between(Split *split, int i, bool has_lower, bool has_upper);
static void emit_nulls(Split *split, int i, bool fixed_to_upper);
static void emit_values(Split *split, int i, bool fixed_to_upper,
						CiterRangeBound lower, CiterRangeBound upper);
static void emit(Split *split, int nfixed, bool fixed_to_upper, CiterRangeNulls nulls,
				 CiterRangeBound lower, CiterRangeBound upper);

/* The most ranges that a split can give: how large its array has to be. */
int
citer_range_max(const CiterKey *key)
{
	/* At each element values and NULLs, once below and once above. */
	return 4 * key->nelements + 1;
}

/*
 * Writes the ranges that hold the keys after the one position (or from it on, if
 * it is included), up to and including the other, in walking order, and returns
 * how many they are.  A
 * position of fewer elements than the key has stands for all keys that begin
 * with it; one of none is no bound.  A symbolic position is taken to be far from
 * any other.
 */
int
citer_range_split(const CiterKey *key, const CiterPosition *after,
				  const CiterPosition *upto, CiterRange *ranges)
{
	Split		split = {key, after, upto, ranges, 0};

	split_element(&split, 0, after->nelements > 0, upto->nelements > 0);
	return split.nranges;
}

/*
 * Emits the ranges of the keys whose elements before i are those of the
 * positions that still bound them, in walking order.
 */
static void
split_element(Split *split, int i, bool has_lower, bool has_upper)
{
	const CiterPosition *after = split->after;
	const CiterPosition *upto = split->upto;

	/* All that equals the lower position is before the start, if not in it. */
	if (has_lower && i == after->nelements)
	{
		if (after->included)
			emit(split, i, false, CITER_NULLS_ANY, CITER_BOUND_NONE, CITER_BOUND_NONE);
		return;
	}
	/* All that equals the upper position is still within it. */
	if (has_upper && i == upto->nelements)
		has_upper = false;

	if (!has_lower && !has_upper)
	{
		emit(split, i, false, CITER_NULLS_ANY, CITER_BOUND_NONE, CITER_BOUND_NONE);
		return;
	}

	if (has_lower && has_upper)
	{
		int			order = -1;

		if (!after->symbolic && !upto->symbolic)
			order = citer_key_compare(&split->key->elements[i],
									  after->values[i], after->isnull[i],
									  upto->values[i], upto->isnull[i]);
		if (order > 0)
			return;
		if (order == 0)
		{
			split_element(split, i + 1, true, true);
			return;
		}
	}

	if (has_lower)
		split_element(split, i + 1, true, false);
	emit_between(split, i, has_lower, has_upper);
	if (has_upper && i + 1 < upto->nelements)
		split_element(split, i + 1, false, true);
}

/*
 * Emits the ranges in which element i is after that of the lower position and
 * before that of the upper one, or equal to it if that is its last.
 */
static void
emit_between(Split *split, int i, bool has_lower, bool has_upper)
{
	const CiterKeyElement *element = &split->key->elements[i];
	bool		lower_isnull = has_lower && split->after->isnull[i];
	bool		upper_isnull = has_upper && split->upto->isnull[i];
	bool		inclusive = has_upper && i + 1 == split->upto->nelements;
	bool		fixed_to_upper = has_upper && !has_lower;
	CiterRangeBound lower = CITER_BOUND_NONE;
	CiterRangeBound upper = CITER_BOUND_NONE;

	if (has_lower && !lower_isnull)
		lower = CITER_BOUND_EXCLUSIVE;
	if (has_upper && !upper_isnull)
		upper = inclusive ? CITER_BOUND_INCLUSIVE : CITER_BOUND_EXCLUSIVE;
	if (element->nulls_first)
	{
		if (!has_lower && (!upper_isnull || inclusive))
			emit_nulls(split, i, fixed_to_upper);
		if (!upper_isnull)
			emit_values(split, i, fixed_to_upper, lower, upper);
	}
	else
	{
		if (!lower_isnull)
			emit_values(split, i, fixed_to_upper, lower, upper);
		if (!lower_isnull && (!has_upper || (upper_isnull && inclusive)))
			emit_nulls(split, i, fixed_to_upper);
	}
}

/* Emits the range in which element i is NULL, if it can be. */
static void
emit_nulls(Split *split, int i, bool fixed_to_upper)
{
	if (split->key->elements[i].nullable)
		emit(split, i, fixed_to_upper, CITER_NULLS_ONLY, CITER_BOUND_NONE, CITER_BOUND_NONE);
}

/* Emits the range in which element i is not NULL and within the bounds. */
static void
emit_values(Split *split, int i, bool fixed_to_upper,
			CiterRangeBound lower, CiterRangeBound upper)
{
	bool		unbounded = lower == CITER_BOUND_NONE && upper == CITER_BOUND_NONE;

	emit(split, i, fixed_to_upper,
		 unbounded && split->key->elements[i].nullable ? CITER_NULLS_NEVER : CITER_NULLS_ANY,
		 lower, upper);
}

/* Emits one range. */
static void
emit(Split *split, int nfixed, bool fixed_to_upper, CiterRangeNulls nulls,
	 CiterRangeBound lower, CiterRangeBound upper)
{
	CiterRange *range = &split->ranges[split->nranges++];

	range->nfixed = nfixed;
	range->fixed_to_upper = fixed_to_upper;
	range->nulls = nulls;
	range->lower = lower;
	range->upper = upper;
}
