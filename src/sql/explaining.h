/*
 * explaining.h
 *	  Whether the server is explaining a statement that it does not run.
 */
#ifndef CITER_EXPLAINING_H
#define CITER_EXPLAINING_H

extern void citer_explaining_init(void);
extern bool citer_explaining(void);

#endif							/* CITER_EXPLAINING_H */
