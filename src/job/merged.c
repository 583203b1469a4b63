/*
 * merged.c
 *	  Joins to "chunk" that the chunk's range stands for.
 *
 * DELETE FROM t USING chunk WHERE t.id = chunk.id is given the condition of
 * chunk_range(t), too (joined.c).  Under the snapshot that the chunk was read
 * under, the rows of t in this range are those of the chunk, one by one, if the
 * key tells them apart.  So where nothing is used of "chunk" but the key, it is
 * taken out of the query: its columns become those of t, and no row needs to be
 * kept or joined.  t.id = t.id is left, which says that it is not NULL.
 *
 * That holds for the first command alone: what it changes, a second one sees.
 * It does not where a filter, a policy or a rule says which rows there are, for
 * these are looked at again when somebody else has changed a row meanwhile, or
 * make more commands of one.
 *
 * The query is changed behind its parse analysis, each time that the plan cache
 * has it analyzed, and that of an EXPLAIN.  It is known by its environment, where
 * the name of "chunk" is then one certain string.
 */
#include "postgres.h"

#include "access/relation.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "job/merged.h"
#include "job/uses.h"

/* Its address says that the rows are not needed. */
static char merged_name[] = "chunk";

static post_parse_analyze_hook_type previous_parsed;

static void change_parsed(CITER_PARSED_PARAMS);
static int	find_chunk(const Query *query);
static bool take_out(Query *query, int chunk, const CiterJobRows *rows);
static bool take_from(Query *query, int chunk);
static bool has_rules(Oid relid);

/* Installs the hook.  Called once, when the library is loaded. */
void
citer_job_merged_init(void)
{
	previous_parsed = post_parse_analyze_hook;
	post_parse_analyze_hook = change_parsed;
}

/*
 * Has the range stand for the rows wherever the command is analyzed from now
 * on, if it can.  The command, after parse analysis, is all there is of the
 * statement, and is joined by the key; it is not changed here.
 */
void
citer_job_merge(CiterJobRows *rows, const Query *query, const CiterJob *job, const CiterWalk *walk)
{
	Query	   *copy = copyObject(unconstify(Query *, query));
	int			chunk = find_chunk(copy);

	if (job->filter != NULL || walk->relation->row_security || !walk->key->unique ||
		query->returningList != NIL)
		return;
	rows->relid = walk->relation->relid;
	for (int i = 0; i < walk->key->nelements; i++)
		pull_varattnos((Node *) walk->key->elements[i].expr, 1, &rows->key);
	if (take_out(copy, chunk, rows))
		rows->enr.md.name = merged_name;
}

/* Whether the range stands for the rows. */
bool
citer_job_is_merged(const CiterJobRows *rows)
{
	return rows->enr.md.name == merged_name;
}

/*
 * Hook of the parser: takes "chunk" out of a command that does without.  55000 if
 * it cannot any more.
 */
static void
change_parsed(CITER_PARSED_PARAMS)
{
	EphemeralNamedRelationMetadata found;
	int			chunk;

	if (previous_parsed)
		previous_parsed(CITER_PARSED_ARGS);
	found = get_visible_ENR_metadata(pstate->p_queryEnv, merged_name);
	if (found == NULL || found->name != merged_name || (chunk = find_chunk(query)) == 0)
		return;
	if (!take_out(query, chunk, (CiterJobRows *) found))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the meaning of the job's statement was changed while it was running"),
				 errdetail("Its table is another one than before, or has rules now."),
				 errhint("Check what has been created meanwhile, and run the job again.")));
}

/* The range table index of "chunk" in the query itself; 0 if it is not there. */
static int
find_chunk(const Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, merged_name) == 0)
			return foreach_current_index(cell) + 1;
	}
	return 0;
}

/* Takes "chunk" out of the query.  False, and the query is spoilt, if it is needed. */
static bool
take_out(Query *query, int chunk, const CiterJobRows *rows)
{
	RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	CiterJobUses before = {0};
	CiterJobUses after = {0};

	citer_job_uses_add(&before, merged_name, 0, list_make1(query));
	if (target->relid != rows->relid || has_rules(target->relid) ||
		!bms_is_subset(before.columns, rows->key) || !take_from(query, chunk))
		return false;
	ChangeVarNodes((Node *) query, chunk, query->resultRelation, 0);
	citer_job_uses_add(&after, merged_name, 0, list_make1(query));
	return !after.rows;
}

/* Takes an entry out of FROM; false if it is in a join there. */
static bool
take_from(Query *query, int chunk)
{
	RangeTblEntry *rte = rt_fetch(chunk, query->rtable);
	ListCell   *cell;

	foreach(cell, query->jointree->fromlist)
	{
		RangeTblRef *ref = lfirst(cell);

		if (!IsA(ref, RangeTblRef) || ref->rtindex != chunk)
			continue;
		query->jointree->fromlist = foreach_delete_current(query->jointree->fromlist, cell);
		/* Numbers of entries have to stay what they are. */
		rte->rtekind = RTE_RESULT;
		rte->enrname = NULL;
		rte->eref = makeAlias("*RESULT*", NIL);
		return true;
	}
	return false;
}

/* Whether a relation that is locked has rules. */
static bool
has_rules(Oid relid)
{
	Relation	rel = relation_open(relid, NoLock);
	bool		has = rel->rd_rules != NULL;

	relation_close(rel, NoLock);
	return has;
}
