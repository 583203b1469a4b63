/*
 * statement.h
 *	  SQL statements that are prepared once, kept, and run again and again.
 */
#ifndef CITER_STATEMENT_H
#define CITER_STATEMENT_H

#include "nodes/pg_list.h"

#include "base/settings.h"
#include "sql/spi.h"

#define CITER_STATEMENT_SETTINGS_MAX 6

/* A statement; one that is kept is found by all of this. */
typedef struct CiterStatementSource
{
	const char *sql;			/* one command */
	uint32		hash;			/* of the text, for a statement that is kept */
	int			nparams;
	const Oid  *types;			/* of the parameters */
	int			cursor_options; /* CURSOR_OPT_ flags */
	uint64		version;		/* of what the text does not tell */
	const CiterSetting *settings[CITER_STATEMENT_SETTINGS_MAX]; /* up to a NULL */
} CiterStatementSource;

typedef struct CiterStatement CiterStatement;

/* Does something with the plan of a statement: a list of PlannedStmt. */
typedef void (*CiterPlanUse) (List *planned, void *arg);

extern CiterStatement *citer_statement_prepare(const CiterStatementSource *source);
extern int	citer_statement_run(CiterStatement *statement, const SPIExecuteOptions *options,
								Snapshot snapshot);
extern List *citer_statement_queries(const CiterStatement *statement);

extern void citer_statement_use_plan(const CiterStatementSource *source, CiterPlanUse use, void *arg);
extern void citer_statement_use_custom_plan(const CiterStatementSource *source,
											ParamListInfo params, CiterPlanUse use, void *arg);

#endif							/* CITER_STATEMENT_H */
