/*
 * cut.h
 *	  Where the partitions of a table cut the order of a walk.
 */
#ifndef CITER_CUT_H
#define CITER_CUT_H

#include "walk/bookmark.h"
#include "walk/key.h"
#include "walk/range.h"

/*
 * Values of the key's first element that partitions begin with, in the order of
 * the walk.  A section is what lies between two of them, before the first or
 * behind the last.
 */
typedef struct CiterCuts
{
	const CiterRelation *relation;
	CiterKeyElement *element;	/* the first of the key */
	int			ncuts;
	Datum	   *values;

	/* How sections are read, as learned by citer_cuts_learn(). */
	int			level;			/* 2 to the power of this at a time */
	int64		rows;			/* of those at hand; -1: their beginning was
								 * not read */
} CiterCuts;

/* Sections that are read together, by their numbers; see cut.c. */
typedef struct CiterSections
{
	int			first;
	int			last;
} CiterSections;

extern CiterCuts *citer_cuts_find(const CiterRelation *relation, CiterKey *key);
extern CiterCuts *citer_cuts_copy(const CiterCuts *cuts, CiterKey *key);
extern bool citer_cuts_of_range(const CiterCuts *cuts, const CiterRange *range,
								const CiterPosition *after, const CiterPosition *upto,
								CiterSections *sections);
extern CiterSections citer_cuts_together(const CiterCuts *cuts, int section, bool with_earlier);
extern char *citer_cuts_sql(const CiterCuts *cuts, CiterSections sections);
extern uint64 citer_cuts_version(const CiterCuts *cuts, CiterSections sections);
extern void citer_cuts_learn(CiterCuts *cuts, bool begun, int64 rows, bool ended,
							 int chunk_rows);

#endif							/* CITER_CUT_H */
