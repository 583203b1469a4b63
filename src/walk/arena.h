/*
 * arena.h
 *	  Rows one behind the other in one block of memory.
 */
#ifndef CITER_ARENA_H
#define CITER_ARENA_H

#include "executor/tuptable.h"

typedef struct CiterArena CiterArena;

extern CiterArena *citer_arena_create(TupleDesc tupdesc, int ncolumns);
extern void citer_arena_reset(CiterArena *arena, Size memory);
extern Size citer_arena_append(CiterArena *arena, TupleTableSlot *slot);
extern Size citer_arena_truncate(CiterArena *arena, int64 rows);
extern TupleTableSlot *citer_arena_next(CiterArena *arena);
extern TupleTableSlot *citer_arena_next_in(CiterArena *arena, TupleTableSlot *slot);
extern TupleTableSlot *citer_arena_copy(const CiterArena *arena, TupleTableSlot *row,
										TupleTableSlot *slot);
extern void citer_arena_rewind(CiterArena *arena);
extern TupleTableSlot *citer_arena_first(CiterArena *arena);
extern TupleTableSlot *citer_arena_last(CiterArena *arena);

#endif							/* CITER_ARENA_H */
