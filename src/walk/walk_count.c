/*
 * walk_count.c
 *	  How many rows of a walk lie between two positions.
 */
#include "postgres.h"

#include "sql/receiver.h"
#include "walk/walk.h"

/* Receives the number of rows. */
typedef struct CountReceiver
{
	DestReceiver pub;
	int64		rows;
} CountReceiver;

static int64 count(const CiterWalk *walk, const CiterQueryRows *rows);
static bool receive_count(TupleTableSlot *slot, DestReceiver *self);

/*
 * The number of rows after the one position and up to the other, either of
 * which may have no elements, under the active snapshot.
 */
int64
citer_walk_count(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	CiterRange *ranges = palloc(sizeof(CiterRange) * citer_range_max(walk->key));
	CiterQueryRows rows = {.after = after,.upto = upto,.counted = true};
	int			nranges = citer_walk_split(walk, &rows, ranges);
	int			step = walk->stepwise ? 1 : nranges;
	int64		found = 0;

	rows.nranges = step;
	for (int i = 0; i < nranges; i += step)
	{
		rows.ranges = &ranges[i];
		found += count(walk, &rows);
	}
	return found;
}

/* The number of rows that have this key. */
int64
citer_walk_count_key(const CiterWalk *walk, const CiterPosition *position)
{
	CiterPosition none = {0};
	CiterRange	range = {.nfixed = walk->key->nelements,.fixed_to_upper = true};
	CiterQueryRows rows = {
		.after = &none,
		.upto = position,
		.ranges = &range,
		.nranges = 1,
		.counted = true,
	};

	return count(walk, &rows);
}

/* Runs one query that counts. */
static int64
count(const CiterWalk *walk, const CiterQueryRows *rows)
{
	CountReceiver receiver = {citer_receiver(receive_count), 0};
	CiterQuery	query = citer_walk_query(walk, rows);

	citer_plan_run(&query, citer_walk_params(walk, rows->after, rows->upto), &receiver.pub);
	return receiver.rows;
}

/* DestReceiver callback: takes the count of one query. */
static bool
receive_count(TupleTableSlot *slot, DestReceiver *self)
{
	bool		isnull;

	((CountReceiver *) self)->rows = DatumGetInt64(slot_getattr(slot, 1, &isnull));
	return true;
}
