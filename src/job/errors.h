/*
 * errors.h
 *	  What an error says about the transaction that it ended.
 */
#ifndef CITER_JOB_ERRORS_H
#define CITER_JOB_ERRORS_H

extern bool citer_job_error_of_others(const ErrorData *error);
extern bool citer_job_error_of_rows(const ErrorData *error);
extern char *citer_job_error_text(const ErrorData *error);
extern void citer_job_error_place(ErrorData *error, const char *job, const char *place);

#endif							/* CITER_JOB_ERRORS_H */
