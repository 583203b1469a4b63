/*
 * receiver.c
 *	  A receiver of rows that does nothing else.
 */
#include "postgres.h"

#include "sql/receiver.h"

static void ignore_startup(DestReceiver *self, int operation, TupleDesc tupdesc);
static void ignore_end(DestReceiver *self);

/* A receiver that hands each row to the function, and ignores start and end. */
DestReceiver
citer_receiver_of(CiterReceive receive)
{
	DestReceiver receiver = {
		.receiveSlot = receive,
		.rStartup = ignore_startup,
		.rShutdown = ignore_end,
		.rDestroy = ignore_end,
		/* SPI treats all but DestSPI and DestNone alike. */
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
