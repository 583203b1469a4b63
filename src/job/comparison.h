/*
 * comparison.h
 *	  Refuses comparisons with the bounds of a chunk that do not mean its rows.
 */
#ifndef CITER_JOB_COMPARISON_H
#define CITER_JOB_COMPARISON_H

#include "job/refusal.h"

extern void citer_job_check_comparisons(const CiterJobCheck *check, Query *command,
										bool has_chunk);

#endif							/* CITER_JOB_COMPARISON_H */
