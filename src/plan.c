/*
 * plan.c
 *	  Prepared plans: the one way to the executor.
 *
 * All queries of the extension run through here, over SPI, with the rights of
 * the caller.  A query is prepared once and kept for the session, since
 * planning costs about as much as reading a few hundred rows, and clients
 * that page through a table come back with the same query again and again.
 *
 * The kept plans are few (MAX_PLANS, the least recently used goes first) and
 * are found by the query's text, its parameters' types and its steering, so
 * that nobody else has to hold on to one: a walk that is suspended or has
 * been aborted owns nothing here.  A plan in use is pinned, lest a function in
 * the query that starts a walk of its own push it out.
 *
 * Plans are generic: the plan cache makes them anew when a table changes, a
 * setting such as search_path or the role, and never for a parameter's sake.
 * Steering sets planner switches while a plan is made, and only then, so that
 * functions in the query run under the user's own settings.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "plan.h"
#include "settings.h"
#include "spi.h"

/* Plans kept in a session. */
#define MAX_PLANS 64

typedef struct KeptPlan
{
	dlist_node	node;			/* in kept_plans */
	MemoryContext context;		/* holds this struct and the query */
	uint32		hash;
	CiterQuery	query;
	SPIPlanPtr	plan;
	int			pins;			/* uses under way */
} KeptPlan;

/* All kept plans, the most recently used first. */
static dlist_head kept_plans = DLIST_STATIC_INIT(kept_plans);
static int	nkept_plans = 0;

/* A sort that cannot be helped has a cost that nothing should be made of. */
static const CiterSetting no_sort_settings[] = {
	{"enable_sort", "off"},
	{"jit", "off"},
	{NULL, NULL}
};

/* Without costs for pages the cheapest plan is that with the fewest rows. */
static const CiterSetting fewest_rows_settings[] = {
	{"seq_page_cost", "0"},
	{"random_page_cost", "0"},
	{NULL, NULL}
};

static const CiterSetting physical_settings[] = {
	{"enable_seqscan", "off"},
	{"enable_indexscan", "off"},
	{"enable_indexonlyscan", "off"},
	{"enable_bitmapscan", "off"},
	{"enable_tidscan", "on"},
	{NULL, NULL}
};

/* Partitions are left out by our comparison, foreign ones compare otherwise. */
static const CiterSetting all_parts_settings[] = {
	{"enable_partition_pruning", "off"},
	{NULL, NULL}
};

/* What each steering flag sets while a plan is made. */
static const struct
{
	int			flag;
	const CiterSetting *settings;
}			steerings[] =

{
	{CITER_STEER_NO_SORT, no_sort_settings},
	{CITER_STEER_FEWEST_ROWS, fewest_rows_settings},
	{CITER_STEER_PHYSICAL, physical_settings},
	{CITER_STEER_ALL_PARTS, all_parts_settings},
};

/* Does something with a plan; see use_plan. */
typedef void (*PlanUse) (KeptPlan *kept, PlannedStmt *statement, void *arg);

/* A shape to be filled in, and where its lists go. */
typedef struct ShapeRequest
{
	CiterPlanShape shape;
	MemoryContext context;
} ShapeRequest;

static void use_plan(const CiterQuery *query, PlanUse use, void *arg);
static void use_kept_plan(KeptPlan *kept, PlanUse use, void *arg);
static void run_plan(KeptPlan *kept, PlannedStmt *statement, void *options);
static void describe_plan(KeptPlan *kept, PlannedStmt *statement, void *arg);
static void explain_plan(KeptPlan *kept, PlannedStmt *statement, void *output);
static KeptPlan *find_plan(const CiterQuery *query);
static KeptPlan *keep_plan(const CiterQuery *query, uint32 hash);
static bool same_query(const CiterQuery *a, const CiterQuery *b);
static uint32 hash_query(const CiterQuery *query);
static void drop_surplus_plans(void);
static CachedPlan *get_generic_plan(KeptPlan *kept);
static PlannedStmt *only_statement(CachedPlan *plan);
static void read_estimates(Plan *plan, CiterPlanShape *shape);
static void read_shape(Plan *plan, CiterPlanShape *shape);
static List *appended_relations(PlannedStmt *statement);
static bool is_remote(Plan *plan);
static bool is_empty_result(Plan *plan);
static void read_shapes(List *plans, CiterPlanShape *shape);
static void explain_statement(PlannedStmt *statement, const char *sql, StringInfo output);

/*
 * Runs a query under the active snapshot (a new one, if it locks its rows) and
 * hands the rows to the receiver, which ends it by returning false.
 */
void
citer_plan_run(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};

	options.params = params;
	options.read_only = !query->locks;
	options.dest = receiver;
	use_plan(query, run_plan, &options);
}

/* What the plan of a query looks like; the lists are in the current context. */
CiterPlanShape
citer_plan_shape(const CiterQuery *query)
{
	ShapeRequest request = {.context = CurrentMemoryContext};

	use_plan(query, describe_plan, &request);
	return request.shape;
}

/*
 * How many rows the planner expects of a query that has no LIMIT, run with
 * these very parameters.  The generic plan does not know them.
 */
double
citer_plan_estimate(const CiterQuery *query, ParamListInfo params)
{
	int			nestlevel = citer_settings_begin();
	SPIPlanPtr	plan;
	CachedPlan *custom;
	double		rows;

	citer_spi_connect(0);
	citer_settings_set(citer_settings_sql);
	plan = citer_spi_prepare(query->sql, query->nparams, query->types, CURSOR_OPT_CUSTOM_PLAN);
	custom = GetCachedPlan(linitial(SPI_plan_get_plan_sources(plan)), params, NULL, NULL);
	rows = only_statement(custom)->planTree->plan_rows;
	ReleaseCachedPlan(custom, NULL);
	SPI_freeplan(plan);
	citer_settings_end(nestlevel);
	citer_spi_finish();
	return rows;
}

/*
 * Appends the plan of a query to output, as EXPLAIN (COSTS OFF) shows it.
 * The executor checks the caller's privileges, but reads nothing.
 */
void
citer_plan_explain(const CiterQuery *query, StringInfo output)
{
	use_plan(query, explain_plan, output);
}

/*
 * Has something done with the plan of a query, with SPI connected.  The plan
 * is pinned for as long as that takes, planning included: the planner, too,
 * may call functions that start walks of their own.
 */
static void
use_plan(const CiterQuery *query, PlanUse use, void *arg)
{
	citer_spi_connect(0);
	use_kept_plan(find_plan(query), use, arg);
	citer_spi_finish();
}

static void
use_kept_plan(KeptPlan *kept, PlanUse use, void *arg)
{
	kept->pins++;
	PG_TRY();
	{
		CachedPlan *generic = get_generic_plan(kept);

		use(kept, only_statement(generic), arg);
		ReleaseCachedPlan(generic, CurrentResourceOwner);
	}
	PG_CATCH();
	{
		kept->pins--;
		PG_RE_THROW();
	}
	PG_END_TRY();
	kept->pins--;
}

static void
run_plan(KeptPlan *kept, PlannedStmt *statement pg_attribute_unused(), void *options)
{
	citer_spi_run(kept->plan, options, SPI_OK_SELECT);
}

static void
describe_plan(KeptPlan *kept pg_attribute_unused(), PlannedStmt *statement, void *arg)
{
	ShapeRequest *request = arg;
	MemoryContext spi = MemoryContextSwitchTo(request->context);

	request->shape.relations = list_copy(statement->relationOids);
	read_estimates(statement->planTree, &request->shape);
	read_shape(statement->planTree, &request->shape);
	request->shape.remote = is_remote(statement->planTree);
	request->shape.appended = appended_relations(statement);
	MemoryContextSwitchTo(spi);
}

static void
explain_plan(KeptPlan *kept, PlannedStmt *statement, void *output)
{
	explain_statement(copyObject(statement), kept->query.sql, output);
}

/* The kept plan of a query, prepared if there is none. */
static KeptPlan *
find_plan(const CiterQuery *query)
{
	uint32		hash = hash_query(query);
	dlist_iter	iter;

	dlist_foreach(iter, &kept_plans)
	{
		KeptPlan   *kept = dlist_container(KeptPlan, node, iter.cur);

		if (kept->hash == hash && same_query(&kept->query, query))
		{
			dlist_move_head(&kept_plans, &kept->node);
			return kept;
		}
	}
	return keep_plan(query, hash);
}

/* Prepares a query and keeps its plan, which may push out another. */
static KeptPlan *
keep_plan(const CiterQuery *query, uint32 hash)
{
	int			nestlevel = citer_settings_begin();
	SPIPlanPtr	plan;
	MemoryContext context;
	KeptPlan   *kept;

	citer_settings_set(citer_settings_sql);
	plan = citer_spi_prepare(query->sql, query->nparams, query->types, CURSOR_OPT_GENERIC_PLAN);
	citer_settings_end(nestlevel);

	drop_surplus_plans();
	context = AllocSetContextCreate(TopMemoryContext, "chunked_iter plan", ALLOCSET_SMALL_SIZES);
	kept = MemoryContextAllocZero(context, sizeof(KeptPlan));
	kept->context = context;
	kept->hash = hash;
	kept->query = *query;
	kept->query.sql = MemoryContextStrdup(context, query->sql);
	kept->query.types = MemoryContextAlloc(context, sizeof(Oid) * query->nparams);
	memcpy(kept->query.types, query->types, sizeof(Oid) * query->nparams);
	kept->plan = plan;

	/* Nothing from here on throws: the plan is kept and listed, or neither. */
	SPI_keepplan(plan);
	dlist_push_head(&kept_plans, &kept->node);
	nkept_plans++;
	return kept;
}

static bool
same_query(const CiterQuery *a, const CiterQuery *b)
{
	return a->steer == b->steer && a->version == b->version && a->nparams == b->nparams &&
		memcmp(a->types, b->types, sizeof(Oid) * a->nparams) == 0 &&
		strcmp(a->sql, b->sql) == 0;
}

static uint32
hash_query(const CiterQuery *query)
{
	return hash_combine(hash_bytes((const unsigned char *) query->sql, strlen(query->sql)),
						query->steer);
}

/* Makes room for one more plan, unless all that are kept are running. */
static void
drop_surplus_plans(void)
{
	while (nkept_plans >= MAX_PLANS)
	{
		KeptPlan   *victim = NULL;
		dlist_iter	iter;

		dlist_foreach(iter, &kept_plans)
		{
			KeptPlan   *kept = dlist_container(KeptPlan, node, iter.cur);

			if (kept->pins == 0)
				victim = kept;
		}
		if (victim == NULL)
			return;
		dlist_delete(&victim->node);
		nkept_plans--;
		SPI_freeplan(victim->plan);
		MemoryContextDelete(victim->context);
	}
}

/*
 * The generic plan, valid and with its locks taken; to be released by the
 * caller.  It is made here if need be, under the query's steering, and then
 * found ready by whoever runs the query.
 */
static CachedPlan *
get_generic_plan(KeptPlan *kept)
{
	int			nestlevel = citer_settings_begin();
	CachedPlan *generic;

	citer_settings_set(citer_settings_sql);
	for (int i = 0; i < (int) lengthof(steerings); i++)
	{
		if (kept->query.steer & steerings[i].flag)
			citer_settings_set(steerings[i].settings);
	}
	generic = SPI_plan_get_cached_plan(kept->plan);
	citer_settings_end(nestlevel);
	if (generic == NULL)
		elog(ERROR, "a query of chunked_iter has no generic plan");
	return generic;
}

static PlannedStmt *
only_statement(CachedPlan *plan)
{
	Assert(list_length(plan->stmt_list) == 1);
	return linitial_node(PlannedStmt, plan->stmt_list);
}

/* The estimates of what is below a plan's LIMIT. */
static void
read_estimates(Plan *plan, CiterPlanShape *shape)
{
	if (IsA(plan, Limit))
		plan = plan->lefttree;
	shape->rows = plan->plan_rows;
	shape->startup_cost = plan->startup_cost;
	shape->total_cost = plan->total_cost;
}

/*
 * Follows a plan down to where its rows get their order: a sort, or scans.
 * What stands below a join or an aggregate is not looked at.
 */
static void
read_shape(Plan *plan, CiterPlanShape *shape)
{
	if (plan == NULL)
		return;
	switch (nodeTag(plan))
	{
		case T_Sort:
			shape->sorts |= !is_empty_result(plan->lefttree);
			break;
		case T_IncrementalSort:
			shape->sorts_groups = true;
			read_shape(plan->lefttree, shape);
			break;
		case T_TidRangeScan:
			shape->physical = true;
			break;
		case T_IndexScan:
			shape->indexes = list_append_unique_oid(shape->indexes, ((IndexScan *) plan)->indexid);
			break;
		case T_IndexOnlyScan:
			shape->indexes = list_append_unique_oid(shape->indexes, ((IndexOnlyScan *) plan)->indexid);
			break;
		case T_Limit:
		case T_LockRows:
		case T_Result:
			read_shape(plan->lefttree, shape);
			break;
		case T_SubqueryScan:
			read_shape(((SubqueryScan *) plan)->subplan, shape);
			break;
		case T_Append:
			read_shapes(((Append *) plan)->appendplans, shape);
			break;
		case T_MergeAppend:
			read_shapes(((MergeAppend *) plan)->mergeplans, shape);
			break;
		default:
			break;
	}
}

/*
 * The OIDs of the relations that a plan scans one after the other, if it does
 * that and no more: as the planner does where its order puts all rows of the
 * one before those of the next.
 */
static List *
appended_relations(PlannedStmt *statement)
{
	Plan	   *plan = statement->planTree;
	List	   *scans = IsA(plan, Append) ? ((Append *) plan)->appendplans : list_make1(plan);
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, scans)
	{
		Plan	   *scan = lfirst(cell);
		Index		rti = 0;

		if (IsA(scan, ForeignScan) || IsA(scan, IndexScan) || IsA(scan, IndexOnlyScan))
			rti = ((Scan *) scan)->scanrelid;
		if (rti == 0)
			return NIL;
		relations = lappend_oid(relations, rt_fetch(rti, statement->rtable)->relid);
	}
	return relations;
}

/* Do the rows come from one foreign scan as they are, order and all? */
static bool
is_remote(Plan *plan)
{
	while (plan != NULL && (IsA(plan, Limit) || IsA(plan, Result)))
		plan = plan->lefttree;
	return plan != NULL && IsA(plan, ForeignScan);
}

/* Has the planner found out that there are no rows? */
static bool
is_empty_result(Plan *plan)
{
	return IsA(plan, Result) && plan->lefttree == NULL;
}

static void
read_shapes(List *plans, CiterPlanShape *shape)
{
	ListCell   *cell;

	foreach(cell, plans)
		read_shape(lfirst(cell), shape);
}

/* Prints a plan, in the manner of auto_explain; changes the statement. */
static void
explain_statement(PlannedStmt *statement, const char *sql, StringInfo output)
{
	ExplainState *es = NewExplainState();
	QueryDesc  *desc;

	citer_compat_forget_pruning(statement->planTree);
	es->costs = false;
	desc = CreateQueryDesc(statement, sql, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, NULL, 0);
	ExecutorStart(desc, CITER_EXPLAIN_FLAGS);
	ExplainBeginOutput(es);
	ExplainPrintPlan(es, desc);
	ExplainEndOutput(es);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	appendStringInfoString(output, es->str->data);
}
