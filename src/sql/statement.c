/*
 * statement.c
 *	  SQL statements that are prepared once, kept, and run again and again.
 *
 * Planning costs about as much as reading a few hundred rows, so each statement
 * of the extension is prepared once.  There are two kinds of owners:
 *
 * - Whoever prepares a statement has it for as long as the memory context that
 *   was current then (citer_statement_prepare).  It runs by SPI.
 * - The others belong to the session, because clients that page through a table
 *   come back with the same query again and again (citer_statement_use_plan).
 *   They are found by their source and the role, for a plan has in it what
 *   functions that this role may call have returned, and are few: MAX_KEPT and
 *   MAX_KEPT_MEMORY, the least recently used goes first.  Nobody else holds on to
 *   one, so that a walk that is suspended or has been aborted owns nothing here.
 *
 * A statement in use is pinned, so that a function in it that comes here as well
 * does not free it.
 *
 * The plan that is looked at is the plan that runs.  Each plan of the second
 * kind is made under the settings of its source, whatever the user, the role or
 * the database has set, and is then handed out as it is, to run under the user's
 * own settings.  SPI would not do that: it asks the plan cache once more, which
 * under plan_cache_mode = force_custom_plan makes another plan.
 *
 * These plans are generic: the plan cache makes them anew when a table changes,
 * a setting such as search_path or the role, and never for a parameter's sake.
 * Each gets a new generation number from the plan cache, and one that the plan
 * cache made at another time is known by it (use_pinned_plan).
 *
 * While a statement is explained and not run, nothing is taken from what is
 * kept nor added to it: see explaining.c.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "sql/explaining.h"
#include "sql/statement.h"

/* Statements kept in a session: at most so many, and of so many bytes, but a few. */
#define MAX_KEPT 256
#define MAX_KEPT_MEMORY ((Size) 32 * 1024 * 1024)
#define MIN_KEPT 16

struct CiterStatement
{
	dlist_node	node;			/* in kept_statements, if it is kept */
	MemoryContext context;		/* holds this struct and the source */
	MemoryContextCallback callback; /* when its owner goes, if it has one */
	CiterStatementSource source;
	Oid			role;			/* that it was prepared by */
	SPIPlanPtr	plan;
	CachedPlanSource *cached;	/* the only one of the plan */
	int			generation;		/* of the plan that is ours; 0: none is */
	bool		kept;
	bool		retired;		/* to be freed with its last pin */
	int			pins;			/* uses under way */
};

/* The option of a cursor is not asked for where the session's setting decides. */
static const CiterSetting custom_plan_settings[] = {
	{"plan_cache_mode", "force_custom_plan"},
	{NULL, NULL}
};

/* All statements of the session, the most recently used first. */
static dlist_head kept_statements = DLIST_STATIC_INIT(kept_statements);

static CiterStatement *create_statement(const CiterStatementSource *source);
static SPIPlanPtr prepare_plan(const CiterStatementSource *source, int cursor_options);
static void owner_goes(void *statement);
static CiterStatement *find_statement(const CiterStatementSource *source);
static CiterStatement *keep_statement(const CiterStatementSource *source);
static bool same_source(const CiterStatementSource *a, const CiterStatementSource *b);
static void use_plan_once(const CiterStatementSource *source, CiterPlanUse use, void *arg);
static bool use_kept_plan(CiterStatement *statement, CiterPlanUse use, void *arg);
static bool use_pinned_plan(CiterStatement *statement, CiterPlanUse use, void *arg);
static bool is_planned(const CiterStatement *statement);
static CachedPlan *make_plan(CiterStatement *statement);
static int	begin_settings(const CiterStatementSource *source);
static void drop_surplus(void);
static Size statement_memory(const CiterStatement *statement);
static void retire(CiterStatement *statement);
static void unpin(CiterStatement *statement);
static void free_retired(CiterStatement *statement);

/*
 * Prepares a statement, with SPI connected, which is freed with the current
 * memory context.
 */
CiterStatement *
citer_statement_prepare(const CiterStatementSource *source)
{
	MemoryContext owner = CurrentMemoryContext;
	CiterStatement *statement = create_statement(source);

	statement->callback.func = owner_goes;
	statement->callback.arg = statement;
	MemoryContextRegisterResetCallback(owner, &statement->callback);
	return statement;
}

/*
 * Runs a statement by SPI, which is connected, under the settings of its
 * source.  Returns the result code of its success.  See citer_spi_run() for the
 * snapshot.
 */
int
citer_statement_run(CiterStatement *statement, const SPIExecuteOptions *options, Snapshot snapshot)
{
	int			nestlevel = begin_settings(&statement->source);
	volatile int result = 0;

	statement->pins++;
	PG_TRY();
	{
		result = citer_spi_run(statement->plan, options, snapshot);
	}
	PG_FINALLY();
	{
		unpin(statement);
	}
	PG_END_TRY();
	citer_settings_end(nestlevel);
	return result;
}

/* The queries that the command has become by rewriting. */
List *
citer_statement_queries(const CiterStatement *statement)
{
	return statement->cached->query_list;
}

/*
 * Has something done with the generic plan of a statement, which the session
 * keeps.  A plan that turns out to have been made under other settings than
 * the source's is replaced by a new one.  SPI need not be connected.
 */
void
citer_statement_use_plan(const CiterStatementSource *source, CiterPlanUse use, void *arg)
{
	if (citer_explaining())
	{
		use_plan_once(source, use, arg);
		return;
	}
	while (!use_kept_plan(find_statement(source), use, arg))
		CHECK_FOR_INTERRUPTS();
}

/*
 * Has something done with the plan of a statement for these very parameters,
 * which the generic plan does not know.  SPI is connected; nothing is kept.
 */
void
citer_statement_use_custom_plan(const CiterStatementSource *source, ParamListInfo params,
								CiterPlanUse use, void *arg)
{
	int			nestlevel = begin_settings(source);
	SPIPlanPtr	plan = prepare_plan(source, CURSOR_OPT_CUSTOM_PLAN);
	CachedPlan *custom;

	citer_settings_set(custom_plan_settings);
	custom = GetCachedPlan(linitial(SPI_plan_get_plan_sources(plan)), params, NULL, NULL);
	citer_settings_end(nestlevel);
	use(custom->stmt_list, arg);
	ReleaseCachedPlan(custom, NULL);
	SPI_freeplan(plan);
}

/*
 * Prepares a statement that nobody owns yet.  Nothing throws once it lives
 * longer than the current memory context.
 */
static CiterStatement *
create_statement(const CiterStatementSource *source)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter plan",
												  ALLOCSET_SMALL_SIZES);
	CiterStatement *statement = MemoryContextAllocZero(context, sizeof(CiterStatement));
	Oid		   *types = MemoryContextAlloc(context, sizeof(Oid) * source->nparams);
	int			nestlevel = begin_settings(source);

	memcpy(types, source->types, sizeof(Oid) * source->nparams);
	statement->context = context;
	statement->source = *source;
	statement->role = GetUserId();
	statement->source.sql = MemoryContextStrdup(context, source->sql);
	statement->source.types = types;
	statement->plan = prepare_plan(source, source->cursor_options);
	citer_settings_end(nestlevel);
	statement->cached = linitial(SPI_plan_get_plan_sources(statement->plan));
	SPI_keepplan(statement->plan);
	MemoryContextSetParent(context, TopMemoryContext);
	return statement;
}

static SPIPlanPtr
prepare_plan(const CiterStatementSource *source, int cursor_options)
{
	return citer_spi_prepare(source->sql, source->nparams, source->types, cursor_options);
}

/* Memory context callback: the owner of a statement goes. */
static void
owner_goes(void *statement)
{
	retire(statement);
}

/* The kept statement of a source, prepared if there is none. */
static CiterStatement *
find_statement(const CiterStatementSource *source)
{
	dlist_iter	iter;

	dlist_foreach(iter, &kept_statements)
	{
		CiterStatement *statement = dlist_container(CiterStatement, node, iter.cur);

		if (statement->source.hash == source->hash && statement->role == GetUserId() &&
			same_source(&statement->source, source))
		{
			dlist_move_head(&kept_statements, &statement->node);
			return statement;
		}
	}
	return keep_statement(source);
}

/* Prepares a statement and keeps it, which may push out another. */
static CiterStatement *
keep_statement(const CiterStatementSource *source)
{
	CiterStatement *statement;

	drop_surplus();
	citer_spi_connect(0);
	statement = create_statement(source);
	statement->kept = true;
	dlist_push_head(&kept_statements, &statement->node);
	citer_spi_finish();
	return statement;
}

static bool
same_source(const CiterStatementSource *a, const CiterStatementSource *b)
{
	return a->version == b->version && a->nparams == b->nparams &&
		a->cursor_options == b->cursor_options &&
		memcmp(a->settings, b->settings, sizeof(a->settings)) == 0 &&
		memcmp(a->types, b->types, sizeof(Oid) * a->nparams) == 0 &&
		strcmp(a->sql, b->sql) == 0;
}

/* Has something done with the plan of a statement that is prepared for that. */
static void
use_plan_once(const CiterStatementSource *source, CiterPlanUse use, void *arg)
{
	CiterStatement *statement;

	citer_spi_connect(0);
	statement = create_statement(source);
	citer_spi_finish();
	statement->pins++;
	retire(statement);
	PG_TRY();
	{
		(void) use_kept_plan(statement, use, arg);
	}
	PG_FINALLY();
	{
		unpin(statement);
	}
	PG_END_TRY();
}

/*
 * Has something done with the plan of a kept statement, which is pinned for as
 * long as that takes, planning included: the planner, too, may call functions
 * that come here.
 */
static bool
use_kept_plan(CiterStatement *statement, CiterPlanUse use, void *arg)
{
	CiterQueryContext context;
	volatile bool ours = false;

	citer_spi_name_query(&context, statement->source.sql);
	statement->pins++;
	PG_TRY();
	{
		ours = use_pinned_plan(statement, use, arg);
	}
	PG_FINALLY();
	{
		unpin(statement);
	}
	PG_END_TRY();
	citer_spi_forget_query(&context);
	return ours;
}

/*
 * The same.  The plan's locks are taken here.
 *
 * The plan cache is asked under the session's settings where it has a valid
 * plan, because to set all of ours takes as long as to read a few rows.  Only
 * when the locks bring news of a change does it make another plan then.  That
 * one is not used, and the statement is retired: the result is false.
 */
static bool
use_pinned_plan(CiterStatement *statement, CiterPlanUse use, void *arg)
{
	CachedPlan *plan = is_planned(statement) ?
	GetCachedPlan(statement->cached, NULL, CurrentResourceOwner, NULL) : make_plan(statement);
	bool		ours = plan->generation == statement->generation;

	if (ours)
		use(plan->stmt_list, arg);
	else
		retire(statement);
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	return ours;
}

/*
 * Whether the plan cache has a plan that, for all that is known before its
 * locks are taken, it will not make anew: see RevalidateCachedQuery() and
 * CheckCachedPlan().
 */
static bool
is_planned(const CiterStatement *statement)
{
	const CachedPlanSource *cached = statement->cached;
	const CachedPlan *plan = cached->gplan;

	if (plan == NULL || !cached->is_valid || !plan->is_valid ||
		!citer_compat_is_search_path_same(cached))
		return false;
	if (cached->dependsOnRLS && cached->rewriteRowSecurity != row_security)
		return false;
	if (TransactionIdIsValid(plan->saved_xmin) && plan->saved_xmin != TransactionXmin)
		return false;
	return !plan->dependsOnRole || plan->planRoleId == GetUserId();
}

/* Has the plan cache make a generic plan under the settings of the source. */
static CachedPlan *
make_plan(CiterStatement *statement)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter planning",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	int			nestlevel = begin_settings(&statement->source);
	CachedPlan *plan = GetCachedPlan(statement->cached, NULL, CurrentResourceOwner, NULL);

	statement->generation = plan->generation;
	citer_settings_end(nestlevel);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return plan;
}

/* Sets the settings of a source, until citer_settings_end(). */
static int
begin_settings(const CiterStatementSource *source)
{
	int			nestlevel = citer_settings_begin();

	for (int i = 0; i < CITER_STATEMENT_SETTINGS_MAX && source->settings[i] != NULL; i++)
		citer_settings_set(source->settings[i]);
	return nestlevel;
}

/*
 * Makes room for one more statement, unless all that are kept are running.  A
 * few are kept however large they are, as those of one walk come in turns.
 */
static void
drop_surplus(void)
{
	Size		memory = 0;
	dlist_mutable_iter iter;
	int			nseen = 0;

	dlist_foreach_modify(iter, &kept_statements)
	{
		CiterStatement *statement = dlist_container(CiterStatement, node, iter.cur);

		memory += statement_memory(statement);
		nseen++;
		if (statement->pins == 0 &&
			(nseen >= MAX_KEPT || (nseen >= MIN_KEPT && memory > MAX_KEPT_MEMORY)))
			retire(statement);
	}
}

/* The bytes that a statement holds. */
static Size
statement_memory(const CiterStatement *statement)
{
	const CachedPlanSource *cached = statement->cached;
	Size		memory = MemoryContextMemAllocated(statement->context, true);

	memory += MemoryContextMemAllocated(cached->context, true);
	if (cached->gplan != NULL)
		memory += MemoryContextMemAllocated(cached->gplan->context, true);
	return memory;
}

/* Gives a statement up, to be freed as soon as it is not in use. */
static void
retire(CiterStatement *statement)
{
	if (statement->kept)
		dlist_delete(&statement->node);
	statement->kept = false;
	statement->retired = true;
	free_retired(statement);
}

static void
unpin(CiterStatement *statement)
{
	statement->pins--;
	free_retired(statement);
}

static void
free_retired(CiterStatement *statement)
{
	if (!statement->retired || statement->pins > 0)
		return;
	SPI_freeplan(statement->plan);
	MemoryContextDelete(statement->context);
}
