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
	const char *alias;			/* the name of the job's relation, quoted */
	const CiterJobText *text;	/* what is read; NULL: the same */
	int			start;			/* of the command that is read by itself, in
								 * characters */
	int			command;		/* position of the command at hand; 0: it is
								 * the only one */
	ErrorContextCallback context;
} CiterJobReading;

extern void citer_job_reading_begin(CiterJobReading *reading);
extern void citer_job_reading_end(CiterJobReading *reading);
extern void citer_job_reading_show_command(CiterJobReading *reading, const RawStmt *raw);
extern Query *citer_job_reading_analyze(const CiterJobText *text, RawStmt *raw,
										const Oid *types, int ntypes,
										EphemeralNamedRelation chunk,
										const CiterRelation *relation);

#endif							/* CITER_JOB_READING_H */
