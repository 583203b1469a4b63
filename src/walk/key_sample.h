/*
 * key_sample.h
 *	  Keys of a walk, evenly spaced and bounded in number.
 */
#ifndef CITER_KEY_SAMPLE_H
#define CITER_KEY_SAMPLE_H

#include "walk/bookmark.h"

typedef struct CiterKeySample CiterKeySample;

extern CiterKeySample *citer_key_sample_create(CiterKey *key, int nkeys);
extern double citer_key_sample_add(CiterKeySample *sample, const CiterPosition *position,
								   double rows);
extern const CiterPosition *citer_key_sample_ahead(CiterKeySample *sample,
												   const CiterPosition *position, double rows);
extern const CiterPosition *citer_key_sample_choose(CiterKeySample *sample, double target,
													double *rows);

#endif							/* CITER_KEY_SAMPLE_H */
