/*
 * walk_resolve.c
 *	  Resolves a request against the catalogs.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"

#include "base/settings.h"
#include "walk/clause.h"
#include "walk/function_version.h"
#include "walk/volatility.h"
#include "walk/walk_kept.h"

static CiterWalk *resolve(const CiterOptions *options);
static CiterWalk *resolve_key(const CiterOptions *options);
static CiterWalk *open_walk(const CiterOptions *options);
static void find_key(CiterWalk *walk, const CiterOptions *options);
static void resolve_filter(CiterWalk *walk, const CiterOptions *options);
static void add_filter(CiterWalk *walk, Node *qual);
static void resolve_columns(CiterWalk *walk, const Bitmapset *used);
static int	last_column(const Bitmapset *columns);
static void refuse_bounds(const CiterWalk *walk, const CiterOptions *options);

/*
 * Resolves a request, in the current memory context.  Reads no rows.  Throws
 * what is wrong with any of the arguments.
 */
CiterWalk *
citer_walk_resolve(const CiterOptions *options)
{
	CiterWalk  *walk = citer_walk_kept(options, resolve);

	walk->snapshot = options->snapshot;
	walk->param_values = options->planner.param_values;
	if (!walk->key->physical || options->after.nelements > 0)
		walk->after = citer_bookmark_read(walk->key, "after", &options->after,
										  options->job.stored);
	walk->after.included = options->job.after_included;
	walk->upto = citer_bookmark_read(walk->key, "upto", &options->upto, options->job.stored);
	if (walk->key->physical && walk->relation->has_children)
		refuse_bounds(walk, options);
	return walk;
}

/* The same for no more than the relation and the key of a request. */
CiterWalk *
citer_walk_resolve_key(const CiterOptions *options)
{
	return citer_walk_kept(options, resolve_key);
}

/* What does not depend on bounds, parameters and snapshot. */
static CiterWalk *
resolve(const CiterOptions *options)
{
	CiterWalk  *walk = open_walk(options);

	walk->chunk_size = options->chunk_size;
	walk->locking = options->job.locking;
	citer_relation_rewrite(walk->relation);
	find_key(walk, options);
	walk->is_volatile = citer_volatility_of_rows(walk->relation);
	resolve_filter(walk, options);
	walk->ncolumns = walk->relation->tupdesc->natts;
	if (options->columns_known)
		resolve_columns(walk, options->columns);
	walk->queries = citer_walk_create_queries();

	/*
	 * A walk in physical order begins before the first tuple, so that even
	 * its first chunk is a TID range: a plain sequential scan may start
	 * anywhere in the table (synchronize_seqscans).
	 */
	if (walk->key->physical)
		walk->after = citer_position_of_tid(0, InvalidOffsetNumber);
	citer_walk_choose_strategy(walk);
	walk->in_windows = walk->in_shards && !walk->index_shape.forwarded && !options->job.stored &&
		citer_relation_is_table(walk->relation);
	citer_relation_watch(walk->relation, walk->index_shape.relations);
	walk->functions = citer_function_version(walk);
	return walk;
}

/* The relation and the key, of which no row is read: what a view stands for is not looked at. */
static CiterWalk *
resolve_key(const CiterOptions *options)
{
	CiterWalk  *walk = open_walk(options);

	find_key(walk, options);
	return walk;
}

static CiterWalk *
open_walk(const CiterOptions *options)
{
	CiterWalk  *walk = palloc0(sizeof(CiterWalk));

	walk->settings = citer_settings_save(&walk->settings_version);
	walk->relation = options->query != NULL ?
		citer_clause_query(options->query, options->query_columns) :
		citer_relation_open(options->rowtype);
	return walk;
}

static void
find_key(CiterWalk *walk, const CiterOptions *options)
{
	walk->key = options->planner.resolved ?
		citer_key_resolve_again(walk->relation, options->planner.order, options->reverse) :
		citer_key_resolve(walk->relation, options->order_by, options->reverse);
}

/* The user's filter, and the conditions that the planner has moved to it. */
static void
resolve_filter(CiterWalk *walk, const CiterOptions *options)
{
	ListCell   *cell;

	walk->nparams = options->planner.nparams;
	walk->param_types = options->planner.param_types;
	if (options->planner.resolved)
		walk->filter_clause = options->planner.filter_clause;
	else if (options->filter != NULL)
		walk->filter_clause = citer_clause_filter(walk->relation, options->filter);
	if (walk->filter_clause != NULL)
		add_filter(walk, walk->filter_clause);
	foreach(cell, options->planner.quals)
		add_filter(walk, lfirst(cell));
}

/* Adds a condition to the walk's filter. */
static void
add_filter(CiterWalk *walk, Node *qual)
{
	char	   *sql = citer_clause_sql(walk->relation, qual, true);

	walk->is_volatile |= citer_volatility_of_expression(walk->relation, qual);
	walk->conditions = lappend(walk->conditions, qual);
	walk->filter = walk->filter ? psprintf("%s AND %s", walk->filter, sql) : sql;
	walk->filter_needs_parent |= citer_relation_row_is_used(qual);
}

/*
 * Reads only the columns that are used, and those of the key, where that pays.
 *
 * It does not for a plain table: its tuples are copied as they are, values
 * stored out of line are not fetched, and to make smaller tuples takes longer
 * than to copy the larger ones.  But it must be done if the caller may read no
 * more, and should be if the key's index may have all that is asked for.  Columns
 * after the last one used are left out of the chunk either way.
 */
static void
resolve_columns(CiterWalk *walk, const Bitmapset *used)
{
	CiterRelation *relation = walk->relation;
	Bitmapset  *columns = NULL;
	bool		pays;

	for (int i = 0; i < walk->key->nelements; i++)
		pull_varattnos((Node *) walk->key->elements[i].expr, 1, &columns);
	pays = !relation->is_plain || bms_is_subset(used, columns) ||
		pg_class_aclcheck(relation->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK;
	columns = bms_add_members(columns, used);
	if (bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns))
		return;
	walk->ncolumns = last_column(columns);
	if (pays)
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

/* 0A000 for bounds in the physical order of several tables. */
static void
refuse_bounds(const CiterWalk *walk, const CiterOptions *options)
{
	if (options->after.nelements > 0 || options->upto.nelements > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot start or stop in the physical order of %s", walk->relation->sql),
				 errdetail("Its rows are in several tables, and a ctid does not say in which."),
				 errhint("Walk each of its children, or order by columns.")));
}
