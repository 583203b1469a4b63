/*
 * bookmark.h
 *	  Key values: as text that outlives a session, and out of rows.
 */
#ifndef CITER_BOOKMARK_H
#define CITER_BOOKMARK_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/array.h"

#include "base/options.h"
#include "walk/key.h"

/* The values of a key, or of its first elements. */
typedef struct CiterPosition
{
	int			nelements;		/* 0: no position */
	Datum	   *values;
	bool	   *isnull;
	bool		symbolic;		/* some position without NULLs; no values */
	bool		included;		/* a walk that begins here has this key, too */
} CiterPosition;

typedef struct CiterKeyReader CiterKeyReader;

extern CiterPosition citer_position_create(int nelements);
extern void citer_position_free(const CiterKey *key, CiterPosition *position);
extern CiterPosition citer_position_symbolic(int nelements);
extern CiterPosition citer_position_of_tid(BlockNumber block, OffsetNumber offset);

extern CiterPosition citer_bookmark_read(const CiterKey *key, const char *argument,
										 const CiterBookmark *bookmark, bool stored);
extern bool citer_bookmark_is_exact(const CiterKeyElement *element);
extern ArrayType *citer_bookmark_write(const CiterKey *key, const CiterPosition *position);

extern CiterKeyReader *citer_key_reader_create(CiterKey *key);
extern void citer_key_reader_free(CiterKeyReader *reader);
extern CiterPosition citer_key_reader_read(CiterKeyReader *reader, TupleTableSlot *slot);
extern ArrayType *citer_key_reader_write(CiterKeyReader *reader, TupleTableSlot *slot);
extern int	citer_key_reader_compare(CiterKeyReader *reader, TupleTableSlot *slot,
									 const CiterPosition *position);

#endif							/* CITER_BOOKMARK_H */
