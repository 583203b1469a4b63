/*
 * key_sample.c
 *	  Keys of a walk, evenly spaced and bounded in number.
 *
 * A pass over keys learns how many they are only at its end.  So it keeps every
 * key at first, and each time that becomes too many drops every other one, and
 * keeps half as many from then on: what is kept is evenly spaced.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "walk/key_sample.h"

/* Keys that are kept at least, if there are as many. */
#define KEYS_MIN 8192

typedef struct SampleKey
{
	CiterPosition position;
	double		rows;			/* up to it, all of its own key included */
} SampleKey;

struct CiterKeySample
{
	CiterKey   *key;
	SampleKey  *keys;
	int			nkeys;
	int			max_keys;
	double		step;			/* rows from one key to the next */
	int			chosen;			/* the key nearest to the target so far */
	int			last;			/* the one that was returned last, or -1 */
};

static int	compare_positions(CiterKey *key, const CiterPosition *a, const CiterPosition *b);

/*
 * Makes an empty sample, in the current memory context, for "nkeys" keys: it
 * keeps as many, if there are, and never more than twice that.
 */
CiterKeySample *
citer_key_sample_create(CiterKey *key, int nkeys)
{
	CiterKeySample *sample = palloc0(sizeof(CiterKeySample));

	sample->key = key;
	sample->max_keys = 2 * Max(nkeys, KEYS_MIN);
	sample->keys = MemoryContextAllocHuge(CurrentMemoryContext,
										  sizeof(SampleKey) * sample->max_keys);
	sample->step = 1;
	sample->last = -1;
	return sample;
}

/*
 * Keeps a key, up to which there are so many rows.  The position becomes the
 * sample's.  Returns up to which row the next key is to be added.
 */
double
citer_key_sample_add(CiterKeySample *sample, const CiterPosition *position, double rows)
{
	if (sample->nkeys == sample->max_keys)
	{
		for (int i = 0; i < sample->max_keys; i += 2)
		{
			citer_position_free(sample->key, &sample->keys[i].position);
			sample->keys[i / 2] = sample->keys[i + 1];
		}
		sample->nkeys /= 2;
		sample->step *= 2;
	}
	sample->keys[sample->nkeys].position = *position;
	sample->keys[sample->nkeys].rows = rows;
	sample->nkeys++;
	return rows + sample->step;
}

/*
 * The key up to which there are as near to "target" rows as can be, and those
 * rows; NULL if it is the one that was chosen before, or there is none.  Targets
 * come in ascending order.
 */
const CiterPosition *
citer_key_sample_choose(CiterKeySample *sample, double target, double *rows)
{
	const SampleKey *keys = sample->keys;

	while (sample->chosen + 1 < sample->nkeys &&
		   fabs(keys[sample->chosen + 1].rows - target) <= fabs(keys[sample->chosen].rows - target))
		sample->chosen++;
	if (sample->nkeys == 0 || sample->chosen == sample->last)
		return NULL;
	sample->last = sample->chosen;
	*rows = keys[sample->chosen].rows;
	return &keys[sample->chosen].position;
}

/*
 * The first key up to which there are at least so many rows more than up to the
 * last one that is not after the position; NULL if there is none.  Positions come
 * in ascending order.
 */
const CiterPosition *
citer_key_sample_ahead(CiterKeySample *sample, const CiterPosition *position, double rows)
{
	double		target = rows;

	while (sample->chosen < sample->nkeys &&
		   compare_positions(sample->key, &sample->keys[sample->chosen].position, position) <= 0)
		sample->chosen++;
	if (sample->chosen > 0)
		target += sample->keys[sample->chosen - 1].rows;
	for (int i = sample->chosen; i < sample->nkeys; i++)
	{
		if (sample->keys[i].rows >= target)
			return &sample->keys[i].position;
	}
	return NULL;
}

/* As qsort() has it. */
static int
compare_positions(CiterKey *key, const CiterPosition *a, const CiterPosition *b)
{
	int			order = 0;

	for (int i = 0; order == 0 && i < key->nelements; i++)
		order = citer_key_compare(&key->elements[i], a->values[i], a->isnull[i],
								  b->values[i], b->isnull[i]);
	return order;
}
