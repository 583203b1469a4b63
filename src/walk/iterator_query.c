/*
 * iterator_query.c
 *	  Runs one query of a walk, and hands on its rows.
 */
#include "postgres.h"

#include "walk/iterator_state.h"

/* Runs the query of some rows, and adds what its scans look at to the cost. */
void
citer_iterator_run_query(CiterIterator *iterator, const CiterQueryRows *rows, DestReceiver *receiver)
{
	iterator->examined_before = citer_relation_examined(iterator->measured);
	citer_walk_run(iterator->walk, rows, receiver);
	iterator->cost.examined += citer_relation_examined(iterator->measured) -
		iterator->examined_before;
}

/* Runs the queries of all rows between rows->after and rows->upto. */
void
citer_iterator_run_all(CiterIterator *iterator, CiterQueryRows *rows, DestReceiver *receiver)
{
	int			nranges = citer_walk_split(iterator->walk, rows, iterator->ranges);
	int			step = iterator->walk->stepwise ? 1 : nranges;

	rows->nranges = step;
	for (int i = 0; i < nranges; i += step)
	{
		rows->ranges = &iterator->ranges[i];
		citer_iterator_run_query(iterator, rows, receiver);
	}
}
