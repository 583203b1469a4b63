/*
 * timescale.h
 *	  What has to be known of TimescaleDB, where it is installed.
 */
#ifndef CITER_TIMESCALE_H
#define CITER_TIMESCALE_H

extern bool citer_timescale_has(Oid relid);

#endif							/* CITER_TIMESCALE_H */
