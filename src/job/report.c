/*
 * report.c
 *	  What the client is told of a job's run.
 */
#include "postgres.h"

#include "job/pace.h"
#include "job/report.h"

/* Between two messages to the client. */
#define MESSAGE_MS 10000.0

static char *rounded_time(double seconds);
static char *details(const CiterJobTotals *totals);
static void add_sentence(StringInfo text, const char *sentence);
static char *counted(int64 n, const char *one, const char *many);
static void warn_of_effect(const CiterJobRun *run);

/* A NOTICE now and then, of how far a range is, which may be the whole job. */
void
citer_job_report_progress(CiterJobRun *run, const CiterJobRange *range, int64 rows_done)
{
	double		now = citer_pace_now();
	double		speed = citer_pace_rows_per_second(&run->speed);
	char	   *range_no = run->job->parts > 1 ? psprintf(", range %d", range->range_no) : "";

	if (now - run->message_mark < MESSAGE_MS)
		return;
	run->message_mark = now;
	ereport(NOTICE,
			(errmsg("job \"%s\"%s: %d %%, %.0f rows/s, %s left", run->job->name, range_no,
					(int) Min(99, 100.0 * rows_done / Max(range->estimated_rows, 1)), speed,
					rounded_time(Max(range->estimated_rows - rows_done, 0) / Max(speed, 0.001)))));
}

/* A time in seconds, in one unit. */
static char *
rounded_time(double seconds)
{
	if (seconds < 120)
		return psprintf("%.0f s", seconds);
	if (seconds < 7200)
		return psprintf("%.0f min", seconds / 60);
	if (seconds < 172800)
		return psprintf("%.0f h", seconds / 3600);
	return psprintf("%.0f days", seconds / 86400);
}

/*
 * How the run ended: what it read, and what the statement made of it.  Warns
 * where these do not go together.
 */
void
citer_job_report_end(const CiterJobRun *run, CiterJobState state)
{
	const CiterJobTotals *totals = &run->totals;
	const char *name = citer_job_state_name(citer_job_is_active(state) ? CITER_JOB_RUNNING : state);
	char	   *changed = totals->counted_chunks == 0 ? "" :
	psprintf(" read, %lld changed,", (long long) totals->changed);
	char	   *detail = details(totals);

	ereport(run->detached ? LOG : NOTICE,
			(errmsg("job \"%s\" %s %s: %s%s in %s", run->arguments.job,
					state == CITER_JOB_SUCCEEDED ? "has" : "is", name,
					counted(totals->rows, "%lld row", "%lld rows"), changed,
					counted(totals->chunks, "%lld chunk", "%lld chunks")),
			 detail[0] != '\0' ? errdetail("%s", detail) : 0));
	warn_of_effect(run);
}

/* What has come of the rows that had failed. */
void
citer_job_report_retried(const CiterJobRun *run, const CiterJobRetried *retried)
{
	StringInfoData text;

	initStringInfo(&text);
	if (retried->gone > 0)
		add_sentence(&text, counted(retried->gone,
									"%lld row does not exist any more, or the filter leaves it out; it was dropped.",
									"%lld rows do not exist any more, or the filter leaves them out; they were dropped."));
	if (retried->changed > 0)
		add_sentence(&text, counted(retried->changed,
									"%lld row has changed, and its key does not tell it from others; it was left.",
									"%lld rows have changed, and their keys do not tell them from others; they were left."));
	if (retried->locked > 0)
		add_sentence(&text, counted(retried->locked,
									"%lld key was locked by others and left.",
									"%lld keys were locked by others and left."));
	ereport(NOTICE,
			(errmsg("job \"%s\": %s tried again, %lld done, %lld failed again", run->job->name,
					counted(retried->tried, "%lld failed row", "%lld failed rows"),
					(long long) (retried->tried - retried->failed), (long long) retried->failed),
			 text.len > 0 ? errdetail("%s", text.data) : 0));
}

/* What a user has to look after, in sentences; empty if there is nothing. */
static char *
details(const CiterJobTotals *totals)
{
	StringInfoData text;

	initStringInfo(&text);
	if (totals->failed > 0)
		add_sentence(&text, counted(totals->failed,
									"%lld row failed; it is in chunked_iter_failed_rows.",
									"%lld rows failed; they are in chunked_iter_failed_rows."));
	if (totals->locked > 0)
		add_sentence(&text, counted(totals->locked,
									"%lld row was locked by others and skipped.",
									"%lld rows were locked by others and skipped."));
	if (totals->unchanged_chunks > 0)
		add_sentence(&text, psprintf("The statement changed no row in %lld of %s.",
									 (long long) totals->unchanged_chunks,
									 counted(totals->counted_chunks, "%lld chunk", "%lld chunks")));
	return text.data;
}

static void
add_sentence(StringInfo text, const char *sentence)
{
	appendStringInfo(text, "%s%s", text->len > 0 ? " " : "", sentence);
}

/* A number in the form of words that goes with it. */
static char *
counted(int64 n, const char *one, const char *many)
{
	return psprintf(ngettext(one, many, (unsigned long) n), (long long) n);
}

/* A statement that did nothing at all, or rows more than once. */
static void
warn_of_effect(const CiterJobRun *run)
{
	const CiterJobTotals *totals = &run->totals;

	if (totals->counted_chunks > 0 && totals->changed == 0)
		ereport(WARNING,
				(errmsg("the statement of job \"%s\" changed no row", run->arguments.job),
				 errhint("Check its condition, and what triggers and policies leave of the rows.")));
	else if (totals->changed_own > totals->rows && !run->job->statement_is_global)
		ereport(WARNING,
				(errmsg("the statement of job \"%s\" changed more rows of %s than were read",
						run->arguments.job, run->job->relation),
				 errdetail_plural("It changed %lld row for %lld.", "It changed %lld rows for %lld.",
								  (unsigned long) totals->changed_own,
								  (long long) totals->changed_own, (long long) totals->rows),
				 errhint("Check whether it did rows more than once: WHERE chunk_range() has those of the chunk.")));
}
