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

#include "catalog/namespace.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

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

/* A search for the tables in a parsed filter that have no schema. */
typedef struct TableFinder
{
	List	   *withs;			/* names of the WITH queries around */
	List	   *tables;			/* RangeVar, in the order of the text */
}			TableFinder;

struct CiterJobConditions
{
	CiterJobText *text;
	List	   *sources;
};

static void add_source(CiterJobConditions *conditions, const CiterJob *job,
					   const CiterWalk *walk, const CiterJobTextRange *range);
static char *filter_sql(const CiterRelation *relation, const char *filter);
static char *qualify_tables(const char *filter);
static bool find_tables(Node *node, TableFinder * finder);
static bool names_with(const TableFinder * finder, const char *name);
static int	compare_places(const ListCell *a, const ListCell *b);
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
 * The filter, which must give the same result each time it is evaluated, as it
 * reads under the job's search_path.
 */
static char *
filter_sql(const CiterRelation *relation, const char *filter)
{
	Node	   *qual = citer_clause_filter(relation, filter);

	if (citer_volatility_of_expression(relation, qual))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() does not go with a volatile filter", CITER_CHUNK_RANGE),
				 errdetail("The filter \"%s\" can let other rows pass when the statement runs.", filter),
				 errhint("Let the statement join \"%s\".", "chunk")));
	return qualify_tables(citer_clause_sql(relation, qual, true));
}

/*
 * Puts its schema before the name of each table that has none, in a filter as
 * the server writes it: in the statement, "chunk" and names of WITH come first.
 * The server has written the schema already where a WITH query of the filter's own
 * would come first.
 */
static char *
qualify_tables(const char *filter)
{
	const char *prefix = "SELECT WHERE ";
	char	   *sql = psprintf("%s%s", prefix, filter);
	TableFinder finder = {NIL, NIL};
	StringInfoData qualified;
	int			done = strlen(prefix);
	ListCell   *cell;

	(void) find_tables(linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt, &finder);
	list_sort(finder.tables, compare_places);
	initStringInfo(&qualified);
	foreach(cell, finder.tables)
	{
		const RangeVar *table = lfirst(cell);
		Oid			relid = RelnameGetRelid(table->relname);

		if (!OidIsValid(relid))
			elog(ERROR, "cannot find relation \"%s\"", table->relname);
		appendBinaryStringInfo(&qualified, sql + done, table->location - done);
		appendStringInfo(&qualified, "%s.",
						 quote_identifier(get_namespace_name_or_temp(get_rel_namespace(relid))));
		done = table->location;
	}
	appendStringInfoString(&qualified, sql + done);
	return qualified.data;
}

/* Raw expression walker: finds tables without a schema that are no WITH queries. */
static bool
find_tables(Node *node, TableFinder * finder)
{
	List	   *around = finder->withs;
	bool		stopped;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
	{
		RangeVar   *table = (RangeVar *) node;

		if (table->schemaname == NULL && !names_with(finder, table->relname))
			finder->tables = lappend(finder->tables, table);
		return false;
	}
	if (IsA(node, SelectStmt) && ((SelectStmt *) node)->withClause != NULL)
		finder->withs = list_concat_copy(((SelectStmt *) node)->withClause->ctes, around);
	stopped = raw_expression_tree_walker(node, find_tables, finder);
	finder->withs = around;
	return stopped;
}

static bool
names_with(const TableFinder * finder, const char *name)
{
	ListCell   *cell;

	foreach(cell, finder->withs)
	{
		if (strcmp(lfirst_node(CommonTableExpr, cell)->ctename, name) == 0)
			return true;
	}
	return false;
}

/* list_sort comparator: names of tables by their place in the text. */
static int
compare_places(const ListCell *a, const ListCell *b)
{
	return ((const RangeVar *) lfirst(a))->location - ((const RangeVar *) lfirst(b))->location;
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
