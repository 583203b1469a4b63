/*
 * query_log.c
 *	  Debug mode: what the session remembers of its queries.
 *
 * The log belongs to the session and is in a memory context of its own, below
 * TopMemoryContext, which exists while there is something in it to hold.  An
 * entry is a header and the query's text, one behind the other in a ring
 * (ring.c): the oldest go first, each in constant time, when one of the two
 * limits is reached.
 *
 * Entries are numbered from 1 since the log was last empty by a reset.  Those
 * kept are always the last ones, so that an entry's number follows from its
 * place and need not be stored.
 *
 * An entry belongs to the user who ran the query, and is shown to nobody who
 * lacks that user's privileges.  The log as a whole belongs to the session's
 * user: each write and each read compares the session user, and empties the log
 * if it is another one.
 *
 * A query that fails is logged while its error is handled, even in callbacks of
 * memory contexts and while the error is sent, where another error would end the
 * session.  So everything that can throw comes before that: the log's context is
 * created when a query begins (or, for one that fails in the parser, when debug is
 * set to "all").  From there on memory is requested with MCXT_ALLOC_NO_OOM.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "log/query_log.h"

/* What comes before an entry's text. */
typedef struct EntryHeader
{
	TimestampTz started_at;
	double		duration_ms;
	int64		rows;
	Oid			user;
	int32		length;			/* of the text */
} EntryHeader;

/* The log; zeroes when it is empty, but for the generation and the user. */
typedef struct QueryLog
{
	uint64		generation;		/* resets so far */
	Oid			session_user;
	CiterRing	ring;			/* its context is NULL at first */
	CiterQueryLogSize size;		/* but for memory_bytes */
	uint64		bytes;			/* of the entries that are kept, in memory */
	bool		warned;			/* that entries are dropped */
	int			ndoublings;
	CiterQueryLogSize doublings[CITER_QUERY_LOG_SIZES - 1];
} QueryLog;

int			citer_query_log_mode = CITER_DEBUG_OFF;

static int	queries_limit = 9000;
static int	queries_memory_kb = 16384;

static QueryLog query_log;

/* All spellings of a boolean are accepted, too. */
static const struct config_enum_entry debug_modes[] = {
	{"off", CITER_DEBUG_OFF, false},
	{"chunks", CITER_DEBUG_CHUNKS, false},
	{"all", CITER_DEBUG_ALL, false},
	{"on", CITER_DEBUG_CHUNKS, true},
	{"true", CITER_DEBUG_CHUNKS, true},
	{"false", CITER_DEBUG_OFF, true},
	{"yes", CITER_DEBUG_CHUNKS, true},
	{"no", CITER_DEBUG_OFF, true},
	{"1", CITER_DEBUG_CHUNKS, true},
	{"0", CITER_DEBUG_OFF, true},
	{NULL, 0, false}
};

static bool check_debug_mode(int *mode, void **extra, GucSource source);
static void make_context(void);
static void check_session_user(void);
static void append(const EntryHeader *header, const char *sql);
static uint64 memory_of(int32 length);
static bool has_room(int64 entries, uint64 bytes);
static void drop_oldest(void);
static void record_doubling(void);
static void warn_once(void);
static CiterQueryLogSize current_size(void);
static bool find_next(CiterQueryLogReader *reader);

/*
 * Defines the log's parameters.  Call it before the prefix of the extension's
 * parameters is reserved.
 */
void
citer_query_log_init(void)
{
	DefineCustomEnumVariable("chunked_iter.debug",
							 "Sets which queries the session remembers.",
							 "\"chunks\" are the queries of walks, \"all\" also all top-level statements.",
							 &citer_query_log_mode,
							 CITER_DEBUG_OFF, debug_modes,
							 PGC_USERSET, 0,
							 check_debug_mode, NULL, NULL);
	DefineCustomIntVariable("chunked_iter.queries_limit",
							"Sets the number of queries that the session remembers.",
							"-1 is no limit.",
							&queries_limit,
							9000, -1, INT_MAX,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("chunked_iter.queries_memory",
							"Sets the memory for the queries that the session remembers.",
							"-1 is no limit.",
							&queries_memory_kb,
							16384, -1, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
}

/* Begins a query that is to be logged.  Throws if memory is short. */
void
citer_query_log_begin(CiterQueryRun *run)
{
	check_session_user();
	make_context();
	citer_query_log_stamp(run);
}

/* Notes the time and the user of a query; throws nothing. */
void
citer_query_log_stamp(CiterQueryRun *run)
{
	run->user = GetUserId();
	run->session_user = GetSessionUserId();
	run->started_at = GetCurrentTimestamp();
	INSTR_TIME_SET_CURRENT(run->started);
}

/* Milliseconds since the query began, by the monotonic clock. */
double
citer_query_log_elapsed(const CiterQueryRun *run)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, run->started);
	return INSTR_TIME_GET_MILLISEC(now);
}

/*
 * Logs a query that has ended, or failed, with a text of the given length and
 * the rows it returned.  For a failed one nothing is thrown and no message is
 * sent, so that this can be called while the error is handled.
 */
void
citer_query_log_end(const CiterQueryRun *run, const char *sql, int length,
					double duration_ms, int64 rows, bool failed)
{
	EntryHeader header = {
		.started_at = run->started_at,
		.duration_ms = duration_ms,
		.rows = rows,
		.user = run->user,
		.length = length,
	};

	check_session_user();
	if (run->session_user != query_log.session_user)
		return;					/* what another session's user has begun */
	if (!failed)
		make_context();
	append(&header, sql);
	if (!failed)
		warn_once();
}

/*
 * Empties the log, gives its memory back, and returns the entries dropped.
 * Throws nothing.
 */
int64
citer_query_log_reset(void)
{
	int64		kept = query_log.size.queries - query_log.size.evicted;
	MemoryContext context = query_log.ring.context;
	uint64		generation = query_log.generation;

	memset(&query_log, 0, sizeof(query_log));
	query_log.generation = generation + 1;
	query_log.session_user = GetSessionUserId();
	if (context != NULL && citer_query_log_mode == CITER_DEBUG_ALL)
	{
		/* The statement that has called this may fail yet. */
		MemoryContextReset(context);
		query_log.ring.context = context;
	}
	else if (context != NULL)
		MemoryContextDelete(context);
	return kept;
}

/* Starts reading the log, up to the entry that is the last one now. */
void
citer_query_log_read_start(CiterQueryLogReader *reader)
{
	check_session_user();
	reader->generation = query_log.generation;
	reader->next = 0;
	reader->last = query_log.size.queries;
}

/*
 * Reads the next entry that the caller may see, its text in the current memory
 * context; false if there is none.  The log may change between two calls:
 * entries that are dropped meanwhile are skipped, and a reset is the end.
 */
bool
citer_query_log_read(CiterQueryLogReader *reader, CiterLoggedQuery *query)
{
	check_session_user();
	while (find_next(reader))
	{
		EntryHeader header;

		CHECK_FOR_INTERRUPTS();
		citer_ring_read(&reader->position, &header, sizeof(header));
		query->query_no = reader->next++;
		if (!has_privs_of_role(GetUserId(), header.user))
		{
			citer_ring_read(&reader->position, NULL, header.length);
			continue;
		}
		query->sql = palloc(VARHDRSZ + header.length);
		SET_VARSIZE(query->sql, VARHDRSZ + header.length);
		citer_ring_read(&reader->position, VARDATA(query->sql), header.length);
		query->started_at = header.started_at;
		query->duration_ms = header.duration_ms;
		query->rows = header.rows;
		return true;
	}
	return false;
}

/*
 * How the log has grown: its size each time the number of queries doubled, and
 * now.  Returns how many of CITER_QUERY_LOG_SIZES sizes these are.
 */
int
citer_query_log_growth(CiterQueryLogSize *sizes)
{
	check_session_user();
	memcpy(sizes, query_log.doublings, sizeof(CiterQueryLogSize) * query_log.ndoublings);
	sizes[query_log.ndoublings] = current_size();
	return query_log.ndoublings + 1;
}

/* Creates the log's context, unless there is one or nothing is to be kept. */
static void
make_context(void)
{
	if (query_log.ring.context == NULL && queries_limit != 0 && queries_memory_kb != 0)
		query_log.ring.context = AllocSetContextCreate(TopMemoryContext, "chunked_iter query log",
													   CITER_RING_CONTEXT_SIZES);
}

/* Check hook of chunked_iter.debug: prepares for statements that fail in the parser. */
static bool
check_debug_mode(int *mode, void **extra pg_attribute_unused(),
				 GucSource source pg_attribute_unused())
{
	if (*mode == CITER_DEBUG_ALL)
		make_context();
	return true;
}

/* Empties the log if it belongs to another session user.  Throws nothing. */
static void
check_session_user(void)
{
	if (query_log.session_user != GetSessionUserId())
		citer_query_log_reset();
}

/*
 * Appends an entry, and drops the oldest ones to make room for it.  An entry that
 * does not fit even then, or for lack of memory, counts as dropped itself.
 * Throws nothing.
 */
static void
append(const EntryHeader *header, const char *sql)
{
	uint64		bytes = memory_of(header->length);

	while (query_log.size.queries > query_log.size.evicted && !has_room(1, bytes))
		drop_oldest();
	if (has_room(1, bytes) && query_log.ring.context != NULL &&
		citer_ring_reserve(&query_log.ring, sizeof(EntryHeader) + header->length))
	{
		citer_ring_write(&query_log.ring, header, sizeof(EntryHeader));
		citer_ring_write(&query_log.ring, sql, header->length);
		query_log.size.sql_bytes += header->length;
		query_log.bytes += bytes;
	}
	else
	{
		while (query_log.size.queries > query_log.size.evicted)
			drop_oldest();
		query_log.size.evicted++;
	}
	query_log.size.queries++;
	record_doubling();
}

/* The memory of an entry, with its share of a page's overhead. */
static uint64
memory_of(int32 length)
{
	uint64		bytes = sizeof(EntryHeader) + length;

	return bytes + bytes / (CITER_RING_PAGE_BYTES / (CITER_RING_PAGE_SIZE - CITER_RING_PAGE_BYTES)) + 1;
}

/* Whether the limits leave room for more entries, of so many bytes. */
static bool
has_room(int64 entries, uint64 bytes)
{
	int64		kept = query_log.size.queries - query_log.size.evicted;

	return (queries_limit < 0 || kept + entries <= queries_limit) &&
		(queries_memory_kb < 0 || query_log.bytes + bytes <= (uint64) queries_memory_kb * 1024);
}

static void
drop_oldest(void)
{
	CiterRingPosition position = query_log.ring.head;
	EntryHeader header;

	citer_ring_read(&position, &header, sizeof(header));
	citer_ring_drop(&query_log.ring, sizeof(header) + header.length);
	query_log.size.sql_bytes -= header.length;
	query_log.bytes -= memory_of(header.length);
	query_log.size.evicted++;
}

/* Remembers the log's size if the number of queries is a power of two. */
static void
record_doubling(void)
{
	int64		queries = query_log.size.queries;

	if ((queries & (queries - 1)) == 0)
		query_log.doublings[query_log.ndoublings++] = current_size();
}

/* Warns that entries are dropped, once until the log is emptied. */
static void
warn_once(void)
{
	if (query_log.size.evicted == 0 || query_log.warned)
		return;
	query_log.warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the query log is full, and its oldest entries are dropped"),
			 errdetail("It keeps the last " INT64_FORMAT " of " INT64_FORMAT " queries.",
					   query_log.size.queries - query_log.size.evicted, query_log.size.queries),
			 errhint("Call chunked_iter_reset_queries() regularly, or raise chunked_iter.queries_limit and chunked_iter.queries_memory.")));
}

static CiterQueryLogSize
current_size(void)
{
	CiterQueryLogSize size = query_log.size;

	size.memory_bytes = query_log.ring.context == NULL ? 0 :
		MemoryContextMemAllocated(query_log.ring.context, true);
	return size;
}

/* Moves on to the next entry that is kept; false if the reader is at its end. */
static bool
find_next(CiterQueryLogReader *reader)
{
	int64		oldest = query_log.size.evicted + 1;

	if (reader->generation != query_log.generation)
		return false;
	if (reader->next <= oldest)
	{
		reader->next = oldest;
		reader->position = query_log.ring.head;
	}
	return reader->next <= reader->last;
}
