/*
 * reader_query.c
 *	  Runs one query of a walk.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "utils/builtins.h"

#include "walk/reader.h"

static void begin_rows(DestReceiver *self, int operation, TupleDesc tupdesc);
static void check_types(const CiterWalk *walk, TupleDesc present);

/* A receiver that hands each row to the function. */
CiterRowReceiver
citer_reader_receiver(CiterReader *reader, CiterReceive receive)
{
	CiterRowReceiver receiver = {citer_receiver(receive), reader};

	return receiver;
}

/* The same for the rows of a chunk, whose columns are looked at first. */
CiterRowReceiver
citer_reader_chunk_receiver(CiterReader *reader, CiterReceive receive)
{
	CiterRowReceiver receiver = citer_reader_receiver(reader, receive);

	receiver.pub.rStartup = begin_rows;
	return receiver;
}

/* Runs the query of some rows, and adds what its scans look at to the cost. */
void
citer_reader_run_query(CiterReader *reader, const CiterQueryRows *rows, DestReceiver *receiver)
{
	reader->examined_before = citer_relation_examined(reader->measured);
	citer_walk_run(reader->walk, rows, receiver);
	reader->cost.examined += citer_relation_examined(reader->measured) - reader->examined_before;
}

/*
 * The same for a query that reads rows into a chunk, until that is full, and may ask
 * for their blocks beforehand.
 */
void
citer_reader_read_query(CiterReader *reader, const CiterQueryRows *rows, DestReceiver *receiver)
{
	CiterQueryRows ahead_rows = *rows;
	CiterReadAhead ahead;

	citer_reader_begin_ahead(reader, &ahead);
	ahead_rows.stopped = true;
	ahead_rows.prefetch = &ahead.prefetch;
	citer_reader_run_query(reader, &ahead_rows, receiver);
	citer_reader_end_ahead(reader, &ahead);
}

/*
 * DestReceiver callback: the query has been planned, which may have looked at
 * rows as well, and is about to run.
 */
static void
begin_rows(DestReceiver *self, int operation pg_attribute_unused(), TupleDesc tupdesc)
{
	CiterReader *reader = ((CiterRowReceiver *) self)->reader;

	reader->examined_before = citer_relation_examined(reader->measured);
	if (reader->walk->relation->query != NULL)
		check_types(reader->walk, tupdesc);
}

/*
 * 55000 unless the rows of a user's query have the types that they had at its
 * start, which DDL on its tables can change.
 */
static void
check_types(const CiterWalk *walk, TupleDesc present)
{
	TupleDesc	expected = walk->relation->tupdesc;

	for (int i = 0; i < expected->natts; i++)
	{
		if (walk->columns != NULL &&
			!bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, walk->columns))
			continue;
		if (TupleDescAttr(present, i)->atttypid != TupleDescAttr(expected, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the query was changed while it was being walked"),
					 errdetail("Column \"%s\" has type %s now.",
							   NameStr(TupleDescAttr(expected, i)->attname),
							   format_type_be(TupleDescAttr(present, i)->atttypid)),
					 errhint("Start the walk again.")));
	}
}
