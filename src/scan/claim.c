/*
 * claim.c
 *	  What a plan rests on in the walk of a scan.
 *
 * The planner leaves out sorts and reads no more than the first row because of
 * what a walk's key is.  So what was found out of the key is kept in the plan,
 * and compared with the key of the walk that is opened.
 */
#include "postgres.h"

#include "scan/scan.h"

/*
 * What a plan rests on: the expressions of the key's elements, and how each is
 * sorted.  A list of nodes that can be part of a plan and be compared by equal();
 * in the current memory context.
 */
List *
citer_scan_claim(const CiterKey *key, bool backwards)
{
	List	   *exprs = NIL;
	List	   *oids = NIL;
	List	   *flags = list_make1_int(key->physical);

	for (int i = 0; i < key->nelements; i++)
	{
		CiterKeyElement *element = &key->elements[i];
		bool		descending = element->descending != backwards;

		exprs = lappend(exprs, element->expr);
		oids = lappend_oid(oids, descending ? element->greater_operator : element->less_operator);
		oids = lappend_oid(oids, element->collation);
		oids = lappend_oid(oids, element->type);
		flags = lappend_int(flags, element->nulls_first != backwards);
		flags = lappend_int(flags, element->nullable);
	}
	return list_make3(exprs, oids, flags);
}
