/*
 * block_sample.h
 *	  Rows of some of the blocks of a walk's tables.
 */
#ifndef CITER_BLOCK_SAMPLE_H
#define CITER_BLOCK_SAMPLE_H

#include "walk/walk.h"

extern double citer_block_sample_read(const CiterWalk *walk, double wanted,
									  DestReceiver *receiver);
extern double citer_block_sample_total(const CiterWalk *walk);
extern BlockNumber citer_block_sample_blocks(Oid relid);

#endif							/* CITER_BLOCK_SAMPLE_H */
