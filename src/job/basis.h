/*
 * basis.h
 *	  What the order of a job's positions rests on.
 */
#ifndef CITER_JOB_BASIS_H
#define CITER_JOB_BASIS_H

#include "walk/key.h"

extern NullableDatum citer_job_basis(const CiterKey *key);
extern char *citer_job_basis_lost(NullableDatum stored, NullableDatum now);

#endif							/* CITER_JOB_BASIS_H */
