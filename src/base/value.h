/*
 * value.h
 *	  Values of any type as text, and back.
 */
#ifndef CITER_VALUE_H
#define CITER_VALUE_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

/* A text[] that is being written, in the memory context in which that began. */
typedef struct CiterTexts
{
	StringInfoData array;
	int			nadded;
} CiterTexts;

extern Datum citer_value_read(Oid type, char *text);
extern char *citer_value_write(Oid type, Datum value);
extern void citer_value_find_output(Oid type, FmgrInfo *output, MemoryContext context);
extern bool citer_value_read_back(Oid type, char *text, Datum *value, char **error);

extern void citer_texts_begin(CiterTexts *texts, int ntexts, bool has_nulls);
extern void citer_texts_add_null(CiterTexts *texts);
extern void citer_texts_add(CiterTexts *texts, const char *text);
extern bool citer_texts_has_plain(Oid type);
extern void citer_texts_add_plain(CiterTexts *texts, Oid type, Datum value);
extern ArrayType *citer_texts_end(CiterTexts *texts);

#endif							/* CITER_VALUE_H */
