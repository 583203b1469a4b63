/*
 * settings.c
 *	  The extension's configuration parameters, and the server's for a while.
 *
 * Readers get values through verbs, in the units they compute with, and never
 * see the variables that the GUC machinery writes to.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/settings.h"

static int	chunk_memory_kb = 4096;

const CiterSetting citer_settings_exact[] = {
	{"datestyle", "ISO"},
	{"intervalstyle", "postgres"},
	{"extra_float_digits", "3"},
	{"bytea_output", "hex"},
	{NULL, NULL}
};

const CiterSetting citer_settings_sql[] = {
	CITER_LITERAL_SETTINGS
	{"array_nulls", "on"},
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

	MarkGUCPrefixReserved("chunked_iter");
}

/* chunked_iter.chunk_memory, in bytes. */
Size
citer_settings_chunk_memory(void)
{
	return (Size) chunk_memory_kb * 1024;
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

/* Sets parameters to the end of the stretch. */
void
citer_settings_set(const CiterSetting *settings)
{
	for (; settings->name != NULL; settings++)
		(void) set_config_option(settings->name, settings->value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* The same for those of them that this release of the server has. */
void
citer_settings_set_known(const CiterSetting *settings)
{
	for (; settings->name != NULL; settings++)
	{
		const CiterSetting one[] = {*settings, {NULL, NULL}};
		const char *present = GetConfigOption(settings->name, true, false);

		if (present != NULL && strcmp(present, settings->value) != 0)
			citer_settings_set(one);
	}
}

/* Ends the stretch that citer_settings_begin() has returned. */
void
citer_settings_end(int nestlevel)
{
	AtEOXact_GUC(true, nestlevel);
}
