/*
 * receiver.h
 *	  Receivers of rows that do nothing else.
 */
#ifndef CITER_RECEIVER_H
#define CITER_RECEIVER_H

#include "tcop/dest.h"

/* Takes a row; false to end the query. */
typedef bool (*CiterReceive) (TupleTableSlot *slot, DestReceiver *self);

extern DestReceiver citer_receiver(CiterReceive receive);

#endif							/* CITER_RECEIVER_H */
