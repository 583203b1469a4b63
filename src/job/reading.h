/*
 * reading.h
 *	  A job's statement as the server's parser reads it, in the user's terms.
 */
#ifndef CITER_JOB_READING_H
#define CITER_JOB_READING_H

#include "nodes/parsenodes.h"
#include "utils/queryenvironment.h"

#include "job/text.h"
#include "walk/relation.h"

/* What errors say and where they point while the text is read. */
typedef struct CiterJobReading
{
	const char *sql;			/* the user's text */
	const char *params_in_words;
	const char *advice;			/* what to write */
	const CiterJobText *text;	/* what is read; NULL: the same */
	int			start;			/* of the command at hand, in characters */
	ErrorContextCallback context;
} CiterJobReading;

extern void citer_job_reading_begin(CiterJobReading *reading);
extern void citer_job_reading_end(CiterJobReading *reading);
extern Query *citer_job_reading_analyze(const CiterJobText *text, RawStmt *raw,
										const Oid *types, int ntypes,
										EphemeralNamedRelation chunk,
										const CiterRelation *relation);

#endif							/* CITER_JOB_READING_H */
