/*
 * walk.h
 *	  A request resolved against the catalogs: what will be read, and how.
 */
#ifndef CITER_WALK_H
#define CITER_WALK_H

#include "utils/array.h"

#include "base/compat.h"
#include "base/options.h"
#include "walk/bookmark.h"
#include "walk/cut.h"
#include "walk/key.h"
#include "walk/plan.h"
#include "walk/query.h"
#include "walk/relation.h"

/*
 * The ways to read a chunk.  For each walk_strategy.c has a constructor, which
 * says what the order rests on and how that is checked, and reader.c a reader.
 */
typedef enum CiterWay
{
	CITER_BY_INDEX,				/* a query for each range, which an index
								 * finds */
	CITER_BY_SORT,				/* one query for all ranges, which sorts */
	CITER_BY_TID_RANGE,			/* table after table, by TID range scans */
	CITER_BY_TID_SORT,			/* table after table, sorted by TID */
	CITER_FOREIGN,				/* from foreign tables, through the relation */
	CITER_FOREIGN_IN_TURN,		/* partition after partition */
	CITER_FOREIGN_MERGED		/* the first rows of all partitions, merged */
} CiterWay;

/* How a walk reads its chunks. */
typedef struct CiterStrategy
{
	CiterWay	way;
	bool		each_range;		/* a query for each range, not one for all */
	bool		with_tid;		/* rows come with their ctid as one more
								 * column */
	int			limit;			/* rows that a query of a chunk asks for, at
								 * least those of a chunk */
	int			steer;			/* CITER_STEER_ flags for its queries */
	List	   *heaps;			/* OIDs of tables to be read in turn, or
								 * merged; NIL: the relation is read */
} CiterStrategy;

/* Which server compares the keys, where comparisons may differ; see walk_compare.c. */
typedef enum CiterComparer
{
	CITER_COMPARES_HERE,
	CITER_COMPARES_THERE,		/* one foreign server does, and sorts by them */
	CITER_COMPARES_BOTH			/* this one and others, which have to agree */
} CiterComparer;

/* What the functions of a walk were; see function_version.c. */
typedef struct CiterFunctionVersion
{
	uint64		version;		/* 0: it uses none that can change */
	uint64		changes;		/* of any function, when that was so */
} CiterFunctionVersion;

/* The queries of a walk that were written before; see walk.c. */
typedef struct CiterQueries CiterQueries;

typedef struct CiterWalk
{
	int			chunk_size;		/* rows */
	CiterSnapshotMode snapshot;
	CiterRelation *relation;
	CiterKey   *key;
	char	   *filter;			/* SQL; NULL: every row */
	Node	   *filter_clause;	/* the user's part of it, as it was read */
	List	   *conditions;		/* all of it, as nodes */
	bool		filter_needs_parent;	/* it refers to the row as a whole */
	int			nparams;		/* of the filter: $1 ... */
	Oid		   *param_types;
	NullableDatum *param_values;	/* NULL: not known yet */
	bool		is_volatile;	/* its conditions may change from row to row */
	Bitmapset  *columns;		/* that are read; NULL: all */
	int			ncolumns;		/* columns after this one are not used */
	char	   *locking;		/* a locking clause; NULL: rows are not locked */
	CiterFunctionVersion functions; /* that all this calls */
	ArrayType  *settings;		/* that it was resolved under: those that SQL
								 * goes by, beside search_path */
	uint64		settings_version;
	CiterQueries *queries;
	CiterPosition after;
	CiterPosition upto;
	CiterStrategy strategy;
	CiterCuts  *cuts;			/* where partitions begin; NULL: not read by
								 * sections */
	CiterComparer comparer;
	bool		in_shards;		/* of Citus, not all of them here */
	bool		in_windows;		/* read by windows, see reader_windows.c */
	CiterPlanShape index_shape; /* of the first chunk's plan, sorts
								 * discouraged */
} CiterWalk;

/*
 * The queries that together read what is between two positions, one after the
 * other; see citer_walk_queries.
 */
typedef struct CiterWalkQueries
{
	CiterQueryRows rows;		/* of the query at hand */
	int			number;			/* of the query at hand, from 1 */
	int			nqueries;		/* beside those of further sections */
	const CiterRange *ranges;	/* of all queries, as many for each */
	const CiterCuts *cuts;		/* NULL: not read by sections */
	CiterSections sections;		/* of the query at hand */
	int			last_section;	/* of its range */
	bool		begun;			/* they are read from their beginning */
} CiterWalkQueries;

/* walk_resolve.c */
extern CiterWalk *citer_walk_resolve(const CiterOptions *options);
extern CiterWalk *citer_walk_resolve_key(const CiterOptions *options);

/* walk_strategy.c */
extern void citer_walk_choose_strategy(CiterWalk *walk);
extern void citer_walk_ask_for_tids(CiterWalk *walk);
extern bool citer_walk_reads_foreign(const CiterWalk *walk);
extern bool citer_walk_needs_tables(const CiterWalk *walk);
extern int	citer_walk_first_rows(const CiterWalk *walk);
extern int	citer_walk_grow_chunk(const CiterWalk *walk, int rows);
extern bool citer_walk_lacks_index(const CiterWalk *walk);

/* walk.c */
extern CiterQueries *citer_walk_create_queries(void);
extern CiterWalkQueries citer_walk_queries(const CiterWalk *walk, const CiterQueryRows *rows);
extern CiterWalkQueries citer_walk_cut_queries(const CiterWalk *walk, const CiterQueryRows *rows);
extern bool citer_walk_next_query(CiterWalkQueries *queries);
extern void citer_walk_choose_heap(const CiterWalk *walk, int heap, CiterQueryRows *rows);
extern void citer_walk_merge_heaps(const CiterWalk *walk, CiterQueryRows *rows);
extern CiterQuery citer_walk_query(const CiterWalk *walk, const CiterQueryRows *rows);
extern ParamListInfo citer_walk_params(const CiterWalk *walk, const CiterPosition *after,
									   const CiterPosition *upto);
extern void citer_walk_run(CiterWalk *walk, const CiterQueryRows *rows, DestReceiver *receiver);
extern double citer_walk_estimate(const CiterWalk *walk, const CiterPosition *after,
								  const CiterPosition *upto);

/* walk_compare.c */
extern CiterComparer citer_walk_find_comparer(const CiterWalk *walk);
extern bool citer_walk_has_foreign_rows(const CiterWalk *walk);
extern bool citer_walk_must_agree(const CiterWalk *walk);
pg_noreturn extern void citer_walk_report_comparer(const CiterWalk *walk, const char *detail);
extern int	citer_walk_split(const CiterWalk *walk, CiterQueryRows *rows, CiterRange *ranges);

/* walk_count.c */
extern int64 citer_walk_count(const CiterWalk *walk, const CiterPosition *after,
							  const CiterPosition *upto);

#endif							/* CITER_WALK_H */
