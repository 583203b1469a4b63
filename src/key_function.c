/*
 * key_function.c
 *	  The SQL function chunked_iter_key: the key of a row.
 *
 * It is called once a row, and to resolve a key takes much longer than to
 * compute one, so the resolved key is kept in fn_extra.  That may live long
 * (in a cursor, in a loop of PL/pgSQL), and what an ORDER BY list means and of
 * which types a row is may change meanwhile.  So each call compares what the
 * resolved key rests upon with what it is now: the type cache's version of the
 * row type, which is another one after any change of the table, of its indexes
 * and constraints too; the search path; and the role, whose EXECUTE privileges
 * are checked when expressions are initialized.
 *
 * A row may be older than its table, too: PL/pgSQL keeps them in variables.
 * What composite values say of their version differs between releases, but
 * those variables are expanded records, which have their columns with them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/options.h"
#include "walk/walk_kept.h"

PG_FUNCTION_INFO_V1(chunked_iter_key_1_0);

/* What is kept between two calls of one query. */
typedef struct KeyFunction
{
	CiterRelation *relation;
	char	   *order_by;		/* NULL: the default order */
	Oid			user;
	SearchPathMatcher *search_path;
	uint64		changes;		/* of the catalogs, when it was looked at last */
	CiterKey   *key;
	CiterKeyReader *reader;
	TupleTableSlot *slot;
	MemoryContext context;		/* holds all of it */
} KeyFunction;

static KeyFunction *get_function(FunctionCallInfo fcinfo);
static bool is_current(KeyFunction *function, NullableDatum order_by);
static bool same_text(const char *before, NullableDatum now);
static KeyFunction *make_function(Oid rowtype, NullableDatum order_by, MemoryContext context);
static void free_function(KeyFunction *function);
static void check_row(const KeyFunction *function, Datum row);

/*
 * chunked_iter_key(rec anyelement, order_by text) RETURNS text[]
 *
 * Throws what citer_relation_open and citer_key_resolve throw; 0A000 for the
 * physical order; 55000 for a row that is older than its table's columns.
 */
Datum
chunked_iter_key_1_0(PG_FUNCTION_ARGS)
{
	KeyFunction *function = get_function(fcinfo);
	HeapTupleHeader header;
	HeapTupleData tuple;
	ArrayType  *bookmark;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	check_row(function, PG_GETARG_DATUM(0));
	header = PG_GETARG_HEAPTUPLEHEADER(0);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	ExecStoreHeapTuple(&tuple, function->slot, false);
	bookmark = citer_key_reader_write(function->reader, function->slot);
	ExecClearTuple(function->slot);
	PG_RETURN_ARRAYTYPE_P(bookmark);
}

/* The resolved key for the arguments as they are, and as things are, now. */
static KeyFunction *
get_function(FunctionCallInfo fcinfo)
{
	KeyFunction *function = fcinfo->flinfo->fn_extra;
	NullableDatum order_by = fcinfo->args[1];
	MemoryContext context;
	MemoryContext caller;

	if (function != NULL && is_current(function, order_by))
		return function;
	if (function != NULL)
	{
		fcinfo->flinfo->fn_extra = NULL;
		free_function(function);
	}
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "chunked_iter key",
									ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	function = make_function(get_fn_expr_argtype(fcinfo->flinfo, 0), order_by, context);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = function;
	return function;
}

/* Whether a resolved key is for these arguments, and still means the same. */
static bool
is_current(KeyFunction *function, NullableDatum order_by)
{
	uint64		changes = citer_walk_kept_changes();

	if (!same_text(function->order_by, order_by) || function->user != GetUserId() ||
		!SearchPathMatchesCurrentEnvironment(function->search_path))
		return false;
	if (function->changes == changes)
		return true;
	function->changes = changes;
	return assign_record_type_identifier(function->relation->rowtype, -1) ==
		function->relation->rowtype_version;
}

/* Whether a text argument, or NULL, is the same as when it was read. */
static bool
same_text(const char *before, NullableDatum now)
{
	struct varlena *text;

	if (before == NULL || now.isnull)
		return before == NULL && now.isnull;
	text = PG_DETOAST_DATUM_PACKED(now.value);
	return strlen(before) == VARSIZE_ANY_EXHDR(text) &&
		memcmp(before, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)) == 0;
}

/* Resolves a key in the context, which is the current one. */
static KeyFunction *
make_function(Oid rowtype, NullableDatum order_by, MemoryContext context)
{
	KeyFunction *function = palloc0(sizeof(KeyFunction));
	CiterOptions options = {.rowtype = rowtype};
	CiterWalk  *walk;

	function->context = context;
	function->user = GetUserId();
	function->changes = citer_walk_kept_changes();
	function->search_path = GetSearchPathMatcher(context);
	function->order_by = citer_options_text(order_by);
	citer_relation_check_row(rowtype, NULL);
	options.order_by = function->order_by;
	walk = citer_walk_resolve_key(&options);
	function->relation = walk->relation;
	function->key = walk->key;
	if (function->key->physical)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a row of %s does not carry its place in the table", function->relation->sql),
				 errdetail("The order is physical, and ctid is not one of the row's columns."),
				 errhint("Select ctid::text from the table itself, or order by columns.")));
	function->reader = citer_key_reader_create(function->key);
	function->slot = MakeSingleTupleTableSlot(function->relation->tupdesc, &TTSOpsHeapTuple);
	return function;
}

static void
free_function(KeyFunction *function)
{
	citer_key_reader_free(function->reader);
	MemoryContextDelete(function->context);
}

/*
 * 55000 if a row of PL/pgSQL has other columns than its table has now.  Any
 * other row is checked by the server, as far as its release can.
 */
static void
check_row(const KeyFunction *function, Datum row)
{
	const CiterRelation *relation = function->relation;
	ExpandedRecordHeader *record;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(row)))
		return;
	record = (ExpandedRecordHeader *) DatumGetEOHP(row);
	if (record->er_magic != ER_MAGIC || record->er_tupdesc_id == relation->rowtype_version ||
		citer_relation_same_columns(expanded_record_get_tupdesc(record), relation->tupdesc))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("relation %s was altered after the row was read", relation->sql),
			 errdetail("The row does not have the columns that the relation has now."),
			 errhint("Read the row again.")));
}
