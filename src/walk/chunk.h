/*
 * chunk.h
 *	  The rows of one chunk, in memory.
 */
#ifndef CITER_CHUNK_H
#define CITER_CHUNK_H

#include "executor/tuptable.h"
#include "nodes/bitmapset.h"

typedef struct CiterChunk CiterChunk;

extern CiterChunk *citer_chunk_create(TupleDesc tupdesc, int ncolumns, Size memory);
extern void citer_chunk_keep_ends(CiterChunk *chunk, const Bitmapset *columns);
extern void citer_chunk_free(CiterChunk *chunk);
extern void citer_chunk_reset(CiterChunk *chunk);
extern void citer_chunk_begin(CiterChunk *chunk, int64 rows);
extern bool citer_chunk_append(CiterChunk *chunk, TupleTableSlot *slot);
extern void citer_chunk_truncate(CiterChunk *chunk, int64 rows);
extern TupleTableSlot *citer_chunk_next(CiterChunk *chunk);
extern void citer_chunk_return_in(CiterChunk *chunk, TupleTableSlot *slot);
extern TupleTableSlot *citer_chunk_return(CiterChunk *chunk);
extern void citer_chunk_rewind(CiterChunk *chunk);
extern TupleTableSlot *citer_chunk_first(CiterChunk *chunk);
extern TupleTableSlot *citer_chunk_last(CiterChunk *chunk);
extern int64 citer_chunk_rows(const CiterChunk *chunk);
extern Size citer_chunk_memory(const CiterChunk *chunk);

#endif							/* CITER_CHUNK_H */
