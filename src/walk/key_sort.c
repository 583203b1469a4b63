/*
 * key_sort.c
 *	  Keys of a walk, added in any order, read in theirs.
 *
 * The server's own sort has them: in work_mem, or else in temporary files.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/datum.h"
#include "utils/tuplesort.h"

#include "walk/key_sort.h"

struct CiterKeySort
{
	CiterKey   *key;
	TupleTableSlot *slot;		/* columns are the elements of the key */
	Tuplesortstate *state;
	double		added;
	double		read;			/* of them, the one in the slot included */
	bool		sorted;
};

static Tuplesortstate *begin_sort(const CiterKey *key, TupleDesc tupdesc);
static bool is_same(const CiterKeySort *sort, const CiterPosition *position);
static CiterPosition copy_key(const CiterKeySort *sort);

/* Begins a sort, in the current memory context. */
CiterKeySort *
citer_key_sort_create(CiterKey *key)
{
	CiterKeySort *sort = palloc0(sizeof(CiterKeySort));
	List	   *names = NIL;
	List	   *types = NIL;
	List	   *typmods = NIL;
	List	   *collations = NIL;
	TupleDesc	tupdesc;

	for (int i = 0; i < key->nelements; i++)
	{
		names = lappend(names, makeString(""));
		types = lappend_oid(types, key->elements[i].type);
		typmods = lappend_int(typmods, -1);
		collations = lappend_oid(collations, key->elements[i].collation);
	}
	tupdesc = BuildDescFromLists(names, types, typmods, collations);
	sort->key = key;
	sort->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsMinimalTuple);
	sort->state = begin_sort(key, tupdesc);
	return sort;
}

static Tuplesortstate *
begin_sort(const CiterKey *key, TupleDesc tupdesc)
{
	AttrNumber *columns = palloc(sizeof(AttrNumber) * key->nelements);
	Oid		   *operators = palloc(sizeof(Oid) * key->nelements);
	Oid		   *collations = palloc(sizeof(Oid) * key->nelements);
	bool	   *nulls_first = palloc(sizeof(bool) * key->nelements);

	for (int i = 0; i < key->nelements; i++)
	{
		const CiterKeyElement *element = &key->elements[i];

		columns[i] = i + 1;
		operators[i] = element->descending ? element->greater_operator : element->less_operator;
		collations[i] = element->collation;
		nulls_first[i] = element->nulls_first;
	}
	return tuplesort_begin_heap(tupdesc, key->nelements, columns, operators, collations,
								nulls_first, work_mem, NULL, false);
}

/* Adds a copy of a key. */
void
citer_key_sort_add(CiterKeySort *sort, const CiterPosition *position)
{
	TupleTableSlot *slot = sort->slot;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, position->values, sizeof(Datum) * position->nelements);
	memcpy(slot->tts_isnull, position->isnull, sizeof(bool) * position->nelements);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort->state, slot);
	sort->added++;
}

/* How many keys were added. */
double
citer_key_sort_size(const CiterKeySort *sort)
{
	return sort->added;
}

/*
 * The next key, one of each kind, in the current memory context, and how many
 * there are up to it; false after the last.  None can be added any more.
 */
bool
citer_key_sort_next(CiterKeySort *sort, CiterPosition *position, double *keys)
{
	if (!sort->sorted)
	{
		ExecClearTuple(sort->slot);
		tuplesort_performsort(sort->state);
		sort->sorted = true;
		if (tuplesort_gettupleslot(sort->state, true, false, sort->slot, NULL))
			sort->read = 1;
	}
	if (TupIsNull(sort->slot))
		return false;
	*position = copy_key(sort);
	do
	{
		CHECK_FOR_INTERRUPTS();
		*keys = sort->read++;
	} while (tuplesort_gettupleslot(sort->state, true, false, sort->slot, NULL) &&
			 is_same(sort, position));
	return true;
}

void
citer_key_sort_end(CiterKeySort *sort)
{
	ExecDropSingleTupleTableSlot(sort->slot);
	tuplesort_end(sort->state);
}

/* Whether the key in the slot is the same. */
static bool
is_same(const CiterKeySort *sort, const CiterPosition *position)
{
	slot_getallattrs(sort->slot);
	for (int i = 0; i < position->nelements; i++)
		if (citer_key_compare(&sort->key->elements[i], sort->slot->tts_values[i],
							  sort->slot->tts_isnull[i], position->values[i],
							  position->isnull[i]) != 0)
			return false;
	return true;
}

/* The key in the slot, in the current memory context. */
static CiterPosition
copy_key(const CiterKeySort *sort)
{
	CiterPosition position = citer_position_create(sort->key->nelements);

	slot_getallattrs(sort->slot);
	for (int i = 0; i < position.nelements; i++)
	{
		const CiterKeyElement *element = &sort->key->elements[i];

		position.isnull[i] = sort->slot->tts_isnull[i];
		if (!position.isnull[i])
			position.values[i] = datumCopy(sort->slot->tts_values[i], element->typbyval,
										   element->typlen);
	}
	return position;
}
