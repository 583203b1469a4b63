/*
 * relation.h
 *	  The relation that is walked, pinned by its OID.
 */
#ifndef CITER_RELATION_H
#define CITER_RELATION_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct CiterRelation
{
	Oid			relid;
	Oid			rowtype;
	char		relkind;
	char	   *schema;			/* not quoted */
	char	   *name;			/* not quoted */
	char	   *sql;			/* schema-qualified and quoted */
	char	   *alias;			/* the name it goes by in our SQL, quoted */
	TupleDesc	tupdesc;		/* of the row type, not reference-counted */
	bool		has_children;	/* partitions or inheritance children */
	bool		is_plain;		/* scanned tuples are rows of the row type */
	bool		row_security;	/* policies may filter its rows */

	/* What must not change while the relation is walked; see relation.c. */
	Oid			relfilenode;
	uint64		rowtype_version;
	uint64		children_version;
} CiterRelation;

extern CiterRelation *citer_relation_open(Oid rowtype);
extern void citer_relation_check(const CiterRelation *relation, bool with_children);
extern List *citer_relation_heaps(const CiterRelation *relation);
extern char *citer_relation_heap_sql(const CiterRelation *relation, Oid heap);
extern bool citer_relation_is_table(const CiterRelation *relation);

#endif							/* CITER_RELATION_H */
