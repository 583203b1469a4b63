/*
 * init.c
 *	  The library's magic block and its load-time set-up.
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/settings.h"
#include "job/merged.h"
#include "job/resume.h"
#include "log/hooks.h"
#include "log/query_log.h"
#include "scan/scan.h"
#include "sql/explaining.h"
#include "walk/relation_news.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* One call for each module that has something to set up. */
void
_PG_init(void)
{
	citer_query_log_init();
	/* Reserves the prefix of settings, so that others come before it. */
	citer_settings_init();
	citer_query_log_hooks_init();
	citer_explaining_init();
	citer_relation_news_init();
	citer_scan_init();
	citer_job_merged_init();
	citer_resume_init();
}
