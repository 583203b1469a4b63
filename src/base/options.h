/*
 * options.h
 *	  A validated request to walk a relation.
 */
#ifndef CITER_OPTIONS_H
#define CITER_OPTIONS_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

/* Chunk sizes that are accepted, in rows. */
#define CITER_CHUNK_SIZE_MIN	1
#define CITER_CHUNK_SIZE_MAX	1000000000
#define CITER_CHUNK_SIZE_DEFAULT 1000

typedef enum CiterSnapshotMode
{
	CITER_SNAPSHOT_STATEMENT,	/* the calling statement's snapshot */
	CITER_SNAPSHOT_CHUNK		/* a new snapshot for every chunk */
} CiterSnapshotMode;

/* A key or the first elements of one, as text; an element may be NULL. */
typedef struct CiterBookmark
{
	int			nelements;		/* 0: no bookmark */
	char	  **elements;		/* NULL stands for an SQL NULL */
} CiterBookmark;

/* What a job asks for, and nobody else. */
typedef struct CiterJobOptions
{
	bool		stored;			/* the bookmarks are of our own writing */
	char	   *locking;		/* a locking clause; NULL: do not lock rows */
	bool		keeps_skipped;	/* the keys of rows that others have locked */
	bool		after_included; /* the walk begins with that key */
	bool		quiet;			/* no warning if there is no index */
	bool		ends_only;		/* rows are not asked for but the first one */
} CiterJobOptions;

/*
 * What the planner has found out of a call in FROM, and nobody of another.
 * Conditions are over range table entry 1, and may have parameters.
 */
typedef struct CiterPlannerOptions
{
	bool		resolved;		/* the next two stand for the user's texts */
	List	   *order;			/* what order_by says, see CiterKey */
	Node	   *filter_clause;	/* what filter says; NULL: every row */
	List	   *quals;			/* more conditions */
	int			nparams;		/* of the conditions: $1 ... */
	Oid		   *param_types;
	NullableDatum *param_values;	/* NULL: not known before the query runs */
	int			first_rows;		/* rows that may be all; 0: not known */
	double		rows;			/* its estimate of all; 0: not known */
	TupleTableSlot *slot;		/* a virtual one in which rows are returned;
								 * NULL: the walk has its own */
	bool		measure;		/* count the rows that scans examine */
} CiterPlannerOptions;

/* The request for a walk: the user's, and what is behind it. */
typedef struct CiterOptions
{
	Oid			rowtype;		/* type of the argument rel, or RECORD */
	char	   *query;			/* NULL: the relation of that row type */
	TupleDesc	query_columns;	/* its column definition list, blessed */
	int			chunk_size;		/* rows */
	char	   *order_by;		/* NULL: the default order */
	bool		reverse;
	char	   *filter;			/* NULL: every row */
	CiterBookmark after;
	CiterBookmark upto;
	CiterSnapshotMode snapshot;

	bool		columns_known;	/* which columns the caller uses */
	Bitmapset  *columns;		/* these, as pull_varattnos() gives them */

	CiterJobOptions job;
	CiterPlannerOptions planner;
} CiterOptions;

/* Arguments of chunked_iter, in the order of its declaration. */
enum CiterArgument
{
	CITER_ARGUMENT_REL,
	CITER_ARGUMENT_CHUNK_SIZE,
	CITER_ARGUMENT_ORDER_BY,
	CITER_ARGUMENT_REVERSE,
	CITER_ARGUMENT_FILTER,
	CITER_ARGUMENT_AFTER,
	CITER_ARGUMENT_UPTO,
	CITER_ARGUMENT_SNAPSHOT,
	CITER_ARGUMENTS				/* how many there are */
};

/* Arguments of chunked_iter_query, likewise. */
enum CiterQueryArgument
{
	CITER_QUERY_ARGUMENT_QUERY,
	CITER_QUERY_ARGUMENT_ORDER_BY,
	CITER_QUERY_ARGUMENT_CHUNK_SIZE,
	CITER_QUERY_ARGUMENT_REVERSE,
	CITER_QUERY_ARGUMENT_AFTER,
	CITER_QUERY_ARGUMENT_UPTO,
	CITER_QUERY_ARGUMENT_SNAPSHOT,
	CITER_QUERY_ARGUMENTS
};

/* Arguments of chunked_iter_ranges, likewise. */
enum CiterRangesArgument
{
	CITER_RANGES_ARGUMENT_REL,
	CITER_RANGES_ARGUMENT_PARTS,
	CITER_RANGES_ARGUMENT_CHUNK_SIZE,
	CITER_RANGES_ARGUMENT_ORDER_BY,
	CITER_RANGES_ARGUMENT_FILTER
};

/* Ranges that can be asked for. */
#define CITER_PARTS_MAX 10000

extern void citer_options_read(CiterOptions *options, Oid rowtype,
							   const NullableDatum *arguments);
extern void citer_options_read_query(CiterOptions *options, TupleDesc columns,
									 const NullableDatum *arguments);
extern int	citer_options_read_ranges(CiterOptions *options, Oid rowtype,
									  const NullableDatum *arguments);
extern CiterBookmark citer_options_bookmark(const char *argument, NullableDatum value);
extern char *citer_options_text(NullableDatum value);
extern const char *citer_options_snapshot_name(CiterSnapshotMode mode);

#endif							/* CITER_OPTIONS_H */
