/*
 * settings.c
 *	  The extension's configuration parameters, and the server's for a while.
 *
 * Readers get values through verbs, in the units they compute with, and never
 * see the variables that the GUC machinery writes to.
 */
#include "postgres.h"

#include "parser/scanner.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_expr.h"
#include "pgtime.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/xml.h"

#include "base/compat.h"
#include "base/settings.h"

static void read_numbers(intptr_t *numbers);
static void read_strings(const char **strings);
static bool same_strings(const char *const *strings);
static void remember_present(const intptr_t *numbers, const char *const *strings);
static ArrayType *save_settings(void);
static bool is_saved(const char *name);
static bool has_plain_backslash(const char *sql);
static void set_parameter(const char *name, const char *value);

static int	chunk_memory_kb = 4096;
static int	runs_limit = 100;

const CiterSetting citer_settings_exact[] = {
	{"datestyle", "ISO"},
	{"intervalstyle", "postgres"},
	{"extra_float_digits", "3"},
	{"bytea_output", "hex"},
	{NULL, NULL}
};

const CiterSetting citer_settings_sql[] = {
	{"standard_conforming_strings", "on"},
	{"escape_string_warning", "off"},
	{"backslash_quote", "safe_encoding"},
	{"quote_all_identifiers", "off"},
	{"array_nulls", "on"},
	{NULL, NULL}
};

/*
 * What else a piece of SQL can mean something else under, or a function in it
 * return.
 */
static const char *const saved_settings[] = {
	"DateStyle", "IntervalStyle", "TimeZone", "bytea_output", "extra_float_digits",
	"default_text_search_config", "transform_null_equals", "xmloption",
	"timezone_abbreviations", "lc_monetary", "lc_numeric", "lc_time", "array_nulls",
	"quote_all_identifiers", "xmlbinary"
};

/* How many of them are not strings, and how many are. */
#define SAVED_NUMBERS 11
#define SAVED_STRINGS 5

/* What they are, as far as anybody has asked. */
static struct
{
	MemoryContext context;		/* holds the next two */
	ArrayType  *saved;			/* NULL: nobody has asked */
	char	   *strings[SAVED_STRINGS];
	intptr_t	numbers[SAVED_NUMBERS];
	uint64		version;
}			present;

/* Under these, a query returns all its rows, and not some of them. */
const CiterSetting citer_settings_whole[] = {
	{"gin_fuzzy_search_limit", "0"},
	{NULL, NULL}
};

/* Under these, a session waits as long as it takes. */
const CiterSetting citer_settings_patient[] = {
	{"lock_timeout", "0"},
	{"transaction_timeout", "0"},
	{NULL, NULL}
};

/*
 * All that decides about plans and is not a measure of the machine (costs,
 * memory): as it is in a server that nobody has configured.  But a chunk is
 * too short to be worth compiling code for it.
 */
const CiterSetting citer_settings_planner[] = {
	{"plan_cache_mode", "auto"},
	{"cursor_tuple_fraction", "0.1"},
	{"constraint_exclusion", "partition"},
	{"from_collapse_limit", "8"},
	{"join_collapse_limit", "8"},
	{"geqo", "on"},
	{"geqo_threshold", "12"},
	{"jit", "off"},
	{"enable_async_append", "on"},
	{"enable_bitmapscan", "on"},
	{"enable_distinct_reordering", "on"},
	{"enable_eager_aggregate", "on"},
	{"enable_gathermerge", "on"},
	{"enable_group_by_reordering", "on"},
	{"enable_groupagg", "on"},
	{"enable_hashagg", "on"},
	{"enable_hashjoin", "on"},
	{"enable_incremental_sort", "on"},
	{"enable_indexonlyscan", "on"},
	{"enable_indexscan", "on"},
	{"enable_material", "on"},
	{"enable_memoize", "on"},
	{"enable_mergejoin", "on"},
	{"enable_nestloop", "on"},
	{"enable_parallel_append", "on"},
	{"enable_parallel_hash", "on"},
	{"enable_partition_pruning", "on"},
	{"enable_partitionwise_aggregate", "off"},
	{"enable_partitionwise_join", "off"},
	{"enable_presorted_aggregate", "on"},
	{"enable_self_join_elimination", "on"},
	{"enable_seqscan", "on"},
	{"enable_sort", "on"},
	{"enable_tidscan", "on"},
	{NULL, NULL}
};

/*
 * Defines the parameters and reserves their prefix.  Called once, when the
 * library is loaded.
 */
void
citer_settings_init(void)
{
	DefineCustomIntVariable("chunked_iter.chunk_memory",
							"Sets the memory at which a chunk ends, however few rows it holds.",
							"A chunk always holds at least one row.",
							&chunk_memory_kb,
							4096, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("chunked_iter.runs_limit",
							"Sets how many calls of each job chunked_iter_runs keeps.",
							"-1 means no limit; 0 keeps none.",
							&runs_limit,
							100, -1, INT_MAX,
							PGC_USERSET, 0,
							NULL, NULL, NULL);

	MarkGUCPrefixReserved("chunked_iter");
}

/* chunked_iter.chunk_memory, in bytes. */
Size
citer_settings_chunk_memory(void)
{
	return (Size) chunk_memory_kb * 1024;
}

/* chunked_iter.runs_limit: calls of a job that are remembered; -1: no limit. */
int
citer_settings_runs_limit(void)
{
	return runs_limit;
}

/*
 * Begins a stretch in which citer_settings_set() sets parameters of the
 * server; citer_settings_end() puts them back, and so does an error.  The way
 * a function's SET clause works (fmgr_security_definer).
 */
int
citer_settings_begin(void)
{
	return NewGUCNestLevel();
}

/*
 * Sets parameters to the end of the stretch, but for those that this release
 * does not have.
 */
void
citer_settings_set(const CiterSetting *settings)
{
	for (; settings->name != NULL; settings++)
		set_parameter(settings->name, settings->value);
}

/* Ends the stretch that citer_settings_begin() has returned. */
void
citer_settings_end(int nestlevel)
{
	AtEOXact_GUC(true, nestlevel);
}

/*
 * A number for the settings that citer_settings_save() saves, as they are now:
 * as long as it is the same, so are they.  Much faster than to save them.
 */
uint64
citer_settings_version(void)
{
	intptr_t	numbers[SAVED_NUMBERS];
	const char *strings[SAVED_STRINGS];

	read_numbers(numbers);
	read_strings(strings);
	if (present.saved == NULL || memcmp(numbers, present.numbers, sizeof(numbers)) != 0 ||
		!same_strings(strings))
		remember_present(numbers, strings);
	return present.version;
}

/*
 * The settings that SQL goes by, beside citer_settings_sql and search_path, as
 * they are now: a text[] of name=value, as pg_proc.proconfig is one.  Their version
 * is stored in *version, unless that is NULL.
 */
ArrayType *
citer_settings_save(uint64 *version)
{
	uint64		present_version = citer_settings_version();

	if (version != NULL)
		*version = present_version;
	return DatumGetArrayTypePCopy(PointerGetDatum(present.saved));
}

/* The settings that are not strings, as the server has them. */
static void
read_numbers(intptr_t *numbers)
{
	numbers[0] = DateStyle;
	numbers[1] = DateOrder;
	numbers[2] = IntervalStyle;
	numbers[3] = bytea_output;
	numbers[4] = extra_float_digits;
	numbers[5] = Transform_null_equals;
	numbers[6] = xmloption;
	/* There is one such pointer for a zone, see pg_tzset(). */
	numbers[7] = (intptr_t) session_timezone;
	numbers[8] = Array_nulls;
	numbers[9] = quote_all_identifiers;
	numbers[10] = xmlbinary;
}

/* The settings that are strings, the server's own. */
static void
read_strings(const char **strings)
{
	strings[0] = TSCurrentConfig;
	strings[1] = locale_monetary;
	strings[2] = locale_numeric;
	strings[3] = locale_time;
	/* The server keeps this one to itself. */
	strings[4] = GetConfigOption("timezone_abbreviations", false, false);
}

/* Whether these strings are those that are remembered. */
static bool
same_strings(const char *const *strings)
{
	for (int i = 0; i < SAVED_STRINGS; i++)
		if (strcmp(strings[i], present.strings[i]) != 0)
			return false;
	return true;
}

/* Sets what is known of the present settings, for the session's life. */
static void
remember_present(const intptr_t *numbers, const char *const *strings)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunked_iter settings",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ArrayType  *saved = save_settings();
	char	   *copies[SAVED_STRINGS];

	for (int i = 0; i < SAVED_STRINGS; i++)
		copies[i] = pstrdup(strings[i]);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, TopMemoryContext);
	if (present.context != NULL)
		MemoryContextDelete(present.context);
	present.context = context;
	memcpy(present.numbers, numbers, sizeof(present.numbers));
	memcpy(present.strings, copies, sizeof(copies));
	present.saved = saved;
	present.version++;
}

static ArrayType *
save_settings(void)
{
	Datum		elements[lengthof(saved_settings)];

	for (int i = 0; i < (int) lengthof(saved_settings); i++)
		elements[i] = CStringGetTextDatum(psprintf("%s=%s", saved_settings[i],
												   GetConfigOption(saved_settings[i], false, false)));
	return construct_array(elements, lengthof(saved_settings), TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * Sets them to what they were, to the end of the stretch.  Others that have
 * come in between are none of ours, and are left alone.
 */
void
citer_settings_restore(ArrayType *saved)
{
	Datum	   *elements;
	int			nelements;

	deconstruct_array(saved, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &nelements);
	for (int i = 0; i < nelements; i++)
	{
		char	   *name = TextDatumGetCString(elements[i]);
		char	   *value = strchr(name, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (is_saved(name))
			set_parameter(name, value);
	}
}

/* Whether a parameter is one of those that are saved. */
static bool
is_saved(const char *name)
{
	for (int i = 0; i < (int) lengthof(saved_settings); i++)
		if (strcmp(saved_settings[i], name) == 0)
			return true;
	return false;
}

/*
 * 22023 if SQL that was passed as an argument would mean something else than
 * elsewhere in the session: all of it is read with standard_conforming_strings
 * on, as it always is from 19 on.  Throws the scanner's own errors, too.
 */
void
citer_settings_check_sql(const char *argument, const char *sql)
{
	const char *now = GetConfigOption("standard_conforming_strings", true, false);

	if (sql == NULL || now == NULL || strcmp(now, "off") != 0 || !has_plain_backslash(sql))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" has a backslash in a string, and standard_conforming_strings is off", argument),
			 errdetail("It is \"%s\", and is read with standard_conforming_strings on.", sql),
			 errhint("SET standard_conforming_strings = on, and write E'...' where a backslash escapes something.")));
}

/* Whether there is a backslash in a string of the kind '...'. */
static bool
has_plain_backslash(const char *sql)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner;
	core_YYSTYPE value;
	YYLTYPE		location;
	bool		found = false;

	if (strchr(sql, '\\') == NULL)
		return false;
	scanner = scanner_init(sql, &extra, &ScanKeywords, ScanKeywordTokens);
	citer_compat_standard_strings(&extra);
	while (!found && core_yylex(&value, &location, scanner) != 0)
		found = sql[location] == '\'' && strchr(value.str, '\\') != NULL;
	scanner_finish(scanner);
	return found;
}

/*
 * Sets a parameter, unless it has the value.  To look is much faster than to
 * set.
 */
static void
set_parameter(const char *name, const char *value)
{
	const char *now = GetConfigOption(name, true, false);

	if (now != NULL && strcmp(now, value) != 0)
		(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}
