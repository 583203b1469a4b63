/*
 * dry_run.c
 *	  Says what a job would do.
 *
 * Everything is resolved, prepared and planned as in a run, with the same
 * errors, and nothing is written.
 */
#include "job/job.h"

#include "base/settings.h"
#include "job/open.h"
#include "job/state.h"
#include "job/statement.h"
#include "job/target.h"
#include "sql/spi.h"
#include "walk/explain.h"
#include "walk/iterator.h"

static void describe_ranges(const CiterJob *job, const CiterJobRange *ranges, StringInfo output);
static const char *what_it_reads(const CiterJobStatement *statement);
static void describe_statement(CiterJobStatement *statement, const CiterOptions *options,
							   StringInfo output);
static CiterOptions first_chunk(const CiterJob *job, const CiterJobRange *ranges,
								const CiterJobStatement *statement);

/* chunked_iter_run with dry_run: sends an INFO message. */
void
citer_job_dry_run(Oid procedure, const NullableDatum *values)
{
	CiterJobArguments arguments;
	CiterJobStatement *statement;
	CiterJobRange *ranges;
	CiterJob   *job;
	CiterOptions options;
	StringInfoData output;
	int			nestlevel;
	int			nranges;

	citer_spi_connect(0);
	nestlevel = citer_settings_begin();
	citer_job_arguments_read(&arguments, values);
	initStringInfo(&output);
	job = citer_job_find(procedure, arguments.job);
	if (job == NULL)
		job = citer_job_create(procedure, &arguments, &statement, &ranges);
	else
	{
		citer_job_use_settings(job);
		citer_job_change(job, &arguments);
		citer_job_prepare(job, &statement);
		ranges = citer_job_list_ranges(job, &nranges);
	}
	options = first_chunk(job, ranges, statement);
	describe_ranges(job, ranges, &output);
	citer_explain_walk(&options, &output);
	describe_statement(statement, &options, &output);
	citer_job_statement_free(statement);
	citer_settings_end(nestlevel);
	ereport(INFO,
			(errmsg("job \"%s\" would run: %s", job->name, job->statement),
			 errdetail_internal("%s", output.data)));
	citer_spi_finish();
}

/* What each range has left. */
static void
describe_ranges(const CiterJob *job, const CiterJobRange *ranges, StringInfo output)
{
	for (int i = 0; i < job->parts; i++)
	{
		const CiterJobRange *range = &ranges[i];

		if (range->done)
			appendStringInfo(output, "Range %d is done\n", range->range_no);
		else
			appendStringInfo(output, "Range %d %s up to %s, about %lld rows\n", range->range_no,
							 range->position.isnull ? "from the first row" :
							 psprintf("after %s", citer_job_array_text(range->position)),
							 citer_job_array_text(range->upto),
							 (long long) Max(range->estimated_rows - range->rows_done, 0));
	}
}

/* The plans of the statement, for the first chunk. */
static void
describe_statement(CiterJobStatement *statement, const CiterOptions *options, StringInfo output)
{
	CiterOptions unlocked = *options;
	CiterIterator *iterator;

	unlocked.job.locking = NULL;
	iterator = citer_iterator_open(&unlocked);
	if (!citer_iterator_next_chunk(iterator))
		appendStringInfoString(output, "There are no rows");
	else
	{
		const CiterPosition *last = citer_iterator_position(iterator);
		CiterPosition first = citer_iterator_key(iterator, citer_iterator_next_in_chunk(iterator));
		CiterJobBounds bounds = {
			.after = &citer_iterator_walk(iterator)->after,
			.first = first.nelements > 0 ? &first : last,
			.last = last,
		};

		appendStringInfo(output, "Parameters: %s\n", citer_job_statement_params(statement));
		appendStringInfo(output, "Statement, reading %s, for the first chunk of %lld rows:\n",
						 what_it_reads(statement),
						 (long long) citer_iterator_cost(iterator).rows);
		citer_job_statement_explain(statement, &bounds, output);
	}
	citer_iterator_close(iterator);
}

static const char *
what_it_reads(const CiterJobStatement *statement)
{
	const CiterJobUses *uses = citer_job_statement_uses(statement);

	return uses->rows ? "the rows of the chunk" :
		citer_job_statement_uses_ranges(statement) ? "the range of the chunk" :
		uses->bounds ? "the bounds of the chunk" : "nothing of the chunk";
}

/* The walk of the next chunk of the first range that is not done. */
static CiterOptions
first_chunk(const CiterJob *job, const CiterJobRange *ranges, const CiterJobStatement *statement)
{
	CiterOptions options = citer_job_target_options(job);
	const CiterJobRange *range = &ranges[0];

	for (int i = 1; i < job->parts && range->done; i++)
		range = &ranges[i];
	options.after = citer_options_bookmark("position", range->position);
	options.upto = citer_options_bookmark("upto", range->upto);
	options.job.locking = job->lock_rows;
	options.columns_known = true;
	options.columns = citer_job_statement_uses(statement)->columns;
	return options;
}
