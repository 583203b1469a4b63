/*
 * prefetch.c
 *	  Has the blocks that an index scan is about to read in a cache beforehand.
 *
 * An index scan waits for each block of the table before it asks for the next.
 * The index knows them all beforehand.  So the scan of a plan that has been started
 * is done once for the places of its rows alone, and the operating system is told of
 * the blocks, which it reads at the same time; then the plan runs as ever.  Nothing
 * that the plan returns depends on it.
 *
 * Scans that go on until they have read about every block, one here and one there,
 * are better served by all blocks in their order, which a disk gives several times
 * as fast.  That is done a part at a time, each before another scan, and the next part
 * is as large as all before.  Scans that end early, against what is expected of them,
 * have not waited for the whole table then, though for more than they needed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"

#include "base/compat.h"
#include "sql/prefetch.h"
#include "sql/subtransaction.h"

/* Blocks in their order that are read at first, for each that is here and there. */
#define WARM_START 4

/* Blocks of a table from one up to before another, and how they are read. */
typedef struct Blocks
{
	Relation	table;
	BlockNumber from;
	BlockNumber to;
	BufferAccessStrategy strategy;	/* NULL: into the server's cache */
} Blocks;

static IndexScanState *only_index_scan(PlanState *plan);
static int	find_blocks(IndexScanState *node, IndexScanDesc scan, BlockNumber *blocks, int entries);
static bool is_worth_warming(Relation table, double rows);
static void warm(Relation table, CiterPrefetch *prefetch);
static bool can_read(Blocks *blocks);
static void read_blocks(void *context, void *argument);
static bool are_in_order(const BlockNumber *blocks, int nblocks);
static int	compare_blocks(const void *a, const void *b);

/*
 * Asks for the first blocks that a plan reads, if it is an index scan of a heap, and
 * reads some of the table's if that is worth it.  The executor has started the plan,
 * and has not run it yet.
 */
void
citer_prefetch_scan(PlanState *plan, CiterPrefetch *prefetch)
{
	IndexScanState *node = only_index_scan(plan);
	BlockNumber *blocks;
	int			nblocks;
	IndexScanDesc scan;

	if (node == NULL || node->ss.ss_currentRelation->rd_rel->relam != HEAP_TABLE_AM_OID)
		return;
	if (node->iss_NumRuntimeKeys > 0 && !node->iss_RuntimeKeysReady)
		ExecReScan(&node->ss.ps);
	blocks = palloc(sizeof(BlockNumber) * prefetch->entries);
	scan = citer_compat_begin_index_scan(node->ss.ss_currentRelation, node->iss_RelationDesc,
										 node->ss.ps.state->es_snapshot,
										 node->iss_NumScanKeys, node->iss_NumOrderByKeys);
	index_rescan(scan, node->iss_ScanKeys, node->iss_NumScanKeys,
				 node->iss_OrderByKeys, node->iss_NumOrderByKeys);
	nblocks = find_blocks(node, scan, blocks, prefetch->entries);
	index_endscan(scan);

	prefetch->in_order = are_in_order(blocks, nblocks);
	if (!prefetch->in_order && is_worth_warming(node->ss.ss_currentRelation, prefetch->rows))
		warm(node->ss.ss_currentRelation, prefetch);
	qsort(blocks, nblocks, sizeof(BlockNumber), compare_blocks);
	for (int i = 0; i < nblocks && !prefetch->in_order; i++)
	{
		if ((i == 0 || blocks[i] != blocks[i - 1]) &&
			PrefetchBuffer(node->ss.ss_currentRelation, MAIN_FORKNUM, blocks[i]).initiated_io)
			prefetch->started++;
	}
	pfree(blocks);
}

/* The index scan that a plan is, below a limit; NULL if it is something else. */
static IndexScanState *
only_index_scan(PlanState *plan)
{
	while (IsA(plan, LimitState) || (IsA(plan, ResultState) && outerPlanState(plan) != NULL))
		plan = outerPlanState(plan);
	return IsA(plan, IndexScanState) ? (IndexScanState *) plan : NULL;
}

/* Finds the blocks of the scan's first entries, in its order; returns how many. */
static int
find_blocks(IndexScanState *node, IndexScanDesc scan, BlockNumber *blocks, int entries)
{
	ScanDirection direction = ((IndexScan *) node->ss.ps.plan)->indexorderdir;
	BlockNumber end = RelationGetNumberOfBlocks(node->ss.ss_currentRelation);
	int			nblocks = 0;

	for (int i = 0; i < entries; i++)
	{
		ItemPointer tid = index_getnext_tid(scan, direction);
		BlockNumber block;

		CHECK_FOR_INTERRUPTS();
		if (tid == NULL)
			break;
		block = ItemPointerGetBlockNumber(tid);
		if (block < end && (nblocks == 0 || block != blocks[nblocks - 1]))
			blocks[nblocks++] = block;
	}
	return nblocks;
}

/*
 * Whether rows that lie here and there are as many as the table has blocks, which
 * stay in a cache once they are read.
 */
static bool
is_worth_warming(Relation table, double rows)
{
	BlockNumber end = RelationGetNumberOfBlocks(table);

	return rows >= end && (int64) end * 2 <= effective_cache_size &&
		!RelationUsesLocalBuffers(table);
}

/*
 * Reads the next part of the table's blocks.  They stay in the server's cache if
 * that is large enough, else in the operating system's.  After one that cannot be
 * read there are no more parts.
 */
static void
warm(Relation table, CiterPrefetch *prefetch)
{
	int64		before = pgBufferUsage.shared_blks_read;
	int64		end = RelationGetNumberOfBlocks(table);
	Blocks		part = {.table = table};

	if (prefetch->warm_table != RelationGetRelid(table))
		prefetch->warmed = 0;
	prefetch->warm_table = RelationGetRelid(table);
	if (prefetch->warmed >= end)
		return;
	if (end * 2 > NBuffers)
		part.strategy = GetAccessStrategy(BAS_BULKREAD);
	part.from = prefetch->warmed;
	part.to = Min(end, part.from + Max((int64) WARM_START * prefetch->entries, part.from));
	prefetch->warmed = can_read(&part) ? part.to : MaxBlockNumber;
	if (part.strategy != NULL)
		FreeAccessStrategy(part.strategy);
	prefetch->read += pgBufferUsage.shared_blks_read - before;
}

/*
 * Reads blocks; false if one of them cannot be read, which may be none that a scan
 * needs.  A subtransaction gives back what the error leaves behind.
 */
static bool
can_read(Blocks *blocks)
{
	ErrorData  *error = citer_subtransaction_try(read_blocks, blocks, NULL);

	if (error != NULL && error->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
		error->sqlerrcode != ERRCODE_IO_ERROR)
		ReThrowError(error);
	return error == NULL;
}

/* Work in a subtransaction: reads blocks. */
static void
read_blocks(void *context, void *argument pg_attribute_unused())
{
	const Blocks *blocks = context;

	for (BlockNumber block = blocks->from; block < blocks->to; block++)
	{
		CHECK_FOR_INTERRUPTS();
		ReleaseBuffer(ReadBufferExtended(blocks->table, MAIN_FORKNUM, block, RBM_NORMAL,
										 blocks->strategy));
	}
}

/* Whether most blocks are next to the one before, either way. */
static bool
are_in_order(const BlockNumber *blocks, int nblocks)
{
	int			nnext = 0;

	for (int i = 1; i < nblocks; i++)
		nnext += blocks[i] == blocks[i - 1] + 1 || blocks[i] + 1 == blocks[i - 1];
	return nnext * 2 > nblocks;
}

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber block_a = *(const BlockNumber *) a;
	BlockNumber block_b = *(const BlockNumber *) b;

	return block_a < block_b ? -1 : block_a > block_b;
}
