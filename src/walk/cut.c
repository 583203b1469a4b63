/*
 * cut.c
 *	  Cuts the order of a walk where the partitions of its table begin.
 *
 * A plan of a table with a thousand partitions is started a thousand times over
 * for each chunk, although a chunk is found in one or two of them.  If the
 * partitions are by ranges or lists of what the walk is ordered by first, the
 * order can be cut where they begin:
 *
 *		k < 100		k >= 100 AND k < 200	k >= 200
 *
 * A query that has such a section as a condition, in constants, is planned for
 * the partitions that can hold its rows, and neither plans, locks nor starts
 * any other.  It is a query of the table itself, under its privileges and
 * policies.
 *
 * Each row is in one section, wherever the cuts are, for a section ends with the
 * very value that the next one begins with.  So a walk is right whatever has
 * become of the partitions; only how fast it is depends on them.  Sections that
 * have few rows are read together, twice as many each time; those that are begin
 * at multiples of their number, so that other walks find their plans.
 *
 * They are numbered from 0 in the order of the walk.  Rows whose first element is
 * NULL are in section -1 or, where NULLs come last, in one behind all others.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "walk/clause.h"
#include "walk/cut.h"
#include "walk/key_sql.h"

/* Sections of more chunks than this are read fewer at a time. */
#define MAX_CHUNKS 8

static bool is_cut_by(PartitionKey partition_key, const CiterKeyElement *element);
static Node *partition_expr(PartitionKey partition_key);
static void add_cuts(CiterCuts *cuts, PartitionBoundInfo bounds);
static void add_cut(CiterCuts *cuts, Datum value);
static void reverse_cuts(CiterCuts *cuts);
static int	section_of(const CiterCuts *cuts, Datum value);
static char *comparison_sql(const CiterCuts *cuts, const char *operator, Datum value);

/*
 * The cuts of a walk of a relation by a key, in the current memory context; NULL
 * if its partitions do not cut that order.
 */
CiterCuts *
citer_cuts_find(const CiterRelation *relation, CiterKey *key)
{
	CiterKeyElement *element = &key->elements[0];
	CiterCuts  *cuts = NULL;
	Relation	rel;

	if (relation->relkind != RELKIND_PARTITIONED_TABLE || key->physical ||
		!citer_bookmark_is_exact(element))
		return NULL;
	rel = relation_open(relation->relid, AccessShareLock);
	if (is_cut_by(RelationGetPartitionKey(rel), element))
	{
		cuts = palloc0(sizeof(CiterCuts));
		cuts->relation = relation;
		cuts->element = element;
		add_cuts(cuts, RelationGetPartitionDesc(rel, true)->boundinfo);
	}
	relation_close(rel, NoLock);
	return cuts != NULL && cuts->ncuts > 0 ? cuts : NULL;
}

/* The same cuts for another walk, which has its own copy of the key, and learns by itself. */
CiterCuts *
citer_cuts_copy(const CiterCuts *cuts, CiterKey *key)
{
	CiterCuts  *copy = palloc(sizeof(CiterCuts));

	*copy = *cuts;
	copy->element = &key->elements[0];
	return copy;
}

/*
 * The sections that a range has rows in; false if it is not cut.  Those of a
 * symbolic position are taken to be the first.
 */
bool
citer_cuts_of_range(const CiterCuts *cuts, const CiterRange *range, const CiterPosition *after,
					const CiterPosition *upto, CiterSections *sections)
{
	const CiterPosition *fixed = range->fixed_to_upper ? upto : after;
	bool		has_nulls = range->nulls == CITER_NULLS_ANY && cuts->element->nullable &&
	range->lower == CITER_BOUND_NONE && range->upper == CITER_BOUND_NONE;

	if (range->nfixed > 0 ? fixed->isnull[0] : range->nulls == CITER_NULLS_ONLY)
		return false;
	if (range->nfixed > 0)
	{
		sections->first = fixed->symbolic ? 0 : section_of(cuts, fixed->values[0]);
		sections->last = sections->first;
		return true;
	}
	sections->first = has_nulls && cuts->element->nulls_first ? -1 : 0;
	sections->last = has_nulls && !cuts->element->nulls_first ? cuts->ncuts + 1 : cuts->ncuts;
	if (range->lower != CITER_BOUND_NONE && !after->symbolic)
		sections->first = section_of(cuts, after->values[0]);
	if (range->upper != CITER_BOUND_NONE && !upto->symbolic)
		sections->last = section_of(cuts, upto->values[0]);
	return true;
}

/*
 * The sections that are read together with one.  Those before it are among them
 * only if they have been read, and the query has a lower bound that says so.
 */
CiterSections
citer_cuts_together(const CiterCuts *cuts, int section, bool with_earlier)
{
	CiterSections sections = {section, section};
	int			level = cuts->level;

	if (section < 0 || section > cuts->ncuts)
		return sections;
	while (!with_earlier && (section >> level << level) != section)
		level--;
	sections.first = section >> level << level;
	sections.last = Min(sections.first + (1 << level) - 1, cuts->ncuts);
	return sections;
}

/*
 * The condition that a row is in the sections, fit to stand between ANDs; empty
 * if all rows are.  In the current memory context.
 */
char *
citer_cuts_sql(const CiterCuts *cuts, CiterSections sections)
{
	const CiterKeyElement *element = cuts->element;
	char	   *begin = "";
	char	   *end = "";

	if (sections.first < 0 || sections.first > cuts->ncuts)
		return element->sql->is_null;
	if (sections.first > 0)
		begin = comparison_sql(cuts, element->descending ? element->sql->less : element->sql->greater_equal,
							   cuts->values[sections.first - 1]);
	if (sections.last < cuts->ncuts)
		end = comparison_sql(cuts, element->descending ? element->sql->greater_equal : element->sql->less,
							 cuts->values[sections.last]);
	return psprintf("%s%s%s", begin, *begin && *end ? " AND " : "", end);
}

/* A number that changes with the values that the condition's text stands for. */
uint64
citer_cuts_version(const CiterCuts *cuts, CiterSections sections)
{
	const CiterKeyElement *element = cuts->element;
	uint64		version = 0;

	if (sections.first > 0 && sections.first <= cuts->ncuts)
		version = datum_image_hash(cuts->values[sections.first - 1], element->typbyval, element->typlen);
	if (sections.first >= 0 && sections.last < cuts->ncuts)
		version = hash_combine64(version, datum_image_hash(cuts->values[sections.last],
														   element->typbyval, element->typlen));
	return version;
}

/*
 * Learns how many sections to read at a time from those at hand, of which so many
 * rows were read: from their beginning, if "begun", and to their end, if "ended".
 * A chunk has chunk_rows.
 */
void
citer_cuts_learn(CiterCuts *cuts, bool begun, int64 rows, bool ended, int chunk_rows)
{
	if (begun)
		cuts->rows = 0;
	if (cuts->rows >= 0)
		cuts->rows += rows;
	if (!ended)
		return;
	if (cuts->rows >= 0 && cuts->rows < chunk_rows && (1 << cuts->level) <= cuts->ncuts)
		cuts->level++;
	else if (cuts->rows / MAX_CHUNKS > chunk_rows && cuts->level > 0)
		cuts->level--;
	cuts->rows = -1;
}

/* Whether partitions by this key are ranges or lists of the element's values. */
static bool
is_cut_by(PartitionKey partition_key, const CiterKeyElement *element)
{
	return partition_key->strategy != PARTITION_STRATEGY_HASH &&
		partition_key->partopfamily[0] == element->opfamily &&
		partition_key->partcollation[0] == element->collation &&
		partition_key->parttypid[0] == element->type &&
		equal(partition_expr(partition_key),
			  eval_const_expressions(NULL, (Node *) element->expr));
}

/* What partitions are by first, over range table entry 1. */
static Node *
partition_expr(PartitionKey partition_key)
{
	if (partition_key->partattrs[0] == 0)
		return linitial(partition_key->partexprs);
	return (Node *) makeVar(1, partition_key->partattrs[0], partition_key->parttypid[0],
							partition_key->parttypmod[0], partition_key->parttypcoll[0], 0);
}

/* Cuts where another partition begins, or none. */
static void
add_cuts(CiterCuts *cuts, PartitionBoundInfo bounds)
{
	if (bounds == NULL)
		return;
	cuts->values = palloc(sizeof(Datum) * bounds->ndatums);
	for (int i = 0; i < bounds->ndatums; i++)
	{
		if (bounds->kind != NULL && bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE)
			continue;
		if (bounds->kind == NULL && i > 0 && bounds->indexes[i] == bounds->indexes[i - 1])
			continue;
		add_cut(cuts, bounds->datums[i][0]);
	}
	if (cuts->element->descending)
		reverse_cuts(cuts);
}

/* Adds a cut, unless it is the one before: of bounds only the first columns count. */
static void
add_cut(CiterCuts *cuts, Datum value)
{
	CiterKeyElement *element = cuts->element;

	if (cuts->ncuts > 0 &&
		citer_key_compare(element, cuts->values[cuts->ncuts - 1], false, value, false) == 0)
		return;
	cuts->values[cuts->ncuts++] = datumCopy(value, element->typbyval, element->typlen);
}

static void
reverse_cuts(CiterCuts *cuts)
{
	for (int i = 0, j = cuts->ncuts - 1; i < j; i++, j--)
	{
		Datum		value = cuts->values[i];

		cuts->values[i] = cuts->values[j];
		cuts->values[j] = value;
	}
}

/* The section that a value of the first element is in: how many cuts are before it. */
static int
section_of(const CiterCuts *cuts, Datum value)
{
	int			low = 0;
	int			high = cuts->ncuts;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = citer_key_compare(cuts->element, cuts->values[middle], false, value, false);

		/* The value of a cut itself comes behind it, unless it is descending. */
		if (order < 0 || (order == 0 && !cuts->element->descending))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A comparison of the first element with a value, as SQL. */
static char *
comparison_sql(const CiterCuts *cuts, const char *operator, Datum value)
{
	const CiterKeyElement *element = cuts->element;
	Oid			type = getBaseType(element->type);
	Const	   *constant = makeConst(type, -1, get_typcollation(type), element->typlen, value,
									 false, element->typbyval);

	return psprintf("%s %s %s%s", element->sql->operand, operator,
					citer_clause_sql(cuts->relation, (Node *) constant, false),
					element->sql->param_cast);
}
