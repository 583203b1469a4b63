/*
 * function_version.c
 *	  Notices when a function changes that a walk uses.
 *
 * The key, the filter, and the view or query that is walked, can call functions
 * that are defined anew in the middle of a walk.  From then on keys are other
 * ones, and rows that have one before the walk's position would be lost.  So
 * all that is called is compared with what it was at the start, whenever the
 * server says that some function has changed.
 *
 * Expressions are simplified first, as the planner does it, for that puts the
 * bodies of SQL functions in their place, and those of others that these call.
 * What a function calls that is not inlined cannot be seen from outside.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "walk/function_version.h"

static uint64 changes = 0;		/* of functions that this session was told of */

static void count_changes(void);
static void count_change(CITER_SYSCACHE_CALLBACK_PARAMS);
static uint64 version_of(const CiterWalk *walk);
static Node *simplify(Node *node, void *context);
static Node *simplify_subqueries(Node *node, void *context);
static bool add_functions(Node *node, void *version);
static bool add_function(Oid function, void *version);

/* What the functions of a walk are now. */
CiterFunctionVersion
citer_function_version(const CiterWalk *walk)
{
	CiterFunctionVersion now;

	count_changes();
	now.changes = changes;
	now.version = version_of(walk);
	return now;
}

/*
 * Throws 55000 unless the functions of a walk are what they were.  Called under
 * the settings of the walk's start.
 */
void
citer_function_version_check(CiterFunctionVersion *then, const CiterWalk *walk)
{
	if (then->version == 0 || then->changes == changes)
		return;
	then->changes = changes;
	if (version_of(walk) != then->version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a function was changed while %s was being walked",
						citer_relation_describe(walk->relation)),
				 errdetail("The key, the filter, or what is walked calls it."),
				 errhint("Start the walk again.")));
}

/* Has the server say when a function changes; done once in a session. */
static void
count_changes(void)
{
	if (changes > 0)
		return;
	CacheRegisterSyscacheCallback(PROCOID, count_change, (Datum) 0);
	changes = 1;
}

/* Syscache callback: some function was changed, or may have been. */
static void
count_change(CITER_SYSCACHE_CALLBACK_PARAMS)
{
	(void) arg;
	(void) cacheid;
	(void) hashvalue;
	changes++;
}

/* A number that changes with the functions of a walk; 0 if it has none. */
static uint64
version_of(const CiterWalk *walk)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter functions",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	List	   *nodes = list_make2(walk->conditions, walk->relation->rewritten);
	uint64		version = 0;

	for (int i = 0; i < walk->key->nelements; i++)
		nodes = lappend(nodes, walk->key->elements[i].expr);
	(void) add_functions((Node *) nodes, &version);
	if (version != 0)
	{
		Node	   *simple = simplify((Node *) nodes, NULL);
		char	   *text = nodeToString(simple);

		(void) add_functions(simple, &version);
		version = hash_combine64(version, hash_bytes((unsigned char *) text, strlen(text)));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return version;
}

/* Simplifies an expression, or all those of a query, into a copy. */
static Node *
simplify(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, simplify, context, 0);
	return simplify_subqueries(eval_const_expressions(NULL, node), context);
}

/* Simplifies the queries in an expression that is simplified. */
static Node *
simplify_subqueries(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return simplify(node, context);
	return expression_tree_mutator(node, simplify_subqueries, context);
}

/* Expression walker: adds the functions that are called to a version. */
static bool
add_functions(Node *node, void *version)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, add_functions, version, 0);
	(void) check_functions_in_node(node, add_function, version);
	return expression_tree_walker(node, add_functions, version);
}

/* Adds what decides about a function's results, if it is not of the server. */
static bool
add_function(Oid function, void *version)
{
	static const AttrNumber texts[] = {
		Anum_pg_proc_prosrc, Anum_pg_proc_probin, Anum_pg_proc_prosqlbody, Anum_pg_proc_proconfig
	};
	uint64	   *total = version;
	HeapTuple	tuple;
	Form_pg_proc form;

	if (function < FirstNormalObjectId)
		return false;
	*total = hash_combine64(*total, function);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	*total = hash_combine64(*total, form->prolang);
	*total = hash_combine64(*total, form->proisstrict);
	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		bool		isnull;
		Datum		text = SysCacheGetAttr(PROCOID, tuple, texts[i], &isnull);
		struct varlena *value = isnull ? NULL : PG_DETOAST_DATUM_PACKED(text);

		if (!isnull)
			*total = hash_combine64(*total, hash_bytes((unsigned char *) VARDATA_ANY(value),
													   VARSIZE_ANY_EXHDR(value)));
	}
	ReleaseSysCache(tuple);
	return false;
}
