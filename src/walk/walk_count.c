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

static int64 run_count(const CiterWalk *walk, const CiterQueryRows *rows);
static bool receive_count(TupleTableSlot *slot, DestReceiver *self);

/*
 * The number of rows after the one position and up to the other, either of
 * which may have no elements, under the active snapshot.
 */
int64
citer_walk_count(const CiterWalk *walk, const CiterPosition *after, const CiterPosition *upto)
{
	CiterQueryRows rows = {.after = after,.upto = upto,.counted = true};
	CiterWalkQueries queries = citer_walk_queries(walk, &rows);
	int64		found = 0;

	while (citer_walk_next_query(&queries))
		found += run_count(walk, &queries.rows);
	return found;
}

/* Runs one query that counts. */
static int64
run_count(const CiterWalk *walk, const CiterQueryRows *rows)
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
