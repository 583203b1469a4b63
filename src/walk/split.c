/*
 * split.c
 *	  Splits a walk into ranges of keys that several sessions can share.
 *
 * A boundary between two ranges is the key of a row that exists, found by
 * looking at keys and never by computing with them: so any key will do, and
 * whether its values are dense or clustered makes no difference.
 *
 * Ranges of so many rows need one pass over all keys, in order, which an
 * index-only scan gives.  For so many ranges the keys of a sample of the
 * table's blocks do, sorted here and cut at the quantiles; the pass is made
 * where no sample can be read (views, foreign tables), where it would be a good
 * part of the table anyway, or where it finds too few keys.
 *
 * Memory: at most so many keys a part (key_sample.c), or the one boundary at
 * hand.  Where keys are not unique a boundary stands behind the last row of its
 * key.
 *
 * In physical order ranges are numbers of blocks, and nothing is read.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "sql/receiver.h"
#include "walk/block_sample.h"
#include "walk/bookmark.h"
#include "walk/key_sample.h"
#include "walk/key_sort.h"
#include "walk/split.h"
#include "walk/walk.h"

/* Keys to choose boundaries from, for each part, if there are as many rows. */
#define KEYS_PER_PART 64

/*
 * Blocks of a sample for each part, and at least.  Parts differ by about 1 / 32 if
 * rows that are stored together have keys that are close together, else by about
 * 1 / sqrt(keys) of theirs in the sample.
 */
#define SAMPLE_BLOCKS_PER_PART 32
#define SAMPLE_BLOCKS_MIN 2048

/*
 * How many times as many blocks there must be for a sample, if an index has all
 * keys.  Elsewhere to read them in order takes longer than to read all blocks.
 */
#define WORTHWHILE 2

/* Keys of a sample that are sorted, for each part, and at least: no more help. */
#define SAMPLE_KEYS_PER_PART 1000
#define SAMPLE_KEYS_MIN 100000

/* A split under way; also the receiver of the rows whose keys it reads. */
typedef struct Splitter
{
	DestReceiver pub;
	CiterWalk  *walk;
	CiterKeyReader *keys;		/* NULL in physical order */
	MemoryContext context;		/* of what it allocates for itself */
	MemoryContext scratch;		/* emptied after each range */

	/* The way out. */
	CiterSplitEmit emit;
	void	   *emit_arg;
	CiterSplitRange range;		/* the next one, as far as it is known */
	ArrayType  *end;			/* of the last range */
	double		rows_out;		/* in ranges before the next one */
	int64		rows_found;		/* in these, if servers have to agree on them */

	/* The pass over the keys. */
	double		rows;			/* seen so far */
	double		step;			/* rows from one boundary, or key that is
								 * sorted, to the next, if that is known */
	double		due;			/* the row that will be the next one */
	bool		pending;		/* it has been seen, but rows may tie with it */
	CiterPosition boundary;

	CiterKeySort *sort;			/* of the keys of a sample */
	CiterKeySample *sample;		/* of a split into parts; NULL if it is by
								 * rows */
} Splitter;

static void begin_split(Splitter *splitter, const CiterOptions *options);
static void split_keys(Splitter *splitter, int parts);
static bool sample_keys(Splitter *splitter, int parts);
static void take_sorted(Splitter *splitter, double rows_per_key);
static bool receive_sample(TupleTableSlot *slot, DestReceiver *self);
static void read_keys(Splitter *splitter);
static bool receive_key(TupleTableSlot *slot, DestReceiver *self);
static void take_boundary(Splitter *splitter);
static void split_blocks(Splitter *splitter, int parts, int chunk_size);
static void check_access(Splitter *splitter);
static bool receive_nothing(TupleTableSlot *slot, DestReceiver *self);
static BlockNumber block_of(Datum ctid);
static void emit_range(Splitter *splitter, const CiterPosition *upto, double rows);
static void count_range(Splitter *splitter, const CiterPosition *upto);
static void check_ranges(const Splitter *splitter);
static CiterPosition read_position(Splitter *splitter, TupleTableSlot *slot);

/*
 * Splits what a request would walk into "parts" ranges of about as many rows
 * each, or, if that is 0, into ranges of the request's chunk_size rows, and
 * emits them in walking order.  Together they are the walk: the first begins
 * where it does, each of the others where the one before ends.  None is empty,
 * unless there are no rows at all: then it is the only one.  Fewer than "parts"
 * come out where there are fewer rows, or fewer keys; none in physical order if
 * nothing can lie between the bounds.
 *
 * Throws what citer_walk_resolve() throws, and 0A000 for the physical order of
 * a relation with children.
 */
void
citer_split(const CiterOptions *options, int parts, CiterSplitEmit emit, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter split",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Splitter	splitter = {
		.context = context,
		.scratch = AllocSetContextCreate(context, "chunked_iter split scratch",
										 ALLOCSET_SMALL_SIZES),
		.emit = emit,
		.emit_arg = arg,
	};

	begin_split(&splitter, options);
	if (splitter.walk->key->physical)
		split_blocks(&splitter, parts, options->chunk_size);
	else if (parts > 0)
		split_keys(&splitter, parts);
	else
	{
		splitter.step = splitter.due = options->chunk_size;
		read_keys(&splitter);
		emit_range(&splitter, NULL, splitter.rows - splitter.rows_out);
	}
	if (citer_walk_must_agree(splitter.walk))
		check_ranges(&splitter);
	if (splitter.keys != NULL)
		citer_key_reader_free(splitter.keys);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* Resolves the walk, which reads only keys, as if in one chunk. */
static void
begin_split(Splitter *splitter, const CiterOptions *options)
{
	CiterOptions keys_only = *options;
	CiterWalk  *walk;

	keys_only.chunk_size = CITER_CHUNK_SIZE_MAX;
	keys_only.columns_known = true;
	keys_only.columns = NULL;
	walk = splitter->walk = citer_walk_resolve(&keys_only);
	if (!walk->key->physical)
		splitter->keys = citer_key_reader_create(walk->key);
	splitter->pub = citer_receiver(receive_nothing);
	if (options->after.nelements > 0)
		splitter->range.after = citer_bookmark_write(walk->key, &walk->after);
	if (options->upto.nelements > 0)
		splitter->end = citer_bookmark_write(walk->key, &walk->upto);
}

/* Splits into parts, at keys that are chosen from many. */
static void
split_keys(Splitter *splitter, int parts)
{
	CiterKey   *key = splitter->walk->key;

	splitter->sample = citer_key_sample_create(key, KEYS_PER_PART * parts);
	if (parts == 1 || !sample_keys(splitter, parts))
	{
		splitter->due = 1;
		read_keys(splitter);
	}
	for (int i = 1; i < parts; i++)
	{
		double		target = splitter->rows * i / parts;
		double		rows;
		const CiterPosition *boundary = citer_key_sample_choose(splitter->sample, target, &rows);

		if (boundary != NULL)
			emit_range(splitter, boundary, rows - splitter->rows_out);
	}
	emit_range(splitter, NULL, splitter->rows - splitter->rows_out);
}

/* Collects keys from a sample, if one is worthwhile and finds enough of them. */
static bool
sample_keys(Splitter *splitter, int parts)
{
	CiterWalk  *walk = splitter->walk;
	double		total = citer_block_sample_total(walk);
	double		blocks = Max(SAMPLE_BLOCKS_PER_PART * parts, SAMPLE_BLOCKS_MIN);
	double		found;

	if (total < (walk->index_shape.reads_tables ? SAMPLE_BLOCKS_MIN : blocks * WORTHWHILE))
		return false;
	blocks = Min(blocks, total);
	splitter->sort = citer_key_sort_create(walk->key);
	splitter->pub.receiveSlot = receive_sample;
	splitter->step = walk->index_shape.rows * blocks / total /
		Max(SAMPLE_KEYS_PER_PART * parts, SAMPLE_KEYS_MIN);
	splitter->rows *= citer_block_sample_read(walk, blocks, &splitter->pub);
	found = citer_key_sort_size(splitter->sort);
	if (found >= KEYS_PER_PART * parts)
		take_sorted(splitter, splitter->rows / found);
	else
		splitter->rows = 0;
	citer_key_sort_end(splitter->sort);
	return splitter->rows > 0;
}

/*
 * Keeps keys of the sorted ones, each of which stands for so many rows.  The last
 * is not kept, since no row is known to follow it.
 */
static void
take_sorted(Splitter *splitter, double rows_per_key)
{
	CiterKeySort *sort = splitter->sort;
	CiterPosition key;
	CiterPosition next;
	double		keys;
	double		keys_next;
	bool		more = citer_key_sort_next(sort, &key, &keys);

	splitter->due = 0;
	while (more && (more = citer_key_sort_next(sort, &next, &keys_next)))
	{
		if (keys * rows_per_key >= splitter->due)
			splitter->due = citer_key_sample_add(splitter->sample, &key, keys * rows_per_key);
		else
			citer_position_free(splitter->walk->key, &key);
		key = next;
		keys = keys_next;
	}
}

/* DestReceiver callback: takes the key of a row of the sample, if one is due. */
static bool
receive_sample(TupleTableSlot *slot, DestReceiver *self)
{
	Splitter   *splitter = (Splitter *) self;
	CiterPosition position;

	splitter->rows++;
	if (splitter->rows < splitter->due)
		return true;
	splitter->due += splitter->step;
	position = citer_key_reader_read(splitter->keys, slot);
	citer_key_sort_add(splitter->sort, &position);
	citer_position_free(splitter->walk->key, &position);
	return true;
}

/* Looks at all keys, in order, and takes boundaries when they are due. */
static void
read_keys(Splitter *splitter)
{
	CiterWalk  *walk = splitter->walk;
	CiterQueryRows rows = {.after = &walk->after,.upto = &walk->upto};
	CiterWalkQueries queries = citer_walk_queries(walk, &rows);

	splitter->pub.receiveSlot = receive_key;
	while (citer_walk_next_query(&queries))
		citer_walk_run(walk, &queries.rows, &splitter->pub);
}

/*
 * DestReceiver callback: counts a row.  A boundary counts as one only when a
 * row with another key follows it.
 */
static bool
receive_key(TupleTableSlot *slot, DestReceiver *self)
{
	Splitter   *splitter = (Splitter *) self;

	if (splitter->pending &&
		(splitter->walk->key->unique ||
		 citer_key_reader_compare(splitter->keys, slot, &splitter->boundary) != 0))
		take_boundary(splitter);
	splitter->rows++;
	if (!splitter->pending && splitter->rows >= splitter->due)
	{
		splitter->boundary = read_position(splitter, slot);
		splitter->pending = true;
	}
	return true;
}

/* Keeps the boundary, or ends a range there. */
static void
take_boundary(Splitter *splitter)
{
	splitter->pending = false;
	if (splitter->sample != NULL)
	{
		splitter->due = citer_key_sample_add(splitter->sample, &splitter->boundary,
											 splitter->rows);
		return;
	}
	emit_range(splitter, &splitter->boundary, splitter->rows - splitter->rows_out);
	citer_position_free(splitter->walk->key, &splitter->boundary);
	splitter->due = splitter->rows + splitter->step;
}

/* Splits a table by blocks; with no parts given, by an estimate of its rows. */
static void
split_blocks(Splitter *splitter, int parts, int chunk_size)
{
	CiterWalk  *walk = splitter->walk;
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(walk->key));
	CiterPosition whole = {0};
	double		rows;
	double		total;
	double		from;
	double		first;
	double		end;
	double		nranges = parts;

	if (walk->relation->has_children)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot split the physical order of %s", walk->relation->sql),
				 errdetail("Its rows are in several tables, and a ctid does not say in which."),
				 errhint("Split each of its children, or order by columns.")));
	check_access(splitter);
	if (citer_range_split(walk->key, &walk->after, &walk->upto, ranges) == 0)
		return;
	rows = citer_walk_estimate(walk, &whole, &whole);
	total = citer_block_sample_blocks(walk->relation->relid);
	first = block_of(walk->after.values[0]);
	end = walk->upto.nelements > 0 ? Min(total, block_of(walk->upto.values[0])) : total;
	if (parts == 0)
		nranges = ceil(rows * Max(end - first, 0) / Max(total, 1) / chunk_size);
	from = first;
	for (double i = 1; i < nranges; i++)
	{
		double		block = first + floor((end - first) * i / nranges);
		CiterPosition boundary;

		CHECK_FOR_INTERRUPTS();
		if (block <= from)
			continue;
		boundary = citer_position_of_tid((BlockNumber) block, InvalidOffsetNumber);
		emit_range(splitter, &boundary, rows * (block - from) / total);
		citer_position_free(walk->key, &boundary);
		from = block;
	}
	emit_range(splitter, NULL, rows * Max(end - from, 0) / Max(total, 1));
}

/* Lets the executor check that the caller may read what is to be split. */
static void
check_access(Splitter *splitter)
{
	CiterWalk  *walk = splitter->walk;
	CiterRange	ranges[1];
	CiterPosition whole = {0};
	CiterQueryRows rows = {
		.after = &whole,
		.upto = &whole,
		.ranges = ranges,
		.limit = 1,
	};

	rows.nranges = citer_range_split(walk->key, rows.after, rows.upto, ranges);
	splitter->pub.receiveSlot = receive_nothing;
	citer_walk_run(walk, &rows, &splitter->pub);
}

/* DestReceiver callback: enough. */
static bool
receive_nothing(TupleTableSlot *slot pg_attribute_unused(), DestReceiver *self pg_attribute_unused())
{
	return false;
}

/* The block of a ctid. */
static BlockNumber
block_of(Datum ctid)
{
	return ItemPointerGetBlockNumberNoCheck((ItemPointer) DatumGetPointer(ctid));
}

/* Ends a range at a position, or the last one with NULL, and emits it. */
static void
emit_range(Splitter *splitter, const CiterPosition *upto, double rows)
{
	MemoryContext caller = MemoryContextSwitchTo(splitter->scratch);
	CiterSplitRange *range = &splitter->range;

	if (citer_walk_must_agree(splitter->walk))
		count_range(splitter, upto ? upto : &splitter->walk->upto);
	range->number++;
	range->upto = upto ? citer_bookmark_write(splitter->walk->key, upto) : splitter->end;
	range->rows = rows;
	splitter->emit(range, splitter->emit_arg);
	splitter->rows_out += rows;
	if (upto != NULL)
	{
		if (range->after != NULL)
			pfree(range->after);
		MemoryContextSwitchTo(splitter->context);
		range->after = DatumGetArrayTypePCopy(PointerGetDatum(range->upto));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(splitter->scratch);
}

/* Counts the rows that a walk of the range will find. */
static void
count_range(Splitter *splitter, const CiterPosition *upto)
{
	const CiterWalk *walk = splitter->walk;
	NullableDatum text = {PointerGetDatum(splitter->range.after), splitter->range.after == NULL};
	CiterBookmark bookmark = citer_options_bookmark("after", text);
	CiterPosition after = citer_bookmark_read(walk->key, "after", &bookmark, true);

	splitter->rows_found += citer_walk_count(walk, &after, upto);
}

/* HV000 if there are rows in several ranges: a server has the ends in another order. */
static void
check_ranges(const Splitter *splitter)
{
	const CiterWalk *walk = splitter->walk;
	int64		rows = citer_walk_count(walk, &walk->after, &walk->upto);

	if (rows != splitter->rows_found)
		citer_walk_report_comparer(walk, psprintf("Of %lld rows the ranges would have %lld.",
												  (long long) rows,
												  (long long) splitter->rows_found));
}

/* The key of a row, in the splitter's memory. */
static CiterPosition
read_position(Splitter *splitter, TupleTableSlot *slot)
{
	MemoryContext caller = MemoryContextSwitchTo(splitter->context);
	CiterPosition position = citer_key_reader_read(splitter->keys, slot);

	MemoryContextSwitchTo(caller);
	return position;
}
