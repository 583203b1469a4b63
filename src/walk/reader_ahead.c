/*
 * reader_ahead.c
 *	  Whether the blocks of a chunk are asked for before it is read.
 *
 * That pays if they come from a disk, one here and one there: an index scan
 * waits for each of them, a hundred times as long as it takes to ask.  It costs a
 * second look at the index, so a query does it if the one before it has found that:
 * some of its blocks came from a disk, which the operating system tells.  In a table
 * in the order of the key the system reads ahead by itself; what has been found to be
 * in order is left alone for a while.
 *
 * A walk that has as many rows before it as the table has blocks, or a session that has
 * read as many, is expected to need about all blocks; see prefetch.c.
 *
 * A job begins a walk for each chunk, and so what was found of a table is remembered
 * for the next walk.  A short page that is in the server's cache takes hardly longer
 * than to ask the operating system, which is done only if the query before has read
 * blocks from elsewhere.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "executor/instrument.h"
#include "optimizer/optimizer.h"

#include "walk/reader.h"

/*
 * It pays if a query has waited for a disk so many times, and for one in so many
 * blocks, and for one in so many rows, at least.
 */
#define MIN_BLOCKS 16
#define BLOCKS_A_WAIT 16
#define ROWS_A_WAIT 64

/* A chunk of fewer rows is a short page. */
#define SHORT_PAGE 200

/* What is asked for at a time is at most this part of effective_cache_size. */
#define CACHE_PART 16

/* Queries for which blocks that are in order are left alone. */
#define IN_ORDER_REST 64

/* What was found last, and of which table. */
static struct
{
	Oid			table;
	bool		reads;			/* so many blocks that it may pay to ask */
	double		entries_per_row;	/* of the index; 0: to ask does not pay */
	double		rows;			/* read of it in one chunk or another */
	Oid			warm_table;		/* see CiterPrefetch */
	BlockNumber warmed;
	int			rest;			/* queries still to be left alone */
}			found;

static int64 disk_blocks(void);

/*
 * Begins a query that reads a chunk, or a part of one: sets how many entries of the
 * index to look at.  Only an index scan of the relation's own knows the blocks.
 */
void
citer_reader_begin_ahead(CiterReader *reader, CiterReadAhead *ahead)
{
	const CiterWalk *walk = reader->walk;
	bool		known = walk->relation->relid == found.table;

	memset(ahead, 0, sizeof(CiterReadAhead));
	ahead->rows = citer_chunk_rows(reader->chunk);
	if (walk->strategy.way == CITER_BY_INDEX && known)
		ahead->prefetch.entries = Min(found.entries_per_row * (reader->chunk_rows - ahead->rows),
									  effective_cache_size / CACHE_PART);
	if (known)
	{
		ahead->prefetch.rows = Max(reader->expected_rows - reader->cost.rows, found.rows);
		ahead->prefetch.warm_table = found.warm_table;
		ahead->prefetch.warmed = found.warmed;
	}
	ahead->read = pgBufferUsage.shared_blks_read;
	ahead->measured = reader->chunk_rows >= SHORT_PAGE || (known && found.reads);
	if (ahead->measured)
		ahead->disk = disk_blocks();
}

/* Ends it: finds out whether the next one should ask, and for how many. */
void
citer_reader_end_ahead(CiterReader *reader, const CiterReadAhead *ahead)
{
	int64		rows = citer_chunk_rows(reader->chunk) - ahead->rows;
	int64		read = pgBufferUsage.shared_blks_read - ahead->read - ahead->prefetch.read;
	int64		disk = ahead->measured ? disk_blocks() - ahead->disk : 0;

	reader->cost.prefetched += ahead->prefetch.started;
	reader->cost.warmed += ahead->prefetch.read;
	if (found.table != reader->walk->relation->relid)
		memset(&found, 0, sizeof(found));
	found.table = reader->walk->relation->relid;
	found.warm_table = ahead->prefetch.entries > 0 ? ahead->prefetch.warm_table : InvalidOid;
	found.warmed = ahead->prefetch.warmed;
	if (reader->chunk_rows >= SHORT_PAGE)
		found.rows += rows;
	found.reads = read >= MIN_BLOCKS;
	found.entries_per_row = 0;
	if (ahead->prefetch.in_order)
		found.rest = IN_ORDER_REST;
	else if (found.rest > 0)
		found.rest--;
	else if (disk >= MIN_BLOCKS && disk * BLOCKS_A_WAIT >= read && disk * ROWS_A_WAIT >= rows)
		found.entries_per_row = Max(1, (double) read / Max(rows, 1));
}

/* How many blocks this process has read from disks; 0 where nobody knows. */
static int64
disk_blocks(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return (int64) usage.ru_inblock * 512 / BLCKSZ;
}
