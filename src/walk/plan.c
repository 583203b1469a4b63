/*
 * plan.c
 *	  The plans of a walk's queries: the one way to the executor.
 *
 * All queries of walks run through here, with the rights of the caller, by
 * plans that the session keeps (sql/statement.c).  They are made under settings
 * of our own (citer_settings_planner and the query's steering), while functions
 * in the queries run under the user's.
 *
 * What a query's SQL does not ask for, its plan has to give.  The plan that is
 * looked at for that is the plan that runs.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "sql/statement.h"
#include "walk/citus.h"
#include "walk/plan.h"
#include "walk/relation_news.h"

/* A sort that cannot be avoided still has a high cost, which means nothing. */
static const CiterSetting no_sort_settings[] = {
	{"enable_sort", "off"},
	{NULL, NULL}
};

static const CiterSetting whole_index_settings[] = {
	{"enable_sort", "off"},
	{"enable_incremental_sort", "off"},
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

/* Pruning compares keys here, and foreign servers may compare otherwise. */
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
	{CITER_STEER_WHOLE_INDEX, whole_index_settings},
	{CITER_STEER_FEWEST_ROWS, fewest_rows_settings},
	{CITER_STEER_PHYSICAL, physical_settings},
	{CITER_STEER_ALL_PARTS, all_parts_settings},
};

/* A query to be run, and whether it was. */
typedef struct RunRequest
{
	const CiterQuery *query;
	SPIExecuteOptions options;
	bool		done;
} RunRequest;

/* A query to be explained. */
typedef struct ExplainRequest
{
	const CiterQuery *query;
	StringInfo	output;
} ExplainRequest;

static CiterStatementSource statement_of(const CiterQuery *query);
static void use_custom_plan(const CiterStatementSource *source, ParamListInfo params,
							CiterPlanUse use, void *arg);
static void run_plan(List *planned, void *arg);
static bool is_limit_needless(const CiterQuery *query, Plan *plan);
static bool fits_query(const CiterQuery *query, const PlannedStmt *statement);
static void describe_plan(List *planned, void *shape);
static void take_estimate(List *planned, void *rows);
static void check_permissions(PlannedStmt *statement);
static void explain_plan(List *planned, void *arg);
static PlannedStmt *only_statement(List *planned);

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
	const CiterStatementSource source = statement_of(query);
	RunRequest	request = {.query = query,.done = false};

	request.options.params = params;
	request.options.read_only = !query->locks;
	request.options.dest = receiver;
	if (query->steer & CITER_STEER_CUSTOM)
		use_custom_plan(&source, params, run_plan, &request);
	else
		citer_statement_use_plan(&source, run_plan, &request);
	return request.done;
}

/* What the plan of a query looks like; the lists are in the current context. */
CiterPlanShape
citer_plan_shape(const CiterQuery *query)
{
	const CiterStatementSource source = statement_of(query);
	CiterPlanShape shape;

	citer_statement_use_plan(&source, describe_plan, &shape);
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
	const CiterStatementSource source = statement_of(query);
	double		rows;

	use_custom_plan(&source, params, take_estimate, &rows);
	return rows;
}

/*
 * Appends the plan of a query to output, as EXPLAIN (COSTS OFF) shows it.
 * The executor checks the caller's privileges, but reads nothing.
 */
void
citer_plan_explain(const CiterQuery *query, StringInfo output)
{
	const CiterStatementSource source = statement_of(query);
	ExplainRequest request = {query, output};

	citer_statement_use_plan(&source, explain_plan, &request);
}

/* A query as a statement to be kept, with the settings that steer its planning. */
static CiterStatementSource
statement_of(const CiterQuery *query)
{
	CiterStatementSource source = {
		.sql = query->sql,
		.hash = query->hash,
		.nparams = query->nparams,
		.types = query->types,
		.cursor_options = CURSOR_OPT_GENERIC_PLAN,
		.version = hash_combine64(query->version, citer_relation_undone()),
		.settings = {citer_settings_sql, citer_settings_planner},
	};
	int			n = 2;

	for (int i = 0; i < (int) lengthof(steerings); i++)
	{
		if (query->steer & steerings[i].flag)
			source.settings[n++] = steerings[i].settings;
	}
	return source;
}

/* Has something done with a plan for these very parameters, in the current memory context. */
static void
use_custom_plan(const CiterStatementSource *source, ParamListInfo params, CiterPlanUse use, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	CiterQueryContext context;

	citer_spi_connect(0);
	MemoryContextSwitchTo(caller);
	citer_spi_name_query(&context, source->sql);
	citer_statement_use_custom_plan(source, params, use, arg);
	citer_spi_forget_query(&context);
	citer_spi_finish();
}

/* Runs the plan of a RunRequest, if it fits. */
static void
run_plan(List *planned, void *arg)
{
	RunRequest *request = arg;
	PlannedStmt statement = *only_statement(planned);

	if (!fits_query(request->query, &statement))
		return;
	if (is_limit_needless(request->query, statement.planTree))
		statement.planTree = statement.planTree->lefttree;
	citer_spi_run_statement(&statement, request->query->sql, &request->options,
							request->query->prefetch);
	request->done = true;
}

/*
 * Whether a plan is an index scan and a LIMIT at which the receiver stops it
 * anyway.  To start the node for that takes as long as to read several rows.
 */
static bool
is_limit_needless(const CiterQuery *query, Plan *plan)
{
	return query->stopped && IsA(plan, Limit) && plan->initPlan == NIL &&
		((Limit *) plan)->limitOption == LIMIT_OPTION_COUNT &&
		(IsA(plan->lefttree, IndexScan) || IsA(plan->lefttree, IndexOnlyScan));
}

/* Whether a plan gives what the query's SQL does not ask for. */
static bool
fits_query(const CiterQuery *query, const PlannedStmt *statement)
{
	return (!query->unsorted || citer_plan_shape_is_physical(statement)) &&
		(!query->needs_tids || citer_plan_shape_has_tids(statement));
}

static void
describe_plan(List *planned, void *shape)
{
	PlannedStmt *statement = only_statement(planned);

	check_permissions(statement);
	*(CiterPlanShape *) shape = citer_plan_shape_read(statement);
}

static void
take_estimate(List *planned, void *rows)
{
	PlannedStmt *statement = only_statement(planned);

	check_permissions(statement);
	*(double *) rows = statement->planTree->plan_rows;
}

/*
 * 42501 unless the current user may read all that a plan reads.  Hooks are left
 * out, because nothing is read now, and when it is they are called: pgaudit's
 * logs a read, of the statement that is being executed, and often none is yet.
 */
static void
check_permissions(PlannedStmt *statement)
{
	ExecutorCheckPerms_hook_type hook = ExecutorCheckPerms_hook;

	ExecutorCheckPerms_hook = NULL;
	PG_TRY();
	{
		citer_compat_check_permissions(statement);
	}
	PG_FINALLY();
	{
		ExecutorCheckPerms_hook = hook;
	}
	PG_END_TRY();
}

/* Prints the plan of an ExplainRequest, in the manner of auto_explain. */
static void
explain_plan(List *planned, void *arg)
{
	ExplainRequest *request = arg;
	PlannedStmt *statement = copyObject(only_statement(planned));
	ExplainState *es = NewExplainState();
	QueryDesc  *desc;

	/*
	 * The workers would be asked to explain a query whose parameters have no
	 * values.
	 */
	if (citer_citus_plans(statement->planTree) && strchr(request->query->sql, '$') != NULL)
	{
		appendStringInfoString(request->output, "Planned for each chunk, with its keys\n");
		return;
	}
	citer_compat_forget_pruning(statement->planTree);
	es->costs = false;
	desc = CreateQueryDesc(statement, request->query->sql, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, NULL, 0);
	ExecutorStart(desc, CITER_EXPLAIN_FLAGS);
	ExplainBeginOutput(es);
	ExplainPrintPlan(es, desc);
	ExplainEndOutput(es);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	appendStringInfoString(request->output, es->str->data);
}

static PlannedStmt *
only_statement(List *planned)
{
	Assert(list_length(planned) == 1);
	return linitial_node(PlannedStmt, planned);
}
