/*
 * walk.c
 *	  A request resolved against the catalogs: what will be read, and how.
 *
 * Whether an index gives the order is not worked out from the catalogs but
 * asked of the planner, who knows about partial indexes, children,
 * collations and operator families: if its plan for the first chunk sorts
 * although it has been told not to, no index does.
 *
 * With an index, the ranges of a chunk are read one query after the other,
 * each of which the index finds at once, and the planner is held to it: what
 * looks cheaper for one chunk (reading a small table whole, or a better
 * clustered index with a filter) is not for all.  With a filter the two ways
 * are weighed once, for the whole walk.
 *
 * An index that has the first columns only (a date without the tie-breaker)
 * serves as well: what is left to sort are the rows of one group at a time.
 *
 * Without an index, one query asks for all ranges, so that the table is read
 * once a chunk and not once a range.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"

#include "walk/clause.h"
#include "walk/walk.h"

static void resolve_filter(CiterWalk *walk, const CiterOptions *options);
static void add_filter(CiterWalk *walk, Node *qual);
static int	last_column(const Bitmapset *columns);
static void resolve_columns(CiterWalk *walk, const Bitmapset *columns);
static void resolve_physical(CiterWalk *walk);
static void resolve_foreign(CiterWalk *walk);
static bool can_read_heaps(const CiterWalk *walk, List *heaps);
static bool needs_parent(Node *expr);
static void resolve_steer(CiterWalk *walk);
static void sort_tids(CiterWalk *walk);
static void order_heaps(CiterWalk *walk);
static void consider_sorting(CiterWalk *walk, int base);
static CiterPlanShape first_chunk_shape(const CiterWalk *walk);

/*
 * Resolves a request, in the current memory context.  Reads no rows.  Throws
 * what is wrong with any of the arguments.
 */
CiterWalk *
citer_walk_resolve(const CiterOptions *options)
{
	CiterWalk  *walk = palloc0(sizeof(CiterWalk));

	walk->chunk_size = walk->limit = options->chunk_size;
	walk->snapshot = options->snapshot;
	walk->locking = options->locking;
	walk->relation = options->query != NULL ?
		citer_clause_query(options->query, options->query_columns) :
		citer_relation_open(options->rowtype);
	walk->is_volatile = options->query != NULL &&
		contain_volatile_functions((Node *) walk->relation->query->subquery);
	walk->key = options->resolved ?
		citer_key_resolve_again(walk->relation, options->order, options->reverse) :
		citer_key_resolve(walk->relation, options->order_by, options->reverse);
	resolve_filter(walk, options);
	walk->ncolumns = walk->relation->tupdesc->natts;
	if (options->columns_known)
		resolve_columns(walk, options->columns);
	walk->after = citer_bookmark_read(walk->key, "after", &options->after, options->stored);
	walk->upto = citer_bookmark_read(walk->key, "upto", &options->upto, options->stored);
	if (walk->key->physical)
		resolve_physical(walk);
	else if (!walk->key->unique)
		resolve_foreign(walk);
	resolve_steer(walk);
	walk->comparer = citer_walk_find_comparer(walk);
	if (walk->comparer != CITER_COMPARES_HERE)
		walk->steer |= CITER_STEER_ALL_PARTS;
	citer_relation_watch(walk->relation, walk->index_shape.relations);
	return walk;
}

/*
 * Restricts a query to one of the heaps, by its place in walk->heaps, if they
 * are walked one by one.  A heap that the caller may read is read directly:
 * asking the parent for it makes the server pass by the rows of the others.
 * That changes what a whole row is, so a filter that uses one prevents it.
 */
void
citer_walk_choose_heap(const CiterWalk *walk, int heap, CiterQueryRows *rows)
{
	if (walk->merge_heaps)
		citer_walk_merge_heaps(walk, rows);
	if (walk->heaps == NIL || walk->merge_heaps)
		return;
	rows->heap = list_nth_oid(walk->heaps, heap);
	if (!walk->filter_needs_parent)
		rows->heap_sql = citer_relation_heap_sql(walk->relation, rows->heap);
}

/*
 * Has a query read all heaps at once, if they are walked by themselves: each
 * as far as the limit, and then merged.
 */
void
citer_walk_merge_heaps(const CiterWalk *walk, CiterQueryRows *rows)
{
	ListCell   *cell;

	foreach(cell, walk->heaps)
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

/* The query for some of the walk's rows, in the current memory context. */
CiterQuery
citer_walk_query(const CiterWalk *walk, const CiterQueryRows *rows)
{
	CiterQuerySource source = {
		.relation = walk->relation,
		.key = walk->key,
		.filter = walk->filter,
		.nparams = walk->nparams,
		.param_types = walk->param_types,
		.columns = walk->columns,
		.with_tid = walk->with_tid,
		.sort_tids = walk->sort_tids,
		.cuts_ties = walk->cuts_ties,
		.steer = walk->steer,
	};

	return citer_query_build(&source, rows);
}

/*
 * The parameters of such a query, in the current memory context: those of the
 * filter, and both positions, NULL where there is none.  What is not known yet
 * has no type, by which the planner knows.
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
	CiterQuery	query = citer_walk_query(walk, rows);

	while (!citer_plan_try(&query, params, receiver))
	{
		if (walk->with_tid)
			sort_tids(walk);
		walk->with_tid = true;
		query = citer_walk_query(walk, rows);
	}
}

/*
 * The planner's estimate of the rows between two positions, which may have no
 * elements.
 */
double
citer_walk_estimate(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(walk->key));
	CiterQueryRows rows = {.after = after,.upto = upto,.nranges = 1};
	int			nranges = citer_range_split(walk->key, after, upto, ranges);
	double		estimate = 0;

	for (int i = 0; i < nranges; i++)
	{
		CiterQuery	query;

		rows.ranges = &ranges[i];
		query = citer_walk_query(walk, &rows);
		estimate += citer_plan_estimate(&query, citer_walk_params(walk, after, upto));
	}
	return estimate;
}

/* Does the walk rely on the tables that its rows come from to stay the same? */
bool
citer_walk_needs_tables(const CiterWalk *walk)
{
	return walk->snapshot == CITER_SNAPSHOT_STATEMENT || walk->heaps != NIL;
}

/* Does each chunk sort, although an index could give the whole order? */
bool
citer_walk_lacks_index(const CiterWalk *walk)
{
	return (walk->index_shape.sorts || walk->index_shape.sorts_groups) &&
		citer_relation_is_table(walk->relation);
}

/* The user's filter, and the conditions that the planner has moved to it. */
static void
resolve_filter(CiterWalk *walk, const CiterOptions *options)
{
	ListCell   *cell;

	walk->nparams = options->nparams;
	walk->param_types = options->param_types;
	walk->param_values = options->param_values;
	if (options->resolved)
		walk->filter_clause = options->filter_clause;
	else if (options->filter != NULL)
		walk->filter_clause = citer_clause_filter(walk->relation, options->filter);
	if (walk->filter_clause != NULL)
		add_filter(walk, walk->filter_clause);
	foreach(cell, options->quals)
		add_filter(walk, lfirst(cell));
}

/* Adds a condition to the walk's filter. */
static void
add_filter(CiterWalk *walk, Node *qual)
{
	char	   *sql = citer_clause_sql(walk->relation, qual, true);

	walk->is_volatile |= contain_volatile_functions(qual);
	walk->filter = walk->filter ? psprintf("%s AND %s", walk->filter, sql) : sql;
	walk->filter_needs_parent |= needs_parent(qual);
}

/*
 * Reads only the columns that are used, and those of the key, where that pays.
 *
 * It does not for a plain table: its tuples are copied as they are, values
 * stored out of line are not fetched, and to make smaller tuples takes longer
 * than to copy the larger ones.  But it must be done if the caller may read no
 * more, and should be if the key's index may have all that is asked for.
 */
static void
resolve_columns(CiterWalk *walk, const Bitmapset *used)
{
	CiterRelation *relation = walk->relation;
	Bitmapset  *columns = NULL;

	for (int i = 0; i < walk->key->nelements; i++)
		pull_varattnos((Node *) walk->key->elements[i].expr, 1, &columns);
	if (relation->is_plain && !bms_is_subset(used, columns) &&
		pg_class_aclcheck(relation->relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
	{
		columns = bms_add_members(columns, used);
		if (!bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns))
			walk->ncolumns = last_column(columns);
		return;
	}
	columns = bms_add_members(columns, used);
	if (!bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns))
		walk->columns = columns;
}

/* The last column of a set; 0 if it has none. */
static int
last_column(const Bitmapset *columns)
{
	int			last = 0;

	for (int column = -1; (column = bms_next_member(columns, column)) >= 0;)
		last = Max(last, column + FirstLowInvalidHeapAttributeNumber);
	return last;
}

/*
 * A walk in physical order begins before the first tuple, so that even its
 * first chunk is a TID range: a plain sequential scan may start anywhere in
 * the table (synchronize_seqscans).
 */
static void
resolve_physical(CiterWalk *walk)
{
	if (walk->relation->has_children)
	{
		if (walk->after.nelements > 0 || walk->upto.nelements > 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot start or stop in the physical order of %s", walk->relation->sql),
					 errdetail("Its rows are in several tables, and a ctid does not say in which."),
					 errhint("Walk each of its children, or order by columns.")));
		walk->heaps = citer_relation_heaps(walk->relation);
	}
	if (walk->after.nelements == 0)
		walk->after = citer_position_of_tid(0, InvalidOffsetNumber);
	walk->with_tid = !walk->relation->is_plain || walk->columns != NULL || walk->locking != NULL;
}

/*
 * Rows of foreign tables are walked in queries that a server elsewhere can
 * answer alone.  It is not asked for WITH TIES, nor for the limit of a
 * partitioned table: so a query has a plain LIMIT, of one row more than a chunk
 * has, which tells whether rows of the same key were parted; and the partitions
 * are read directly, if the caller may do that.
 */
static void
resolve_foreign(CiterWalk *walk)
{
	List	   *heaps = citer_relation_foreign_heaps(walk->relation);

	if (heaps == NIL)
		return;
	walk->cuts_ties = true;
	walk->limit = walk->chunk_size + 1;
	if (walk->relation->has_children && can_read_heaps(walk, heaps))
		walk->heaps = heaps;
}

/* May and can the heaps be read directly, and what comes out be ordered? */
static bool
can_read_heaps(const CiterWalk *walk, List *heaps)
{
	ListCell   *cell;

	if (walk->filter_needs_parent)
		return false;
	for (int i = 0; i < walk->key->nelements; i++)
		if (needs_parent((Node *) walk->key->elements[i].expr))
			return false;
	foreach(cell, heaps)
		if (citer_relation_heap_sql(walk->relation, lfirst_oid(cell)) == NULL)
		return false;
	return true;
}

/* Does an expression use the row as a whole, which is another in a child? */
static bool
needs_parent(Node *expr)
{
	ListCell   *cell;

	foreach(cell, pull_vars_of_level(expr, 0))
		if (lfirst_node(Var, cell)->varattno == InvalidAttrNumber)
		return true;
	return false;
}

/* Finds out how the walk's queries are best planned. */
static void
resolve_steer(CiterWalk *walk)
{
	CiterPlanShape *shape = &walk->index_shape;
	int			base = citer_relation_is_table(walk->relation) ? CITER_STEER_FEWEST_ROWS : 0;

	walk->steer = walk->key->physical ? CITER_STEER_PHYSICAL : base | CITER_STEER_NO_SORT;
	*shape = first_chunk_shape(walk);
	walk->stepwise = !shape->sorts;
	if (walk->key->physical)
	{
		/* A filter with a subquery makes a join, which has no order. */
		if (!shape->physical)
			sort_tids(walk);
		else if (!shape->has_tids)
			walk->with_tid = true;
		return;
	}
	if (walk->heaps != NIL)
		order_heaps(walk);
	if (shape->sorts)
		walk->steer = CITER_STEER_FREE;
	else if (walk->cuts_ties)
		return;
	else if (shape->sorts_groups)
		walk->steer = base;
	else if (walk->filter != NULL || walk->relation->row_security || base == 0)
		consider_sorting(walk, base);
}

/* Has the walk's queries ask for the physical order in their SQL. */
static void
sort_tids(CiterWalk *walk)
{
	walk->sort_tids = true;
	walk->with_tid = true;
	walk->steer = CITER_STEER_FREE;
}

/*
 * Walks the heaps one after the other where the planner does: then a chunk
 * asks for no more rows than it has.  Elsewhere their rows are merged.
 */
static void
order_heaps(CiterWalk *walk)
{
	List	   *appended = walk->index_shape.appended;

	walk->merge_heaps = walk->index_shape.sorts || appended == NIL ||
		list_difference_oid(appended, walk->heaps) != NIL;
	if (!walk->merge_heaps)
		walk->heaps = appended;
}

/*
 * A filter may have an index of its own, which finds a few rows faster than
 * the key's index passes by all others.  Then every chunk has to sort them.
 * Compares what each way costs for the whole walk.
 */
static void
consider_sorting(CiterWalk *walk, int base)
{
	CiterPlanShape sorted;
	double		nchunks;

	walk->steer = base;
	sorted = first_chunk_shape(walk);
	nchunks = Max(ceil(sorted.rows / walk->chunk_size), 1);
	walk->stepwise = !sorted.sorts || sorted.total_cost * nchunks >= walk->index_shape.total_cost;
	if (walk->stepwise)
		walk->steer |= CITER_STEER_NO_SORT;
	else
	{
		walk->index_shape.rows = sorted.rows;
		walk->index_shape.startup_cost = sorted.startup_cost;
		walk->index_shape.total_cost = sorted.total_cost * nchunks;
	}
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
		.limit = walk->cuts_ties ? 0 : walk->limit,
	};
	CiterQuery	query;

	if (walk->key->physical)
		rows.after = &walk->after;
	rows.nranges = citer_range_split(walk->key, rows.after, rows.upto, ranges);
	query = citer_walk_query(walk, &rows);
	return citer_plan_shape(&query);
}
