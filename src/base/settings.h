/*
 * settings.h
 *	  The extension's configuration parameters, and the server's for a while.
 */
#ifndef CITER_SETTINGS_H
#define CITER_SETTINGS_H

#include "utils/array.h"

/* A parameter of the server and a value for it; a list ends with a NULL name. */
typedef struct CiterSetting
{
	const char *name;
	const char *value;
} CiterSetting;

/* Under these, values are written so that every session reads the same. */
extern const CiterSetting citer_settings_exact[];

/* All SQL, ours and what users pass, is read under these, whatever the session's. */
extern const CiterSetting citer_settings_sql[];

/* Queries run under these, whatever the session's, and return all their rows. */
extern const CiterSetting citer_settings_whole[];

/* A session waits under these for as long as it takes. */
extern const CiterSetting citer_settings_patient[];

/* Plans are made under these, whatever the session's. */
extern const CiterSetting citer_settings_planner[];

extern void citer_settings_init(void);
extern Size citer_settings_chunk_memory(void);
extern int	citer_settings_runs_limit(void);
extern int	citer_settings_begin(void);
extern void citer_settings_set(const CiterSetting *settings);
extern void citer_settings_end(int nestlevel);
extern uint64 citer_settings_version(void);
extern ArrayType *citer_settings_save(uint64 *version);
extern void citer_settings_restore(ArrayType *saved);
extern void citer_settings_check_sql(const char *argument, const char *sql);

#endif							/* CITER_SETTINGS_H */
