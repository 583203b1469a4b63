/*
 * key_sql.h
 *	  The pieces of SQL that an element of a key is written with.
 *
 * For key.c and query.c; others ask these two for SQL.
 */
#ifndef CITER_KEY_SQL_H
#define CITER_KEY_SQL_H

#include "nodes/primnodes.h"

#include "walk/relation.h"

/* All names are qualified and quoted. */
typedef struct CiterKeySql
{
	char	   *operand;		/* the expression as an operand of these: */
	char	   *param_cast;		/* behind a parameter that is the other one */
	char	   *less;
	char	   *less_equal;
	char	   *equal;
	char	   *greater;
	char	   *greater_equal;
	char	   *is_null;		/* the conditions that it is NULL, and is not */
	char	   *is_not_null;
	char	   *sort_expr;		/* the expression as an ORDER BY item */
	bool		sort_using;		/* that item needs USING, not ASC or DESC */
	char	   *index_column;	/* as a column of CREATE INDEX */
	char	   *index_class;	/* the operator class at its end; or "" */
} CiterKeySql;

extern CiterKeySql *citer_key_sql_write(const CiterRelation *relation, Expr *expr,
										Oid operand_type, Oid opfamily, Oid opcintype);
extern char *citer_key_sql_index(const CiterRelation *relation, Expr *expr, const CiterKeySql *sql);

#endif							/* CITER_KEY_SQL_H */
