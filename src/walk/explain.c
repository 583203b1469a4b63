/*
 * explain.c
 *	  Says in words, SQL and plans what a walk would do.
 *
 * Nothing is read from the relation.  The first chunk is shown as it would be
 * run; a later one starts at a position that is not known yet, and is shown
 * for a position without NULLs.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "walk/explain.h"
#include "base/settings.h"
#include "walk/walk.h"

static List *index_names(const CiterWalk *walk);
static void append_key(StringInfo output, const CiterWalk *walk);
static void append_index(StringInfo output, const CiterWalk *walk);
static void append_chunk(StringInfo output, const CiterWalk *walk, const char *title,
						 const CiterPosition *after, const CiterPosition *upto);
static void append_locks(StringInfo output, const CiterWalk *walk);
static void append_queries(StringInfo output, const CiterWalk *walk, const char *title,
						   const CiterQueryRows *rows);
static void append_query(StringInfo output, const CiterQuery *query);
static void append_indented(StringInfo output, const char *text);

/*
 * Appends the description of a walk, in lines.  Throws what the walk itself
 * would throw at its start, lack of privileges included.
 */
void
citer_explain_walk(const CiterOptions *options, StringInfo output)
{
	CiterWalk  *walk = citer_walk_resolve(options);
	CiterPosition somewhere = citer_position_symbolic(walk->key->nelements);
	CiterPosition *upto = walk->snapshot == CITER_SNAPSHOT_CHUNK ? &somewhere : &walk->upto;

	appendStringInfo(output, "Walk of %s in chunks of %d rows or %zu kB, snapshot '%s'\n",
					 walk->relation->sql, walk->chunk_size,
					 citer_settings_chunk_memory() / 1024,
					 citer_options_snapshot_name(walk->snapshot));
	append_key(output, walk);
	append_index(output, walk);
	if (walk->key->physical)
		append_chunk(output, walk, "Each chunk", &walk->after, upto);
	else
	{
		append_chunk(output, walk, "First chunk", &walk->after, upto);
		append_chunk(output, walk, "Later chunks", &somewhere, upto);
	}
	if (walk->locking != NULL)
		append_locks(output, walk);
}

/* Adds the properties of a walk to a scan node in EXPLAIN. */
void
citer_explain_scan(const CiterWalk *walk, ExplainState *es)
{
	ExplainPropertyText("Walk", citer_relation_describe(walk->relation), es);
	ExplainPropertyText("Walk Order", citer_key_describe(walk->key), es);
	if (walk->index_shape.indexes != NIL && !walk->key->physical)
		ExplainPropertyList("Walk Index", index_names(walk), es);
	if (walk->filter != NULL)
		ExplainPropertyText("Walk Filter", walk->filter, es);
	ExplainPropertyInteger("Chunk Size", NULL, walk->chunk_size, es);
	ExplainPropertyText("Snapshot", citer_options_snapshot_name(walk->snapshot), es);
}

/*
 * Adds to a scan node in EXPLAIN ANALYZE what its walks have cost.  The walk
 * is NULL if it is not known; only tables' scans count rows.
 */
void
citer_explain_cost(const CiterWalk *walk, const CiterCost *cost, ExplainState *es)
{
	ExplainPropertyInteger("Chunks", NULL, cost->chunks, es);
	ExplainPropertyFloat("Rows per Chunk", NULL,
						 cost->chunks > 0 ? (double) cost->rows / cost->chunks : 0, 0, es);
	if (walk == NULL || citer_relation_is_table(walk->relation))
		ExplainPropertyInteger("Rows Examined", NULL, cost->examined, es);
	ExplainPropertyInteger("Peak Chunk Memory", "kB", (cost->peak_memory + 1023) / 1024, es);
}

/* The names of the indexes that give the order, quoted. */
static List *
index_names(const CiterWalk *walk)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, walk->index_shape.indexes)
		names = lappend(names, (char *) quote_identifier(get_rel_name(lfirst_oid(cell))));
	return names;
}

/* The order, and what makes it total. */
static void
append_key(StringInfo output, const CiterWalk *walk)
{
	const CiterKey *key = walk->key;

	appendStringInfo(output, "Key: %s\n", citer_key_describe(key));
	if (key->physical)
		appendStringInfoString(output, "Tie-breaker: not needed, every row has a place of its own\n");
	else if (!key->unique)
		appendStringInfoString(output,
							   "Tie-breaker: none, there is no unique index over NOT NULL columns; "
							   "rows of equal keys stay together in a chunk\n");
	else if (key->ngiven == key->nelements)
		appendStringInfo(output, "Tie-breaker: not needed, the key holds all columns of %s %s\n",
						 key->unique_is_primary ? "the primary key" : "the unique index",
						 key->unique_index);
	else
	{
		appendStringInfoString(output, "Tie-breaker: ");
		for (int i = key->ngiven; i < key->nelements; i++)
			appendStringInfo(output, "%s%s", i > key->ngiven ? ", " : "",
							 citer_key_column(&key->elements[i]));
		appendStringInfo(output, ", from %s %s\n",
						 key->unique_is_primary ? "the primary key" : "the unique index",
						 key->unique_index);
	}
}

/* The indexes that give the order, or what would. */
static void
append_index(StringInfo output, const CiterWalk *walk)
{
	const char *separator = "";
	char	   *index_sql;
	ListCell   *cell;

	if (walk->key->physical)
	{
		appendStringInfoString(output, "Index: not needed, blocks are read in their order\n");
		return;
	}
	if (citer_walk_lacks_index(walk))
	{
		index_sql = citer_key_index_sql(walk->relation, walk->key);
		appendStringInfoString(output, walk->index_shape.sorts ? "Index: none, every chunk sorts" :
							   "Index: of the first columns only, every chunk sorts the rest");
		if (index_sql != NULL)
			appendStringInfo(output, "; create one with\n    %s", index_sql);
		appendStringInfoString(output, "\n");
		return;
	}
	appendStringInfoString(output, "Index: ");
	foreach(cell, index_names(walk))
	{
		appendStringInfo(output, "%s%s", separator, (char *) lfirst(cell));
		separator = ", ";
	}
	appendStringInfoString(output, walk->index_shape.indexes != NIL ? "\n" : "as the plans show\n");
}

/* The queries that read a chunk between two positions, and their plans. */
static void
append_chunk(StringInfo output, const CiterWalk *walk, const char *title,
			 const CiterPosition *after, const CiterPosition *upto)
{
	CiterQueryRows rows = {.after = after,.upto = upto,.limit = walk->strategy.limit};

	citer_walk_choose_heap(walk, 0, &rows);
	append_queries(output, walk, title, &rows);
}

/* The queries that then lock the rows of the chunk, from one end to the next. */
static void
append_locks(StringInfo output, const CiterWalk *walk)
{
	CiterPosition somewhere = citer_position_symbolic(walk->key->nelements);
	CiterQueryRows rows = {.after = &somewhere,.upto = &somewhere,.locking = walk->locking};

	append_queries(output, walk, "Locks of a chunk", &rows);
}

/* The queries of what is between two positions, and their plans. */
static void
append_queries(StringInfo output, const CiterWalk *walk, const char *title,
			   const CiterQueryRows *rows)
{
	CiterWalkQueries queries = citer_walk_queries(walk, rows);

	if (queries.nqueries == 0)
		appendStringInfo(output, "%s: nothing lies between the bounds\n", title);
	while (citer_walk_next_query(&queries))
	{
		CiterQuery	query = citer_walk_query(walk, &queries.rows);

		if (queries.nqueries == 1)
			appendStringInfo(output, "%s:\n", title);
		else
			appendStringInfo(output, "%s, query %d of %d:\n", title, queries.number, queries.nqueries);
		append_query(output, &query);
	}
}

static void
append_query(StringInfo output, const CiterQuery *query)
{
	StringInfoData plan;

	append_indented(output, query->sql);
	initStringInfo(&plan);
	citer_plan_explain(query, &plan);
	append_indented(output, plan.data);
}

/* Appends each line of a text behind four spaces. */
static void
append_indented(StringInfo output, const char *text)
{
	while (*text != '\0')
	{
		int			length = strcspn(text, "\n");

		appendStringInfo(output, "    %.*s\n", length, text);
		text += length;
		if (*text == '\n')
			text++;
	}
}
