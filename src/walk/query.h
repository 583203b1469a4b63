/*
 * query.h
 *	  The SQL of a chunk.
 */
#ifndef CITER_QUERY_H
#define CITER_QUERY_H

#include "nodes/bitmapset.h"

#include "sql/prefetch.h"
#include "walk/bookmark.h"
#include "walk/key.h"
#include "walk/range.h"
#include "walk/relation.h"

/* What steers the planning of a query beside its text: any of these. */
#define CITER_STEER_FREE		0x00	/* nothing */
#define CITER_STEER_NO_SORT		0x01	/* take the order from an index */
#define CITER_STEER_WHOLE_INDEX	0x10	/* all of it: sort no groups, either */
#define CITER_STEER_FEWEST_ROWS	0x02	/* count rows, not pages */
#define CITER_STEER_PHYSICAL	0x04	/* scan by TID ranges and nothing else */
#define CITER_STEER_ALL_PARTS	0x08	/* do not prune partitions */
#define CITER_STEER_CUSTOM		0x20	/* make a plan for each set of keys */

/*
 * A query.  Behind the parameters of the filter come the elements of the
 * position after which it starts, and then those of the position up to which
 * it goes.
 */
typedef struct CiterQuery
{
	char	   *sql;
	uint32		hash;			/* of the text */
	int			nparams;
	Oid		   *types;			/* of the parameters */
	int			steer;			/* CITER_STEER_ flags */
	bool		locks;			/* its rows */
	bool		unsorted;		/* rows in physical order, which the plan has
								 * to give, as the SQL does not ask for it */
	bool		needs_tids;		/* likewise with the ctids of the rows */
	bool		stopped;		/* of this run of it; see CiterQueryRows */
	CiterPrefetch *prefetch;	/* likewise */
	uint64		version;		/* of what its text means; see query.c */
} CiterQuery;

/* What all queries of a walk have in common. */
typedef struct CiterQuerySource
{
	const CiterRelation *relation;
	const CiterKey *key;
	const char *filter;			/* fit to stand between ANDs; NULL for none */
	int			nparams;		/* of the filter: $1 ... */
	const Oid  *param_types;
	const Bitmapset *columns;	/* to be read, others are NULL; NULL: all */
	bool		with_tid;		/* ctid is wanted as one more column */
	bool		sort_tids;		/* physical order has to be asked for */
	bool		plain_limit;	/* it may part rows of the same key */
	int			steer;			/* CITER_STEER_ flags */
} CiterQuerySource;

/* Which rows a query reads. */
typedef struct CiterQueryRows
{
	const CiterPosition *after;
	const CiterPosition *upto;
	const CiterRange *ranges;	/* of what is between them; any of these */
	int			nranges;
	const CiterRange *within;	/* and of these as well, if there are any */
	int			nwithin;
	const char *sections;		/* and in these sections; NULL: in all */
	uint64		sections_version;	/* of what its text means */
	Oid			heap;			/* only rows stored in it, unless InvalidOid */
	const char *heap_sql;		/* how to select from it; NULL: by a condition */
	List	   *branches;		/* what to select from instead, each in order
								 * and with the limit; NIL: one for all */
	bool		backwards;		/* from the end */
	bool		unordered;		/* in any order */
	const char *sample;			/* a TABLESAMPLE clause; NULL: all rows */
	int			limit;			/* rows; 0: all */
	bool		counted;		/* only their number is read */
	const char *locking;		/* a locking clause; NULL: do not lock them */
	bool		stopped;		/* by who receives the rows, at the limit or
								 * before */
	CiterPrefetch *prefetch;	/* what to ask for beforehand; NULL: nothing */
} CiterQueryRows;

extern CiterQuery citer_query_build(const CiterQuerySource *source, const CiterQueryRows *rows);
extern char *citer_query_ranges_sql(const CiterKey *key, const CiterQueryRows *rows,
									int first_lower, int first_upper);

#endif							/* CITER_QUERY_H */
