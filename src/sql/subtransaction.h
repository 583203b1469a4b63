/*
 * subtransaction.h
 *	  Does something that may fail, and takes it back if it does.
 */
#ifndef CITER_SUBTRANSACTION_H
#define CITER_SUBTRANSACTION_H

/* What is done. */
typedef void (*CiterSubtransactionWork) (void *context, void *argument);

extern ErrorData *citer_subtransaction_try(CiterSubtransactionWork work, void *context,
										   void *argument);

#endif							/* CITER_SUBTRANSACTION_H */
