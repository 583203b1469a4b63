/*
 * text.h
 *	  The text of a job's statement, with chunk_range() in it.
 */
#ifndef CITER_JOB_TEXT_H
#define CITER_JOB_TEXT_H

#include "nodes/parsenodes.h"

/* What a user writes for "the rows of the chunk". */
#define CITER_CHUNK_RANGE "chunk_range"

/* One chunk_range(name); offsets are in bytes. */
typedef struct CiterJobTextRange
{
	char	   *name;			/* not quoted */
	bool		implied;		/* it is not in the user's text, but follows
								 * from that, and is put behind this WHERE */
	int			start;			/* in the user's text */
	int			end;
	int			expanded_start; /* in the expanded one */
	int			expanded_key_end;
	int			expanded_end;
} CiterJobTextRange;

/* What it stands for. */
typedef struct CiterJobTextCondition
{
	char	   *key;			/* over columns of the key alone */
	char	   *filter;			/* NULL: none */
} CiterJobTextCondition;

typedef struct CiterJobText
{
	char	   *sql;			/* as the user wrote it */
	char	   *expanded;		/* NULL: not expanded yet */
	bool		has_params;
	int			nranges;
	CiterJobTextRange *ranges;	/* in order of their place */
} CiterJobText;

extern CiterJobText *citer_job_text_read(const char *sql, int nparams);
extern CiterJobTextRange *citer_job_text_imply(const CiterJobText *text, const char *name,
											   const RawStmt *command);
extern void citer_job_text_add_implied(CiterJobText *text, List *ranges);
extern void citer_job_text_expand(CiterJobText *text, const CiterJobTextCondition *conditions);
extern int	citer_job_text_user_position(const CiterJobText *text, int position);
extern const CiterJobTextRange *citer_job_text_range_with_key(const CiterJobText *text, int offset);
extern const CiterJobTextRange *citer_job_text_range_of_error(const CiterJobText *text, int position);

#endif							/* CITER_JOB_TEXT_H */
