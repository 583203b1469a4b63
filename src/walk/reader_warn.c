/*
 * reader_warn.c
 *	  Warns of walks that lack an index.
 */
#include "postgres.h"

#include "access/relation.h"
#include "common/hashfn.h"
#include "optimizer/plancat.h"
#include "utils/rel.h"

#include "walk/reader.h"

/*
 * A table of fewer rows than this many chunks, of the default size at least,
 * can do without an index.
 */
#define FEW_CHUNKS 3

/* How many walks that lack an index a session remembers. */
#define WARNED_MAX 64

static double table_rows(const CiterWalk *walk);
static bool note_warning(const CiterWalk *walk);

/*
 * Warns if each chunk sorts and the tables have several chunks of rows, once in a
 * session for a table and an order.  Of a table in shards that is known later.
 */
void
citer_reader_warn_of_index(const CiterWalk *walk)
{
	if (citer_walk_lacks_index(walk) && !walk->in_shards)
		citer_reader_warn_of_rows(walk, table_rows(walk));
}

/* The same for tables that are known to have so many rows. */
void
citer_reader_warn_of_rows(const CiterWalk *walk, double rows)
{
	char	   *index_sql;

	if (!citer_walk_lacks_index(walk) ||
		rows < FEW_CHUNKS * (double) Max(walk->chunk_size, CITER_CHUNK_SIZE_DEFAULT) ||
		!note_warning(walk))
		return;
	index_sql = citer_key_index_sql(walk->relation, walk->key);
	ereport(WARNING,
			(errmsg("no index gives the order of this walk of %s", walk->relation->sql),
			 walk->index_shape.sorts ?
			 errdetail("Every chunk reads and sorts all that is left, by %s.",
					   citer_key_describe(walk->key)) :
			 errdetail("An index gives the order of the first columns, and every chunk sorts the rest of %s.",
					   citer_key_describe(walk->key)),
			 index_sql ? errhint("%s", index_sql) : 0));
}

/* About how many rows there are in the tables that the walk's rows come from. */
static double
table_rows(const CiterWalk *walk)
{
	double		rows = 0;
	ListCell   *cell;

	foreach(cell, walk->index_shape.relations)
	{
		Relation	rel = try_relation_open(lfirst_oid(cell), AccessShareLock);
		BlockNumber pages;
		double		tuples = 0;
		double		visible;

		if (rel == NULL)
			continue;
		if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
			estimate_rel_size(rel, NULL, &pages, &tuples, &visible);
		rows += tuples;
		relation_close(rel, NoLock);
	}
	return rows;
}

/*
 * Whether this is the first walk of the table in that order, as far as this
 * session remembers: the oldest of its notes is replaced by the newest.
 */
static bool
note_warning(const CiterWalk *walk)
{
	static uint64 warned[WARNED_MAX];
	static int	oldest = 0;
	const char *order = citer_key_describe(walk->key);
	uint64		note = hash_combine64(walk->relation->relid,
									  hash_bytes_extended((const unsigned char *) order, strlen(order), 1));

	for (int i = 0; i < WARNED_MAX; i++)
	{
		if (warned[i] == note)
			return false;
	}
	warned[oldest] = note;
	oldest = (oldest + 1) % WARNED_MAX;
	return true;
}
