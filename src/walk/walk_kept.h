/*
 * walk_kept.h
 *	  Walks that were resolved before.
 */
#ifndef CITER_WALK_KEPT_H
#define CITER_WALK_KEPT_H

#include "walk/walk.h"

/* Resolves what does not depend on bounds, parameters and snapshot. */
typedef CiterWalk *(*CiterWalkResolve) (const CiterOptions *options);

extern uint64 citer_walk_kept_changes(void);
extern CiterWalk *citer_walk_kept(const CiterOptions *options, CiterWalkResolve resolve);

#endif							/* CITER_WALK_KEPT_H */
