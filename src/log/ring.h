/*
 * ring.h
 *	  A queue of bytes, written at its end and dropped at its beginning.
 */
#ifndef CITER_RING_H
#define CITER_RING_H

/* What a page of a ring takes from the allocator, at most, and what it holds. */
#define CITER_RING_PAGE_SIZE 8192
#define CITER_RING_PAGE_BYTES (CITER_RING_PAGE_SIZE - 64)

/*
 * Sizes for the context of a ring: small, but not ALLOCSET_SMALL_SIZES.  For
 * those aset.c may reuse a context from its freelist, with that context's limit
 * for chunks.  A page would be below it, and so be a chunk in a block twice its
 * size, which is kept when the page is freed.
 */
#define CITER_RING_CONTEXT_SIZES 0, 1024 + MAXIMUM_ALIGNOF, 8 * 1024

typedef struct CiterRingPage CiterRingPage;

/* A place between two bytes; "page" is NULL in an empty ring. */
typedef struct CiterRingPosition
{
	CiterRingPage *page;
	Size		offset;
} CiterRingPosition;

/* Zeroes but for the context are an empty ring.  Others read "head" only. */
typedef struct CiterRing
{
	MemoryContext context;		/* of the pages */
	CiterRingPosition head;		/* of the oldest byte */
	CiterRingPosition tail;		/* where the next one goes */
} CiterRing;

extern bool citer_ring_reserve(CiterRing *ring, Size size);
extern void citer_ring_write(CiterRing *ring, const void *data, Size size);
extern void citer_ring_read(CiterRingPosition *position, void *data, Size size);
extern void citer_ring_drop(CiterRing *ring, Size size);

#endif							/* CITER_RING_H */
