/*
 * walk_strategy.c
 *	  How a walk reads its chunks: by an index, sorted, by TIDs, and so on.
 *
 * Whether an index gives the order is not worked out from the catalogs but
 * asked of the planner, which knows about partial indexes, children,
 * collations and operator families: if its plan for the first chunk sorts
 * although it has been told not to, no index does.
 *
 * An index that has the first columns only (a date without the tie-breaker)
 * serves as well: what is left to sort are the rows of one group at a time.
 *
 * Each way to read a chunk is made by one function, which says what the order
 * of the rows rests on, and how that is checked.  A new way (reading ahead, or
 * partition by partition) is one more of them, a name in CiterWay, and a
 * reader in reader.c.
 */
#include "postgres.h"

#include <math.h>

#include "walk/citus.h"
#include "walk/key_index.h"
#include "walk/walk.h"

/*
 * With more partitions than this, chunks grow by this factor, up to so many rows for
 * each partition that has to be started, and for each that has to be left out.
 */
#define MANY_PARTITIONS 16
#define CHUNK_GROWTH 4
#define ROWS_PER_PARTITION 64
#define ROWS_PER_OTHER 4

/* Rows of a first chunk that each shard of Citus is asked for. */
#define FIRST_ROWS 128

static void choose_by_tid(CiterWalk *walk);
static void advise_order(void *arg);
static void choose_foreign(CiterWalk *walk, List *heaps);
static void choose_by_key(CiterWalk *walk);
static CiterStrategy by_index(const CiterWalk *walk, int steer);
static int	rows_worth_starting(const CiterWalk *walk);
static CiterStrategy by_sort(const CiterWalk *walk, int steer);
static CiterStrategy by_tid_range(const CiterWalk *walk);
static CiterStrategy by_tid_sort(const CiterWalk *walk);
static CiterStrategy by_shards(const CiterWalk *walk);
static CiterStrategy foreign(const CiterWalk *walk, int steer);
static CiterStrategy foreign_partitions(const CiterWalk *walk, List *heaps);
static void choose_by_shards(CiterWalk *walk);
static void ask_for_index(CiterWalk *walk);
static void weigh_sorting(CiterWalk *walk);
static double count_chunks(const CiterWalk *walk, double rows);
static int	base_steer(const CiterWalk *walk);
static bool can_read_heaps(const CiterWalk *walk, List *heaps);
static CiterPlanShape first_chunk_shape(const CiterWalk *walk);

/*
 * Chooses how the walk, all else of which is resolved, reads its chunks, and
 * fills in the strategy, the comparer and the shape of the plan.
 */
void
citer_walk_choose_strategy(CiterWalk *walk)
{
	List	   *foreign_heaps = NIL;

	if (!walk->key->unique)
		foreign_heaps = citer_relation_foreign_heaps(walk->relation);
	if (walk->key->physical)
		choose_by_tid(walk);
	else if (foreign_heaps != NIL)
		choose_foreign(walk, foreign_heaps);
	else
	{
		choose_by_key(walk);
		/* What a view or query reads is known by its plan. */
		if (!citer_relation_is_table(walk->relation) && citer_walk_has_foreign_rows(walk))
			choose_foreign(walk, NIL);
	}
	walk->in_shards = walk->index_shape.citus && !citer_citus_reads_here(walk->relation->relid);
	if (walk->in_shards)
		choose_by_shards(walk);
	walk->comparer = citer_walk_find_comparer(walk);
	if (walk->comparer != CITER_COMPARES_HERE)
	{
		walk->strategy.steer |= CITER_STEER_ALL_PARTS;
		walk->cuts = NULL;
	}
}

/*
 * Makes the queries of a walk in physical order ask in their SQL for what their
 * plan does not give: first for the places of rows, then for the order.
 */
void
citer_walk_ask_for_tids(CiterWalk *walk)
{
	if (walk->strategy.with_tid)
		walk->strategy = by_tid_sort(walk);
	walk->strategy.with_tid = true;
}

/* Whether its rows come from foreign tables that are asked for by a plain LIMIT. */
bool
citer_walk_reads_foreign(const CiterWalk *walk)
{
	return walk->strategy.way >= CITER_FOREIGN;
}

/* Whether the walk relies on the tables that its rows come from to stay the same. */
bool
citer_walk_needs_tables(const CiterWalk *walk)
{
	return walk->snapshot == CITER_SNAPSHOT_STATEMENT || walk->strategy.heaps != NIL;
}

/* How many rows make the first chunk full; there may be no other. */
int
citer_walk_first_rows(const CiterWalk *walk)
{
	return walk->in_windows ? Min(walk->chunk_size, FIRST_ROWS) : walk->chunk_size;
}

/*
 * How many rows make the chunk full that follows one of so many.  Chunks are as
 * large as they were asked for, unless to start many partitions for each would take
 * longer than to read its rows: then they grow, in a walk that sees one snapshot
 * and hands out single rows, for which that makes no difference.
 */
int
citer_walk_grow_chunk(const CiterWalk *walk, int rows)
{
	if (walk->strategy.way != CITER_BY_INDEX || walk->snapshot != CITER_SNAPSHOT_STATEMENT)
		return walk->chunk_size;
	return Min((int64) rows * CHUNK_GROWTH, walk->strategy.limit);
}

/* Whether each chunk sorts, although an index could give the whole order. */
bool
citer_walk_lacks_index(const CiterWalk *walk)
{
	return (walk->index_shape.sorts || walk->index_shape.sorts_groups) &&
		citer_relation_is_table(walk->relation);
}

/* A filter with a subquery makes a join, which has no physical order. */
static void
choose_by_tid(CiterWalk *walk)
{
	ErrorContextCallback callback = {error_context_stack, advise_order, NULL};

	error_context_stack = &callback;
	walk->strategy = by_tid_range(walk);
	walk->index_shape = first_chunk_shape(walk);
	error_context_stack = callback.previous;
	if (!walk->index_shape.physical)
		walk->strategy = by_tid_sort(walk);
	else if (!walk->index_shape.has_tids)
		walk->strategy.with_tid = true;
}

/* Error context callback: where TimescaleDB has compressed the rows, there are no ctids. */
static void
advise_order(void *arg pg_attribute_unused())
{
	if (geterrcode() == ERRCODE_INVALID_COLUMN_REFERENCE || geterrcode() == ERRCODE_FEATURE_NOT_SUPPORTED)
		errhint("The walk is in physical order. Give another one: order_by => 'column, ...'.");
}

/*
 * Partitions are read directly where the caller may do that.  They are read in
 * turn where the planner does it, too: then a chunk asks for no more rows than
 * it has.  Elsewhere their rows are merged.
 */
static void
choose_foreign(CiterWalk *walk, List *heaps)
{
	walk->strategy = foreign(walk, base_steer(walk) | CITER_STEER_NO_SORT);
	ask_for_index(walk);
	if (walk->relation->has_children && can_read_heaps(walk, heaps))
		walk->strategy = foreign_partitions(walk, heaps);
	walk->strategy.each_range = !walk->index_shape.sorts;
	if (walk->index_shape.sorts)
		walk->strategy.steer = CITER_STEER_FREE;
}

static void
choose_by_key(CiterWalk *walk)
{
	int			base = base_steer(walk);

	walk->cuts = citer_cuts_find(walk->relation, walk->key);
	walk->strategy = by_index(walk, base | CITER_STEER_NO_SORT);
	ask_for_index(walk);
	if (walk->index_shape.sorts)
	{
		walk->strategy = by_sort(walk, CITER_STEER_FREE);
		walk->index_shape.total_cost *= count_chunks(walk, walk->index_shape.rows);
	}
	else if (walk->index_shape.sorts_groups)
		walk->strategy = by_index(walk, base);
	else if (walk->filter != NULL || walk->relation->row_security || base == 0)
		weigh_sorting(walk);
}

/*
 * CITER_BY_INDEX: the ranges of a chunk are read one query after the other,
 * each of which the index finds at once.  The planner is held to it: what looks
 * cheaper for one chunk (reading a small table whole, or a better clustered
 * index with a filter) is not for all.
 *
 * The SQL asks for the order, and the executor gives it from the index.  That
 * is right as long as the index was built under the comparison of now, which
 * the first and the last row of each chunk show (check_ends in reader_check.c).
 */
static CiterStrategy
by_index(const CiterWalk *walk, int steer)
{
	CiterStrategy strategy = {
		.way = CITER_BY_INDEX,
		.each_range = true,
		.limit = Max(walk->chunk_size, rows_worth_starting(walk)),
		.steer = steer,
	};

	return strategy;
}

/*
 * How many rows a chunk has to have for it to pay to start its query, if the table
 * has many partitions: those of a section, if there are sections, or all of them.
 */
static int
rows_worth_starting(const CiterWalk *walk)
{
	int			all = citer_relation_count_children(walk->relation);
	int			started = walk->cuts != NULL ? all / (walk->cuts->ncuts + 1) : all;

	if (all <= MANY_PARTITIONS)
		return 0;
	return started * ROWS_PER_PARTITION + (all - started) * ROWS_PER_OTHER;
}

/*
 * CITER_BY_SORT: one query asks for all ranges, so that the table is read and
 * sorted once a chunk and not once a range.
 *
 * The SQL asks for the order, and the executor sorts.  The ends of each chunk
 * are checked all the same.
 */
static CiterStrategy
by_sort(const CiterWalk *walk, int steer)
{
	CiterStrategy strategy = {
		.way = CITER_BY_SORT,
		.limit = walk->chunk_size,
		.steer = steer,
	};

	return strategy;
}

/*
 * CITER_BY_TID_RANGE: "ctid > $1" with a LIMIT and no ORDER BY is a TID range
 * scan, which returns rows in physical order; the heaps of a relation with
 * children are read one after the other.
 *
 * The SQL does not ask for the order.  It rests on the plan, which has to be
 * TID range scans and nothing else (fits_query in plan.c), and is checked for
 * each row (reader_tids.c).
 */
static CiterStrategy
by_tid_range(const CiterWalk *walk)
{
	CiterStrategy strategy = {
		.way = CITER_BY_TID_RANGE,
		.each_range = true,
		.limit = walk->chunk_size,
		.steer = CITER_STEER_PHYSICAL,
		.heaps = walk->relation->has_children ? citer_relation_heaps(walk->relation) : NIL,
	};

	strategy.with_tid = !walk->relation->is_plain || walk->columns != NULL || walk->locking != NULL;
	return strategy;
}

/*
 * CITER_BY_TID_SORT: the same heaps, where the plan does not give the physical
 * order.  The SQL asks for it, and each row is checked.
 */
static CiterStrategy
by_tid_sort(const CiterWalk *walk)
{
	CiterStrategy strategy = walk->strategy;

	strategy.way = CITER_BY_TID_SORT;
	strategy.with_tid = true;
	strategy.steer = CITER_STEER_FREE;
	return strategy;
}

/*
 * CITER_BY_INDEX again, from the shards of Citus, window by window
 * (reader_windows.c) or by a LIMIT, which each of them is asked for.
 * Citus plans no query for several shards whose parameters it does not know.
 */
static CiterStrategy
by_shards(const CiterWalk *walk)
{
	return by_index(walk, CITER_STEER_CUSTOM);
}

/*
 * CITER_FOREIGN: rows of foreign tables, by keys that are not unique.  A server
 * elsewhere can answer a query alone if it has a plain LIMIT: it is not asked
 * for WITH TIES, or before 14.13, 15.8 and 16.4 for a LIMIT without them, which
 * loses rows.  So that is one row more than a chunk has, which tells whether rows
 * of the same key were parted (reader_keys.c).
 *
 * The SQL asks for the order, and the server that sorts has to be the one that
 * compares (walk_compare.c); what follows from that is checked for each chunk
 * (reader_check.c).
 */
static CiterStrategy
foreign(const CiterWalk *walk, int steer)
{
	CiterStrategy strategy = {
		.way = CITER_FOREIGN,
		.limit = walk->chunk_size + 1,
		.steer = steer,
	};

	return strategy;
}

/*
 * CITER_FOREIGN_IN_TURN and CITER_FOREIGN_MERGED: the same from partitions,
 * whose servers are not asked for the LIMIT of their parent.  In turn, the
 * order of all rests on the planner's Append, which it makes for an order only
 * if the partitions have it, too; merged, on the merge of rows that are each
 * in order.
 */
static CiterStrategy
foreign_partitions(const CiterWalk *walk, List *heaps)
{
	CiterStrategy strategy = walk->strategy;
	List	   *appended = walk->index_shape.appended;
	bool		in_turn = !walk->index_shape.sorts && appended != NIL;

	if (list_difference_oid(appended, heaps) != NIL)
		in_turn = false;
	strategy.way = in_turn ? CITER_FOREIGN_IN_TURN : CITER_FOREIGN_MERGED;
	strategy.heaps = in_turn ? appended : heaps;
	return strategy;
}

/*
 * Asks the planner for an index that gives the order.  For a small chunk it may
 * prefer a smaller index, of the first columns only, to one that gives the whole
 * order: whether there is the latter must not depend on the size of chunks.
 */
static void
ask_for_index(CiterWalk *walk)
{
	CiterStrategy strategy = walk->strategy;
	CiterPlanShape whole;

	walk->index_shape = first_chunk_shape(walk);
	if (walk->index_shape.sorts || !walk->index_shape.sorts_groups)
		return;
	walk->strategy.steer = base_steer(walk) | CITER_STEER_WHOLE_INDEX;
	whole = first_chunk_shape(walk);
	if (whole.sorts)
		walk->strategy = strategy;
	else
		walk->index_shape = whole;
}

/*
 * A filter may have an index of its own, which finds a few rows faster than
 * the key's index skips all others.  Then every chunk has to sort them.
 * Compares what each way costs for the whole walk: chunk by chunk, the planner
 * would take the range between two parameters for a small one, and sort what is
 * left every time.
 */
static void
weigh_sorting(CiterWalk *walk)
{
	CiterStrategy by_key = walk->strategy;
	CiterPlanShape sorted;
	double		nchunks;

	walk->strategy = by_sort(walk, base_steer(walk));
	sorted = first_chunk_shape(walk);
	nchunks = count_chunks(walk, sorted.rows);
	if (!sorted.sorts || sorted.total_cost * nchunks >= walk->index_shape.total_cost)
	{
		walk->strategy = by_key;
		return;
	}
	walk->index_shape.rows = sorted.rows;
	walk->index_shape.startup_cost = sorted.startup_cost;
	walk->index_shape.total_cost = sorted.total_cost * nchunks;
}

/*
 * Citus shows no plan of its shards.  They have the indexes of their table, and find
 * a window by an index that begins as the key does, for Citus sorts what it gets.
 */
static void
choose_by_shards(CiterWalk *walk)
{
	Oid			index = citer_key_index_find(walk->relation, walk->key);

	walk->cuts = NULL;
	walk->strategy = by_shards(walk);
	walk->index_shape = first_chunk_shape(walk);
	walk->index_shape.sorts = !OidIsValid(index);
	if (OidIsValid(index))
		walk->index_shape.indexes = list_make1_oid(index);
}

/* How many chunks the walk has if it returns so many rows. */
static double
count_chunks(const CiterWalk *walk, double rows)
{
	return Max(ceil(rows / walk->chunk_size), 1);
}

/* How all queries by a key are planned, wherever their order comes from. */
static int
base_steer(const CiterWalk *walk)
{
	return citer_relation_is_table(walk->relation) ? CITER_STEER_FEWEST_ROWS : CITER_STEER_FREE;
}

/* Whether the heaps may and can be read directly, and what comes out be ordered. */
static bool
can_read_heaps(const CiterWalk *walk, List *heaps)
{
	ListCell   *cell;

	if (walk->filter_needs_parent)
		return false;
	for (int i = 0; i < walk->key->nelements; i++)
		if (citer_relation_row_is_used((Node *) walk->key->elements[i].expr))
			return false;
	foreach(cell, heaps)
	{
		if (citer_relation_heap_sql(walk->relation, lfirst_oid(cell)) == NULL)
			return false;
	}
	return true;
}

/*
 * The shape of the plan that reads the first rows of the whole relation, or
 * in physical order of a heap.  Where a foreign server gets the limit, its
 * estimates do not show what is below: there it is left out.
 */
static CiterPlanShape
first_chunk_shape(const CiterWalk *walk)
{
	CiterRange	ranges[2];
	CiterPosition whole = {0};
	CiterQueryRows rows = {
		.after = &whole,
		.upto = &whole,
		.ranges = ranges,
		.limit = citer_walk_reads_foreign(walk) ? 0 : walk->strategy.limit,
	};
	CiterQuery	query;

	if (walk->key->physical)
		rows.after = &walk->after;
	rows.nranges = citer_range_split(walk->key, rows.after, rows.upto, ranges);
	query = citer_walk_query(walk, &rows);
	return citer_plan_shape(&query);
}
