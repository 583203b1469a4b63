/*
 * plan.c
 *	  Prepared plans: the one way to the executor.
 *
 * All queries of the extension run through here, with the rights of the
 * caller.  A query is prepared once and kept for the session, since planning
 * costs about as much as reading a few hundred rows, and clients that page
 * through a table come back with the same query again and again.
 *
 * The kept plans are few (MAX_PLANS and MAX_PLAN_MEMORY, the least recently
 * used goes first) and are found by the query's text, its parameters' types
 * and its steering, so that nobody else has to hold on to one: a walk that is
 * suspended or has been aborted owns nothing here.  A plan in use is pinned,
 * lest a function in the query that starts a walk of its own push it out.
 *
 * The plan that is looked at is the plan that runs.  Each is made under
 * settings of our own (citer_settings_planner and the query's steering),
 * whatever the user, the role or the database has set, and is then handed to
 * the executor as it is, while functions in the query run under the user's
 * own settings.  SPI would not do that: it asks the plan cache once more,
 * which under plan_cache_mode = force_custom_plan makes another plan.
 *
 * Plans are generic: the plan cache makes them anew when a table changes, a
 * setting such as search_path or the role, and never for a parameter's sake.
 * Each gets a new generation number from the plan cache, and by that number
 * one is known that was made behind our back (use_kept_plan).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "walk/plan.h"
#include "base/settings.h"
#include "sql/spi.h"

/* Plans kept in a session: at most so many, and of so many bytes, but a few. */
#define MAX_PLANS 64
#define MAX_PLAN_MEMORY ((Size) 32 * 1024 * 1024)
#define MIN_PLANS 16

typedef struct KeptPlan
{
	dlist_node	node;			/* in kept_plans, unless it is retired */
	MemoryContext context;		/* holds this struct and the query */
	uint32		hash;
	CiterQuery	query;
	SPIPlanPtr	plan;
	CachedPlanSource *source;	/* the only one of the plan */
	int			generation;		/* of the plan that is ours; 0: none is */
	bool		fits;			/* it gives what the SQL leaves unsaid */
	bool		retired;		/* to be freed with its last pin */
	int			pins;			/* uses under way */
} KeptPlan;

/* All kept plans, the most recently used first. */
static dlist_head kept_plans = DLIST_STATIC_INIT(kept_plans);

/* A sort that cannot be helped has a cost that nothing should be made of. */
static const CiterSetting no_sort_settings[] = {
	{"enable_sort", "off"},
	{"enable_incremental_sort", "off"},
	{NULL, NULL}
};

static const CiterSetting sort_groups_settings[] = {
	{"enable_sort", "off"},
	{NULL, NULL}
};

/* Without costs for pages the cheapest plan is that with the fewest rows. */
static const CiterSetting fewest_rows_settings[] = {
	{"seq_page_cost", "0"},
	{"random_page_cost", "0"},
	{"cpu_tuple_cost", "0.01"},
	{"cpu_index_tuple_cost", "0.005"},
	{"cpu_operator_cost", "0.0025"},
	{NULL, NULL}
};

static const CiterSetting physical_settings[] = {
	{"enable_seqscan", "off"},
	{"enable_indexscan", "off"},
	{"enable_indexonlyscan", "off"},
	{"enable_bitmapscan", "off"},
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
	{CITER_STEER_SORT_GROUPS, sort_groups_settings},
	{CITER_STEER_FEWEST_ROWS, fewest_rows_settings},
	{CITER_STEER_PHYSICAL, physical_settings},
	{CITER_STEER_ALL_PARTS, all_parts_settings},
};

/* Does something with a plan; see use_plan. */
typedef void (*PlanUse) (const KeptPlan *kept, PlannedStmt *statement, void *arg);

/* A query to be run, and whether it has been. */
typedef struct RunRequest
{
	SPIExecuteOptions options;
	bool		done;
} RunRequest;

static void use_plan(const CiterQuery *query, PlanUse use, void *arg);
static bool use_kept_plan(KeptPlan *kept, PlanUse use, void *arg);
static bool is_planned(const KeptPlan *kept);
static CachedPlan *make_plan(KeptPlan *kept);
static bool fits_query(const CiterQuery *query, const PlannedStmt *statement);
static void run_plan(const KeptPlan *kept, PlannedStmt *statement, void *arg);
static void describe_plan(const KeptPlan *kept, PlannedStmt *statement, void *shape);
static void explain_plan(const KeptPlan *kept, PlannedStmt *statement, void *output);
static KeptPlan *find_plan(const CiterQuery *query);
static KeptPlan *keep_plan(const CiterQuery *query, uint32 hash);
static bool same_query(const CiterQuery *a, const CiterQuery *b);
static uint32 hash_query(const CiterQuery *query);
static void drop_surplus_plans(void);
static Size plan_memory(const KeptPlan *kept);
static void retire_plan(KeptPlan *kept);
static void unpin_plan(KeptPlan *kept);
static void free_retired_plan(KeptPlan *kept);
static PlannedStmt *only_statement(CachedPlan *plan);
static void explain_statement(PlannedStmt *statement, const char *sql, StringInfo output);

/*
 * Runs a query under the active snapshot (a new one, if it locks its rows) and
 * hands the rows to the receiver, which ends it by returning false.  The query
 * asks in its SQL for all that is wanted of it.
 */
void
citer_plan_run(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver)
{
	if (!citer_plan_try(query, params, receiver))
		elog(ERROR, "the plan of a query does not give the order that is wanted of it");
}

/*
 * The same for a query that may not ask for its order, nor for the places of
 * its rows.  False, and it is not run, if its plan does not give them.
 */
bool
citer_plan_try(const CiterQuery *query, ParamListInfo params, DestReceiver *receiver)
{
	RunRequest	request = {.done = false};

	request.options.params = params;
	request.options.read_only = !query->locks;
	request.options.dest = receiver;
	use_plan(query, run_plan, &request);
	return request.done;
}

/* What the plan of a query looks like; the lists are in the current context. */
CiterPlanShape
citer_plan_shape(const CiterQuery *query)
{
	CiterPlanShape shape;

	use_plan(query, describe_plan, &shape);
	return shape;
}

/*
 * How many rows the planner expects of a query that has no LIMIT, run with
 * these very parameters.  The generic plan does not know them.  42501 if the
 * caller may not read what it reads.
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
	citer_settings_set(citer_settings_planner);
	plan = citer_spi_prepare(query->sql, query->nparams, query->types, CURSOR_OPT_CUSTOM_PLAN);
	custom = GetCachedPlan(linitial(SPI_plan_get_plan_sources(plan)), params, NULL, NULL);
	citer_compat_check_permissions(only_statement(custom));
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
 * Has something done with the plan of a query.  A plan that turns out to have
 * been made under other settings than ours is replaced by a new one.
 */
static void
use_plan(const CiterQuery *query, PlanUse use, void *arg)
{
	while (!use_kept_plan(find_plan(query), use, arg))
		CHECK_FOR_INTERRUPTS();
}

/*
 * The same with a kept plan, which is pinned for as long as that takes,
 * planning included: the planner, too, may call functions that start walks of
 * their own.  Its locks are taken here.
 *
 * The plan cache is asked under the session's settings where it has a valid
 * plan, because to set all of ours takes as long as to read a few rows.  Only
 * when the locks bring news of a change does it make another plan then.  That
 * one is not used, and the kept plan is retired: the result is false.
 */
static bool
use_kept_plan(KeptPlan *kept, PlanUse use, void *arg)
{
	CiterQueryContext context;
	volatile bool ours;

	citer_spi_name_query(&context, kept->query.sql);
	kept->pins++;
	PG_TRY();
	{
		CachedPlan *plan;

		if (is_planned(kept))
			plan = GetCachedPlan(kept->source, NULL, CurrentResourceOwner, NULL);
		else
			plan = make_plan(kept);
		ours = plan->generation == kept->generation;
		if (ours)
			use(kept, only_statement(plan), arg);
		else
			retire_plan(kept);
		ReleaseCachedPlan(plan, CurrentResourceOwner);
	}
	PG_CATCH();
	{
		unpin_plan(kept);
		PG_RE_THROW();
	}
	PG_END_TRY();
	citer_spi_forget_query(&context);
	unpin_plan(kept);
	return ours;
}

/*
 * Whether the plan cache has a plan that, for all that is known before its
 * locks are taken, it will not make anew: see RevalidateCachedQuery() and
 * CheckCachedPlan().
 */
static bool
is_planned(const KeptPlan *kept)
{
	const CachedPlanSource *source = kept->source;
	const CachedPlan *plan = source->gplan;

	if (plan == NULL || !source->is_valid || !plan->is_valid ||
		!citer_compat_is_search_path_same(source))
		return false;
	if (source->dependsOnRLS && source->rewriteRowSecurity != row_security)
		return false;
	if (TransactionIdIsValid(plan->saved_xmin) && plan->saved_xmin != TransactionXmin)
		return false;
	return !plan->dependsOnRole || plan->planRoleId == GetUserId();
}

/*
 * Has the plan cache make a generic plan under our settings and the query's
 * steering, and looks at it.
 */
static CachedPlan *
make_plan(KeptPlan *kept)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter planning",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	int			nestlevel = citer_settings_begin();
	CachedPlan *plan;

	citer_settings_set(citer_settings_sql);
	citer_settings_set(citer_settings_planner);
	for (int i = 0; i < (int) lengthof(steerings); i++)
	{
		if (kept->query.steer & steerings[i].flag)
			citer_settings_set(steerings[i].settings);
	}
	plan = GetCachedPlan(kept->source, NULL, CurrentResourceOwner, NULL);
	kept->generation = plan->generation;
	kept->fits = fits_query(&kept->query, only_statement(plan));
	citer_settings_end(nestlevel);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return plan;
}

/* Whether a plan gives what the query's SQL leaves unsaid. */
static bool
fits_query(const CiterQuery *query, const PlannedStmt *statement)
{
	return (!query->unsorted || citer_plan_shape_is_physical(statement)) &&
		(!query->needs_tids || citer_plan_shape_has_tids(statement));
}

/* Runs the plan of a RunRequest, if it fits. */
static void
run_plan(const KeptPlan *kept, PlannedStmt *statement, void *arg)
{
	RunRequest *request = arg;

	if (!kept->fits)
		return;
	citer_spi_run_statement(statement, kept->query.sql, &request->options);
	request->done = true;
}

static void
describe_plan(const KeptPlan *kept pg_attribute_unused(), PlannedStmt *statement, void *shape)
{
	citer_compat_check_permissions(statement);
	*(CiterPlanShape *) shape = citer_plan_shape_read(statement);
}

static void
explain_plan(const KeptPlan *kept, PlannedStmt *statement, void *output)
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
	MemoryContext context;
	KeptPlan   *kept;

	drop_surplus_plans();
	context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter plan", ALLOCSET_SMALL_SIZES);
	kept = MemoryContextAllocZero(context, sizeof(KeptPlan));
	kept->context = context;
	kept->hash = hash;
	kept->query = *query;
	kept->query.sql = MemoryContextStrdup(context, query->sql);
	kept->query.types = MemoryContextAlloc(context, sizeof(Oid) * query->nparams);
	memcpy(kept->query.types, query->types, sizeof(Oid) * query->nparams);

	citer_settings_set(citer_settings_sql);
	citer_spi_connect(0);
	kept->plan = citer_spi_prepare(query->sql, query->nparams, query->types,
								   CURSOR_OPT_GENERIC_PLAN);
	kept->source = linitial(SPI_plan_get_plan_sources(kept->plan));

	/* Nothing from here on throws: the plan is kept and listed, or neither. */
	SPI_keepplan(kept->plan);
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_head(&kept_plans, &kept->node);
	citer_spi_finish();
	citer_settings_end(nestlevel);
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

/*
 * Makes room for one more plan, unless all that are kept are running.  A few
 * are kept however large they are, as those of one walk come in turns.
 */
static void
drop_surplus_plans(void)
{
	Size		memory = 0;
	dlist_mutable_iter iter;
	int			nseen = 0;

	dlist_foreach_modify(iter, &kept_plans)
	{
		KeptPlan   *kept = dlist_container(KeptPlan, node, iter.cur);

		memory += plan_memory(kept);
		nseen++;
		if (kept->pins == 0 &&
			(nseen >= MAX_PLANS || (nseen >= MIN_PLANS && memory > MAX_PLAN_MEMORY)))
			retire_plan(kept);
	}
}

/* The bytes that a kept plan holds. */
static Size
plan_memory(const KeptPlan *kept)
{
	const CachedPlanSource *source = kept->source;
	Size		memory = MemoryContextMemAllocated(kept->context, true);

	memory += MemoryContextMemAllocated(source->context, true);
	if (source->gplan != NULL)
		memory += MemoryContextMemAllocated(source->gplan->context, true);
	return memory;
}

/* Takes a plan off the list, to be freed as soon as it is not in use. */
static void
retire_plan(KeptPlan *kept)
{
	if (!kept->retired)
		dlist_delete(&kept->node);
	kept->retired = true;
	free_retired_plan(kept);
}

static void
unpin_plan(KeptPlan *kept)
{
	kept->pins--;
	free_retired_plan(kept);
}

static void
free_retired_plan(KeptPlan *kept)
{
	if (!kept->retired || kept->pins > 0)
		return;
	SPI_freeplan(kept->plan);
	MemoryContextDelete(kept->context);
}

static PlannedStmt *
only_statement(CachedPlan *plan)
{
	Assert(list_length(plan->stmt_list) == 1);
	return linitial_node(PlannedStmt, plan->stmt_list);
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
