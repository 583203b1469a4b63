/*
 * citus.c
 *	  Jobs whose statement names tables of Citus.
 *
 * A chunk's effects and its position are committed together, or a chunk could
 * count twice.  Citus commits a transaction that has written to one worker
 * alone before this node commits its own part.  It commits in two phases if a
 * table of its own is written to on this node, too: so each chunk of such a job
 * has a DELETE, which finds no rows, on a local table of Citus.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "job/citus.h"
#include "walk/citus.h"

/* The table in the extension's schema that a superuser makes for this. */
#define TWO_PHASE_TABLE "chunked_iter_two_phase"

/* What a command mentions. */
typedef struct Mentions
{
	const char *chunk;			/* the name of the chunk's rows */
	bool		rows;			/* these */
	Oid			table;			/* a table of Citus */
	Oid			written;		/* one that the command writes to */
} Mentions;

static bool note_mentions(Node *node, Mentions *found);
static void check_node(Oid table);
static char *two_phase_table(const CiterJob *job);

/*
 * Checks the rewritten queries of a command.  Returns the SQL that has to run
 * before it in each transaction, in the current memory context; NULL for none.
 * 0A000 if Citus cannot run it, or not so that each chunk counts once.
 */
char *
citer_job_citus_check(const CiterJob *job, const char *chunk, List *queries)
{
	Mentions	found = {chunk, false, InvalidOid, InvalidOid};

	note_mentions((Node *) queries, &found);
	if (!OidIsValid(found.table))
		return NULL;
	check_node(found.table);
	if (found.rows)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot use \"%s\" together with \"%s\"", chunk, get_rel_name(found.table)),
				 errdetail("\"%s\" is a table of Citus, whose workers do not have the rows of the chunk.",
						   get_rel_name(found.table)),
				 errhint("Use %s or $1 and so on, or copy the rows first: INSERT INTO t SELECT * FROM %s; INSERT INTO %s SELECT ... FROM t; with statement_is_global => true, for a temporary table t that is made ON COMMIT DELETE ROWS.",
						 "chunk_range()", chunk, get_rel_name(found.table))));
	if (!OidIsValid(found.written))
		return NULL;
	return psprintf("DELETE FROM %s WHERE id OPERATOR(pg_catalog.=) 0", two_phase_table(job));
}

/* Expression walker: finds the chunk's rows and tables of Citus. */
static bool
note_mentions(Node *node, Mentions *found)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		int			rti = 0;
		ListCell   *cell;

		foreach(cell, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

			rti++;
			if (rte->rtekind == RTE_NAMEDTUPLESTORE && strcmp(rte->enrname, found->chunk) == 0)
				found->rows = true;
			if (rte->rtekind != RTE_RELATION || !citer_citus_has(rte->relid))
				continue;
			found->table = rte->relid;
			if (rti == query->resultRelation)
				found->written = rte->relid;
		}
		return query_tree_walker(query, note_mentions, found, 0);
	}
	return expression_tree_walker(node, note_mentions, found);
}

/* 0A000 on a worker: each node has jobs of its own, and one of this name may run on another. */
static void
check_node(Oid table)
{
	if (!citer_citus_is_coordinator())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot run a job on \"%s\" on this node", get_rel_name(table)),
				 errdetail("It is a table of Citus, and each of its nodes has jobs of its own."),
				 errhint("Run the job on the coordinator, or a job for each shard on its worker.")));
}

/* The table for two-phase commits; 0A000 if there is none. */
static char *
two_phase_table(const CiterJob *job)
{
	Oid			schema = get_func_namespace(job->procedure);
	char	   *name = quote_qualified_identifier(get_namespace_name(schema), TWO_PHASE_TABLE);
	Oid			relid = get_relname_relid(TWO_PHASE_TABLE, schema);

	if (OidIsValid(relid) && citer_citus_has(relid) && citer_citus_reads_here(relid))
		return name;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot commit each chunk once on the workers of Citus"),
			 errdetail("Citus commits in one phase what a chunk changes on one worker, before this node commits the position of the job."),
			 errhint("Have it commit in two: as superuser, CREATE TABLE %s (id integer PRIMARY KEY); SELECT citus_add_local_table_to_metadata('%s'); GRANT SELECT, DELETE ON %s TO PUBLIC;",
					 name, name, name)));
}
