/*
 * compat.h
 *	  The differences between PostgreSQL 14 and later, and between compilers,
 *	  in one place.
 *
 * No other file of ours looks at PG_VERSION_NUM.  Each wrapper has the name
 * and the contract of what the newest release offers, or is a small verb of
 * our own where releases disagree about the shape.
 */
#ifndef CITER_COMPAT_H
#define CITER_COMPAT_H

#include "access/attmap.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/plannodes.h"
#include "optimizer/pathnode.h"
#include "parser/parse_param.h"
#include "parser/parse_relation.h"
#include "pgstat.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "storage/lock.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 140000
#error "chunked_iter needs PostgreSQL 14 or later"
#endif

#if PG_VERSION_NUM >= 190000
#include "access/tableam.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "access/cmptype.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* For MAX_BACKENDS */
#if PG_VERSION_NUM >= 180000
#include "storage/procnumber.h"
#else
#include "postmaster/postmaster.h"
#endif

/* For CleanQuerytext() */
#if PG_VERSION_NUM >= 160000
#include "nodes/queryjumble.h"
#else
#include "utils/queryjumble.h"
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* A background worker for a role that must not log in, where that can be had */
#if PG_VERSION_NUM < 170000
#define BGWORKER_BYPASS_ROLELOGINCHECK 0
#define LockHeldByMe(tag, mode, orstronger) LockHeldByMe(tag, mode)
#endif

#if PG_VERSION_NUM < 150000
#define pg_analyze_and_rewrite_fixedparams(tree, sql, types, ntypes, env) \
	pg_analyze_and_rewrite(tree, sql, types, ntypes, env)
#endif

/* Before the declaration of a function that does not return */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* A search path as it was at one time, to be compared with the present one */
#if PG_VERSION_NUM < 170000
#define SearchPathMatcher OverrideSearchPath
#define GetSearchPathMatcher(context) GetOverrideSearchPath(context)
#define SearchPathMatchesCurrentEnvironment(path) OverrideSearchPathMatchesCurrent(path)
#endif

/* A type of 19 and later */
#ifndef REGDATABASEOID
#define REGDATABASEOID InvalidOid
#endif

/* A wait event of our own, which releases before 17 show as PgSleep */
#if PG_VERSION_NUM >= 170000
#define citer_compat_wait_event(name) WaitEventExtensionNew(name)
#else
#define citer_compat_wait_event(name) WAIT_EVENT_PG_SLEEP
#endif

/* Asks the processor for memory that is about to be read, if it can be asked. */
#if defined(__GNUC__) || defined(__clang__)
#define citer_compat_prefetch(address) __builtin_prefetch(address)
#else
#define citer_compat_prefetch(address) ((void) (address))
#endif

/* Has a scanner read '...' with standard_conforming_strings on, as 19 always does. */
#if PG_VERSION_NUM < 190000
#define citer_compat_standard_strings(extra) \
	((extra)->standard_conforming_strings = true, (extra)->escape_string_warning = false)
#else
#define citer_compat_standard_strings(extra) ((void) (extra))
#endif

/*
 * Whether the column is known to hold no NULL.  A constraint that was added NOT
 * VALID (18 and later) says nothing about the rows that were there before.
 */
static inline bool
citer_compat_column_not_null(TupleDesc tupdesc, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return TupleDescCompactAttr(tupdesc, attnum - 1)->attnullability == ATTNULLABLE_VALID;
#else
	return TupleDescAttr(tupdesc, attnum - 1)->attnotnull;
#endif
}

/*
 * Is the column's value found in each tuple, rather than gone, computed, or
 * missing in those that are older than the column?
 */
static inline bool
citer_compat_column_is_stored(TupleDesc tupdesc, AttrNumber attnum)
{
	Form_pg_attribute attribute = TupleDescAttr(tupdesc, attnum - 1);

#if PG_VERSION_NUM >= 180000
	if (attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		return false;
#endif
	return !attribute->attisdropped && !attribute->atthasmissing;
}

/* Whether a column is generated when it is read (18 and later). */
static inline bool
citer_compat_column_is_virtual(Oid relid, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return get_attgenerated(relid, attnum) == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	(void) relid;
	(void) attnum;
	return false;
#endif
}

/*
 * Turns virtual generated columns (18 and later) into plain ones, in a copy of
 * a descriptor: that of rows which were read, and have their values.
 */
static inline void
citer_compat_forget_virtual(TupleDesc tupdesc)
{
#if PG_VERSION_NUM >= 180000
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL)
			continue;
		TupleDescCompactAttr(tupdesc, i)->attgenerated = false;
		attribute->attgenerated = '\0';
	}
	if (tupdesc->constr != NULL)
		tupdesc->constr->has_generated_virtual = false;
#else
	(void) tupdesc;
#endif
}

/*
 * An expression over range table entry 1, which is the relation, with what its
 * virtual generated columns (18 and later) stand for in their place.
 */
static inline Node *
citer_compat_expand_virtual(Node *expr, Relation rel)
{
#if PG_VERSION_NUM >= 180000
	return expand_generated_columns_in_expr(expr, rel, 1);
#else
	(void) rel;
	return expr;
#endif
}

/*
 * Whether a column stands for the same in two descriptors of a relation, made
 * at two times, if it is a virtual generated one (18 and later).
 */
static inline bool
citer_compat_same_expression(TupleDesc a, TupleDesc b, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return TupleDescAttr(b, attnum - 1)->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL ||
		equal(TupleDescGetDefault(a, attnum), TupleDescGetDefault(b, attnum));
#else
	(void) a;
	(void) b;
	(void) attnum;
	return true;
#endif
}

/*
 * Whether the virtual generated columns of a relation (18 and later) stand for
 * the same in a child of it, which may have expressions of its own.
 */
static inline bool
citer_compat_same_virtual(Relation parent, Relation child)
{
#if PG_VERSION_NUM >= 180000
	TupleDesc	columns = RelationGetDescr(parent);
	AttrMap    *map;

	if (parent == child || columns->constr == NULL || !columns->constr->has_generated_virtual)
		return true;
	map = build_attrmap_by_name(RelationGetDescr(child), columns, false);
	for (int i = 0; i < columns->natts; i++)
	{
		Node	   *expr;
		bool		whole_row;

		if (TupleDescAttr(columns, i)->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL)
			continue;
		expr = map_variable_attnos(build_generation_expression(parent, i + 1), 1, 0, map,
								   InvalidOid, &whole_row);
		if (!equal(expr, build_generation_expression(child, map->attnums[i])))
			return false;
	}
#else
	(void) parent;
	(void) child;
#endif
	return true;
}

/*
 * The btree operator family and input type behind an ordering operator, and
 * whether it sorts descending.  False when it is not an ordering operator.
 */
static inline bool
citer_compat_ordering_operator(Oid operator, Oid *opfamily, Oid *opcintype,
							   bool *descending)
{
#if PG_VERSION_NUM >= 180000
	CompareType direction;

	if (!get_ordering_op_properties(operator, opfamily, opcintype, &direction))
		return false;
	*descending = (direction == COMPARE_GT);
#else
	int16		strategy;

	if (!get_ordering_op_properties(operator, opfamily, opcintype, &strategy))
		return false;
	*descending = (strategy == BTGreaterStrategyNumber);
#endif
	return true;
}

/* A sort clause says by itself that it is descending from 18 on. */
static inline void
citer_compat_set_descending(SortGroupClause *clause, bool descending)
{
#if PG_VERSION_NUM >= 180000
	clause->reverse_sort = descending;
#else
	(void) clause;
	(void) descending;
#endif
}

/*
 * How many rows scans of a table or an index have returned in this
 * transaction.  From 20 on there is a function for either kind, which knows
 * nothing of the other.
 */
static inline int64
citer_compat_tuples_returned(Oid relid)
{
	Datum		rows = DirectFunctionCall1(pg_stat_get_xact_tuples_returned, ObjectIdGetDatum(relid));
	int64		returned = DatumGetInt64(rows);

#if PG_VERSION_NUM >= 200000
	rows = DirectFunctionCall1(pg_stat_get_xact_idx_tuples_returned, ObjectIdGetDatum(relid));
	returned += DatumGetInt64(rows);
#endif
	return returned;
}

/* A virtual transaction, as pg_locks shows it. */
static inline VirtualTransactionId
citer_compat_vxid(int backend, LocalTransactionId number)
{
	VirtualTransactionId vxid;

#if PG_VERSION_NUM >= 170000
	vxid.procNumber = backend;
#else
	vxid.backendId = backend;
#endif
	vxid.localTransactionId = number;
	return vxid;
}

/* Gives a query that is parsed parameters of these types, and no others. */
static inline void
citer_compat_set_fixed_params(ParseState *pstate, const Oid *types, int ntypes)
{
#if PG_VERSION_NUM >= 150000
	setup_parse_fixed_parameters(pstate, types, ntypes);
#else
	parse_fixed_parameters(pstate, (Oid *) types, ntypes);
#endif
}

/* Gives a query the permissions that its range table needs, from 16 on apart. */
static inline void
citer_compat_take_permissions(Query *query, ParseState *pstate)
{
#if PG_VERSION_NUM >= 160000
	query->rteperminfos = pstate->p_rteperminfos;
#else
	(void) query;
	(void) pstate;
#endif
}

/* The expressions that a query is grouped by, if that is its entry for them (18). */
static inline List *
citer_compat_group_exprs(const RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 180000
	return rte->rtekind == RTE_GROUP ? rte->groupexprs : NIL;
#else
	(void) rte;
	return NIL;
#endif
}

/*
 * Gives a range table entry what says as whom it is read (the current user),
 * where that is not in the entry itself.
 */
static inline void
citer_compat_add_permissions(Query *query, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	addRTEPermissionInfo(&query->rteperminfos, rte);
#else
	(void) query;
	(void) rte;
#endif
}

/* Runs a portal to its end, as one at top level; what it returns is dropped. */
static inline void
citer_compat_portal_run(Portal portal)
{
#if PG_VERSION_NUM >= 180000
	(void) PortalRun(portal, FETCH_ALL, true, None_Receiver, None_Receiver, NULL);
#else
	(void) PortalRun(portal, FETCH_ALL, true, true, None_Receiver, None_Receiver, NULL);
#endif
}

/* 42501 unless the current user may read all that a plan reads. */
static inline void
citer_compat_check_permissions(PlannedStmt *statement)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecCheckPermissions(statement->rtable, statement->permInfos, true);
#else
	(void) ExecCheckRTPerms(statement->rtable, true);
#endif
}

/* A path that reads two paths of the same relation, one after the other. */
static inline Path *
citer_compat_append_path(PlannerInfo *root, RelOptInfo *rel, Path *first, Path *second)
{
#if PG_VERSION_NUM >= 190000
	AppendPathInput input = {.subpaths = list_make2(first, second)};

	return (Path *) create_append_path(root, rel, input, NIL, NULL, 0, false, -1);
#else
	return (Path *) create_append_path(root, rel, list_make2(first, second), NIL, NIL, NULL,
									   0, false, -1);
#endif
}

/* Begins an index scan that nobody measures. */
static inline IndexScanDesc
citer_compat_begin_index_scan(Relation table, Relation index, Snapshot snapshot, int nkeys,
							  int norderbys)
{
#if PG_VERSION_NUM >= 190000
	return index_beginscan(table, index, snapshot, NULL, nkeys, norderbys, SO_NONE);
#elif PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, nkeys, norderbys);
#else
	return index_beginscan(table, index, snapshot, nkeys, norderbys);
#endif
}

/*
 * The kind of range table entry that the server keeps in plans for a view, to
 * have the plan cache lock it: before 16 that of any relation.
 */
#if PG_VERSION_NUM >= 160000
#define CITER_LOCKED_RTEKIND RTE_SUBQUERY
#else
#define CITER_LOCKED_RTEKIND RTE_RELATION
#endif

/* What a custom scan says of itself, to be trusted with projections. */
#if PG_VERSION_NUM >= 150000
#define CITER_CUSTOMPATH_FLAGS CUSTOMPATH_SUPPORT_PROJECTION
#else
#define CITER_CUSTOMPATH_FLAGS 0
#endif

/* Makes a row descriptor that was put together fit for use, which 19 asks for. */
static inline void
citer_compat_finish_columns(TupleDesc columns)
{
#if PG_VERSION_NUM >= 190000
	TupleDescFinalize(columns);
#else
	(void) columns;
#endif
}

/*
 * Executor flags to explain a generic plan, whose parameters have no values.
 * Before 16 there is no flag that keeps the executor from pruning partitions
 * by them, so the pruning steps must go from the plan, which then has to be a
 * copy (citer_compat_generic_plan).
 */
#if PG_VERSION_NUM >= 160000
#define CITER_EXPLAIN_FLAGS (EXEC_FLAG_EXPLAIN_ONLY | EXEC_FLAG_EXPLAIN_GENERIC)
#else
#define CITER_EXPLAIN_FLAGS EXEC_FLAG_EXPLAIN_ONLY
#endif

static inline void
citer_compat_forget_pruning(Plan *plan)
{
#if PG_VERSION_NUM < 160000
	ListCell   *cell;
	List	   *children = NIL;

	if (plan == NULL)
		return;
	if (IsA(plan, Append))
	{
		((Append *) plan)->part_prune_info = NULL;
		children = ((Append *) plan)->appendplans;
	}
	else if (IsA(plan, MergeAppend))
	{
		((MergeAppend *) plan)->part_prune_info = NULL;
		children = ((MergeAppend *) plan)->mergeplans;
	}
	else if (IsA(plan, SubqueryScan))
		children = list_make1(((SubqueryScan *) plan)->subplan);
	foreach(cell, children)
		citer_compat_forget_pruning((Plan *) lfirst(cell));
	citer_compat_forget_pruning(plan->lefttree);
	citer_compat_forget_pruning(plan->righttree);
#else
	(void) plan;
#endif
}

/* A text column of a row in a system cache, or NULL. */
static inline char *
citer_compat_text_attribute(int cache, HeapTuple tuple, AttrNumber attribute)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(cache, tuple, attribute, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * From 16 on the header that has these, utils/pg_locale.h, needs those of ICU,
 * which the server's development packages do not bring.
 */
extern char *get_collation_actual_version(char collprovider, const char *collcollate);
extern PGDLLIMPORT char *locale_monetary;
extern PGDLLIMPORT char *locale_numeric;
extern PGDLLIMPORT char *locale_time;

/*
 * The locale of a collation, and provider, locale and recorded version of the
 * database's own: before 15 that is always libc's, and has no version.
 */
#if PG_VERSION_NUM >= 170000
#define Anum_citer_collation_locale Anum_pg_collation_colllocale
#define Anum_citer_database_locale Anum_pg_database_datlocale
#elif PG_VERSION_NUM >= 150000
#define Anum_citer_collation_locale Anum_pg_collation_colliculocale
#define Anum_citer_database_locale Anum_pg_database_daticulocale
#endif

static inline char *
citer_compat_collation_locale(HeapTuple tuple)
{
	Form_pg_collation form = (Form_pg_collation) GETSTRUCT(tuple);

#if PG_VERSION_NUM >= 150000
	return citer_compat_text_attribute(COLLOID, tuple, form->collprovider == COLLPROVIDER_LIBC ?
									   Anum_pg_collation_collcollate : Anum_citer_collation_locale);
#else
	return pstrdup(NameStr(form->collcollate));
#endif
}

static inline char
citer_compat_database_provider(HeapTuple tuple)
{
#if PG_VERSION_NUM >= 150000
	return ((Form_pg_database) GETSTRUCT(tuple))->datlocprovider;
#else
	(void) tuple;
	return COLLPROVIDER_LIBC;
#endif
}

static inline char *
citer_compat_database_locale(HeapTuple tuple)
{
#if PG_VERSION_NUM >= 150000
	return citer_compat_text_attribute(DATABASEOID, tuple,
									   citer_compat_database_provider(tuple) == COLLPROVIDER_LIBC ?
									   Anum_pg_database_datcollate : Anum_citer_database_locale);
#else
	return pstrdup(NameStr(((Form_pg_database) GETSTRUCT(tuple))->datcollate));
#endif
}

static inline char *
citer_compat_database_version(HeapTuple tuple)
{
#if PG_VERSION_NUM >= 150000
	return citer_compat_text_attribute(DATABASEOID, tuple, Anum_pg_database_datcollversion);
#else
	(void) tuple;
	return NULL;
#endif
}

/* Whether a plan of the plan cache was made under the present search_path. */
static inline bool
citer_compat_is_search_path_same(const CachedPlanSource *source)
{
#if PG_VERSION_NUM >= 170000
	return SearchPathMatchesCurrentEnvironment(source->search_path);
#else
	return OverrideSearchPathMatchesCurrent(source->search_path);
#endif
}

/* Runs an executor that was started, once, until its rows or its receiver end. */
static inline void
citer_compat_run_executor(QueryDesc *desc)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(desc, ForwardScanDirection, 0);
#else
	ExecutorRun(desc, ForwardScanDirection, 0, true);
#endif
}

/*
 * The parameters of an ExecutorRun hook, and the same to be passed on: before
 * 18 there is one more.
 */
#if PG_VERSION_NUM >= 180000
#define CITER_EXECUTOR_RUN_PARAMS QueryDesc *desc, ScanDirection direction, uint64 count
#define CITER_EXECUTOR_RUN_ARGS desc, direction, count
#else
#define CITER_EXECUTOR_RUN_PARAMS \
	QueryDesc *desc, ScanDirection direction, uint64 count, bool execute_once
#define CITER_EXECUTOR_RUN_ARGS desc, direction, count, execute_once
#endif

/* The parameters of a syscache callback. */
#if PG_VERSION_NUM >= 190000
#define CITER_SYSCACHE_CALLBACK_PARAMS Datum arg, SysCacheIdentifier cacheid, uint32 hashvalue
#else
#define CITER_SYSCACHE_CALLBACK_PARAMS Datum arg, int cacheid, uint32 hashvalue
#endif

/* Those of a planner hook: from 19 on there is one more. */
#if PG_VERSION_NUM >= 190000
#define CITER_PLANNER_PARAMS \
	Query *query, const char *sql, int options, ParamListInfo params, ExplainState *es
#define CITER_PLANNER_ARGS query, sql, options, params, es
#else
#define CITER_PLANNER_PARAMS Query *query, const char *sql, int options, ParamListInfo params
#define CITER_PLANNER_ARGS query, sql, options, params
#endif

/* Those of a hook behind parse analysis. */
#if PG_VERSION_NUM >= 190000
#define CITER_PARSED_PARAMS ParseState *pstate, Query *query, const JumbleState *jstate
#else
#define CITER_PARSED_PARAMS ParseState *pstate, Query *query, JumbleState *jstate
#endif
#define CITER_PARSED_ARGS pstate, query, jstate

#endif							/* CITER_COMPAT_H */
