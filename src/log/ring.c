/*
 * ring.c
 *	  A queue of bytes, written at its end and dropped at its beginning.
 *
 * The bytes lie in pages of one size, without gaps: what is written runs on
 * into the next page.  So no space is lost between two things of different
 * lengths, nothing is ever moved, and each page goes back to the allocator
 * when its last byte is dropped.  With the block sizes that the context must
 * have (CITER_RING_CONTEXT_SIZES), a page is a block of its own there, which
 * pfree() really gives back.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "log/ring.h"

struct CiterRingPage
{
	CiterRingPage *next;		/* NULL in the last page */
	char		bytes[CITER_RING_PAGE_BYTES];
};

static CiterRingPage *add_page(CiterRing *ring, CiterRingPage *last);
static void drop_unused(CiterRing *ring);

/*
 * Makes room for so many bytes; false if there is not enough memory, and then the
 * ring holds no more than before.  Throws nothing.
 */
bool
citer_ring_reserve(CiterRing *ring, Size size)
{
	CiterRingPage *last = ring->tail.page;
	Size		room = last == NULL ? 0 : CITER_RING_PAGE_BYTES - ring->tail.offset;

	while (room < size)
	{
		CiterRingPage *next = last == NULL ? NULL : last->next;

		last = next != NULL ? next : add_page(ring, last);
		if (last == NULL)
		{
			drop_unused(ring);
			return false;
		}
		room += CITER_RING_PAGE_BYTES;
	}
	return true;
}

/* Appends bytes for which there is room. */
void
citer_ring_write(CiterRing *ring, const void *data, Size size)
{
	CiterRingPosition *tail = &ring->tail;

	while (size > 0)
	{
		Size		part;

		if (tail->offset == CITER_RING_PAGE_BYTES)
		{
			tail->page = tail->page->next;
			tail->offset = 0;
		}
		part = Min(size, CITER_RING_PAGE_BYTES - tail->offset);
		memcpy(tail->page->bytes + tail->offset, data, part);
		tail->offset += part;
		data = (const char *) data + part;
		size -= part;
	}
}

/* Copies the bytes at a position, and advances it; only that if data is NULL. */
void
citer_ring_read(CiterRingPosition *position, void *data, Size size)
{
	while (size > 0)
	{
		Size		part;

		if (position->offset == CITER_RING_PAGE_BYTES)
		{
			position->page = position->page->next;
			position->offset = 0;
		}
		part = Min(size, CITER_RING_PAGE_BYTES - position->offset);
		if (data != NULL)
		{
			memcpy(data, position->page->bytes + position->offset, part);
			data = (char *) data + part;
		}
		position->offset += part;
		size -= part;
	}
}

/* Drops the oldest bytes, and the pages that held nothing else. */
void
citer_ring_drop(CiterRing *ring, Size size)
{
	CiterRingPosition *head = &ring->head;

	for (;;)
	{
		Size		part = Min(size, CITER_RING_PAGE_BYTES - head->offset);

		head->offset += part;
		size -= part;
		if (head->offset == CITER_RING_PAGE_BYTES && head->page != ring->tail.page)
		{
			CiterRingPage *next = head->page->next;

			pfree(head->page);
			head->page = next;
			head->offset = 0;
		}
		if (size == 0)
			return;
	}
}

/* Links a new page behind the last, or as the first; NULL without memory. */
static CiterRingPage *
add_page(CiterRing *ring, CiterRingPage *last)
{
	CiterRingPage *page = MemoryContextAllocExtended(ring->context, sizeof(CiterRingPage),
													 MCXT_ALLOC_NO_OOM);

	if (page == NULL)
		return NULL;
	page->next = NULL;
	if (last != NULL)
		last->next = page;
	else
		ring->head.page = ring->tail.page = page;
	return page;
}

/* Drops the pages behind the end of what is written. */
static void
drop_unused(CiterRing *ring)
{
	CiterRingPage *last = ring->tail.page;

	while (last != NULL && last->next != NULL)
	{
		CiterRingPage *page = last->next;

		last->next = page->next;
		pfree(page);
	}
}
