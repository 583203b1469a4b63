/*
 * conditions.c
 *	  chunk_range() in a job's statement, as a condition.
 *
 * The condition is the one by which the walk itself finds the rows of a chunk:
 * after the position at which the chunk starts, up to and including its last
 * key, and in the filter (walk/range.c, walk/query.c).  So it is exact for
 * every key, and an index serves it: one NOT NULL column is k > $3 AND k <=
 * $4, several columns are a few such ranges joined by OR, which a B-tree
 * serves one by one.
 *
 * The condition begins after the position and not at the first key.  For the
 * rows that were read this makes no difference; rows that came in between
 * since then are changed with the chunk, for no later chunk has them.
 *
 * The form depends on which elements of the two keys are equal and which are
 * NULL.  Columns are qualified by the name that stands in chunk_range(), so the
 * key and the filter are resolved once for each such name.
 */
#include "postgres.h"

#include "base/settings.h"
#include "job/conditions.h"
#include "walk/clause.h"
#include "walk/query.h"
#include "walk/volatility.h"

/* A name that chunk_range() gives the job's relation. */
typedef struct Source
{
	char	   *name;
	CiterKey   *key;			/* its columns qualified by the name */
	char	   *filter;			/* likewise; NULL: none */
} Source;

struct CiterJobConditions
{
	CiterJobText *text;
	List	   *sources;
};

static void add_source(CiterJobConditions *conditions, const CiterJob *job,
					   const CiterWalk *walk, const CiterJobTextRange *range);
static char *filter_sql(const CiterRelation *relation, const char *filter);
static Source *find_source(const CiterJobConditions *conditions, const char *name);
static char *condition_sql(const CiterKey *key, const CiterPosition *after, const CiterPosition *last);

/*
 * Prepares the conditions of a statement, in the current memory context.
 * 22023 for a chunk_range() where the job's filter is volatile.
 */
CiterJobConditions *
citer_job_conditions_create(CiterJobText *text, const CiterJob *job, const CiterWalk *walk)
{
	CiterJobConditions *conditions = palloc0(sizeof(CiterJobConditions));

	conditions->text = text;
	for (int i = 0; i < text->nranges; i++)
		add_source(conditions, job, walk, &text->ranges[i]);
	return conditions;
}

/*
 * Expands the statement's text, in the current memory context, for chunks like
 * the one after "after" and up to "last".  With a key of n elements, those of
 * "after" are the parameters from 2n + 1 on, those of "last" from 3n + 1.
 */
void
citer_job_conditions_expand(CiterJobConditions *conditions, const CiterPosition *after,
							const CiterPosition *last)
{
	CiterJobText *text = conditions->text;
	CiterJobTextCondition *sql = palloc(sizeof(CiterJobTextCondition) * Max(text->nranges, 1));

	for (int i = 0; i < text->nranges; i++)
	{
		const Source *source = find_source(conditions, text->ranges[i].name);

		sql[i].key = condition_sql(source->key, after, last);
		sql[i].filter = source->filter;
	}
	citer_job_text_expand(text, sql);
}

/*
 * Adds the job's relation under a name that the statement gives it: its key
 * and filter, qualified by that name.  An implied range has no filter, which the
 * chunk's rows have passed.
 */
static void
add_source(CiterJobConditions *conditions, const CiterJob *job,
		   const CiterWalk *walk, const CiterJobTextRange *range)
{
	CiterRelation *relation;
	Source	   *source;

	if (find_source(conditions, range->name) != NULL)
		return;
	relation = citer_relation_under_name(walk->relation, range->name);
	source = palloc0(sizeof(Source));
	source->name = range->name;
	source->key = citer_key_resolve(relation, job->order_by, job->reverse);
	if (job->filter != NULL && !range->implied)
		source->filter = filter_sql(relation, job->filter);
	conditions->sources = lappend(conditions->sources, source);
}

/*
 * The filter, which must give the same result each time it is evaluated.  Its tables
 * have their schemas: in the statement, "chunk" and names of WITH come first.
 */
static char *
filter_sql(const CiterRelation *relation, const char *filter)
{
	const CiterSetting no_path[] = {{"search_path", ""}, {NULL, NULL}};
	Node	   *qual = citer_clause_filter(relation, filter);
	int			nestlevel;
	char	   *sql;

	if (citer_volatility_of_expression(relation, qual))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() does not go with a volatile filter", CITER_CHUNK_RANGE),
				 errdetail("The filter \"%s\" can let other rows pass when the statement runs.", filter),
				 errhint("Let the statement join \"%s\".", "chunk")));
	nestlevel = citer_settings_begin();
	citer_settings_set(no_path);
	sql = citer_clause_sql(relation, qual, true);
	citer_settings_end(nestlevel);
	return sql;
}

/* The job's relation under a name; NULL if that was not added. */
static Source *
find_source(const CiterJobConditions *conditions, const char *name)
{
	ListCell   *cell;

	foreach(cell, conditions->sources)
	{
		if (strcmp(((Source *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	}
	return NULL;
}

/* The condition that a key lies after a position and up to another. */
static char *
condition_sql(const CiterKey *key, const CiterPosition *after, const CiterPosition *last)
{
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(key));
	CiterQueryRows rows = {.after = after,.upto = last,.ranges = ranges};
	char	   *sql;

	rows.nranges = citer_range_split(key, after, last, ranges);
	sql = citer_query_ranges_sql(key, &rows, 2 * key->nelements + 1, 3 * key->nelements + 1);
	return sql[0] != '\0' ? sql : "true";
}
