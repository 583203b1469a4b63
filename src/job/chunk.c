/*
 * chunk.c
 *	  One chunk of a job: read, worked on, its position known.
 *
 * The walk is resolved anew for each chunk, because nothing but text outlives
 * the transaction before; its plans are found ready.  It is read under the
 * transaction's snapshot and lives as long as the chunk.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "walk/iterator.h"
#include "job/chunk.h"
#include "job/skip.h"
#include "base/settings.h"

static CiterIterator *open_walk(const CiterJob *job, const CiterJobRange *range, int limit,
								bool by_row, const CiterJobStatement *statement);
static bool fit_statement(const CiterJob *job, const CiterWalk *walk, CiterJobStatement **statement);
static Tuplestorestate *store_rows(CiterIterator *iterator, CiterJobStatement *statement,
								   bool by_row);
static void check_bounds(const CiterJobStatement *statement, const CiterPosition *first,
						 const CiterPosition *last);
static CiterPosition first_tid(const CiterWalk *walk);
static NullableDatum write_position(const CiterWalk *walk, const CiterPosition *position);

/*
 * Reads the next chunk of a range, of at most so many rows, and runs the
 * statement for it, unless no row is left once they are locked; "by_row": so
 * that the rows that fail are recorded and the others are done.  The statement
 * is prepared anew if the relation's columns have changed.  *chunk is filled in
 * as far as this gets, in the current memory context.
 */
void
citer_job_chunk_run(const CiterJob *job, const CiterJobRange *range, int limit,
					bool by_row, CiterJobStatement **statement, CiterJobChunk *chunk)
{
	CiterIterator *iterator = open_walk(job, range, limit, by_row, *statement);
	const CiterWalk *walk;
	Tuplestorestate *rows;
	CiterPosition first = {0};
	const CiterPosition *last;
	CiterJobBounds bounds;

	if (fit_statement(job, citer_iterator_walk(iterator), statement))
	{
		citer_iterator_close(iterator);
		iterator = open_walk(job, range, limit, by_row, *statement);
	}
	walk = citer_iterator_walk(iterator);
	last = citer_iterator_position(iterator);
	if (!citer_iterator_next_chunk(iterator))
	{
		chunk->last = true;
		citer_iterator_close(iterator);
		return;
	}
	chunk->rows = citer_iterator_cost(iterator).rows;
	chunk->passed = citer_iterator_cost(iterator).skipped;
	chunk->last = citer_iterator_is_done(iterator);
	chunk->full = chunk->rows + chunk->passed >= limit;
	chunk->position = write_position(walk, last);
	if (chunk->rows == 0)
	{
		citer_iterator_close(iterator);
		return;
	}
	first = walk->key->physical ? first_tid(walk) : citer_iterator_first(iterator);
	chunk->first = write_position(walk, &first);
	rows = store_rows(iterator, *statement, by_row);
	check_bounds(*statement, &first, last);

	chunk->in_statement = true;
	bounds.after = &walk->after;
	bounds.first = &first;
	bounds.last = last;
	if (by_row)
	{
		CiterJobSkip skip = {job, range, walk, *statement, rows, chunk->rows, &bounds,
		chunk->position, &chunk->effect};

		chunk->failed = citer_job_skip_failing(&skip);
	}
	else
		citer_job_statement_run(*statement, rows, &bounds, &chunk->effect);
	if (rows != NULL)
		tuplestore_end(rows);
	citer_iterator_close(iterator);
}

/*
 * Opens the walk of a range from its position on.  It reads what the statement
 * uses, and all that the role may read where rows may have to be recorded.
 */
static CiterIterator *
open_walk(const CiterJob *job, const CiterJobRange *range, int limit,
		  bool by_row, const CiterJobStatement *statement)
{
	CiterOptions options = citer_job_target_options(job);
	CiterIterator *iterator;

	options.chunk_size = limit;
	options.after = citer_options_bookmark("position", range->position);
	options.upto = citer_options_bookmark("upto", range->upto);
	options.job.locking = job->lock_rows;
	options.columns_known = !by_row || pg_class_aclcheck(job->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK;
	if (statement != NULL)
		options.columns = citer_job_statement_columns(statement);
	iterator = citer_iterator_open(&options);
	citer_job_target_check(job, citer_iterator_walk(iterator));
	citer_job_target_check_position(job, range, citer_iterator_walk(iterator));
	return iterator;
}

/*
 * Prepares the statement if it is not prepared, or for other columns; says
 * whether it has, for the walk may then have to read more.
 */
static bool
fit_statement(const CiterJob *job, const CiterWalk *walk, CiterJobStatement **statement)
{
	MemoryContext caller;

	if (*statement != NULL)
	{
		if (citer_job_statement_fits(*statement, walk->relation->tupdesc))
			return false;
		citer_job_statement_free(*statement);
		*statement = NULL;
	}
	caller = MemoryContextSwitchTo(job->context);
	*statement = citer_job_statement_prepare(job, walk);
	MemoryContextSwitchTo(caller);
	return true;
}

/*
 * The rows of the chunk at hand, for the statement to read, or NULL if nobody
 * does.
 */
static Tuplestorestate *
store_rows(CiterIterator *iterator, CiterJobStatement *statement, bool by_row)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows;

	if (!by_row && !citer_job_statement_uses_rows(statement))
		return NULL;
	/* As much again as the chunk has; the rest is for the bookkeeping. */
	rows = tuplestore_begin_heap(false, false, Max(work_mem, (int) (citer_settings_chunk_memory() / 256)));
	while ((slot = citer_iterator_next_in_chunk(iterator)) != NULL)
		tuplestore_puttupleslot(rows, slot);
	return rows;
}

/*
 * A statement that goes by the bounds alone would not find a NULL: 22004 if
 * there is one in them.
 */
static void
check_bounds(const CiterJobStatement *statement, const CiterPosition *first,
			 const CiterPosition *last)
{
	if (!citer_job_statement_uses_bounds(statement) || citer_job_statement_uses_rows(statement) ||
		citer_job_statement_uses_ranges(statement))
		return;
	for (int i = 0; i < last->nelements; i++)
	{
		if (first->isnull[i] || last->isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a key of the chunk has a NULL in it, which no comparison finds"),
					 errdetail("The statement uses $1 ... and does not use \"%s\".", "chunk"),
					 errhint("Write WHERE chunk_range(t), or let the statement join \"%s\".", "chunk")));
	}
}

/*
 * The lower bound in physical order, where rows do not carry their place:
 * right behind the position.
 */
static CiterPosition
first_tid(const CiterWalk *walk)
{
	ItemPointer tid = (ItemPointer) DatumGetPointer(walk->after.values[0]);

	return citer_position_of_tid(ItemPointerGetBlockNumberNoCheck(tid),
								 ItemPointerGetOffsetNumberNoCheck(tid) + 1);
}

/* A position as text[]. */
static NullableDatum
write_position(const CiterWalk *walk, const CiterPosition *position)
{
	NullableDatum text = {(Datum) 0, true};

	if (position->nelements > 0)
	{
		text.value = PointerGetDatum(citer_bookmark_write(walk->key, position));
		text.isnull = false;
	}
	return text;
}
