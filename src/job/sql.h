/*
 * sql.h
 *	  The SQL on the tables of jobs.
 */
#ifndef CITER_JOB_SQL_H
#define CITER_JOB_SQL_H

#include "job/sql_texts.h"
#include "sql/spi.h"

#define CITER_JOB_VALUES_MAX 40

/* The parameters of a statement, in order. */
typedef struct CiterJobValues
{
	int			n;
	Oid			types[CITER_JOB_VALUES_MAX];
	Datum		values[CITER_JOB_VALUES_MAX];
	bool		isnull[CITER_JOB_VALUES_MAX];
} CiterJobValues;

extern CiterJobValues citer_job_values(const char *job);
extern void citer_job_add(CiterJobValues *values, Oid type, Datum value, bool isnull);
extern void citer_job_add_text(CiterJobValues *values, const char *text);
extern void citer_job_add_int(CiterJobValues *values, int number);
extern void citer_job_add_oid(CiterJobValues *values, Oid oid);
extern void citer_job_add_bool(CiterJobValues *values, bool value);
extern void citer_job_add_bigint(CiterJobValues *values, int64 value);
extern void citer_job_add_array(CiterJobValues *values, NullableDatum array);

extern char *citer_job_schema(Oid procedure);
extern void citer_job_sql_run(Oid procedure, CiterJobSql sql, const CiterJobValues *values);
extern void citer_job_sql_look(Oid procedure, CiterJobSql sql, const CiterJobValues *values);
extern void citer_job_sql_run_text(Oid procedure, const char *sql, const CiterJobValues *values);
extern char *citer_job_get_text(int column);
extern Datum citer_job_get(int column, bool *isnull);
extern int	citer_job_get_int(int column, int if_null);
extern int64 citer_job_get_bigint(int column, int64 if_null);
extern bool citer_job_get_bool(int column);
extern Oid	citer_job_get_oid(int column);
extern NullableDatum citer_job_get_array(int column);

#endif							/* CITER_JOB_SQL_H */
