/*
 * walk_kept.c
 *	  Walks that were resolved before, kept by the session.
 *
 * To resolve a walk takes longer than to read a page of rows, and a client that
 * pages through a table asks for the same one each time, from another position.
 * So what a request has become is kept, apart from its bounds, parameters and
 * snapshot, for as long as nothing has changed that it was made of:
 *
 * - the request itself, the role, search_path, and the settings that SQL goes by
 *	 are compared;
 * - what the catalogs say is known to have changed by the server's invalidation
 *	 messages, which come at the latest when its tables are locked, as they do
 *	 for the plan cache (plancache.c).  Those for the relation, its children and
 *	 its indexes concern the walks of it; those for types, functions, operators and
 *	 roles are taken to concern all.
 *
 * Only walks of tables of this server are kept, whose policies and filter name no
 * other table: what others depend on is more than that.  Nothing is kept or taken
 * while a statement is explained and not run, as with plans (explaining.c).
 *
 * A walk in use is pinned by the memory context that it was asked for in.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/settings.h"
#include "sql/explaining.h"
#include "walk/relation_news.h"
#include "walk/walk_kept.h"

/*
 * Walks kept in a session: at most MAX_KEPT, and no more than MAX_KEPT_MEMORY bytes
 * of them, but for the last ones, fewer than MIN_KEPT, each of which may take as many.
 */
#define MAX_KEPT 32
#define MAX_KEPT_MEMORY ((Size) 8 * 1024 * 1024)
#define MIN_KEPT 4

typedef struct KeptWalk
{
	dlist_node	node;			/* in kept_walks, if it is kept */
	MemoryContext context;		/* holds all of it */
	CiterOptions options;		/* that it was resolved from */
	Oid			role;
	SearchPathMatcher *search_path;
	uint64		undone;			/* citer_relation_undone() */
	List	   *tables;			/* OIDs of the table and its children, in the
								 * order in which they are locked */
	List	   *relations;		/* these and the table's indexes */
	CiterWalk  *walk;
	bool		kept;
	bool		stale;			/* something has changed */
	int			pins;			/* uses under way */
} KeptWalk;

/* A use of a kept walk, in the memory context that it ends with. */
typedef struct Pin
{
	MemoryContextCallback callback;
	KeptWalk   *kept;
} Pin;

/* The most recently used first. */
static dlist_head kept_walks = DLIST_STATIC_INIT(kept_walks);

/* How many invalidation messages have come in. */
static uint64 changes = 0;

static void watch_changes(void);
static void notice_relation(Datum arg, Oid relid);
static void notice_object(CITER_SYSCACHE_CALLBACK_PARAMS);
static bool can_keep_request(const CiterOptions *options);
static KeptWalk *find(const CiterOptions *options);
static void lock_tables(KeptWalk *kept);
static bool is_current(const KeptWalk *kept, const CiterOptions *options);
static bool same_request(const CiterOptions *a, const CiterOptions *b);
static bool same_text(const char *a, const char *b);
static KeptWalk *make(const CiterOptions *options, CiterWalkResolve resolve);
static CiterOptions copy_request(const CiterOptions *options);
static void find_tables(KeptWalk *kept);
static bool is_detaching(List *tables);
static bool is_small(const KeptWalk *kept);
static void keep(KeptWalk *kept);
static void drop_surplus(void);
static CiterWalk *use(KeptWalk *kept);
static CiterKey *copy_key(const CiterKey *key);
static void unpin(void *arg);
static void retire(KeptWalk *kept);
static void free_retired(KeptWalk *kept);

/*
 * The walk that a request is resolved to by the function, without what is not
 * kept, in the current memory context, for which it lasts.  It is resolved now
 * unless it is kept.
 */
CiterWalk *
citer_walk_kept(const CiterOptions *options, CiterWalkResolve resolve)
{
	KeptWalk   *kept;

	/* Locks that are held already do not bring in what others have committed. */
	AcceptInvalidationMessages();
	if (!can_keep_request(options))
		return resolve(options);
	kept = find(options);
	if (kept == NULL)
		kept = make(options, resolve);
	return use(kept);
}

/*
 * A number that is another one after any change of what the catalogs say of
 * relations, types, functions, operators and roles.
 */
uint64
citer_walk_kept_changes(void)
{
	watch_changes();
	return changes;
}

/* Has the server tell of changes.  They come from the first call on. */
static void
watch_changes(void)
{
	static const int caches[] = {
		PROCOID, TYPEOID, OPEROID, CASTSOURCETARGET, NAMESPACEOID, COLLOID, CLAOID,
		AMOPOPID, AMPROCNUM, AUTHOID, AUTHMEMROLEMEM
	};
	static bool watching = false;

	if (watching)
		return;
	for (int i = 0; i < (int) lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], notice_object, (Datum) 0);
	CacheRegisterRelcacheCallback(notice_relation, (Datum) 0);
	watching = true;
}

/* Relcache callback: a relation has changed, or all (InvalidOid). */
static void
notice_relation(Datum arg pg_attribute_unused(), Oid relid)
{
	dlist_iter	iter;

	changes++;
	dlist_foreach(iter, &kept_walks)
	{
		KeptWalk   *kept = dlist_container(KeptWalk, node, iter.cur);

		if (!kept->stale)
			kept->stale = !OidIsValid(relid) || list_member_oid(kept->relations, relid);
	}
}

/* Syscache callback: an object has changed that walks may be made of. */
static void
notice_object(CITER_SYSCACHE_CALLBACK_PARAMS)
{
	(void) cacheid;
	(void) hashvalue;
	notice_relation(arg, InvalidOid);
}

/* The text of a query may mean anything. */
static bool
can_keep_request(const CiterOptions *options)
{
	return options->query == NULL && OidIsValid(options->rowtype) && !citer_explaining();
}

/* The kept walk of a request; NULL if there is none that still holds. */
static KeptWalk *
find(const CiterOptions *options)
{
	dlist_mutable_iter iter;

	watch_changes();
	dlist_foreach_modify(iter, &kept_walks)
	{
		KeptWalk   *kept = dlist_container(KeptWalk, node, iter.cur);

		if (!kept->stale && is_current(kept, options))
			lock_tables(kept);
		else if (!kept->stale)
			continue;
		if (kept->stale)
			retire(kept);
		else
		{
			dlist_move_head(&kept_walks, &kept->node);
			return kept;
		}
	}
	return NULL;
}

/*
 * Locks the tables of a walk, which brings in the news of them.  From then on
 * they are known not to have changed, unless the walk has become stale.
 */
static void
lock_tables(KeptWalk *kept)
{
	uint64		news;
	ListCell   *cell;

	foreach(cell, kept->tables)
		LockRelationOid(lfirst_oid(cell), AccessShareLock);
	news = citer_relation_news();
	if (!kept->stale)
		kept->walk->relation->news = news;
}

static bool
is_current(const KeptWalk *kept, const CiterOptions *options)
{
	return kept->role == GetUserId() && kept->undone == citer_relation_undone() &&
		same_request(&kept->options, options) &&
		kept->walk->settings_version == citer_settings_version() &&
		SearchPathMatchesCurrentEnvironment(kept->search_path);
}

/* Whether two requests are the same apart from what is not kept. */
static bool
same_request(const CiterOptions *a, const CiterOptions *b)
{
	const CiterPlannerOptions *planner_a = &a->planner;
	const CiterPlannerOptions *planner_b = &b->planner;

	return a->rowtype == b->rowtype && a->chunk_size == b->chunk_size &&
		a->reverse == b->reverse && a->columns_known == b->columns_known &&
		planner_a->resolved == planner_b->resolved && planner_a->nparams == planner_b->nparams &&
		same_text(a->order_by, b->order_by) && same_text(a->filter, b->filter) &&
		same_text(a->job.locking, b->job.locking) && bms_equal(a->columns, b->columns) &&
		equal(planner_a->order, planner_b->order) &&
		equal(planner_a->filter_clause, planner_b->filter_clause) &&
		equal(planner_a->quals, planner_b->quals) &&
		memcmp(planner_a->param_types, planner_b->param_types,
			   sizeof(Oid) * planner_a->nparams) == 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/*
 * Resolves a request, and keeps what has come of it unless something has changed
 * meanwhile.  Nothing throws once it lives longer than the current memory context.
 */
static KeptWalk *
make(const CiterOptions *options, CiterWalkResolve resolve)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter resolved",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	KeptWalk   *kept = palloc0(sizeof(KeptWalk));
	uint64		before = changes;

	kept->context = context;
	kept->options = copy_request(options);
	kept->role = GetUserId();
	kept->search_path = GetSearchPathMatcher(context);
	kept->undone = citer_relation_undone();
	kept->walk = resolve(&kept->options);
	find_tables(kept);
	if (kept->relations != NIL && changes == before && is_small(kept))
		keep(kept);
	MemoryContextSwitchTo(caller);
	return kept;
}

/* What makes a request, in the current memory context. */
static CiterOptions
copy_request(const CiterOptions *options)
{
	CiterOptions copy = *options;
	CiterPlannerOptions *planner = &copy.planner;

	if (options->order_by != NULL)
		copy.order_by = pstrdup(options->order_by);
	if (options->filter != NULL)
		copy.filter = pstrdup(options->filter);
	if (options->job.locking != NULL)
		copy.job.locking = pstrdup(options->job.locking);
	copy.columns = bms_copy(options->columns);
	planner->order = copyObject(planner->order);
	planner->filter_clause = copyObject(planner->filter_clause);
	planner->quals = copyObject(planner->quals);
	planner->param_types = palloc(sizeof(Oid) * Max(planner->nparams, 1));
	memcpy(planner->param_types, options->planner.param_types, sizeof(Oid) * planner->nparams);
	planner->param_values = NULL;
	memset(&copy.after, 0, sizeof(copy.after));
	memset(&copy.upto, 0, sizeof(copy.upto));
	return copy;
}

/*
 * Finds the tables that a walk depends on; leaves none if there is more, or they
 * are elsewhere.  A key has no more, and its table's children do not matter.
 */
static void
find_tables(KeptWalk *kept)
{
	const CiterWalk *walk = kept->walk;
	Oid			relid = walk->relation->relid;
	Relation	rel;

	if (walk->queries == NULL)
		kept->tables = list_make1_oid(relid);
	else if (citer_relation_is_table(walk->relation) &&
			 citer_relation_heaps(walk->relation) != NIL)
		kept->tables = find_all_inheritors(relid, AccessShareLock, NULL);
	if (kept->tables == NIL || is_detaching(kept->tables) ||
		list_difference_oid(walk->index_shape.relations, kept->tables) != NIL)
		return;
	rel = relation_open(relid, NoLock);
	kept->relations = list_concat(RelationGetIndexList(rel), kept->tables);
	relation_close(rel, NoLock);
}

/*
 * Whether a partition of one of the tables is being detached concurrently: then it
 * depends on the snapshot whether there is one.
 */
static bool
is_detaching(List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		bool		detaching = false;
		TransactionId since = InvalidTransactionId;

		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_PARTITIONED_TABLE)
			(void) find_inheritance_children_extended(lfirst_oid(cell), true, NoLock,
													  &detaching, &since);
		if (detaching)
			return true;
	}
	return false;
}

/*
 * Whether a walk is small enough.  The first one of a large table may not be, for
 * what the server caches of its children for the first time leaves garbage in it.
 */
static bool
is_small(const KeptWalk *kept)
{
	return MemoryContextMemAllocated(kept->context, true) <= MAX_KEPT_MEMORY;
}

/* Has the session keep a walk, which may push out another. */
static void
keep(KeptWalk *kept)
{
	drop_surplus();
	kept->kept = true;
	MemoryContextSetParent(kept->context, TopMemoryContext);
	dlist_push_head(&kept_walks, &kept->node);
}

/* Makes room for one more walk; a few are kept however large they are. */
static void
drop_surplus(void)
{
	Size		memory = 0;
	dlist_mutable_iter iter;
	int			nseen = 0;

	dlist_foreach_modify(iter, &kept_walks)
	{
		KeptWalk   *kept = dlist_container(KeptWalk, node, iter.cur);

		memory += MemoryContextMemAllocated(kept->context, true);
		nseen++;
		if (nseen >= MAX_KEPT || (nseen >= MIN_KEPT && memory > MAX_KEPT_MEMORY))
			retire(kept);
	}
}

/*
 * A copy of the walk that can be completed and used.  What only is looked at is
 * shared; comparisons have state, so that each user has its own.
 */
static CiterWalk *
use(KeptWalk *kept)
{
	CiterWalk  *walk = palloc(sizeof(CiterWalk));
	Pin		   *pin;

	*walk = *kept->walk;
	walk->key = copy_key(kept->walk->key);
	if (walk->cuts != NULL)
		walk->cuts = citer_cuts_copy(walk->cuts, walk->key);
	if (kept->kept)
	{
		pin = palloc0(sizeof(Pin));
		pin->kept = kept;
		pin->callback.func = unpin;
		pin->callback.arg = pin;
		kept->pins++;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &pin->callback);
	}
	return walk;
}

static CiterKey *
copy_key(const CiterKey *key)
{
	CiterKey   *copy = palloc(sizeof(CiterKey));
	FmgrInfo   *compare = palloc(sizeof(FmgrInfo) * key->nelements);

	*copy = *key;
	copy->elements = palloc(sizeof(CiterKeyElement) * key->nelements);
	memcpy(copy->elements, key->elements, sizeof(CiterKeyElement) * key->nelements);
	for (int i = 0; i < key->nelements; i++)
	{
		fmgr_info_copy(&compare[i], key->elements[i].compare, CurrentMemoryContext);
		copy->elements[i].compare = &compare[i];
	}
	return copy;
}

/* Memory context callback: the user of a walk goes. */
static void
unpin(void *arg)
{
	KeptWalk   *kept = ((Pin *) arg)->kept;

	kept->pins--;
	free_retired(kept);
}

/* Gives a walk up, to be freed as soon as it is not in use. */
static void
retire(KeptWalk *kept)
{
	dlist_delete(&kept->node);
	kept->kept = false;
	free_retired(kept);
}

static void
free_retired(KeptWalk *kept)
{
	if (!kept->kept && kept->pins == 0)
		MemoryContextDelete(kept->context);
}
