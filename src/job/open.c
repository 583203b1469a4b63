/*
 * open.c
 *	  A job made from arguments, or found by its name.
 *
 * What a job is about (relation, statement, order, filter, bounds, ranges) is
 * fixed when it is made and cannot change: a position in one order means
 * nothing in another.  How it is done (chunk size, pace, errors) can change
 * with each run.  The job also keeps the search_path and the other settings
 * that it was made under, so that its statement, filter and throttle query
 * mean the same in each run.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/options.h"
#include "base/settings.h"
#include "job/end.h"
#include "job/open.h"
#include "job/plan.h"
#include "job/target.h"
#include "walk/iterator.h"

#define RETRIES_DEFAULT 3
#define NAP_MS_DEFAULT 1000

/* Some ranges take longer than others. */
#define PARTS_PER_WORKER 4

static void report_settings(void *arg);
static void check_required(const CiterJobArguments *arguments);
static CiterIterator *open_first_walk(const CiterJob *job);
static void warn_of_moves(const CiterJob *job, const CiterWalk *walk,
						  const CiterJobStatement *statement);
static void warn_of_nulls(const CiterWalk *walk, const CiterJobStatement *statement);
static void warn_of_foreign(const CiterJobStatement *statement);
static void warn_of_name(const CiterJobStatement *statement);
static void check_owner(const CiterJob *job);
static void check_same(const CiterJob *job, const CiterJobArguments *arguments);
static char *describe_relation(Oid relid, const CiterJob *job);
static void check_text(const CiterJob *job, const char *argument, const char *given,
					   const char *kept);
static void check_array(const CiterJob *job, const char *argument, NullableDatum given,
						NullableDatum kept);
pg_noreturn static void refuse_change(const CiterJob *job, const char *argument, const char *given,
									  const char *kept);
static void take_settings(CiterJob *job, const CiterJobArguments *arguments);
static void take_pace(CiterJob *job, const CiterJobArguments *arguments);

/*
 * Makes a new job from the arguments, in the current memory context, and
 * stores nothing.  Its ranges, and with them its end, are fixed here.  Throws
 * an error if the arguments are wrong.
 */
CiterJob *
citer_job_create(Oid procedure, const CiterJobArguments *arguments,
				 CiterJobStatement **statement, CiterJobRange **ranges)
{
	CiterJob   *job = palloc0(sizeof(CiterJob));
	CiterIterator *iterator;
	const CiterWalk *walk;

	check_required(arguments);
	job->context = CurrentMemoryContext;
	job->procedure = procedure;
	job->name = arguments->job;
	job->owner = GetUserNameFromId(GetUserId(), false);
	job->owner_oid = GetUserId();
	job->state = CITER_JOB_RUNNING;
	job->statement = arguments->statement;
	job->search_path = pstrdup(GetConfigOption("search_path", false, false));
	job->settings.value = PointerGetDatum(citer_settings_save(NULL));
	citer_job_use_settings(job);
	job->order_by = arguments->order_by;
	job->reverse = arguments->reverse == 1;
	job->filter = arguments->filter;
	job->after = arguments->after;
	job->upto = arguments->upto;
	job->chunk_size = CITER_CHUNK_SIZE_DEFAULT;
	job->retries = RETRIES_DEFAULT;
	job->on_error = "stop";
	job->workers = 1;
	job->nap_ms = NAP_MS_DEFAULT;
	job->max_failed = -1;
	job->needs.isnull = true;
	job->duty_percent = 100;
	take_settings(job, arguments);
	job->parts = arguments->parts > 0 ? arguments->parts :
		job->workers == 1 ? 1 : Min(PARTS_PER_WORKER * job->workers, CITER_PARTS_MAX);
	if (job->follow_delay != NULL && !job->follow)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" needs \"%s\"", "follow_delay", "follow => true"),
				 errhint("Leave it out, or let the job follow its table.")));
	citer_job_target_choose(job, arguments->relid);

	iterator = open_first_walk(job);
	walk = citer_iterator_walk(iterator);
	citer_job_target_describe(job, walk);
	citer_job_check_revisits(job, walk);
	citer_job_check_follows(job, walk);
	*statement = citer_job_statement_prepare(job, walk);
	warn_of_moves(job, walk, *statement);
	warn_of_nulls(walk, *statement);
	citer_job_warn_of_cache(job, walk);
	warn_of_name(*statement);
	warn_of_foreign(*statement);
	*ranges = citer_job_plan_ranges(job, iterator);
	citer_iterator_close(iterator);
	return job;
}

/*
 * The job of that name, in the current memory context; NULL if there is none.
 * 42501 if it belongs to another role.
 */
CiterJob *
citer_job_find(Oid procedure, const char *name)
{
	CiterJob   *job = citer_job_read(procedure, name);

	if (job != NULL)
		check_owner(job);
	return job;
}

/* The same for a call that has only the name.  42704 if there is no such job. */
CiterJob *
citer_job_find_named(Oid procedure, const char *name)
{
	CiterJob   *job = citer_job_find(procedure, name);

	if (job == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", name),
				 errhint("CALL chunked_iter_run() starts one.")));
	return job;
}

/* 55000 if the job was cancelled. */
void
citer_job_check_not_cancelled(const CiterJob *job)
{
	if (job->state == CITER_JOB_CANCELLED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" was cancelled", job->name),
				 errhint("SELECT chunked_iter_forget(%s) to start it again from the beginning.", quote_literal_cstr(job->name))));
}

/*
 * Changes how a job is done to what the arguments say; whether that can make its
 * statement one to be refused.  22023 if they would change what it is about.
 */
bool
citer_job_change(CiterJob *job, const CiterJobArguments *arguments)
{
	const CiterJob before = *job;

	check_same(job, arguments);
	take_settings(job, arguments);
	return before.statement_is_global != job->statement_is_global ||
		(job->lock_rows != NULL && strcmp(job->lock_rows, before.lock_rows ? before.lock_rows : "") != 0);
}

/*
 * Prepares a job that was found: looks up its relation and compares it with
 * what it was, and prepares the statement.  55000 if it cannot go on.
 */
void
citer_job_prepare(CiterJob *job, CiterJobStatement **statement)
{
	CiterOptions options;
	CiterWalk  *walk;
	int			nranges;

	(void) citer_job_list_ranges(job, &nranges);
	if (nranges != job->parts)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot continue job \"%s\"", job->name),
				 errdetail("It has %d ranges, but %d of them are in chunked_iter_job_ranges.",
						   job->parts, nranges),
				 errhint("Correct the rows, or forget the job and start it again.")));
	citer_job_target_find(job);
	options = citer_job_target_options(job);
	options.columns_known = true;
	walk = citer_walk_resolve(&options);
	citer_job_target_check(job, walk);
	citer_job_check_revisits(job, walk);
	citer_job_check_follows(job, walk);
	*statement = citer_job_statement_prepare(job, walk);
}

/*
 * Sets the job's search_path and the settings that its SQL is read under,
 * between citer_settings_begin() and citer_settings_end().  22023 for one that is
 * not possible here.
 */
void
citer_job_use_settings(const CiterJob *job)
{
	CiterSetting path[] = {{"search_path", job->search_path}, {NULL, NULL}};
	ErrorContextCallback context = {
		.previous = error_context_stack,.callback = report_settings,.arg = unconstify(CiterJob *, job)
	};

	error_context_stack = &context;
	citer_settings_set(path);
	if (!job->settings.isnull)
		citer_settings_restore(DatumGetArrayTypeP(job->settings.value));
	/* Some of these are saved, too. */
	citer_settings_set(citer_settings_sql);
	citer_settings_set(citer_settings_whole);
	error_context_stack = context.previous;
}

/* Error context callback: says whose settings they are. */
static void
report_settings(void *arg)
{
	const CiterJob *job = arg;

	errcontext("settings that job \"%s\" was made under", job->name);
	if (geterrcode() == ERRCODE_INVALID_PARAMETER_VALUE)
		errhint("Install what is missing, or correct the column \"settings\" of chunked_iter_jobs.");
}

/*
 * 42704 if the call names a job that does not exist and not what a new one
 * needs; 22004 if it has a part of that only.
 */
static void
check_required(const CiterJobArguments *arguments)
{
	const char *missing = !OidIsValid(arguments->relid) ? "rel" :
	arguments->statement == NULL ? "statement" : NULL;

	if (missing == NULL)
		return;
	if (!OidIsValid(arguments->relid) && arguments->statement == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", arguments->job),
				 errdetail("To make a new job, a table and a statement are needed."),
				 errhint("See chunked_iter_progress for the names of jobs, or CALL chunked_iter_run(%s, 'my_table', 'UPDATE my_table SET ... WHERE chunk_range(my_table)').", quote_literal_cstr(arguments->job))));
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", missing),
			 errdetail("There is no job \"%s\" yet.", arguments->job),
			 errhint("CALL chunked_iter_run(%s, 'my_table', 'UPDATE my_table SET ... WHERE chunk_range(my_table)')", quote_literal_cstr(arguments->job))));
}

/* Opens the walk of the whole job, which fixes the end. */
static CiterIterator *
open_first_walk(const CiterJob *job)
{
	CiterIterator *iterator = citer_job_open_to_end(job, job->after, false);
	const CiterWalk *walk = citer_iterator_walk(iterator);

	if (walk->key->physical && walk->relation->has_children)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot resume in the physical order of %s", walk->relation->sql),
				 errdetail("Its rows are in several tables, and a ctid does not say in which."),
				 errhint("Run a job for each of its children, or order by columns.")));
	return iterator;
}

/*
 * In physical order an UPDATE moves rows to where the walk has still to go;
 * only a filter can leave them out then.
 */
static void
warn_of_moves(const CiterJob *job, const CiterWalk *walk, const CiterJobStatement *statement)
{
	if (!walk->key->physical || job->filter != NULL ||
		!list_member_oid(citer_job_statement_uses(statement)->updated, walk->relation->relid))
		return;
	ereport(WARNING,
			(errmsg("rows of %s that are updated can be walked again", walk->relation->sql),
			 errdetail("An UPDATE moves a row to another place, and the job is in physical order."),
			 errhint("Order by columns, or leave out rows that are done with \"filter\".")));
}

/* A statement that uses the bounds alone does not find NULLs. */
static void
warn_of_nulls(const CiterWalk *walk, const CiterJobStatement *statement)
{
	const CiterJobUses *uses = citer_job_statement_uses(statement);
	const CiterKey *key = walk->key;

	if (!uses->bounds || uses->rows || citer_job_statement_uses_ranges(statement))
		return;
	for (int i = 0; i < key->nelements; i++)
	{
		if (key->elements[i].nullable)
			ereport(WARNING,
					(errmsg("comparisons with $1 ... do not find rows in which %s is NULL",
							citer_key_column(&key->elements[i])),
					 errhint("Write WHERE chunk_range(%s), or let the statement join \"%s\".",
							 walk->relation->alias, "chunk")));
	}
}

/* A table that is called "chunk" is hidden by the chunk's rows. */
static void
warn_of_name(const CiterJobStatement *statement)
{
	Oid			relid = RelnameGetRelid("chunk");
	char	   *name;

	if (!OidIsValid(relid) || !citer_job_statement_uses(statement)->rows)
		return;
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), "chunk");
	ereport(WARNING,
			(errmsg("\"%s\" in the statement is the rows of the chunk, and not table %s", "chunk", name),
			 errhint("Write %s if you mean the table.", name)));
}

/*
 * A foreign server commits what a chunk has written there before this server commits
 * the position.
 */
static void
warn_of_foreign(const CiterJobStatement *statement)
{
	ListCell   *target;
	ListCell   *table;

	foreach(target, citer_job_statement_uses(statement)->written)
	{
		foreach(table, find_all_inheritors(lfirst_oid(target), AccessShareLock, NULL))
		{
			if (get_rel_relkind(lfirst_oid(table)) != RELKIND_FOREIGN_TABLE)
				continue;
			ereport(WARNING,
					(errmsg("a crash can make a chunk be done twice"),
					 errdetail("The statement writes to foreign table \"%s\", whose server commits the chunk before the position is committed here.",
							   get_rel_name(lfirst_oid(table))),
					 errhint("Let the statement be one that can run twice, or run the job on the other server.")));
			return;
		}
	}
}

/*
 * 42501 unless the role is the owner of the job.  Neither members of that role
 * nor superusers run it: the statement, which the owner has written, would run
 * with their rights.
 */
static void
check_owner(const CiterJob *job)
{
	if (job->owner_oid == GetUserId())
		return;
	if (!OidIsValid(job->owner_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job \"%s\"", job->name),
				 errdetail("It belongs to role \"%s\", which does not exist.", job->owner),
				 errhint("As a superuser, UPDATE chunked_iter_jobs SET owner = ... WHERE job = %s gives it to a role.",
						 quote_literal_cstr(job->name))));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for job \"%s\"", job->name),
			 errdetail("It belongs to role \"%s\", and its statement would run with your rights.",
					   job->owner),
			 errhint("SET ROLE %s first.", quote_identifier(job->owner))));
}

/* 22023 if an argument contradicts what the job is about. */
static void
check_same(const CiterJob *job, const CiterJobArguments *arguments)
{
	if (OidIsValid(arguments->relid) && arguments->relid != citer_job_target_relid(job))
		refuse_change(job, "rel", describe_relation(arguments->relid, job), job->relation);
	check_text(job, "statement", arguments->statement, job->statement);
	check_text(job, "order_by", arguments->order_by, job->order_by);
	if (arguments->reverse >= 0 && (arguments->reverse == 1) != job->reverse)
		refuse_change(job, "reverse", job->reverse ? "false" : "true", job->reverse ? "true" : "false");
	check_text(job, "filter", arguments->filter, job->filter);
	check_array(job, "after", arguments->after, job->after);
	check_array(job, "upto", arguments->upto, job->upto);
	if (arguments->parts > 0 && arguments->parts != job->parts)
		refuse_change(job, "parts", psprintf("%d", arguments->parts), psprintf("%d", job->parts));
}

/* The name of a relation that is not the job's, although it may be called the same. */
static char *
describe_relation(Oid relid, const CiterJob *job)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
	return strcmp(name, job->relation) == 0 ? psprintf("%s, another table of that name", name) : name;
}

/* 22023 if a text is given that is not the job's. */
static void
check_text(const CiterJob *job, const char *argument, const char *given, const char *kept)
{
	if (given != NULL && (kept == NULL || strcmp(given, kept) != 0))
		refuse_change(job, argument, given, kept);
}

/* 22023 if a key is given that is not the job's. */
static void
check_array(const CiterJob *job, const char *argument, NullableDatum given, NullableDatum kept)
{
	if (!given.isnull && !citer_job_same_array(given, kept))
		refuse_change(job, argument, citer_job_array_text(given),
					  kept.isnull ? NULL : citer_job_array_text(kept));
}

/* 22023, with both values as text; the job may have none. */
static void
refuse_change(const CiterJob *job, const char *argument, const char *given, const char *kept)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("job \"%s\" was started with another \"%s\"", job->name, argument),
			 errdetail("The job has: %s\nThis call has: %s", kept != NULL ? kept : "none", given),
			 errhint("Leave \"%s\" out to continue the job, give a new job another name, or SELECT chunked_iter_forget(%s) first to start again.",
					 argument, quote_literal_cstr(job->name))));
}

/* Takes those arguments that say how the job is done, if they are given. */
static void
take_settings(CiterJob *job, const CiterJobArguments *arguments)
{
	if (arguments->chunk_size > 0)
		job->chunk_size = arguments->chunk_size;
	if (arguments->lock_rows != NULL)
		job->lock_rows = arguments->lock_rows[0] != '\0' ? arguments->lock_rows : NULL;
	if (arguments->target_ms >= 0)
		job->target_ms = arguments->target_ms;
	if (arguments->pause_ms >= 0)
		job->pause_ms = arguments->pause_ms;
	if (arguments->throttle_query != NULL)
		job->throttle_query = arguments->throttle_query[0] != '\0' ? arguments->throttle_query : NULL;
	if (arguments->retries >= 0)
		job->retries = arguments->retries;
	if (arguments->on_error != NULL)
		job->on_error = arguments->on_error;
	if (arguments->statement_is_global >= 0)
		job->statement_is_global = arguments->statement_is_global == 1;
	take_pace(job, arguments);
}

/* The same for those that came with jobs that run themselves. */
static void
take_pace(CiterJob *job, const CiterJobArguments *arguments)
{
	if (arguments->workers > 0)
		job->workers = arguments->workers;
	if (arguments->follow >= 0)
		job->follow = arguments->follow == 1;
	if (arguments->follow_delay != NULL)
		job->follow_delay = arguments->follow_delay;
	if (arguments->nap_ms >= 0)
		job->nap_ms = arguments->nap_ms;
	if (arguments->max_failed >= 0)
		job->max_failed = arguments->max_failed;
	if (arguments->revisit >= 0)
		job->revisit = arguments->revisit == 1;
	if (!arguments->needs.isnull)
		job->needs = arguments->needs;
	if (arguments->duty_percent >= 0)
		job->duty_percent = arguments->duty_percent > 0 ? arguments->duty_percent : 100;
	if (arguments->max_rows_per_second >= 0)
		job->max_rows_per_second = arguments->max_rows_per_second;
	if (arguments->max_wal_per_second >= 0)
		job->max_wal_per_second = arguments->max_wal_per_second;
}
