/*
 * sql.c
 *	  The SQL on the tables of jobs.
 *
 * The tables are in the extension's schema, which is that of the procedure
 * called.  It is looked up each time, since it may change between two chunks.
 * All runs with the rights of the caller; row-level security shows a role its
 * own jobs, and is switched on for roles that have it off.  Names are looked
 * up in pg_catalog only, whatever the session's search_path.
 *
 * Each statement is prepared once in a session and kept: there are few.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "job/sql.h"
#include "sql/statement.h"

static const CiterSetting job_settings[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"row_security", "on"},
	/* A table that is small now is not when its plan is run again. */
	{"enable_seqscan", "off"},
	{NULL, NULL}
};

/* The statements that this session has prepared, each for one schema. */
static struct
{
	MemoryContext context;		/* holds the others; NULL: not prepared */
	char	   *schema;			/* quoted */
	CiterStatement *statement;
}			kept[CITER_JOB_SQL_COUNT];

static void run(Oid procedure, CiterJobSql sql, const CiterJobValues *values, bool read_only);
static Datum get_or(int column, Datum if_null);
static char *complete_sql(const char *text, const char *schema);
static CiterStatement *find_prepared(CiterJobSql sql, const char *schema,
									 const CiterJobValues *values);
static void keep_prepared(CiterJobSql sql, const char *schema, const CiterJobValues *values);
static ParamListInfo params_of(const CiterJobValues *values);

/* Parameters that begin with the name of a job. */
CiterJobValues
citer_job_values(const char *job)
{
	CiterJobValues values;

	values.n = 0;
	citer_job_add_text(&values, job);
	return values;
}

/* Adds a parameter. */
void
citer_job_add(CiterJobValues *values, Oid type, Datum value, bool isnull)
{
	Assert(values->n < CITER_JOB_VALUES_MAX);
	values->types[values->n] = type;
	values->values[values->n] = value;
	values->isnull[values->n] = isnull;
	values->n++;
}

/* Adds a text; NULL stands for an SQL NULL. */
void
citer_job_add_text(CiterJobValues *values, const char *text)
{
	citer_job_add(values, TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

void
citer_job_add_int(CiterJobValues *values, int number)
{
	citer_job_add(values, INT4OID, Int32GetDatum(number), false);
}

void
citer_job_add_oid(CiterJobValues *values, Oid oid)
{
	citer_job_add(values, OIDOID, ObjectIdGetDatum(oid), !OidIsValid(oid));
}

void
citer_job_add_bool(CiterJobValues *values, bool value)
{
	citer_job_add(values, BOOLOID, BoolGetDatum(value), false);
}

void
citer_job_add_bigint(CiterJobValues *values, int64 value)
{
	citer_job_add(values, INT8OID, Int64GetDatum(value), false);
}

/* Adds a text[]. */
void
citer_job_add_array(CiterJobValues *values, NullableDatum array)
{
	citer_job_add(values, TEXTARRAYOID, array.value, array.isnull);
}

/*
 * Runs a statement in the current transaction, with SPI connected.  "procedure"
 * is one of the extension's.  The rows are in SPI_tuptable, or SPI_processed
 * says how many were changed.  55000 if the extension is gone.
 */
void
citer_job_sql_run(Oid procedure, CiterJobSql sql, const CiterJobValues *values)
{
	run(procedure, sql, values, false);
}

/* The same for one that only reads, by the snapshot that is active. */
void
citer_job_sql_look(Oid procedure, CiterJobSql sql, const CiterJobValues *values)
{
	run(procedure, sql, values, true);
}

static void
run(Oid procedure, CiterJobSql sql, const CiterJobValues *values, bool read_only)
{
	CiterStatement *statement = find_prepared(sql, citer_job_schema(procedure), values);
	const SPIExecuteOptions options = {.params = params_of(values),.read_only = read_only};

	citer_statement_run(statement, &options, InvalidSnapshot);
}

/* The same for a statement that is not worth keeping. */
void
citer_job_sql_run_text(Oid procedure, const char *sql, const CiterJobValues *values)
{
	int			nestlevel = citer_settings_begin();
	const SPIExecuteOptions options = {.params = params_of(values)};
	char	   *text = complete_sql(sql, citer_job_schema(procedure));

	citer_settings_set(job_settings);
	citer_spi_execute(text, &options);
	citer_settings_end(nestlevel);
}

/* A column of the first row as text, in the current context, or NULL. */
char *
citer_job_get_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* A column of the first row; valid as long as SPI_tuptable. */
Datum
citer_job_get(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* The same for columns of other types. */
int
citer_job_get_int(int column, int if_null)
{
	return DatumGetInt32(get_or(column, Int32GetDatum(if_null)));
}

int64
citer_job_get_bigint(int column, int64 if_null)
{
	return DatumGetInt64(get_or(column, Int64GetDatum(if_null)));
}

bool
citer_job_get_bool(int column)
{
	return DatumGetBool(get_or(column, BoolGetDatum(false)));
}

Oid
citer_job_get_oid(int column)
{
	return DatumGetObjectId(get_or(column, ObjectIdGetDatum(InvalidOid)));
}

static Datum
get_or(int column, Datum if_null)
{
	bool		isnull;
	Datum		value = citer_job_get(column, &isnull);

	return isnull ? if_null : value;
}

/* A text[] column of the first row, copied into the current context. */
NullableDatum
citer_job_get_array(int column)
{
	NullableDatum array;

	array.value = citer_job_get(column, &array.isnull);
	if (!array.isnull)
		array.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(array.value));
	return array;
}

/*
 * The schema of the extension, quoted, by one of its procedures; 55000 if it
 * was dropped.
 */
char *
citer_job_schema(Oid procedure)
{
	Oid			namespace = get_func_namespace(procedure);
	char	   *schema = OidIsValid(namespace) ? get_namespace_name(namespace) : NULL;

	if (schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" was dropped while a job was running", "chunked_iter")));
	return pstrdup(quote_identifier(schema));
}

/* Puts the schema into the text of a statement. */
static char *
complete_sql(const char *text, const char *schema)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (; *text != '\0'; text++)
	{
		if (*text == '@')
			appendStringInfoString(&sql, schema);
		else
			appendStringInfoChar(&sql, *text);
	}
	return sql.data;
}

/* The statement for a schema, prepared if it is not. */
static CiterStatement *
find_prepared(CiterJobSql sql, const char *schema, const CiterJobValues *values)
{
	if (kept[sql].context != NULL && strcmp(kept[sql].schema, schema) != 0)
	{
		MemoryContextDelete(kept[sql].context);
		kept[sql].context = NULL;
	}
	if (kept[sql].context == NULL)
		keep_prepared(sql, schema, values);
	return kept[sql].statement;
}

/* Prepares a statement for a schema. */
static void
keep_prepared(CiterJobSql sql, const char *schema, const CiterJobValues *values)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter job SQL",
												  ALLOCSET_SMALL_SIZES);
	const CiterStatementSource source = {
		.sql = complete_sql(citer_job_sql_texts[sql], schema),
		.nparams = values->n,
		.types = values->types,
		.settings = {job_settings},
	};
	MemoryContext caller = MemoryContextSwitchTo(context);

	kept[sql].schema = pstrdup(schema);
	kept[sql].statement = citer_statement_prepare(&source);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, TopMemoryContext);
	kept[sql].context = context;
}

static ParamListInfo
params_of(const CiterJobValues *values)
{
	ParamListInfo params = makeParamList(values->n);

	for (int i = 0; i < values->n; i++)
	{
		params->params[i].value = values->values[i];
		params->params[i].isnull = values->isnull[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = values->types[i];
	}
	return params;
}
