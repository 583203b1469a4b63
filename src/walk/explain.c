/*
 * explain.c
 *	  Says in words, SQL and plans what a walk would do.
 *
 * Nothing is read from the relation.  The first chunk is shown as it would be
 * run; a later one starts at a position that is not known yet, and is shown
 * for a position without NULLs.
 */
#include "postgres.h"

#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/settings.h"
#include "walk/explain.h"
#include "walk/walk.h"

/* What the plan of a scan keeps to be explained; see citer_explain_words(). */
enum Words
{
	WORDS_RELATION,
	WORDS_ORDER,
	WORDS_FILTER,				/* NULL: there is none */
	WORDS_INDEXES,				/* those that give the order, as OIDs */
	WORDS_IS_TABLE,
	WORDS_SECTIONS				/* 0: it is not cut */
};

static List *index_names(List *indexes);
static void append_key(StringInfo output, const CiterWalk *walk);
static void append_index(StringInfo output, const CiterWalk *walk);
static void append_chunk(StringInfo output, const CiterWalk *walk, const char *title,
						 const CiterPosition *after, const CiterPosition *upto, int limit);
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
	int			limit = walk->strategy.limit;

	appendStringInfo(output, "Walk of %s in chunks of %d rows or %zu kB, snapshot '%s'\n",
					 walk->relation->sql, walk->chunk_size,
					 citer_settings_chunk_memory() / 1024,
					 citer_options_snapshot_name(walk->snapshot));
	append_key(output, walk);
	append_index(output, walk);
	if (walk->key->physical)
		append_chunk(output, walk, "Each chunk", &walk->after, upto, limit);
	else if (walk->in_windows)
	{
		append_chunk(output, walk, "First chunk", &walk->after, upto,
					 citer_walk_first_rows(walk));
		append_chunk(output, walk, "Later chunks, which hold what fits in their memory", &somewhere,
					 &somewhere, 0);
	}
	else
	{
		append_chunk(output, walk, "First chunk", &walk->after, upto, limit);
		append_chunk(output, walk, "Later chunks", &somewhere, upto, limit);
	}
	if (walk->locking != NULL)
		append_locks(output, walk);
}

/*
 * What is told of a walk, or of the walk the other way round, in EXPLAIN: nodes
 * that can be part of a plan, in the current memory context.  By the time
 * that a plan is explained its relation may be gone (auto_explain does it at
 * the end of a cursor), and to throw then would undo a transaction that is about
 * to commit.  So nothing is resolved then.
 */
List *
citer_explain_words(const CiterWalk *walk, bool backwards)
{
	char	   *order = backwards ? citer_key_describe_reverse(walk->key) :
	citer_key_describe(walk->key);
	Node	   *filter = walk->filter ? (Node *) makeString(pstrdup(walk->filter)) : NULL;
	List	   *words = list_make3(makeString(pstrdup(citer_relation_describe(walk->relation))),
								   makeString(order), filter);

	words = lappend(words, walk->key->physical ? NIL : list_copy(walk->index_shape.indexes));
	words = lappend(words, makeInteger(citer_relation_is_table(walk->relation) &&
									   !walk->index_shape.citus));
	return lappend(words, makeInteger(walk->cuts != NULL ? walk->cuts->ncuts + 1 : 0));
}

/* Adds the properties of a walk to a scan node in EXPLAIN. */
void
citer_explain_scan(List *words, int chunk_size, CiterSnapshotMode snapshot, ExplainState *es)
{
	Node	   *filter = list_nth(words, WORDS_FILTER);
	List	   *indexes = index_names(list_nth(words, WORDS_INDEXES));
	int			sections = intVal(list_nth(words, WORDS_SECTIONS));

	ExplainPropertyText("Walk", strVal(list_nth(words, WORDS_RELATION)), es);
	ExplainPropertyText("Walk Order", strVal(list_nth(words, WORDS_ORDER)), es);
	if (indexes != NIL)
		ExplainPropertyList("Walk Index", indexes, es);
	if (sections > 0)
		ExplainPropertyInteger("Walk Sections", NULL, sections, es);
	if (filter != NULL)
		ExplainPropertyText("Walk Filter", strVal(filter), es);
	ExplainPropertyInteger("Chunk Size", NULL, chunk_size, es);
	ExplainPropertyText("Snapshot", citer_options_snapshot_name(snapshot), es);
}

/*
 * Adds to a scan node in EXPLAIN ANALYZE what its walks have cost.  The words
 * are NIL if nothing is known; only tables' scans count rows.
 */
void
citer_explain_cost(List *words, const CiterCost *cost, ExplainState *es)
{
	ExplainPropertyInteger("Chunks", NULL, cost->chunks, es);
	ExplainPropertyFloat("Rows per Chunk", NULL,
						 cost->chunks > 0 ? (double) cost->rows / cost->chunks : 0, 0, es);
	if (words == NIL || intVal(list_nth(words, WORDS_IS_TABLE)))
		ExplainPropertyInteger("Rows Examined", NULL, cost->examined, es);
	if (cost->prefetched > 0)
		ExplainPropertyInteger("Blocks Asked For", NULL, cost->prefetched, es);
	if (cost->warmed > 0)
		ExplainPropertyInteger("Blocks Read Ahead", NULL, cost->warmed, es);
	ExplainPropertyInteger("Peak Chunk Memory", "kB", (cost->peak_memory + 1023) / 1024, es);
}

/*
 * The names of indexes, quoted; of those that have one.  An index that a tool
 * has made up gets its name from it, as in the server's EXPLAIN.
 */
static List *
index_names(List *indexes)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		const char *name = NULL;

		if (explain_get_index_name_hook)
			name = explain_get_index_name_hook(lfirst_oid(cell));
		if (name == NULL)
			name = get_rel_name(lfirst_oid(cell));
		if (name != NULL)
			names = lappend(names, (char *) quote_identifier(name));
	}
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
	foreach(cell, index_names(walk->index_shape.indexes))
	{
		appendStringInfo(output, "%s%s", separator, (char *) lfirst(cell));
		separator = ", ";
	}
	appendStringInfoString(output, walk->index_shape.indexes != NIL ? "\n" : "as the plans show\n");
}

/* The queries that read a chunk between two positions, and their plans. */
static void
append_chunk(StringInfo output, const CiterWalk *walk, const char *title,
			 const CiterPosition *after, const CiterPosition *upto, int limit)
{
	CiterQueryRows rows = {.after = after,.upto = upto,.limit = limit};

	citer_walk_choose_heap(walk, 0, &rows);
	if (walk->cuts != NULL)
		title = psprintf("%s, in one of %d sections", title, walk->cuts->ncuts + 1);
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

/*
 * The queries of what is between two positions, and their plans: of sections, the
 * first that each of them reads.
 */
static void
append_queries(StringInfo output, const CiterWalk *walk, const char *title,
			   const CiterQueryRows *rows)
{
	CiterWalkQueries queries = citer_walk_cut_queries(walk, rows);

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
		queries.last_section = queries.sections.last;
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
