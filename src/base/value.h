/*
 * value.h
 *	  Values of any type as text, and back.
 */
#ifndef CITER_VALUE_H
#define CITER_VALUE_H

extern Datum citer_value_read(Oid type, char *text);
extern char *citer_value_write(Oid type, Datum value);
extern bool citer_value_read_back(Oid type, char *text, Datum *value, char **error);

#endif							/* CITER_VALUE_H */
