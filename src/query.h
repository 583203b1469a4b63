/*
 * query.h
 *	  The SQL of a chunk.
 */
#ifndef CITER_QUERY_H
#define CITER_QUERY_H

#include "bookmark.h"
#include "key.h"
#include "range.h"
#include "relation.h"

/* What the planner is told about a query beside its text: any of these. */
#define CITER_STEER_FREE		0x00	/* nothing */
#define CITER_STEER_NO_SORT		0x01	/* take the order from an index */
#define CITER_STEER_FEWEST_ROWS	0x02	/* count rows, not pages */
#define CITER_STEER_PHYSICAL	0x04	/* scan by TID ranges and nothing else */

/*
 * A query.  Parameters $1 ... $n are the elements of the position after which
 * it starts, the next n those of the position up to which it goes.
 */
typedef struct CiterQuery
{
	char	   *sql;
	int			nparams;
	Oid		   *types;			/* of the parameters */
	int			steer;			/* CITER_STEER_ flags */
} CiterQuery;

/* What of the rows a query shall read. */
typedef struct CiterQueryRows
{
	const CiterPosition *after;
	const CiterPosition *upto;
	const CiterRange *ranges;	/* of what is between them; any of these */
	int			nranges;
	Oid			heap;			/* only rows stored in it, unless InvalidOid */
	const char *heap_sql;		/* how to select from it; NULL: by a condition */
	bool		backwards;		/* from the end */
	int			limit;			/* rows */
} CiterQueryRows;

/* The filter is SQL that can stand between two ANDs; NULL for none. */
extern CiterQuery citer_query_build(const CiterRelation *relation, const CiterKey *key,
									const char *filter, int steer,
									const CiterQueryRows *rows);

#endif							/* CITER_QUERY_H */
