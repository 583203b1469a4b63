/*
 * volatility.h
 *	  Whether a row of the walk is the same each time it is read.
 */
#ifndef CITER_VOLATILITY_H
#define CITER_VOLATILITY_H

#include "walk/relation.h"

extern bool citer_volatility_of_expression(const CiterRelation *relation, Node *expr);
extern bool citer_volatility_of_rows(const CiterRelation *relation);

#endif							/* CITER_VOLATILITY_H */
