/*
 * key_sort.h
 *	  Keys of a walk, added in any order, read in theirs.
 */
#ifndef CITER_KEY_SORT_H
#define CITER_KEY_SORT_H

#include "walk/bookmark.h"

typedef struct CiterKeySort CiterKeySort;

extern CiterKeySort *citer_key_sort_create(CiterKey *key);
extern void citer_key_sort_add(CiterKeySort *sort, const CiterPosition *position);
extern double citer_key_sort_size(const CiterKeySort *sort);
extern bool citer_key_sort_next(CiterKeySort *sort, CiterPosition *position, double *keys);
extern void citer_key_sort_end(CiterKeySort *sort);

#endif							/* CITER_KEY_SORT_H */
