/*
 * basis.c
 *	  What the order of a job's positions rests on.
 *
 * Two values compare as they did when a position was stored only if more than
 * their type is the same: a collation has to sort as it did, the labels of an
 * enum to follow each other as they did, a function to be defined as it was, and
 * so on, down to what ranges, arrays and composite types are made of.  Each such fact is written as a
 * phrase, in an order that depends on the key alone.  A job goes on if all
 * facts that it has stored still hold, in the same order: labels that were
 * added to an enum come in between and do no harm.
 *
 * The facts are collected for each chunk, from the system caches.  Only the
 * version that a library gives a collation is remembered: asking for it takes
 * long, and it stays the same while the library is loaded.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "job/basis.h"

typedef struct Basis
{
	List	   *facts;			/* of strings */
	List	   *types;			/* OIDs of those that are noted */
	List	   *collations;
} Basis;

/* A version that a library has given. */
typedef struct KnownVersion
{
	char		provider;
	char	   *locale;
	char	   *version;		/* NULL: it has none */
} KnownVersion;

static List *known_versions = NIL;	/* in TopMemoryContext */

static void note_type(Basis *basis, Oid type, bool nested);
static void note_labels(Basis *basis, Oid type);
static int	compare_labels(const void *a, const void *b);
static void note_range(Basis *basis, Oid type);
static void note_attributes(Basis *basis, Oid type);
static bool note_functions(Node *node, Basis *basis);
static bool note_function(Oid function, void *basis);
static void note_collation(Basis *basis, Oid collation);
static void describe_locale(StringInfo text, char provider, const char *locale);
static const char *actual_version(char provider, const char *locale);
static void check_names(Oid type);
static char *type_name(Oid type);
static char *opfamily_name(Oid opfamily);

/* The facts, as a text[] in the current memory context. */
NullableDatum
citer_job_basis(const CiterKey *key)
{
	NullableDatum array = {(Datum) 0, false};
	Basis		basis = {NIL, NIL, NIL};
	Datum	   *elements;
	ListCell   *cell;
	int			n = 0;

	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];

		basis.facts = lappend(basis.facts, psprintf("operator family %s of %s",
													opfamily_name(element->opfamily),
													citer_key_column(element)));
		note_type(&basis, element->type, false);
		note_collation(&basis, element->collation);
		(void) note_functions((Node *) element->expr, &basis);
	}
	elements = palloc(sizeof(Datum) * list_length(basis.facts));
	foreach(cell, basis.facts)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	array.value = PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
	return array;
}

/*
 * The first stored fact that does not hold now, or not in its order; NULL if
 * all do.
 */
char *
citer_job_basis_lost(NullableDatum stored, NullableDatum now)
{
	Datum	   *old;
	Datum	   *new;
	int			nold;
	int			nnew;
	int			at = 0;

	deconstruct_array(DatumGetArrayTypeP(stored.value), TEXTOID, -1, false, TYPALIGN_INT,
					  &old, NULL, &nold);
	deconstruct_array(DatumGetArrayTypeP(now.value), TEXTOID, -1, false, TYPALIGN_INT,
					  &new, NULL, &nnew);
	for (int i = 0; i < nold; i++)
	{
		char	   *fact = TextDatumGetCString(old[i]);

		while (at < nnew && strcmp(TextDatumGetCString(new[at]), fact) != 0)
			at++;
		if (at == nnew)
			return fact;
		at++;
	}
	return NULL;
}

/*
 * Notes how values of a type are compared.  "nested": the type is a part of
 * the key's type.
 */
static void
note_type(Basis *basis, Oid type, bool nested)
{
	Oid			base = getBaseType(type);
	Oid			part;

	if (list_member_oid(basis->types, base))
		return;
	basis->types = lappend_oid(basis->types, base);
	switch (get_typtype(base))
	{
		case TYPTYPE_ENUM:
			note_labels(basis, base);
			break;
		case TYPTYPE_RANGE:
			note_range(basis, base);
			break;
		case TYPTYPE_MULTIRANGE:
			note_type(basis, get_multirange_range(base), true);
			break;
		case TYPTYPE_COMPOSITE:
			note_attributes(basis, base);
			break;
		default:
			part = get_element_type(base);
			if (OidIsValid(part))
				note_type(basis, part, true);
			else if (nested)
				check_names(base);
			break;
	}
}

/* A fact for each label of an enum, in their order. */
static void
note_labels(Basis *basis, Oid type)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(type));
	Form_pg_enum *labels = palloc(sizeof(Form_pg_enum) * list->n_members);
	char	   *name = type_name(type);

	for (int i = 0; i < list->n_members; i++)
		labels[i] = (Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);
	qsort(labels, list->n_members, sizeof(Form_pg_enum), compare_labels);
	for (int i = 0; i < list->n_members; i++)
		basis->facts = lappend(basis->facts, psprintf("label \"%s\" at its place in enum %s",
													  NameStr(labels[i]->enumlabel), name));
	ReleaseSysCacheList(list);
}

/* qsort comparator: enum labels by their order. */
static int
compare_labels(const void *a, const void *b)
{
	float4		one = (*(const Form_pg_enum *) a)->enumsortorder;
	float4		other = (*(const Form_pg_enum *) b)->enumsortorder;

	return one < other ? -1 : one > other ? 1 : 0;
}

/* What the bounds of a range are and how they are compared. */
static void
note_range(Basis *basis, Oid type)
{
	TypeCacheEntry *range = lookup_type_cache(type, TYPECACHE_RANGE_INFO);

	basis->facts = lappend(basis->facts, psprintf("range %s of %s compared by %s", type_name(type),
												  type_name(range->rngelemtype->type_id),
												  format_procedure_qualified(range->rng_cmp_proc_finfo.fn_oid)));
	note_type(basis, range->rngelemtype->type_id, true);
	note_collation(basis, range->rng_collation);
}

/* The attributes of a composite type. */
static void
note_attributes(Basis *basis, Oid type)
{
	TupleDesc	attributes = lookup_rowtype_tupdesc_copy(type, -1);
	int			nattributes = 0;

	for (int i = 0; i < attributes->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(attributes, i);

		if (attribute->attisdropped)
			continue;
		basis->facts = lappend(basis->facts, psprintf("attribute \"%s\" of %s with type %s",
													  NameStr(attribute->attname), type_name(type),
													  type_name(attribute->atttypid)));
		note_type(basis, attribute->atttypid, true);
		note_collation(basis, attribute->attcollation);
		nattributes++;
	}
	basis->facts = lappend(basis->facts, psprintf("%d attributes of %s", nattributes, type_name(type)));
}

/* Expression walker: notes the functions that are called. */
static bool
note_functions(Node *node, Basis *basis)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, note_function, basis);
	return expression_tree_walker(node, note_functions, basis);
}

/* What a function returns, by its source, if it is not one of the server's. */
static bool
note_function(Oid function, void *basis)
{
	List	  **facts = &((Basis *) basis)->facts;
	Datum		oid = ObjectIdGetDatum(function);
	HeapTuple	tuple;
	char	   *source;
	bool		isnull;

	if (function < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, oid);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	source = isnull ?
		TextDatumGetCString(SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull)) :
		TextDatumGetCString(DirectFunctionCall1(pg_get_function_sqlbody, oid));
	ReleaseSysCache(tuple);
	*facts = lappend(*facts, psprintf("function %s of source %08x", format_procedure_qualified(function),
									  hash_bytes((unsigned char *) source, strlen(source))));
	return false;
}

/*
 * How a collation sorts: the provider, the locale, the version in the catalog
 * (under which indexes were built), and that of the library.
 */
static void
note_collation(Basis *basis, Oid collation)
{
	HeapTuple	tuple;
	Form_pg_collation form;
	StringInfoData text;
	char	   *recorded;

	if (!OidIsValid(collation) || list_member_oid(basis->collations, collation))
		return;
	basis->collations = lappend_oid(basis->collations, collation);
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	initStringInfo(&text);
	appendStringInfo(&text, "collation %s (",
					 quote_qualified_identifier(get_namespace_name(form->collnamespace),
												NameStr(form->collname)));
	recorded = citer_compat_text_attribute(COLLOID, tuple, Anum_pg_collation_collversion);
	if (form->collprovider == COLLPROVIDER_DEFAULT)
	{
		HeapTuple	database = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));

		if (!HeapTupleIsValid(database))
			elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
		describe_locale(&text, citer_compat_database_provider(database),
						citer_compat_database_locale(database));
		recorded = citer_compat_database_version(database);
		ReleaseSysCache(database);
	}
	else
		describe_locale(&text, form->collprovider, citer_compat_collation_locale(tuple));
	appendStringInfo(&text, "%s%s%s)", recorded ? ", recorded as " : "", recorded ? recorded : "",
					 form->collisdeterministic ? "" : ", not deterministic");
	ReleaseSysCache(tuple);
	basis->facts = lappend(basis->facts, text.data);
}

/* Appends a provider, a locale of it, and the version that this has now. */
static void
describe_locale(StringInfo text, char provider, const char *locale)
{
	const char *version = locale != NULL ? actual_version(provider, locale) : NULL;

	appendStringInfo(text, "%s locale \"%s\"",
					 provider == COLLPROVIDER_ICU ? "ICU" :
					 provider == COLLPROVIDER_LIBC ? "libc" : "builtin",
					 locale != NULL ? locale : "");
	if (version != NULL)
		appendStringInfo(text, " version %s", version);
}

/* The version that the library gives a locale now, or NULL. */
static const char *
actual_version(char provider, const char *locale)
{
	KnownVersion *known;
	char	   *version;
	MemoryContext caller;
	ListCell   *cell;

	foreach(cell, known_versions)
	{
		known = lfirst(cell);
		if (known->provider == provider && strcmp(known->locale, locale) == 0)
			return known->version;
	}
	version = get_collation_actual_version(provider, locale);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	known = palloc(sizeof(KnownVersion));
	known->provider = provider;
	known->locale = pstrdup(locale);
	known->version = version != NULL ? pstrdup(version) : NULL;
	known_versions = lappend(known_versions, known);
	MemoryContextSwitchTo(caller);
	return known->version;
}

/*
 * 0A000 for a type whose text is the name of an object, for the name can come
 * to mean another one.  That is for parts of the key; a key that is of such a
 * type itself is stored as its OID.
 */
static void
check_names(Oid type)
{
	if (type == OIDOID || lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opintype != OIDOID)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a job cannot keep positions with values of type %s in them", format_type_be(type)),
			 errdetail("They are written as names, which can come to mean other objects."),
			 errhint("Order by another column, or by the values by themselves.")));
}

/* A type's name, always qualified. */
static char *
type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
}

/* The name of an operator family, qualified. */
static char *
opfamily_name(Oid opfamily)
{
	HeapTuple	tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(opfamily));
	Form_pg_opfamily form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", opfamily);
	form = (Form_pg_opfamily) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->opfnamespace), NameStr(form->opfname));
	ReleaseSysCache(tuple);
	return name;
}
