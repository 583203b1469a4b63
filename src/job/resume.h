/*
 * resume.h
 *	  Background jobs go on when the server starts.
 */
#ifndef CITER_JOB_RESUME_H
#define CITER_JOB_RESUME_H

extern void citer_resume_init(void);
extern PGDLLEXPORT void citer_resume_main(Datum unused);
extern PGDLLEXPORT void citer_resume_database_main(Datum database);

#endif							/* CITER_JOB_RESUME_H */
