/*
 * reader_windows.c
 *	  Windows of a walk in shards of Citus.
 *
 * Each shard is asked for all the rows of a LIMIT, and of what they send only
 * one part is used.  So after a first chunk of a few rows, a chunk is a window:
 * all rows up to some key, without a LIMIT, about as many as its memory holds.
 *
 * The keys are those of a sample of what is left, which also says how many rows
 * lie between two of them; how large rows are, the chunk before has shown.  Both
 * are guesses, on which nothing but time depends: a chunk that is full before
 * the window ends, ends there, and the next window begins behind its last row.
 *
 * A sample has the same share of any table.  That of a part of the blocks has
 * enough keys in a table of a million rows; smaller ones are read whole.  Keys
 * that are too many are thinned out, as in key_sample.c.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "walk/key_sample.h"
#include "walk/reader.h"

/* How much of a chunk's memory a window is to fill. */
#define FILL 0.75

/* Keys that are enough, and those that are kept. */
#define KEYS_MIN 1024
#define KEYS_KEPT 8192

struct CiterWindows
{
	MemoryContext context;		/* of the sample */
	CiterKeySample *sample;		/* NULL: not taken yet */
	double		rows_per_key;	/* of the sample */
	double		row_size;		/* bytes in a chunk */
};

/* Receives the keys of a sample, in their order. */
typedef struct SampleReceiver
{
	CiterRowReceiver base;
	double		seen;
	double		due;			/* the one that is kept next */
} SampleReceiver;

static void take_sample(CiterReader *reader);
static double read_sample(CiterReader *reader, const char *blocks_sql, double blocks, double rows);
static CiterWalk keys_of_walk(const CiterWalk *walk, double share);
static bool receive_key(TupleTableSlot *slot, DestReceiver *self);

/* In the current memory context; NULL for a walk that is not read by windows. */
CiterWindows *
citer_reader_create_windows(const CiterWalk *walk)
{
	CiterWindows *windows;

	if (!walk->in_windows)
		return NULL;
	windows = palloc0(sizeof(CiterWindows));
	windows->context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter window",
											 ALLOCSET_DEFAULT_SIZES);
	return windows;
}

/*
 * Restricts a query to the next window, or has it ask for the first chunk, from
 * the reader's position on.  Returns where the window ends; NULL: where the walk does.
 */
const CiterPosition *
citer_reader_choose_window(CiterReader *reader, CiterQueryRows *rows)
{
	CiterWindows *windows = reader->windows;
	const CiterPosition *end;
	double		wanted;

	if (reader->cost.chunks == 0)
	{
		rows->limit = reader->chunk_rows;
		return NULL;
	}
	if (windows->sample == NULL)
		take_sample(reader);

	/*
	 * Without a LIMIT one query finds all its ranges, and without an index
	 * reads once.
	 */
	reader->walk->strategy.each_range = false;
	wanted = FILL * citer_settings_chunk_memory() / windows->row_size / windows->rows_per_key;
	end = citer_key_sample_ahead(windows->sample, &reader->after, wanted);
	rows->limit = 0;
	if (end != NULL)
		rows->upto = end;
	return end;
}

/* Learns from a window that was read up to its end, or to the chunk's. */
void
citer_reader_learn_window(CiterReader *reader, const CiterPosition *end)
{
	int64		rows = citer_chunk_rows(reader->chunk);

	if (rows > 0)
		reader->windows->row_size = (double) citer_chunk_memory(reader->chunk) / rows;
	else if (end != NULL)
		reader->after = *end;
}

/* Samples what is left of the walk: some blocks, and all of them if that finds too little. */
static void
take_sample(CiterReader *reader)
{
	double		keys = 0;

	if (citer_relation_has_blocks(reader->walk->relation))
		keys = read_sample(reader, "TABLESAMPLE pg_catalog.system (6.25)", 16, 64);
	if (keys < KEYS_MIN)
		keys = read_sample(reader, NULL, 1, 128);
	citer_reader_warn_of_rows(reader->walk, keys * reader->windows->rows_per_key);
}

/*
 * Reads the keys of one row in so many, of one block in so many, and returns how
 * many these are.
 */
static double
read_sample(CiterReader *reader, const char *blocks_sql, double blocks, double rows)
{
	CiterWindows *windows = reader->windows;
	SampleReceiver receiver = {.base = citer_reader_receiver(reader, receive_key)};
	CiterWalk	walk = keys_of_walk(reader->walk, 1 / rows);
	CiterQueryRows sampled = {
		.after = &reader->after,
		.upto = &reader->upto,
		.sample = blocks_sql,
	};
	CiterWalkQueries queries = citer_walk_queries(&walk, &sampled);
	MemoryContext caller = MemoryContextSwitchTo(windows->context);

	MemoryContextReset(windows->context);
	windows->sample = citer_key_sample_create(walk.key, KEYS_KEPT);
	windows->rows_per_key = blocks * rows;
	MemoryContextSwitchTo(caller);
	while (citer_walk_next_query(&queries))
		citer_walk_run(&walk, &queries.rows, &receiver.base.pub);
	return receiver.seen;
}

/* The walk as it reads keys alone, in one query, of this share of its rows. */
static CiterWalk
keys_of_walk(const CiterWalk *walk, double share)
{
	CiterWalk	keys = *walk;
	char	   *chosen = psprintf("pg_catalog.random() OPERATOR(pg_catalog.<) %.9f", share);
	Bitmapset  *columns = NULL;

	for (int i = 0; i < walk->key->nelements; i++)
		pull_varattnos((Node *) walk->key->elements[i].expr, 1, &columns);
	if (!bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns))
		keys.columns = columns;
	keys.filter = walk->filter ? psprintf("%s AND %s", walk->filter, chosen) : chosen;
	keys.strategy.each_range = false;
	keys.queries = citer_walk_create_queries();
	return keys;
}

/* DestReceiver callback: keeps a key, if one is due. */
static bool
receive_key(TupleTableSlot *slot, DestReceiver *self)
{
	SampleReceiver *receiver = (SampleReceiver *) self;
	CiterReader *reader = receiver->base.reader;
	MemoryContext caller;
	CiterPosition key;

	receiver->seen++;
	if (receiver->seen < receiver->due)
		return true;
	caller = MemoryContextSwitchTo(reader->windows->context);
	key = citer_key_reader_read(reader->keys, slot);
	receiver->due = citer_key_sample_add(reader->windows->sample, &key, receiver->seen);
	MemoryContextSwitchTo(caller);
	return true;
}
