/*
 * citus.c
 *	  What has to be known of Citus, where it is installed.
 *
 * Citus is asked by its catalogs and seen in plans; nothing is compiled against
 * it.  To the server a table of Citus is a plain table: that its rows are
 * elsewhere is seen here only.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/extensible.h"
#include "tcop/pquery.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "walk/citus.h"

/* The rows of a table of Citus are in a scan of one of these. */
#define SCAN_PREFIX "Citus "
#define DELAYED_ERROR "Citus Delayed Error"

/* A catalog, and the column that it is searched by; NULL: it is read whole. */
typedef struct Catalog
{
	const char *name;
	const char *column;
	const char *index;
	RegProcedure equal;
} Catalog;

static const Catalog tables = {"pg_dist_partition", "logicalrelid", "pg_dist_partition_logical_relid_index", F_OIDEQ};
static const Catalog shards = {"pg_dist_shard", "logicalrelid", "pg_dist_shard_logical_relid_index", F_OIDEQ};
static const Catalog placements = {"pg_dist_placement", "shardid", "pg_dist_placement_shardid_index", F_INT8EQ};
static const Catalog this_group = {"pg_dist_local_group", NULL, NULL, InvalidOid};

static const char *citus_scan(const Plan *plan);
static bool is_here(int64 shard);
static int64 local_group(void);
static List *read_catalog(const Catalog *catalog, Datum value, const char *column);

/* Whether a relation is a table of Citus, whose rows are in its shards. */
bool
citer_citus_has(Oid relid)
{
	return read_catalog(&tables, ObjectIdGetDatum(relid), "logicalrelid") != NIL;
}

/* Whether a relation is a table of Citus with one shard only, of which this node has a copy. */
bool
citer_citus_reads_here(Oid relid)
{
	List	   *found = read_catalog(&shards, ObjectIdGetDatum(relid), "shardid");

	return list_length(found) == 1 && is_here(*(int64 *) linitial(found));
}

/* Whether this is the coordinator: the node of group 0. */
bool
citer_citus_is_coordinator(void)
{
	return local_group() == 0;
}

/*
 * Whether Citus executes the query by itself, to copy its rows elsewhere: it does
 * that in a portal of its own, which has no text.
 */
bool
citer_citus_is_copying(void)
{
	return ActivePortal != NULL && ActivePortal->sourceText[0] == '\0';
}

/* Whether Citus returns a plan's rows, from any of its leaves. */
bool
citer_citus_plans(const Plan *plan)
{
	ListCell   *cell;

	if (plan == NULL)
		return false;
	if (citus_scan(plan) != NULL)
		return true;
	if (IsA(plan, SubqueryScan))
		return citer_citus_plans(((const SubqueryScan *) plan)->subplan);
	if (IsA(plan, Append))
	{
		foreach(cell, ((const Append *) plan)->appendplans)
		{
			if (citer_citus_plans(lfirst(cell)))
				return true;
		}
	}
	return citer_citus_plans(plan->lefttree) || citer_citus_plans(plan->righttree);
}

/*
 * Whether Citus hands a whole query to one node: where there are several, nodes
 * above its scan merge their rows.
 */
bool
citer_citus_forwards(const Plan *plan)
{
	return citus_scan(plan) != NULL && !citer_citus_plan_is_delayed(plan);
}

/*
 * Whether a plan is none yet: a generic one of a query over several shards,
 * which Citus plans when it knows the parameters.
 */
bool
citer_citus_plan_is_delayed(const Plan *plan)
{
	const char *scan = citus_scan(plan);

	return scan != NULL && strcmp(scan, DELAYED_ERROR) == 0;
}

/* The name of a scan of Citus; NULL for another node. */
static const char *
citus_scan(const Plan *plan)
{
	const char *name = IsA(plan, CustomScan) ? ((const CustomScan *) plan)->methods->CustomName : "";

	return strncmp(name, SCAN_PREFIX, strlen(SCAN_PREFIX)) == 0 ? name : NULL;
}

/* Whether this node has a placement of the shard. */
static bool
is_here(int64 shard)
{
	ListCell   *cell;

	foreach(cell, read_catalog(&placements, Int64GetDatum(shard), "groupid"))
	{
		if (*(int64 *) lfirst(cell) == local_group())
			return true;
	}
	return false;
}

/* The number of this node's group; 0 without Citus. */
static int64
local_group(void)
{
	List	   *groups = read_catalog(&this_group, (Datum) 0, "groupid");

	return groups == NIL ? 0 : *(int64 *) linitial(groups);
}

/*
 * Reads a column of a catalog of Citus, in the rows that have this value in the
 * one it is searched by: pointers to int64; NIL without Citus.
 */
static List *
read_catalog(const Catalog *catalog, Datum value, const char *column)
{
	Oid			relid = get_relname_relid(catalog->name, PG_CATALOG_NAMESPACE);
	Oid			index = catalog->index ? get_relname_relid(catalog->index, PG_CATALOG_NAMESPACE) : InvalidOid;
	AttrNumber	attnum;
	List	   *values = NIL;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(relid))
		return NIL;
	attnum = get_attnum(relid, column);
	rel = table_open(relid, AccessShareLock);
	if (catalog->column != NULL)
		ScanKeyInit(&key, get_attnum(relid, catalog->column), BTEqualStrategyNumber, catalog->equal, value);
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, catalog->column ? 1 : 0, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);
		int64	   *found = palloc(sizeof(int64));

		*found = get_atttype(relid, attnum) == INT8OID ? DatumGetInt64(datum) : DatumGetInt32(datum);
		values = lappend(values, found);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return values;
}
