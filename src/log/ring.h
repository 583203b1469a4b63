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
 * Of a context for a ring: small, but not ALLOCSET_SMALL_SIZES.  By those
 * aset.c may hand out a context that it has kept of somebody else, and with it
 * the other's limit for chunks, under which a page would be one: of a block
 * twice its size, and kept when it is freed.
 */
#define CITER_RING_CONTEXT_SIZES 0, 1024 + MAXIMUM_ALIGNOF, 8 * 1024

typedef struct CiterRingPage CiterRingPage;

/* A place between two bytes; no page in an empty ring that is new. */
typedef struct CiterRingPosition
{
	CiterRingPage *page;
	Size		offset;
} CiterRingPosition;

/* All zeroes but for the context, it is empty.  Read head and change nothing. */
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
