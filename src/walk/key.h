/*
 * key.h
 *	  The order of a walk: what a row's key is and how keys compare.
 */
#ifndef CITER_KEY_H
#define CITER_KEY_H

#include "fmgr.h"
#include "nodes/primnodes.h"

#include "walk/relation.h"

typedef struct CiterKeyElement
{
	Expr	   *expr;			/* over range table entry 1 */
	Oid			type;			/* of its values outside a row */
	Oid			operand_type;	/* as which they are compared */
	Oid			equal_operator;
	int16		typlen;
	bool		typbyval;
	Oid			collation;
	Oid			opfamily;		/* a btree operator family */
	Oid			less_operator;
	Oid			greater_operator;
	bool		descending;
	bool		nulls_first;
	bool		nullable;

	/* For bookmark.c alone: nothing before a value is written. */
	FmgrInfo	output;

	/* For key.c and query.c alone. */
	FmgrInfo   *compare;		/* the family's comparison of two "type"s */
	struct CiterKeySql *sql;
} CiterKeyElement;

typedef struct CiterKey
{
	bool		physical;		/* order of ctid; the only element is ctid */
	bool		unique;			/* no two rows have the same key */
	bool		reverse;		/* the elements are those of a reversed walk */
	bool		immutable;		/* an index can hold it */
	int			nelements;
	int			ngiven;			/* elements before the tie-breaker's */
	List	   *order;			/* what the ORDER BY list says, as nodes: its
								 * clauses and their targets; NIL if none */
	CiterKeyElement *elements;
	char	   *unique_index;	/* the index that makes it unique, quoted */
	bool		unique_is_primary;
} CiterKey;

extern CiterKey *citer_key_resolve(const CiterRelation *relation,
								   const char *order_by, bool reverse);
extern CiterKey *citer_key_resolve_again(const CiterRelation *relation, List *order, bool reverse);
extern int	citer_key_compare(CiterKeyElement *element,
							  Datum a, bool a_isnull, Datum b, bool b_isnull);
extern const char *citer_key_column(const CiterKeyElement *element);
extern bool citer_key_uses_operator(const CiterKeyElement *element);
extern const char *citer_key_operator(const CiterKeyElement *element);
extern char *citer_key_order_sql(const CiterKey *key, bool backwards);
extern char *citer_key_describe(const CiterKey *key);
extern char *citer_key_describe_reverse(const CiterKey *key);
extern char *citer_key_index_sql(const CiterRelation *relation, const CiterKey *key);

#endif							/* CITER_KEY_H */
