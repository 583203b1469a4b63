/*
 * receiver.h
 *	  A receiver of rows that does nothing else.
 */
#ifndef CITER_RECEIVER_H
#define CITER_RECEIVER_H

#include "tcop/dest.h"

/* Takes a row of a query; returns whether it wants another. */
typedef bool (*CiterReceive) (TupleTableSlot *slot, DestReceiver *self);

extern DestReceiver citer_receiver_of(CiterReceive receive);

#endif							/* CITER_RECEIVER_H */
