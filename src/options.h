/*
 * options.h
 *	  A validated request to walk a relation.
 */
#ifndef CITER_OPTIONS_H
#define CITER_OPTIONS_H

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

typedef struct CiterOptions
{
	Oid			rowtype;		/* type of the argument rel */
	int			chunk_size;		/* rows */
	char	   *order_by;		/* NULL: the default order */
	bool		reverse;
	char	   *filter;			/* NULL: every row */
	CiterBookmark after;
	CiterBookmark upto;
	CiterSnapshotMode snapshot;
} CiterOptions;

extern void citer_options_set_chunk_size(CiterOptions *options, int chunk_size);
extern void citer_options_set_snapshot(CiterOptions *options, const char *snapshot);
extern CiterBookmark citer_options_bookmark(const char *argument, ArrayType *array);
extern const char *citer_options_snapshot_name(CiterSnapshotMode mode);

#endif							/* CITER_OPTIONS_H */
