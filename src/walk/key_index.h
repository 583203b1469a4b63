/*
 * key_index.h
 *	  Finds an index by which a range of keys is found, from the catalogs.
 */
#ifndef CITER_KEY_INDEX_H
#define CITER_KEY_INDEX_H

#include "walk/key.h"

extern Oid	citer_key_index_find(const CiterRelation *relation, const CiterKey *key);

#endif							/* CITER_KEY_INDEX_H */
