/*
 * block_sample.c
 *	  Rows of some of the blocks of a walk's tables.
 *
 * The blocks are evenly spread: the tables, one behind the other, are cut into
 * as many stretches as blocks are wanted, and one block of each is read, which is
 * not always at the same place, since rows may come in some rhythm.  So a walk in
 * the order of its table, of which neighbouring rows are in one block, is
 * sampled as well as any other; a TABLESAMPLE clause chooses blocks without regard
 * to one another, and leaves gaps.
 *
 * A block is a range of TIDs, asked for by a query like all others of the walk,
 * with its filter and its rights.  Where the plan does not find it as such a range,
 * or the tables may only be read through their parent, TABLESAMPLE has to do.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "walk/block_sample.h"

/* Blocks that the operating system is asked for before they are read. */
#define BLOCKS_AHEAD 32

/* The blocks that are read, of all tables together. */
typedef struct BlockSample
{
	double		stretch;		/* blocks of which one is read */
	CiterQueryRows rows;		/* what is read of them */
	DestReceiver *receiver;
} BlockSample;

static bool can_read_blocks(CiterWalk *walk, BlockSample *sample, List *heaps);
static void restrict_to_block(CiterWalk *walk);
static void choose_heap(const CiterWalk *walk, BlockSample *sample, Oid heap);
static void read_heap(const CiterWalk *walk, BlockSample *sample, Oid heap, double before);
static double block_of_stretch(const BlockSample *sample, double stretch);
static void read_block(const CiterQuery *query, ParamListInfo params, BlockNumber block,
					   DestReceiver *receiver);
static void read_share(const CiterWalk *walk, BlockSample *sample);

/*
 * Hands rows of about so many blocks to the receiver, between the walk's bounds
 * and in no order; all of a block, or none.  The walk is of tables, and they have
 * as many blocks.  Returns how many rows of the walk one of the rows stands for.
 */
double
citer_block_sample_read(const CiterWalk *walk, double wanted, DestReceiver *receiver)
{
	CiterWalk	by_block = *walk;
	BlockSample sample = {.receiver = receiver};
	double		total = citer_block_sample_total(walk);
	List	   *heaps = citer_relation_heaps(walk->relation);
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(walk->key));
	double		before = 0;
	ListCell   *cell;

	sample.stretch = total / wanted;
	sample.rows.after = &walk->after;
	sample.rows.upto = &walk->upto;
	sample.rows.ranges = ranges;
	sample.rows.nranges = citer_range_split(walk->key, &walk->after, &walk->upto, ranges);
	sample.rows.unordered = true;
	if (!can_read_blocks(&by_block, &sample, heaps))
		read_share(walk, &sample);
	else
	{
		foreach(cell, heaps)
		{
			choose_heap(&by_block, &sample, lfirst_oid(cell));
			read_heap(&by_block, &sample, lfirst_oid(cell), before);
			before += citer_block_sample_blocks(lfirst_oid(cell));
		}
	}
	return sample.stretch;
}

/* The blocks of all of a walk's tables; 0 if they are no tables. */
double
citer_block_sample_total(const CiterWalk *walk)
{
	double		total = 0;
	ListCell   *cell;

	foreach(cell, citer_relation_heaps(walk->relation))
		total += citer_block_sample_blocks(lfirst_oid(cell));
	return total;
}

/* The blocks of a table. */
BlockNumber
citer_block_sample_blocks(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);

	relation_close(rel, NoLock);
	return blocks;
}

/*
 * Makes the walk's queries read one block, and returns whether that can be done
 * for all heaps.  Their plans are alike.
 */
static bool
can_read_blocks(CiterWalk *walk, BlockSample *sample, List *heaps)
{
	ListCell   *cell;
	CiterQuery	query;

	if (walk->relation->has_children)
	{
		foreach(cell, heaps)
		{
			if (walk->filter_needs_parent ||
				citer_relation_heap_sql(walk->relation, lfirst_oid(cell)) == NULL)
				return false;
		}
	}
	restrict_to_block(walk);
	choose_heap(walk, sample, linitial_oid(heaps));
	query = citer_walk_query(walk, &sample->rows);
	if (citer_plan_shape(&query).physical)
		return true;
	sample->rows.heap_sql = NULL;
	return false;
}

/* Adds a condition to the walk's filter: a range of TIDs, of two parameters. */
static void
restrict_to_block(CiterWalk *walk)
{
	const char *alias = walk->relation->alias;
	char	   *sql = psprintf("%s.ctid OPERATOR(pg_catalog.>) $%d AND %s.ctid OPERATOR(pg_catalog.<=) $%d",
							   alias, walk->nparams + 1, alias, walk->nparams + 2);

	Assert(walk->nparams == 0);
	walk->filter = walk->filter ? psprintf("%s AND %s", walk->filter, sql) : sql;
	walk->nparams = 2;
	walk->param_types = palloc(sizeof(Oid) * 2);
	walk->param_types[0] = walk->param_types[1] = TIDOID;
	walk->param_values = palloc0(sizeof(NullableDatum) * 2);
	walk->strategy.steer = CITER_STEER_PHYSICAL;
}

/* Has queries read one heap, if there are several. */
static void
choose_heap(const CiterWalk *walk, BlockSample *sample, Oid heap)
{
	if (walk->relation->has_children)
		sample->rows.heap_sql = citer_relation_heap_sql(walk->relation, heap);
}

/* Reads the blocks that are in one heap; so many are in those before it. */
static void
read_heap(const CiterWalk *walk, BlockSample *sample, Oid heap, double before)
{
	Relation	rel = relation_open(heap, AccessShareLock);
	double		end = before + RelationGetNumberOfBlocks(rel);
	double		ahead = floor(before / sample->stretch);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter block",
												  ALLOCSET_DEFAULT_SIZES);
	CiterQuery	query = citer_walk_query(walk, &sample->rows);
	ParamListInfo params = citer_walk_params(walk, &walk->after, &walk->upto);
	MemoryContext caller = MemoryContextSwitchTo(context);

	for (double i = ahead; i * sample->stretch < end; i++)
	{
		double		block = block_of_stretch(sample, i);

		for (; ahead < i + BLOCKS_AHEAD && block_of_stretch(sample, ahead) < end; ahead++)
		{
			if (block_of_stretch(sample, ahead) >= before)
				PrefetchBuffer(rel, MAIN_FORKNUM,
							   (BlockNumber) (block_of_stretch(sample, ahead) - before));
		}
		if (block < before || block >= end)
			continue;
		read_block(&query, params, (BlockNumber) (block - before), sample->receiver);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	relation_close(rel, NoLock);
}

/* The block of a stretch that is read, counted through all heaps. */
static double
block_of_stretch(const BlockSample *sample, double stretch)
{
	double		place = hash_uint32((uint32) stretch) / ((double) PG_UINT32_MAX + 1);

	return floor((stretch + place) * sample->stretch);
}

/* Runs the query of a block. */
static void
read_block(const CiterQuery *query, ParamListInfo params, BlockNumber block,
		   DestReceiver *receiver)
{
	ItemPointerData first;
	ItemPointerData last;

	CHECK_FOR_INTERRUPTS();
	ItemPointerSet(&first, block, InvalidOffsetNumber);
	ItemPointerSet(&last, block, PG_UINT16_MAX);
	params->params[0].value = PointerGetDatum(&first);
	params->params[0].isnull = false;
	params->params[1].value = PointerGetDatum(&last);
	params->params[1].isnull = false;
	citer_plan_run(query, params, receiver);
}

/* Reads a share of the blocks that the server chooses. */
static void
read_share(const CiterWalk *walk, BlockSample *sample)
{
	CiterWalk	all = *walk;

	all.strategy.steer = CITER_STEER_FREE;
	sample->rows.sample = psprintf("TABLESAMPLE pg_catalog.system (%.9f) REPEATABLE (0)",
								   100 / sample->stretch);
	citer_walk_run(&all, &sample->rows, sample->receiver);
}
