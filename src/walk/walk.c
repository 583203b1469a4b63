/*
 * walk.c
 *	  The queries of a walk: their SQL, their parameters, and running them.
 */
#include "postgres.h"

#include "walk/walk.h"

/* Queries of a walk that are written at most once. */
#define QUERIES_MAX 32

/* A query, and what it was written for; see is_common. */
typedef struct WrittenQuery
{
	CiterStrategy strategy;
	CiterRange	range;
	int			limit;
	CiterQuery	query;
} WrittenQuery;

struct CiterQueries
{
	MemoryContext context;		/* holds all of it */
	List	   *entries;		/* of WrittenQuery */
};

static bool is_common(const CiterQueryRows *rows);
static WrittenQuery *find_query(const CiterWalk *walk, const CiterQueryRows *rows);
static CiterQuery write_query(const CiterWalk *walk, const CiterQueryRows *rows);
static void begin_sections(CiterWalkQueries *queries);
static void choose_sections(CiterWalkQueries *queries, int section, bool in_middle);
static CiterWalkQueries begin_queries(const CiterWalk *walk, const CiterQueryRows *rows,
									  bool each_range);

/* Where a walk's queries are kept once they are written; lasts as long as the walk. */
CiterQueries *
citer_walk_create_queries(void)
{
	CiterQueries *queries = palloc0(sizeof(CiterQueries));

	queries->context = CurrentMemoryContext;
	return queries;
}

/*
 * The queries that read what is between rows->after and rows->upto: one for
 * each range of keys, or one for all of them, as the walk's strategy has it.
 * "rows" says all else that they have in common; backwards, the last range
 * comes first.  In the current memory context.
 *
 *		queries = citer_walk_queries(walk, &rows);
 *		while (citer_walk_next_query(&queries))
 *			citer_walk_run(walk, &queries.rows, receiver);
 */
CiterWalkQueries
citer_walk_queries(const CiterWalk *walk, const CiterQueryRows *rows)
{
	return begin_queries(walk, rows, walk->strategy.each_range);
}

/*
 * The same, but forwards only, and section by section if partitions cut the order.
 * Not for what lies all over the table, which one query finds sooner.
 */
CiterWalkQueries
citer_walk_cut_queries(const CiterWalk *walk, const CiterQueryRows *rows)
{
	CiterWalkQueries queries = citer_walk_queries(walk, rows);

	if (queries.rows.nranges == 1)
		queries.cuts = walk->cuts;
	return queries;
}

/* Goes to the next query; false after the last. */
bool
citer_walk_next_query(CiterWalkQueries *queries)
{
	int			place = queries->number;

	if (queries->rows.sections != NULL && queries->sections.last < queries->last_section)
	{
		choose_sections(queries, queries->sections.last + 1, false);
		return true;
	}
	if (queries->number == queries->nqueries)
		return false;
	if (queries->rows.backwards)
		place = queries->nqueries - 1 - place;
	queries->rows.ranges = queries->ranges + place * queries->rows.nranges;
	queries->number++;
	if (queries->cuts != NULL)
		begin_sections(queries);
	return true;
}

/* Restricts the query at hand to the first sections of its range. */
static void
begin_sections(CiterWalkQueries *queries)
{
	const CiterQueryRows *rows = &queries->rows;
	const CiterRange *range = rows->ranges;
	CiterSections sections;

	queries->rows.sections = NULL;
	if (!citer_cuts_of_range(queries->cuts, range, rows->after, rows->upto, &sections))
		return;
	queries->last_section = sections.last;
	choose_sections(queries, sections.first, range->nfixed > 0 || range->lower != CITER_BOUND_NONE);
}

/*
 * Restricts it to those that are read together with this one, in the middle of
 * which its range may begin.
 */
static void
choose_sections(CiterWalkQueries *queries, int section, bool in_middle)
{
	queries->begun = !in_middle;
	queries->sections = citer_cuts_together(queries->cuts, section, in_middle);
	queries->rows.sections = citer_cuts_sql(queries->cuts, queries->sections);
	queries->rows.sections_version = citer_cuts_version(queries->cuts, queries->sections);
}

/*
 * Restricts a query to one of the heaps, by its place in the list, if the walk
 * reads them in turn, or merges them, if it does that.  A
 * heap that the caller may read is read directly: asked through its parent for
 * the rows of one heap, the server would read all others and skip their rows.
 * That changes what a whole row is, so a filter that uses one prevents it.
 */
void
citer_walk_choose_heap(const CiterWalk *walk, int heap, CiterQueryRows *rows)
{
	if (walk->strategy.way == CITER_FOREIGN_MERGED)
		citer_walk_merge_heaps(walk, rows);
	else if (walk->strategy.heaps != NIL)
	{
		rows->heap = list_nth_oid(walk->strategy.heaps, heap);
		if (!walk->filter_needs_parent)
			rows->heap_sql = citer_relation_heap_sql(walk->relation, rows->heap);
	}
}

/*
 * Makes a query read all heaps at once, if they are read by themselves: the
 * first rows of each, up to the limit, which are then merged.
 */
void
citer_walk_merge_heaps(const CiterWalk *walk, CiterQueryRows *rows)
{
	ListCell   *cell;

	foreach(cell, walk->strategy.heaps)
	{
		char	   *sql = citer_relation_heap_sql(walk->relation, lfirst_oid(cell));

		if (sql == NULL)
		{
			rows->branches = NIL;
			return;
		}
		rows->branches = lappend(rows->branches, sql);
	}
}

/*
 * The query for some of the walk's rows, for as long as the current memory context
 * lasts.  Those of chunks are written once.
 */
CiterQuery
citer_walk_query(const CiterWalk *walk, const CiterQueryRows *rows)
{
	CiterQueries *written = walk->queries;
	WrittenQuery *entry;
	MemoryContext caller;

	if (!is_common(rows))
		return write_query(walk, rows);
	entry = find_query(walk, rows);
	if (entry != NULL)
		return entry->query;
	if (list_length(written->entries) >= QUERIES_MAX)
		return write_query(walk, rows);
	caller = MemoryContextSwitchTo(written->context);
	entry = palloc(sizeof(WrittenQuery));
	entry->strategy = walk->strategy;
	entry->range = rows->ranges[0];
	entry->limit = rows->limit;
	entry->query = write_query(walk, rows);
	written->entries = lappend(written->entries, entry);
	MemoryContextSwitchTo(caller);
	return entry->query;
}

/* Whether a query reads one range of the relation, as that of a chunk does. */
static bool
is_common(const CiterQueryRows *rows)
{
	const CiterPosition *fixed;

	if (rows->nranges != 1 || rows->nwithin > 0 || rows->sections != NULL || OidIsValid(rows->heap) ||
		rows->branches != NIL || rows->backwards || rows->unordered || rows->counted ||
		rows->locking != NULL)
		return false;
	fixed = rows->ranges[0].fixed_to_upper ? rows->upto : rows->after;
	for (int i = 0; i < rows->ranges[0].nfixed; i++)
		if (fixed->isnull[i])
			return false;
	return true;
}

/* The same query of the walk, if it was written before, or NULL. */
static WrittenQuery *
find_query(const CiterWalk *walk, const CiterQueryRows *rows)
{
	const CiterRange *range = rows->ranges;
	ListCell   *cell;

	foreach(cell, walk->queries->entries)
	{
		WrittenQuery *entry = lfirst(cell);

		if (entry->strategy.way == walk->strategy.way &&
			entry->strategy.with_tid == walk->strategy.with_tid &&
			entry->strategy.steer == walk->strategy.steer &&
			entry->limit == rows->limit &&
			entry->range.nfixed == range->nfixed &&
			entry->range.fixed_to_upper == range->fixed_to_upper &&
			entry->range.nulls == range->nulls &&
			entry->range.lower == range->lower && entry->range.upper == range->upper)
			return entry;
	}
	return NULL;
}

static CiterQuery
write_query(const CiterWalk *walk, const CiterQueryRows *rows)
{
	CiterQuerySource source = {
		.relation = walk->relation,
		.key = walk->key,
		.filter = walk->filter,
		.nparams = walk->nparams,
		.param_types = walk->param_types,
		.columns = walk->columns,
		.with_tid = walk->strategy.with_tid,
		.sort_tids = walk->strategy.way == CITER_BY_TID_SORT,
		.plain_limit = citer_walk_reads_foreign(walk),
		.steer = walk->strategy.steer,
	};

	return citer_query_build(&source, rows);
}

/*
 * The parameters of such a query, in the current memory context: those of the
 * filter, and both positions, NULL where there is none.  What is not known yet
 * has no type, which tells the planner so.
 */
ParamListInfo
citer_walk_params(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	const CiterKey *key = walk->key;
	const CiterPosition *positions[2] = {after, upto};
	ParamListInfo params = makeParamList(walk->nparams + 2 * key->nelements);

	for (int i = 0; i < walk->nparams; i++)
	{
		ParamExternData *param = &params->params[i];

		param->isnull = walk->param_values == NULL || walk->param_values[i].isnull;
		param->value = param->isnull ? (Datum) 0 : walk->param_values[i].value;
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = walk->param_values == NULL ? InvalidOid : walk->param_types[i];
	}
	for (int i = 0; i < 2 * key->nelements; i++)
	{
		const CiterPosition *position = positions[i / key->nelements];
		int			element = i % key->nelements;
		ParamExternData *param = &params->params[walk->nparams + i];
		bool		given = element < position->nelements;

		param->isnull = !given || position->isnull[element];
		param->value = param->isnull ? (Datum) 0 : position->values[element];
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = key->elements[element].type;
	}
	return params;
}

/*
 * Runs the query for some of the walk's rows, in the current memory context.
 * The server may have planned it anew since the last chunk.  If that plan does
 * not give the places of rows any more, or the physical order, this query and
 * all later ones of the walk ask for them.
 */
void
citer_walk_run(CiterWalk *walk, const CiterQueryRows *rows, DestReceiver *receiver)
{
	ParamListInfo params = citer_walk_params(walk, rows->after, rows->upto);

	for (;;)
	{
		CiterQuery	query = citer_walk_query(walk, rows);

		query.stopped = rows->stopped;
		query.prefetch = rows->prefetch;
		if (citer_plan_try(&query, params, receiver))
			return;
		citer_walk_ask_for_tids(walk);
	}
}

/*
 * The planner's estimate of the rows between two positions, which may have no
 * elements: each range is estimated by itself, however they are read.
 */
double
citer_walk_estimate(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	CiterQueryRows rows = {.after = after,.upto = upto};
	CiterWalkQueries queries = begin_queries(walk, &rows, true);
	double		estimate = 0;

	while (citer_walk_next_query(&queries))
	{
		CiterQuery	query = citer_walk_query(walk, &queries.rows);

		estimate += citer_plan_estimate(&query, citer_walk_params(walk, after, upto));
	}
	return estimate;
}

static CiterWalkQueries
begin_queries(const CiterWalk *walk, const CiterQueryRows *rows, bool each_range)
{
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(walk->key));
	CiterWalkQueries queries = {.rows = *rows,.ranges = ranges};
	int			nranges = citer_walk_split(walk, &queries.rows, ranges);

	queries.nqueries = each_range ? nranges : Min(nranges, 1);
	queries.rows.nranges = each_range ? 1 : nranges;
	return queries;
}
