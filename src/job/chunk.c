/*
 * chunk.c
 *	  One chunk of a job: read, worked on, its position known.
 *
 * The walk is resolved again for each chunk, because only text outlives a
 * transaction; its plans are kept and found by their text.  It is read under
 * the transaction's snapshot and lives as long as the chunk.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "job/chunk.h"
#include "job/skip.h"
#include "job/target.h"
#include "walk/iterator.h"

static CiterIterator *open_walk(const CiterJob *job, const CiterJobRange *range, int limit,
								CiterJobChunkMode mode, const CiterJobStatement *statement);
static bool fit_statement(const CiterJob *job, const CiterWalk *walk, CiterJobStatement **statement);
static void note_rows(CiterIterator *iterator, int limit, CiterJobChunk *chunk);
static void do_rows(CiterIterator *iterator, CiterJobChunkMode mode, CiterJobSkip *skip,
					CiterJobChunk *chunk);
static CiterPosition first_key(CiterIterator *iterator);
static Tuplestorestate *store_rows(CiterIterator *iterator);
static void refuse_nulls(const CiterJobStatement *statement, const CiterJobBounds *bounds);
static NullableDatum write_position(const CiterWalk *walk, const CiterPosition *position);

/*
 * Reads the next chunk of a range, of at most so many rows, and runs the
 * statement for it, unless no row is left once they are locked.  The statement
 * is prepared anew if the relation's columns have changed.  *chunk, which the
 * caller has cleared, is filled in as far as this gets, in the current memory
 * context.
 */
void
citer_job_chunk_run(const CiterJob *job, const CiterJobRange *range, int limit,
					CiterJobChunkMode mode, CiterJobStatement **statement, CiterJobChunk *chunk)
{
	CiterIterator *iterator;

	chunk->phase = CITER_CHUNK_READING;
	chunk->retried = -1;
	iterator = open_walk(job, range, limit, mode, *statement);
	if (fit_statement(job, citer_iterator_walk(iterator), statement))
	{
		citer_iterator_close(iterator);
		iterator = open_walk(job, range, limit, mode, *statement);
	}
	chunk->unique = citer_iterator_walk(iterator)->key->unique;
	note_rows(iterator, limit, chunk);
	if (chunk->rows > 0)
	{
		CiterJobSkip skip = {
			.job = job,
			.range = range,
			.iterator = iterator,
			.walk = citer_iterator_walk(iterator),
			.statement = *statement,
			.by_key = mode == CITER_CHUNK_KEYS,
			.retried = -1,
		};

		do_rows(iterator, mode, &skip, chunk);
	}
	citer_iterator_close(iterator);
}

/*
 * Opens the walk of a range, from its position on.  It reads the columns that
 * the statement uses, or all columns if rows are to be recorded and the role
 * may read them.
 */
static CiterIterator *
open_walk(const CiterJob *job, const CiterJobRange *range, int limit,
		  CiterJobChunkMode mode, const CiterJobStatement *statement)
{
	CiterOptions options = citer_job_target_options(job);
	CiterIterator *iterator;

	options.chunk_size = limit;
	options.after = citer_options_bookmark("position", range->position);
	options.upto = citer_options_bookmark("upto", range->upto);
	options.job.locking = job->lock_rows;
	options.job.keeps_skipped = job->revisit;
	options.job.after_included = range->one_key;
	options.columns_known = mode != CITER_CHUNK_ROWS ||
		pg_class_aclcheck(job->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK;
	if (statement != NULL)
	{
		options.columns = citer_job_statement_uses(statement)->columns;
		options.job.ends_only = mode == CITER_CHUNK_WHOLE && !citer_job_statement_uses(statement)->rows;
	}
	iterator = citer_iterator_open(&options);
	citer_job_target_check(job, citer_iterator_walk(iterator));
	citer_job_target_check_position(job, range, citer_iterator_walk(iterator));
	return iterator;
}

/*
 * Prepares the statement if it is not prepared, or is for other columns.
 * Returns whether it did, for the walk may then have to read more.
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

/* Reads the next chunk, and notes what it is. */
static void
note_rows(CiterIterator *iterator, int limit, CiterJobChunk *chunk)
{
	ListCell   *cell;

	if (!citer_iterator_next_chunk(iterator))
	{
		chunk->last = true;
		return;
	}
	chunk->rows = citer_iterator_cost(iterator).rows;
	chunk->locked = citer_iterator_cost(iterator).skipped;
	chunk->last = citer_iterator_is_done(iterator);
	chunk->full = chunk->rows + chunk->locked >= limit;
	chunk->position = write_position(citer_iterator_walk(iterator), citer_iterator_position(iterator));
	foreach(cell, citer_iterator_skipped(iterator))
	{
		NullableDatum *key = palloc(sizeof(NullableDatum));

		*key = write_position(citer_iterator_walk(iterator), lfirst(cell));
		chunk->passed = lappend(chunk->passed, key);
	}
}

/* Runs the statement for the rows of the chunk; the rest of *skip is filled in. */
static void
do_rows(CiterIterator *iterator, CiterJobChunkMode mode, CiterJobSkip *skip, CiterJobChunk *chunk)
{
	CiterPosition first = first_key(iterator);
	CiterJobBounds bounds = {
		.after = &skip->walk->after,
		.first = &first,
		.last = citer_iterator_position(iterator),
	};
	Tuplestorestate *rows = NULL;

	chunk->first = write_position(skip->walk, &first);
	if (mode != CITER_CHUNK_WHOLE || citer_job_statement_uses(skip->statement)->rows)
		rows = store_rows(iterator);
	refuse_nulls(skip->statement, &bounds);

	chunk->phase = CITER_CHUNK_IN_STATEMENT;
	if (mode == CITER_CHUNK_WHOLE)
		citer_job_statement_run(skip->statement, rows, &bounds, &chunk->effect);
	else
	{
		skip->rows = rows;
		skip->nrows = chunk->rows;
		skip->bounds = &bounds;
		skip->effect = &chunk->effect;
		citer_job_skip_failing(skip);
		chunk->failed = skip->failed;
		chunk->failure = skip->failure;
		chunk->retried = skip->retried;
		rows = skip->rows;
	}
	if (rows != NULL)
		tuplestore_end(rows);
}

/*
 * The key of the first row.  In physical order, where rows are read without
 * their ctid, it is the place right after the position.
 */
static CiterPosition
first_key(CiterIterator *iterator)
{
	const CiterWalk *walk = citer_iterator_walk(iterator);
	ItemPointer tid;

	if (!walk->key->physical)
		return citer_iterator_first(iterator);
	tid = (ItemPointer) DatumGetPointer(walk->after.values[0]);
	return citer_position_of_tid(ItemPointerGetBlockNumberNoCheck(tid),
								 ItemPointerGetOffsetNumberNoCheck(tid) + 1);
}

/* The rows of the chunk at hand. */
static Tuplestorestate *
store_rows(CiterIterator *iterator)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows;

	/* Four times what a chunk may hold: a tuplestore counts more a row. */
	rows = tuplestore_begin_heap(false, false, Max(work_mem, (int) (citer_settings_chunk_memory() / 256)));
	while ((slot = citer_iterator_next_in_chunk(iterator)) != NULL)
		tuplestore_puttupleslot(rows, slot);
	return rows;
}

/*
 * 22004 if there is a NULL in the bounds and the statement uses nothing else:
 * no comparison finds it.
 */
static void
refuse_nulls(const CiterJobStatement *statement, const CiterJobBounds *bounds)
{
	const CiterJobUses *uses = citer_job_statement_uses(statement);

	if (!uses->bounds || uses->rows || citer_job_statement_uses_ranges(statement))
		return;
	for (int i = 0; i < bounds->last->nelements; i++)
	{
		if (bounds->first->isnull[i] || bounds->last->isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a key of the chunk has a NULL in it, which no comparison finds"),
					 errdetail("The statement uses $1 ... and does not use \"%s\".", "chunk"),
					 errhint("Write WHERE chunk_range(t), or let the statement join \"%s\".", "chunk")));
	}
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
