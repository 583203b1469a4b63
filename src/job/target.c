/*
 * target.c
 *	  What a job's positions are positions in.
 *
 * A position is text.  It is valid for the relation that it was taken from and
 * for that very order.  So a job remembers the relation by name and OID, and
 * each element of the key with its type, collation, operator and place of
 * NULLs, and what these rest on (basis.c); in physical order also the file
 * that the rows are in.  All of that is compared before each chunk.
 *
 * An OID is valid in one database of one cluster, and there until a dump is
 * restored, which creates the jobs and the relations again.  A restore creates
 * the table of jobs again, too: so the OID of that table tells a restore from
 * a relation that was dropped while the job stayed.  System identifier,
 * database and table of jobs together are the job's home.  Away from home the
 * relation is found by its name, and all else has to be the same; at home it
 * has to be the same relation.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "job/basis.h"
#include "job/target.h"

static Oid	find_by_name(const CiterJob *job);
static void check_basis(const CiterJob *job, const CiterWalk *walk);
static void refuse_to_continue(const CiterJob *job, const char *detail, const char *hint);
static void refuse_target(const CiterJob *job, const char *detail);
static NullableDatum describe_key(const CiterKey *key);
static char *key_in_words(const CiterKey *key);
static char *describe_element(const CiterKeyElement *element);
static Oid	storage_of(const CiterWalk *walk);

/*
 * Makes a relation the target of a new job.  42P01 if there is none of that
 * OID, 42809 if it has no row type.
 */
void
citer_job_target_choose(CiterJob *job, Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!OidIsValid(get_rel_type_id(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot walk relation \"%s\"", name),
				 errdetail("It is not a table, partitioned table, materialized view, view or foreign table."),
				 errhint("Give the job a table.")));
	job->relid = relid;
}

/* Describes the target of a new job by its walk, in the current context. */
void
citer_job_target_describe(CiterJob *job, const CiterWalk *walk)
{
	job->relation = pstrdup(walk->relation->sql);
	job->home = citer_job_home(job->procedure);
	job->storage = storage_of(walk);
	job->key = describe_key(walk->key);
	job->key_basis = citer_job_basis(walk->key);
	job->has_index = !citer_walk_lacks_index(walk);
}

/*
 * The present OID of the target of a job that has run before; InvalidOid if
 * there is none.
 */
Oid
citer_job_target_relid(const CiterJob *job)
{
	return strcmp(job->home, citer_job_home(job->procedure)) == 0 ? job->relid : find_by_name(job);
}

/*
 * Finds the target of a job that has run before.  55000 if it is gone.  Away
 * from the job's home its OID is set to that here, and here becomes its home.
 */
void
citer_job_target_find(CiterJob *job)
{
	char	   *here = citer_job_home(job->procedure);

	if (strcmp(job->home, here) != 0)
	{
		if (OidIsValid(job->storage))
			refuse_target(job, "The job was restored, and the rows are at other places now.");
		job->relid = find_by_name(job);
		job->home = here;
	}
	if (OidIsValid(job->relid) && get_rel_name(job->relid) != NULL)
		return;
	refuse_target(job, OidIsValid(find_by_name(job)) ?
				  "The relation was dropped, and there is another of its name now." :
				  "The relation was dropped.");
}

/*
 * 55000 unless the walk of the next chunk is a walk of what the job's
 * positions were taken from.
 */
void
citer_job_target_check(const CiterJob *job, const CiterWalk *walk)
{
	if (strcmp(walk->relation->sql, job->relation) != 0)
		refuse_target(job, psprintf("The relation is called %s now.", walk->relation->sql));
	if (!citer_job_same_array(describe_key(walk->key), job->key))
		refuse_target(job, psprintf("Its key is %s now.", key_in_words(walk->key)));
	check_basis(job, walk);
	if (OidIsValid(job->storage) && storage_of(walk) != job->storage)
		refuse_target(job, "It was rewritten, and its rows are at other places now.");
	if (job->has_index && citer_walk_lacks_index(walk))
		refuse_to_continue(job,
						   psprintf("No index gives the order of %s any more.", job->relation),
						   citer_key_index_sql(walk->relation, walk->key));
}

/*
 * 55000 unless the range's position is possible: a whole key, or the
 * beginning, and not after the end.
 */
void
citer_job_target_check_position(const CiterJob *job, const CiterJobRange *range,
								const CiterWalk *walk)
{
	const CiterPosition *after = &walk->after;
	const CiterPosition *upto = &walk->upto;
	char	   *detail = NULL;
	int			order = 0;

	if (range->position.isnull ? !range->after.isnull :
		after->nelements != walk->key->nelements &&
		!citer_job_same_array(range->position, range->after))
		detail = psprintf("Its position in range %d is no key of %d elements.",
						  range->range_no, walk->key->nelements);
	for (int i = 0; order == 0 && !range->position.isnull &&
		 walk->comparer == CITER_COMPARES_HERE && i < Min(after->nelements, upto->nelements); i++)
		order = citer_key_compare(&walk->key->elements[i], after->values[i], after->isnull[i],
								  upto->values[i], upto->isnull[i]);
	if (range->upto.isnull)
		detail = psprintf("Its range %d has no end.", range->range_no);
	else if (order > 0)
		detail = psprintf("Its position in range %d is behind the end of the range.",
						  range->range_no);
	if (detail != NULL)
		refuse_to_continue(job, detail,
						   "Correct the row in chunked_iter_job_ranges, or forget the job and start it again.");
}

/* The request for a walk of the target, without bounds.  55000 if it is gone. */
CiterOptions
citer_job_target_options(const CiterJob *job)
{
	CiterOptions options = {0};

	options.rowtype = get_rel_type_id(job->relid);
	if (!OidIsValid(options.rowtype))
		refuse_target(job, "The relation was dropped.");
	options.chunk_size = job->chunk_size;
	options.order_by = job->order_by;
	options.reverse = job->reverse;
	options.filter = job->filter;
	options.snapshot = CITER_SNAPSHOT_STATEMENT;
	options.job.stored = true;
	options.job.quiet = true;
	return options;
}

/* The relation that has the target's name now, or InvalidOid. */
static Oid
find_by_name(const CiterJob *job)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(job->relation));

	return RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);
}

/* 55000 if the key is the same and sorts in another order. */
static void
check_basis(const CiterJob *job, const CiterWalk *walk)
{
	NullableDatum basis = citer_job_basis(walk->key);
	char	   *lost;

	if (citer_job_same_array(basis, job->key_basis))
		return;
	lost = citer_job_basis_lost(job->key_basis, basis);
	if (lost != NULL)
		refuse_to_continue(job,
						   psprintf("Its positions rest on %s, which is no longer so.", lost),
						   "Undo the change, or REINDEX if it is a collation's, forget the job and start it again.");
}

static void
refuse_to_continue(const CiterJob *job, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot continue job \"%s\"", job->name),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static void
refuse_target(const CiterJob *job, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("relation %s is not what job \"%s\" was started on", job->relation, job->name),
			 errdetail("%s", detail),
			 errhint("Undo the change, or forget the job and start it again.")));
}

/* The place where OIDs are valid: cluster, database, table of jobs. */
char *
citer_job_home(Oid procedure)
{
	Oid			jobs = get_relname_relid("chunked_iter_jobs", get_func_namespace(procedure));

	return psprintf(UINT64_FORMAT "/%u/%u", GetSystemIdentifier(), MyDatabaseId, jobs);
}

/* The key as a text[], an element each. */
static NullableDatum
describe_key(const CiterKey *key)
{
	NullableDatum array = {(Datum) 0, false};
	Datum	   *elements = palloc(sizeof(Datum) * key->nelements);

	for (int i = 0; i < key->nelements; i++)
		elements[i] = CStringGetTextDatum(describe_element(&key->elements[i]));
	array.value = PointerGetDatum(construct_array(elements, key->nelements, TEXTOID, -1, false,
												  TYPALIGN_INT));
	return array;
}

/* The same for messages. */
static char *
key_in_words(const CiterKey *key)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < key->nelements; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", describe_element(&key->elements[i]));
	return text.data;
}

/* All that the order of an element's values depends on. */
static char *
describe_element(const CiterKeyElement *element)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s %s", citer_key_column(element),
					 format_type_extended(element->type, -1, FORMAT_TYPE_FORCE_QUALIFY));
	if (OidIsValid(element->collation))
		appendStringInfo(&text, " COLLATE %s",
						 DatumGetCString(DirectFunctionCall1(regcollationout,
															 ObjectIdGetDatum(element->collation))));
	appendStringInfo(&text, " %s NULLS %s",
					 citer_key_operator(element),
					 element->nulls_first ? "FIRST" : "LAST");
	return text.data;
}

/* The file that the rows are in, if their order is that in the file. */
static Oid
storage_of(const CiterWalk *walk)
{
	Relation	rel;
	Oid			storage;

	if (!walk->key->physical)
		return InvalidOid;
	rel = relation_open(walk->relation->relid, AccessShareLock);
	storage = rel->rd_rel->relfilenode;
	relation_close(rel, NoLock);
	return storage;
}
