/*
 * walk.h
 *	  A request resolved against the catalogs: what will be read, and how.
 */
#ifndef CITER_WALK_H
#define CITER_WALK_H

#include "walk/bookmark.h"
#include "base/compat.h"
#include "walk/key.h"
#include "base/options.h"
#include "walk/plan.h"
#include "walk/query.h"
#include "walk/relation.h"

/* Which server compares the keys, where comparisons may differ; see walk_compare.c. */
typedef enum CiterComparer
{
	CITER_COMPARES_HERE,
	CITER_COMPARES_THERE,		/* one foreign server does, and sorts by them */
	CITER_COMPARES_BOTH			/* this one and others, which have to agree */
} CiterComparer;

typedef struct CiterWalk
{
	int			chunk_size;		/* rows */
	int			limit;			/* rows that a query of a chunk asks for */
	CiterSnapshotMode snapshot;
	CiterRelation *relation;
	CiterKey   *key;
	char	   *filter;			/* SQL; NULL: every row */
	Node	   *filter_clause;	/* the user's part of it, as it was read */
	bool		filter_needs_parent;	/* it refers to the row as a whole */
	int			nparams;		/* of the filter: $1 ... */
	Oid		   *param_types;
	NullableDatum *param_values;	/* NULL: not known yet */
	Bitmapset  *columns;		/* that are read; NULL: all */
	int			ncolumns;		/* columns after this one are not used */
	bool		with_tid;		/* rows come with their ctid as one more
								 * column */
	bool		sort_tids;		/* physical order has to be asked for */
	char	   *locking;		/* a locking clause; NULL: rows are not locked */
	CiterPosition after;
	CiterPosition upto;
	List	   *heaps;			/* to be walked one by one; NIL: all at once */
	bool		merge_heaps;	/* not one by one, but in one query that
								 * merges their first rows */
	bool		cuts_ties;		/* its queries may part rows of the same key */
	CiterComparer comparer;
	bool		is_volatile;	/* its conditions may change from row to row */
	int			steer;			/* CITER_STEER_ flags for its queries */
	bool		stepwise;		/* a chunk's ranges are read one by one */
	CiterPlanShape index_shape; /* of the first chunk's plan, sorts
								 * discouraged */
} CiterWalk;

extern CiterWalk *citer_walk_resolve(const CiterOptions *options);
extern void citer_walk_choose_heap(const CiterWalk *walk, int heap, CiterQueryRows *rows);
extern void citer_walk_merge_heaps(const CiterWalk *walk, CiterQueryRows *rows);
extern CiterQuery citer_walk_query(const CiterWalk *walk, const CiterQueryRows *rows);
extern ParamListInfo citer_walk_params(const CiterWalk *walk, const CiterPosition *after,
									   const CiterPosition *upto);
extern void citer_walk_run(CiterWalk *walk, const CiterQueryRows *rows, DestReceiver *receiver);
extern double citer_walk_estimate(const CiterWalk *walk, const CiterPosition *after,
								  const CiterPosition *upto);
extern bool citer_walk_needs_tables(const CiterWalk *walk);
extern bool citer_walk_lacks_index(const CiterWalk *walk);
extern CiterComparer citer_walk_find_comparer(const CiterWalk *walk);
extern bool citer_walk_must_agree(const CiterWalk *walk);
pg_noreturn extern void citer_walk_report_comparer(const CiterWalk *walk, const char *detail);
extern int	citer_walk_split(const CiterWalk *walk, CiterQueryRows *rows, CiterRange *ranges);
extern int64 citer_walk_count(const CiterWalk *walk, const CiterPosition *after,
							  const CiterPosition *upto);
extern int64 citer_walk_count_key(const CiterWalk *walk, const CiterPosition *position);

#endif							/* CITER_WALK_H */
