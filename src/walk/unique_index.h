/*
 * unique_index.h
 *	  The index whose columns tell all rows of a relation apart.
 */
#ifndef CITER_UNIQUE_INDEX_H
#define CITER_UNIQUE_INDEX_H

#include "walk/relation.h"

typedef struct CiterUniqueIndex
{
	Oid			indexid;		/* InvalidOid: there is none */
	bool		is_primary;
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
} CiterUniqueIndex;

extern CiterUniqueIndex citer_unique_index_find(const CiterRelation *relation);

#endif							/* CITER_UNIQUE_INDEX_H */
