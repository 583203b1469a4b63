/*
 * value.h
 *	  Values of any type as text, and back.
 */
#ifndef CITER_VALUE_H
#define CITER_VALUE_H

#include "fmgr.h"
#include "utils/array.h"

extern Datum citer_value_read(Oid type, char *text);
extern char *citer_value_write(Oid type, Datum value);
extern void citer_value_find_output(Oid type, FmgrInfo *output, MemoryContext context);
extern bool citer_value_read_back(Oid type, char *text, Datum *value, char **error);
extern ArrayType *citer_value_array(char **texts, int ntexts);

#endif							/* CITER_VALUE_H */
