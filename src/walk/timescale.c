/*
 * timescale.c
 *	  What has to be known of TimescaleDB, where it is installed.
 *
 * To the server a hypertable is an inheritance parent, whose unique indexes hold
 * for its own rows only.  TimescaleDB allows no unique index without the
 * columns that it divides rows by, so that they hold for the rows of all its
 * children.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "walk/timescale.h"

static Oid	hypertables(void);

/* Whether a relation is a hypertable. */
bool
citer_timescale_has(Oid relid)
{
	Oid			catalog = hypertables();
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	Relation	rel;
	ScanKeyData keys[2];
	SysScanDesc scan;
	bool		found;

	if (!OidIsValid(catalog) || schema == NULL)
		return false;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&keys[0], get_attnum(catalog, "table_name"), BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(get_rel_name(relid)));
	ScanKeyInit(&keys[1], get_attnum(catalog, "schema_name"), BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(schema));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, lengthof(keys), keys);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* TimescaleDB's catalog of hypertables, and not another one of that name. */
static Oid
hypertables(void)
{
	Oid			schema = get_namespace_oid("_timescaledb_catalog", true);
	Oid			extension;

	if (!OidIsValid(schema))
		return InvalidOid;
	extension = get_extension_oid("timescaledb", true);
	if (!OidIsValid(extension) || getExtensionOfObject(NamespaceRelationId, schema) != extension)
		return InvalidOid;
	return get_relname_relid("hypertable", schema);
}
