/*
 * settings.c
 *	  The extension's configuration parameters, and the server's for a while.
 *
 * Readers get values through verbs, in the units they compute with, and never
 * see the variables that the GUC machinery writes to.
 */
#include "postgres.h"

#include "compat.h"
#include "settings.h"

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

/* Ends the stretch that citer_settings_begin() has returned. */
void
citer_settings_end(int nestlevel)
{
	AtEOXact_GUC(true, nestlevel);
}
