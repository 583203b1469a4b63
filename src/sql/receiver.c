/*
 * receiver.c
 *	  Receivers of rows that do nothing else.
 */
#include "postgres.h"

#include "sql/receiver.h"

static void ignore_startup(DestReceiver *self, int operation, TupleDesc tupdesc);
static void ignore_end(DestReceiver *self);

/* A receiver to be the first member of a struct that knows what to do with a row. */
DestReceiver
citer_receiver(CiterReceive receive)
{
	DestReceiver receiver = {
		.receiveSlot = receive,
		.rStartup = ignore_startup,
		.rShutdown = ignore_end,
		.rDestroy = ignore_end,
		/* SPI tells DestSPI and DestNone from others, and is told no more. */
		.mydest = DestTuplestore,
	};

	return receiver;
}

static void
ignore_startup(DestReceiver *self pg_attribute_unused(), int operation pg_attribute_unused(),
			   TupleDesc tupdesc pg_attribute_unused())
{
}

static void
ignore_end(DestReceiver *self pg_attribute_unused())
{
}
