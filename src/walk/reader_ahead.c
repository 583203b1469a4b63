/*
 * reader_ahead.c
 *	  Whether the blocks of a chunk are asked for before it is read.
 *
 * That pays if they come from a disk, one here and one there: an index scan
 * waits for each of them.  It costs a second look at the index, so a query does it
 * if the one before it has found that: most of the blocks that it read came from a
 * disk, which the operating system tells, and they were many for its rows.  In a
 * table in the order of the key they are few, and the system reads ahead by itself.
 *
 * A job begins a walk for each chunk, and so what was found of a table is remembered
 * for the next walk.  A page of rows that is in the server's cache takes hardly longer
 * than to ask the operating system, which is done only once a query has read blocks
 * from elsewhere.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "executor/instrument.h"

#include "walk/reader.h"

/* Blocks that a query has to read for it to pay, and that are asked for at a time. */
#define MIN_BLOCKS 16
#define MAX_BLOCKS 8192

/* Rows for each block that was read, at most. */
#define MAX_ROWS_PER_BLOCK 4

/* What was found last, and of which table. */
static Oid	last_table = InvalidOid;
static bool reads_blocks = false;	/* so many that they may be worth asking
									 * for */
static double blocks_per_row = 0;	/* 0: to ask does not pay */

static int64 disk_blocks(void);

/*
 * Begins a query that reads a chunk, or a part of one: sets how many blocks to ask
 * for.  Only an index scan of the relation's own knows them.
 */
void
citer_reader_begin_ahead(CiterReader *reader, CiterReadAhead *ahead)
{
	const CiterWalk *walk = reader->walk;
	bool		known = walk->relation->relid == last_table;

	memset(ahead, 0, sizeof(CiterReadAhead));
	ahead->rows = citer_chunk_rows(reader->chunk);
	if (walk->strategy.way == CITER_BY_INDEX && known)
		ahead->prefetch.wanted = Min(blocks_per_row * (reader->chunk_rows - ahead->rows), MAX_BLOCKS);
	ahead->read = pgBufferUsage.shared_blks_read;
	ahead->measured = known && reads_blocks;
	if (ahead->measured)
		ahead->disk = disk_blocks();
}

/* Ends it: finds out whether the next one should ask, and for how many. */
void
citer_reader_end_ahead(CiterReader *reader, const CiterReadAhead *ahead)
{
	int64		rows = citer_chunk_rows(reader->chunk) - ahead->rows;
	int64		read = pgBufferUsage.shared_blks_read - ahead->read;
	bool		pays;

	reader->cost.prefetched += ahead->prefetch.started;
	last_table = reader->walk->relation->relid;
	reads_blocks = read >= MIN_BLOCKS && read * MAX_ROWS_PER_BLOCK >= rows;
	pays = reads_blocks && !ahead->prefetch.in_order &&
		ahead->measured && (disk_blocks() - ahead->disk) * 2 >= read;
	blocks_per_row = pays ? (double) read / Max(rows, 1) : 0;
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
