/*
 * again.c
 *	  One key of a job once more: that of a row which failed, or was locked.
 *
 * It is a chunk of its own, which is all that has this key and nothing else: so
 * is what the statement gets for "chunk", $1 ... and chunk_range().  The row of
 * its range is locked, as for any chunk, but the position stays.
 */
#include "postgres.h"

#include "job/again.h"
#include "job/range.h"

/* Locks the range of again->next.  55000 if it is gone. */
void
citer_job_again_lock(CiterJobRun *run, CiterJobAgain *again)
{
	memset(&again->range, 0, sizeof(again->range));
	again->range.range_no = again->next.range_no;
	if (!citer_job_lock_range(run->job, &again->range, &again->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("range %d of job \"%s\" is gone", again->next.range_no, run->job->name),
				 errhint("Mend the rows in chunked_iter_job_ranges, or forget the job.")));
}

/*
 * Runs the statement for the key of again->next.  55P03 if some of its rows
 * cannot be locked, as if the job waited for none.
 */
void
citer_job_again_run(CiterJobRun *run, CiterJobAgain *again)
{
	CiterJobRange one = {.range_no = again->next.range_no,.one_key = true};

	one.after = one.position = one.upto = again->next.key;
	memset(&again->chunk, 0, sizeof(again->chunk));
	again->chunk.first.isnull = again->chunk.position.isnull = true;
	citer_job_chunk_run(run->job, &one, 1, again->mode, &run->statement, &again->chunk);
	citer_job_check_role(run);
	if (again->chunk.locked > 0 && again->chunk.rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not lock all rows of key %s", citer_job_array_text(again->next.key)),
				 errhint("Try again when the transactions that hold them have ended.")));
}

/*
 * After an error: whether another attempt is to read no more than the statement
 * uses, as its rows cannot be read as a whole.
 */
bool
citer_job_again_by_key(CiterJobAgain *again)
{
	if (again->mode != CITER_CHUNK_ROWS || again->chunk.phase != CITER_CHUNK_READING)
		return false;
	again->mode = CITER_CHUNK_KEYS;
	return true;
}
