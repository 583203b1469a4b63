/*
 * relation.h
 *	  The relation that is walked, pinned by its OID.
 */
#ifndef CITER_RELATION_H
#define CITER_RELATION_H

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/relcache.h"

typedef struct CiterRelation
{
	Oid			relid;
	Oid			rowtype;
	char		relkind;
	char	   *schema;			/* not quoted */
	char	   *name;			/* not quoted */
	char	   *sql;			/* schema-qualified and quoted */
	char	   *alias;			/* the name it goes by in our SQL, quoted */
	char	   *alias_columns;	/* the names of its columns there; NULL: its
								 * own */
	List	   *names;			/* for expressions over it; see column_names */
	TupleDesc	tupdesc;		/* of the row type, not reference-counted */
	RangeTblEntry *query;		/* an entry for a query; NULL for a relation */
	ArrayType  *query_settings; /* under which its text is read */
	bool		has_children;	/* partitions or inheritance children */
	bool		is_plain;		/* scanned tuples are rows of the row type */
	bool		row_security;	/* policies may filter its rows */
	Query	   *rewritten;		/* NULL: none; see citer_relation_rewrite */

	/* What must not change while the relation is walked. */
	uint64		definition_version;
	uint64		rowtype_version;
	List	   *watched;		/* OIDs of relations that its rows come from */
	uint64		watched_version;
	uint64		news;			/* citer_relation_news() before that was found */
} CiterRelation;

extern CiterRelation *citer_relation_open(Oid rowtype);
extern CiterRelation *citer_relation_under_name(const CiterRelation *relation, const char *name);
extern CiterRelation *citer_relation_of_subquery(RangeTblEntry *entry, const char *select,
												 TupleDesc columns);
extern void citer_relation_check_row(Oid type, const char *name);
extern void citer_relation_rewrite(CiterRelation *relation);
extern const char *citer_relation_describe(const CiterRelation *relation);
extern bool citer_relation_is_table(const CiterRelation *relation);
extern bool citer_relation_same_columns(TupleDesc a, TupleDesc b);
extern bool citer_relation_has_children(Relation rel);
extern bool citer_relation_row_is_used(Node *expr);

/* relation_version.c */
extern void citer_relation_remember(CiterRelation *relation, Relation rel);
extern void citer_relation_watch(CiterRelation *relation, List *relids);
extern void citer_relation_check(const CiterRelation *relation, bool with_watched);

/* relation_heaps.c */
extern List *citer_relation_heaps(const CiterRelation *relation);
extern List *citer_relation_foreign_heaps(const CiterRelation *relation);
extern bool citer_relation_has_blocks(const CiterRelation *relation);
extern char *citer_relation_heap_sql(const CiterRelation *relation, Oid heap);
extern int	citer_relation_count_children(const CiterRelation *relation);
extern List *citer_relation_scanned(const CiterRelation *relation);
extern int64 citer_relation_examined(List *scanned);

#endif							/* CITER_RELATION_H */
