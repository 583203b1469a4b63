/*
 * chunked_iter--1.0.sql: every SQL object, its comment, then the rights.
 *
 * CREATE EXTENSION reads this with the target schema in search_path, where
 * others may have put functions and operators that fit our arguments better
 * than those of pg_catalog.  So every function and operator is qualified, and
 * IN, BETWEEN, LIKE, NULLIF, IS DISTINCT FROM, USING and CASE x WHEN, which look
 * for an operator by its name, are not used.  Names of types and tables need no
 * more than that: pg_catalog comes first.  (Manual: "Security Considerations
 * for Extension Scripts".)
 */

-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION chunked_iter" to load this file. \quit

CREATE FUNCTION chunked_iter_support(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'chunked_iter_support_1_0'
LANGUAGE C STRICT PARALLEL SAFE;

COMMENT ON FUNCTION chunked_iter_support(internal) IS
'planner support for chunked_iter and its kin: row estimates, streaming in FROM, and what is seen to be wrong';

/*
 * The type of "after" and "upto": a text[] by another name, so that arrays of
 * what keys are made of can be passed without a cast.  Implicit casts of these
 * to text[] itself would change what other functions accept, and functions for
 * each would leave '{5}' and $1 ambiguous.  All casts go by a function, for the
 * server takes no array type for another without one.
 */
CREATE TYPE chunked_iter_bookmark;

CREATE FUNCTION chunked_iter_bookmark_in(cstring) RETURNS chunked_iter_bookmark
AS 'MODULE_PATHNAME', 'chunked_iter_bookmark_in_1_0'
LANGUAGE C STABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_in(cstring) IS
'reads a bookmark, as text[] is read';

CREATE FUNCTION chunked_iter_bookmark_out(chunked_iter_bookmark) RETURNS cstring
AS 'array_out'
LANGUAGE internal STABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_out(chunked_iter_bookmark) IS
'writes a bookmark, as text[] is written';

CREATE FUNCTION chunked_iter_bookmark_recv(internal) RETURNS chunked_iter_bookmark
AS 'MODULE_PATHNAME', 'chunked_iter_bookmark_recv_1_0'
LANGUAGE C STABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_recv(internal) IS
'reads the binary form of a bookmark, which is that of text[]';

CREATE FUNCTION chunked_iter_bookmark_send(chunked_iter_bookmark) RETURNS bytea
AS 'array_send'
LANGUAGE internal STABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_send(chunked_iter_bookmark) IS
'writes the binary form of a bookmark, which is that of text[]';

CREATE TYPE chunked_iter_bookmark (
	INPUT   = chunked_iter_bookmark_in,
	OUTPUT  = chunked_iter_bookmark_out,
	RECEIVE = chunked_iter_bookmark_recv,
	SEND    = chunked_iter_bookmark_send,
	LIKE    = text[]);

COMMENT ON TYPE chunked_iter_bookmark IS
'a key or the first elements of one, as text: what "after" and "upto" are; arrays are cast to it implicitly';

CREATE FUNCTION chunked_iter_bookmark_of(anyarray) RETURNS chunked_iter_bookmark
AS 'MODULE_PATHNAME', 'chunked_iter_bookmark_of_1_0'
LANGUAGE C IMMUTABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_of(anyarray) IS
'the elements of an array as text that every session reads alike: of text, integers, numeric, uuid, dates and timestamps';

/* These are written with the session's time zone, as any cast of them goes by it. */
CREATE FUNCTION chunked_iter_bookmark_at(timestamptz[]) RETURNS chunked_iter_bookmark
AS 'MODULE_PATHNAME', 'chunked_iter_bookmark_of_1_0'
LANGUAGE C STABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_bookmark_at(timestamptz[]) IS
'timestamps as text, with the offset of the session''s time zone';

CREATE CAST (text[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (varchar[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (char[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (name[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (smallint[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (integer[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (bigint[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (numeric[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (uuid[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (date[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (timestamp[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_of(anyarray) AS IMPLICIT;
CREATE CAST (timestamptz[] AS chunked_iter_bookmark)
	WITH FUNCTION chunked_iter_bookmark_at(timestamptz[]) AS IMPLICIT;
CREATE CAST (chunked_iter_bookmark AS text[])
	WITH INOUT AS ASSIGNMENT;

CREATE FUNCTION chunked_iter(
	rel        anyelement,
	chunk_size bigint  DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      chunked_iter_bookmark DEFAULT NULL,
	upto       chunked_iter_bookmark DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'chunked_iter_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter(anyelement, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text) IS
'rows of the table whose row type is given (NULL::my_table), in key order, read one keyset-paginated chunk at a time';

CREATE FUNCTION chunked_iter_query(
	query      text,
	order_by   text    DEFAULT NULL,
	chunk_size bigint  DEFAULT 1000,
	reverse    boolean DEFAULT false,
	after      chunked_iter_bookmark DEFAULT NULL,
	upto       chunked_iter_bookmark DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'chunked_iter_query_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter_query(text, text, bigint, boolean, chunked_iter_bookmark, chunked_iter_bookmark, text) IS
'rows of any SELECT in the order given, read chunk by chunk; called in FROM, with AS t(column type, ...)';

CREATE FUNCTION chunked_iter_key(
	rec        anyelement,
	order_by   text    DEFAULT NULL)
RETURNS text[]
AS 'MODULE_PATHNAME', 'chunked_iter_key_1_0'
LANGUAGE C STABLE PARALLEL SAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter_key(anyelement, text) IS
'the key of a row under an ORDER BY list: the bookmark to pass to chunked_iter as "after" or "upto"';

CREATE FUNCTION chunked_iter_ranges(
	rel            anyelement,
	parts          bigint  DEFAULT NULL,
	chunk_size     bigint  DEFAULT NULL,
	order_by       text    DEFAULT NULL,
	filter         text    DEFAULT NULL)
RETURNS TABLE (range_no integer, after text[], upto text[], estimated_rows bigint)
AS 'MODULE_PATHNAME', 'chunked_iter_ranges_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_ranges(anyelement, bigint, bigint, text, text) IS
'key ranges that together are the whole table: so many of about equal size, or each of so many rows; "after" and "upto" for chunked_iter';

CREATE FUNCTION chunked_iter_explain(
	rel        anyelement,
	chunk_size bigint  DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      chunked_iter_bookmark DEFAULT NULL,
	upto       chunked_iter_bookmark DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'chunked_iter_explain_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_explain(anyelement, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text) IS
'what chunked_iter with the same arguments would do: the key, the index behind it, the SQL of its chunks and their plans, without reading rows';

/*
 * The name of a table is what people write first where a NULL of its row type
 * belongs: chunked_iter('orders').  The parser takes a literal for a value of
 * this type, since its category is that of strings, and its input function
 * says what to write instead.  That is before the parser looks for columns that
 * the call would have.  No other call fits these functions.
 */
CREATE TYPE chunked_iter_table_name;

CREATE FUNCTION chunked_iter_table_name_in(cstring) RETURNS chunked_iter_table_name
AS 'MODULE_PATHNAME', 'chunked_iter_table_name_in_1_0'
LANGUAGE C STABLE PARALLEL SAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_table_name_in(cstring) IS
'refuses every value, and says what to write';

CREATE FUNCTION chunked_iter_table_name_out(chunked_iter_table_name) RETURNS cstring
AS 'textout'
LANGUAGE internal IMMUTABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_table_name_out(chunked_iter_table_name) IS
'never called: there are no values';

CREATE TYPE chunked_iter_table_name (
	INPUT    = chunked_iter_table_name_in,
	OUTPUT   = chunked_iter_table_name_out,
	LIKE     = text,
	CATEGORY = 'S');

COMMENT ON TYPE chunked_iter_table_name IS
'has no values: catches the name of a table where a NULL of its row type belongs';

CREATE FUNCTION chunked_iter(
	rel        chunked_iter_table_name,
	chunk_size bigint  DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      chunked_iter_bookmark DEFAULT NULL,
	upto       chunked_iter_bookmark DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'chunked_iter_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter(chunked_iter_table_name, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text) IS
'says what to write in place of a table''s name';

CREATE FUNCTION chunked_iter_explain(
	rel        chunked_iter_table_name,
	chunk_size bigint  DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      chunked_iter_bookmark DEFAULT NULL,
	upto       chunked_iter_bookmark DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'chunked_iter_explain_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_explain(chunked_iter_table_name, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text) IS
'says what to write in place of a table''s name';

CREATE FUNCTION chunked_iter_ranges(
	rel            chunked_iter_table_name,
	parts          bigint  DEFAULT NULL,
	chunk_size     bigint  DEFAULT NULL,
	order_by       text    DEFAULT NULL,
	filter         text    DEFAULT NULL)
RETURNS TABLE (range_no integer, after text[], upto text[], estimated_rows bigint)
AS 'MODULE_PATHNAME', 'chunked_iter_ranges_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_ranges(chunked_iter_table_name, bigint, bigint, text, text) IS
'says what to write in place of a table''s name';

/* Likewise where a row belongs, which is not named but passed. */
CREATE FUNCTION chunked_iter_key(
	rec        text,
	order_by   text    DEFAULT NULL)
RETURNS text[]
AS 'MODULE_PATHNAME', 'chunked_iter_key_1_0'
LANGUAGE C STABLE PARALLEL SAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter_key(text, text) IS
'says what to write in place of a table''s name';

CREATE FUNCTION chunked_iter_queries(
	OUT query_no    bigint,
	OUT sql         text,
	OUT started_at  timestamptz,
	OUT duration_ms float8,
	OUT rows        bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'chunked_iter_queries_1_0'
LANGUAGE C VOLATILE PARALLEL RESTRICTED
ROWS 9000;

COMMENT ON FUNCTION chunked_iter_queries() IS
'the queries that this session remembers under chunked_iter.debug, as far as the caller has the rights of who ran them';

CREATE FUNCTION chunked_iter_reset_queries() RETURNS bigint
AS 'MODULE_PATHNAME', 'chunked_iter_reset_queries_1_0'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION chunked_iter_reset_queries() IS
'empties the query log of this session, gives its memory back, and returns the entries dropped';

CREATE FUNCTION chunked_iter_query_log_growth(
	OUT queries         bigint,
	OUT sql_bytes       bigint,
	OUT memory_bytes    bigint,
	OUT bytes_per_query float8,
	OUT evicted         bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'chunked_iter_query_log_growth_1_0'
LANGUAGE C VOLATILE PARALLEL RESTRICTED
ROWS 16;

COMMENT ON FUNCTION chunked_iter_query_log_growth() IS
'what the query log of this session takes: a row each time the number of queries doubled, and one for now';

/* Jobs: what is kept of them. */

CREATE TABLE chunked_iter_jobs (
	job            text COLLATE "C" PRIMARY KEY,
	owner          name NOT NULL DEFAULT current_user,
	state          text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY[
		'running', 'paused', 'interrupted', 'succeeded', 'cancelled', 'failed'])),
	relation       text NOT NULL,
	relation_oid   oid NOT NULL,
	relation_storage oid,
	database_id    text NOT NULL,
	key            text[] NOT NULL,
	key_basis      text[] NOT NULL,
	has_index      boolean NOT NULL,
	statement      text NOT NULL,
	search_path    text NOT NULL,
	settings       text[] NOT NULL,
	order_by       text,
	reverse        boolean NOT NULL,
	filter         text,
	after          text[],
	upto           text[],
	parts          integer NOT NULL CHECK (parts OPERATOR(pg_catalog.>) 0),
	chunk_size     integer NOT NULL CHECK (chunk_size OPERATOR(pg_catalog.>=) 1 AND
		chunk_size OPERATOR(pg_catalog.<=) 1000000000),
	lock_rows      text CHECK (lock_rows OPERATOR(pg_catalog.~)
		'^FOR (UPDATE|NO KEY UPDATE|SHARE|KEY SHARE)( NOWAIT| SKIP LOCKED)?$'),
	target_ms      integer CHECK (target_ms OPERATOR(pg_catalog.>) 0),
	pause_ms       integer NOT NULL CHECK (pause_ms OPERATOR(pg_catalog.>=) 0),
	throttle_query text,
	retries        integer NOT NULL CHECK (retries OPERATOR(pg_catalog.>=) 0),
	on_error       text NOT NULL CHECK (on_error OPERATOR(pg_catalog.=) ANY (ARRAY['stop', 'skip'])),
	statement_is_global boolean NOT NULL,
	workers        integer NOT NULL CHECK (workers OPERATOR(pg_catalog.>) 0),
	follow         boolean NOT NULL,
	follow_delay   interval,
	settled        boolean NOT NULL,
	nap_ms         integer NOT NULL CHECK (nap_ms OPERATOR(pg_catalog.>) 0),
	max_failed     bigint CHECK (max_failed OPERATOR(pg_catalog.>=) 0::bigint),
	revisit        boolean NOT NULL,
	needs          text[],
	duty_percent   integer NOT NULL CHECK (duty_percent OPERATOR(pg_catalog.>=) 1 AND
		duty_percent OPERATOR(pg_catalog.<=) 100),
	max_rows_per_second bigint CHECK (max_rows_per_second OPERATOR(pg_catalog.>) 0::bigint),
	max_wal_per_second bigint CHECK (max_wal_per_second OPERATOR(pg_catalog.>) 0::bigint),
	detached       boolean NOT NULL,
	stop_chunks    bigint,
	stop_at        timestamptz,
	started_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	waiting_for    text,
	last_error     text
);

COMMENT ON TABLE chunked_iter_jobs IS
'jobs of chunked_iter_run: what each does, under which settings, and the state its own sessions have left it in';
COMMENT ON COLUMN chunked_iter_jobs.database_id IS
'where relation_oid is valid: in this database of this cluster, for as long as this table is not restored';
COMMENT ON COLUMN chunked_iter_jobs.key_basis IS
'what the order of positions rests on: operator families, collations and their versions, labels of enums';
COMMENT ON COLUMN chunked_iter_jobs.settled IS
'whether the transactions that wrote to the relation when the end was fixed have ended, where a job follows';
COMMENT ON COLUMN chunked_iter_jobs.detached IS
'whether it was last run by chunked_iter_start, so that chunked_iter_resume starts it again';
COMMENT ON COLUMN chunked_iter_jobs.stop_chunks IS
'how many chunks the job will have done when it pauses by the max_chunks of its chunked_iter_start, so that it still does when it is resumed';
COMMENT ON COLUMN chunked_iter_jobs.stop_at IS
'when it pauses by the max_ms of its chunked_iter_start, likewise';
COMMENT ON COLUMN chunked_iter_jobs.settings IS
'parameters under which the SQL of the job is read, as they were when it was made';

/* A table of its own, so that a job never waits for one who asks it to stop. */
CREATE TABLE chunked_iter_job_requests (
	job            text COLLATE "C" PRIMARY KEY REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	request        text NOT NULL CHECK (request OPERATOR(pg_catalog.=) ANY (ARRAY['paused', 'cancelled'])),
	requested_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE chunked_iter_job_requests IS
'what jobs were asked for by chunked_iter_pause and chunked_iter_cancel; it overrides the state of a job that has neither succeeded nor, for a pause, failed';

/* Likewise: what a job is told while it runs.  0 and '' switch off. */
CREATE TABLE chunked_iter_job_tunings (
	job            text COLLATE "C" PRIMARY KEY REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	chunk_size     integer CHECK (chunk_size OPERATOR(pg_catalog.>=) 1 AND
		chunk_size OPERATOR(pg_catalog.<=) 1000000000),
	target_ms      integer CHECK (target_ms OPERATOR(pg_catalog.>=) 0),
	pause_ms       integer CHECK (pause_ms OPERATOR(pg_catalog.>=) 0),
	throttle_query text,
	duty_percent   integer CHECK (duty_percent OPERATOR(pg_catalog.>=) 1 AND
		duty_percent OPERATOR(pg_catalog.<=) 100),
	max_rows_per_second bigint CHECK (max_rows_per_second OPERATOR(pg_catalog.>=) 0::bigint),
	max_wal_per_second bigint CHECK (max_wal_per_second OPERATOR(pg_catalog.>=) 0::bigint),
	tuned_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE chunked_iter_job_tunings IS
'what chunked_iter_tune has changed of jobs; it overrides the columns of chunked_iter_jobs until the job is run again, which takes it over';

-- No CHECK here: the server reads its text again for each UPDATE, which every
-- chunk has, and that takes half of its time.
CREATE TABLE chunked_iter_job_ranges (
	job            text COLLATE "C" NOT NULL REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	range_no       integer NOT NULL,
	after          text[],
	upto           text[],
	"position"     text[],
	done           boolean NOT NULL DEFAULT false,
	estimated_rows bigint NOT NULL,
	rows_done      bigint NOT NULL DEFAULT 0,
	chunks_done    bigint NOT NULL DEFAULT 0,
	chunk_size     integer NOT NULL,
	rows_per_second double precision,
	rows_changed   bigint,
	rows_failed    bigint NOT NULL DEFAULT 0,
	rows_passed    bigint NOT NULL DEFAULT 0,
	waiting_for    text,
	updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (job, range_no)
) WITH (fillfactor = 50);

COMMENT ON TABLE chunked_iter_job_ranges IS
'the key ranges of jobs: "position" is the last key whose chunk has been committed, rows_done what was read, rows_changed what the statement changed, rows_failed what was recorded and skipped and rows_passed what others had locked, less what was done since';

CREATE TABLE chunked_iter_failed_rows (
	job            text COLLATE "C" NOT NULL REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	range_no       integer NOT NULL,
	failed_no      bigint NOT NULL,
	key            text[] NOT NULL,
	"row"          jsonb,
	sqlstate       text NOT NULL,
	message        text NOT NULL,
	failed_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (job, range_no, failed_no)
);

COMMENT ON TABLE chunked_iter_failed_rows IS
'rows that jobs with on_error => ''skip'' have skipped, each with its key and the error';

CREATE TABLE chunked_iter_passed_rows (
	job            text COLLATE "C" NOT NULL REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	range_no       integer NOT NULL,
	passed_no      bigint NOT NULL,
	key            text[] NOT NULL,
	passed_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (job, range_no, passed_no)
);

COMMENT ON TABLE chunked_iter_passed_rows IS
'the keys of rows that others had locked and SKIP LOCKED has left out, of jobs with revisit => true, until they are done';

CREATE TABLE chunked_iter_runs (
	job            text COLLATE "C" NOT NULL REFERENCES chunked_iter_jobs ON DELETE CASCADE,
	run_no         bigint NOT NULL,
	call           text NOT NULL CHECK (call OPERATOR(pg_catalog.=) ANY (ARRAY['run', 'work', 'worker'])),
	role           name NOT NULL DEFAULT current_user,
	pid            integer NOT NULL DEFAULT pg_catalog.pg_backend_pid(),
	started_at     timestamptz NOT NULL,
	updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	ended_at       timestamptz,
	rows_done      bigint NOT NULL DEFAULT 0,
	rows_changed   bigint,
	chunks_done    bigint NOT NULL DEFAULT 0,
	rows_failed    bigint NOT NULL DEFAULT 0,
	rows_passed    bigint NOT NULL DEFAULT 0,
	seconds_worked double precision NOT NULL DEFAULT 0,
	seconds_throttled double precision NOT NULL DEFAULT 0,
	seconds_paused double precision NOT NULL DEFAULT 0,
	outcome        text,
	error          text,
	PRIMARY KEY (job, run_no)
);

COMMENT ON TABLE chunked_iter_runs IS
'the last calls of each job, chunked_iter.runs_limit of them: what each has done, how long it worked and waited, and how it ended';
COMMENT ON COLUMN chunked_iter_runs.ended_at IS
'NULL while the call runs; a call whose session died has no end until the job is run again, and then ended when it last wrote its row';
COMMENT ON COLUMN chunked_iter_runs.outcome IS
'the state of the job when the call ended; or ended: a session that helped found no more ranges to take, before the job ended';

/*
 * Only its owner runs a job, says what it does and reads the rows it has kept.
 * Members of the owning role see the job, and may stop and forget it.
 * The owner is a name, which restores where the role is missing, too; the jobs
 * of a role that is gone are seen by superusers only.
 */

ALTER TABLE chunked_iter_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_job_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_job_tunings ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_job_ranges ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_failed_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_passed_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunked_iter_runs ENABLE ROW LEVEL SECURITY;

CREATE POLICY members_see ON chunked_iter_jobs FOR SELECT
	USING (pg_catalog.pg_has_role(coalesce(pg_catalog.to_regrole(pg_catalog.quote_ident(owner::text))::oid, 0::oid), 'USAGE'));
CREATE POLICY owner_makes ON chunked_iter_jobs FOR INSERT
	WITH CHECK (owner OPERATOR(pg_catalog.=) current_user);
CREATE POLICY owner_changes ON chunked_iter_jobs FOR UPDATE
	USING (owner OPERATOR(pg_catalog.=) current_user);
CREATE POLICY members_forget ON chunked_iter_jobs FOR DELETE
	USING (pg_catalog.pg_has_role(coalesce(pg_catalog.to_regrole(pg_catalog.quote_ident(owner::text))::oid, 0::oid), 'USAGE'));
CREATE POLICY members ON chunked_iter_job_requests
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_job_requests.job));
CREATE POLICY owner ON chunked_iter_job_tunings
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_job_tunings.job
		AND j.owner OPERATOR(pg_catalog.=) current_user));
CREATE POLICY owner ON chunked_iter_job_ranges
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_job_ranges.job
		AND j.owner OPERATOR(pg_catalog.=) current_user));
CREATE POLICY owner ON chunked_iter_failed_rows
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_failed_rows.job
		AND j.owner OPERATOR(pg_catalog.=) current_user));
CREATE POLICY owner ON chunked_iter_passed_rows
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_passed_rows.job
		AND j.owner OPERATOR(pg_catalog.=) current_user));
CREATE POLICY members_see ON chunked_iter_runs FOR SELECT
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_runs.job));
CREATE POLICY owner ON chunked_iter_runs
	USING (EXISTS (SELECT FROM chunked_iter_jobs AS j
		WHERE j.job OPERATOR(pg_catalog.=) chunked_iter_runs.job
		AND j.owner OPERATOR(pg_catalog.=) current_user));

COMMENT ON POLICY members_see ON chunked_iter_jobs IS
'members of the owning role see its jobs';
COMMENT ON POLICY owner_makes ON chunked_iter_jobs IS
'a role makes jobs for itself';
COMMENT ON POLICY owner_changes ON chunked_iter_jobs IS
'only its owner runs a job and says what it does';
COMMENT ON POLICY members_forget ON chunked_iter_jobs IS
'members of the owning role may forget its jobs';
COMMENT ON POLICY members ON chunked_iter_job_requests IS
'members of the owning role may pause and cancel its jobs';
COMMENT ON POLICY owner ON chunked_iter_job_tunings IS
'only its owner says how a job is done: the throttle query runs with the owner''s rights';
COMMENT ON POLICY owner ON chunked_iter_job_ranges IS
'only its owner moves a job; chunked_iter_progress shows members how far it is';
COMMENT ON POLICY owner ON chunked_iter_failed_rows IS
'only the owner of a job reads the rows it has kept';
COMMENT ON POLICY owner ON chunked_iter_passed_rows IS
'only the owner of a job reads the keys it has kept';
COMMENT ON POLICY members_see ON chunked_iter_runs IS
'members of the owning role see the calls of its jobs';
COMMENT ON POLICY owner ON chunked_iter_runs IS
'only its owner writes what the calls of a job have done';

SELECT pg_catalog.pg_extension_config_dump('chunked_iter_jobs', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_job_requests', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_job_tunings', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_job_ranges', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_failed_rows', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_passed_rows', '');
SELECT pg_catalog.pg_extension_config_dump('chunked_iter_runs', '');

CREATE FUNCTION chunked_iter_guard(owner oid, job text, range_no integer) RETURNS bigint
AS 'MODULE_PATHNAME', 'chunked_iter_guard_1_0'
LANGUAGE C IMMUTABLE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION chunked_iter_guard(oid, text, integer) IS
'the lock of the session at work on a range of a role''s job, or on the whole job (0): classid and objid of pg_locks as one number';

/*
 * The sessions at work are those that hold a guard of the job; 17225 is the
 * class of these locks.  The view runs with its owner's rights and so has to
 * check by itself whose jobs it shows.
 *
 * The speed of a range is an average that counts pauses.  While the range waits
 * for something else it goes down, at the same rate as if chunks had been empty.
 */
CREATE VIEW chunked_iter_progress WITH (security_barrier) AS
WITH guards AS MATERIALIZED (
	SELECT (l.classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) l.objid::bigint AS guard,
	       l.pid,
	       CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock'
	            THEN 'lock: ' OPERATOR(pg_catalog.||) a.wait_event
	       END AS lock,
	       a.wait_event_type OPERATOR(pg_catalog.=) ANY (ARRAY['Timeout', 'Extension']) AS sleeps
	  FROM pg_catalog.pg_locks AS l
	  LEFT JOIN pg_catalog.pg_stat_activity AS a
	    ON a.pid OPERATOR(pg_catalog.=) l.pid
	 WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'
	   AND l.granted
	   AND l.objsubid OPERATOR(pg_catalog.=) 17225::smallint
	   AND l.mode OPERATOR(pg_catalog.=) 'ExclusiveLock'
	   AND l.database OPERATOR(pg_catalog.=) (
	       SELECT d.oid
	         FROM pg_catalog.pg_database AS d
	        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
), owned AS NOT MATERIALIZED (
	SELECT j.*,
	       coalesce(o.oid, 0::oid) AS owner_oid
	  FROM chunked_iter_jobs AS j
	  LEFT JOIN pg_catalog.pg_roles AS o
	    ON o.rolname OPERATOR(pg_catalog.=) j.owner
	 WHERE pg_catalog.pg_has_role(coalesce(o.oid, 0::oid), 'USAGE')
), working AS (
	SELECT r.job,
	       pg_catalog.sum(
	           CASE WHEN w.waits_for OPERATOR(pg_catalog.<>) ALL (ARRAY[
	                     'pause_ms', 'duty_percent', 'max_rows_per_second', 'max_wal_per_second'])
	                THEN r.rows_per_second OPERATOR(pg_catalog.*) pg_catalog.exp(greatest(-700::double precision,
	                     extract(epoch FROM r.updated_at OPERATOR(pg_catalog.-) pg_catalog.clock_timestamp())::double precision
	                     OPERATOR(pg_catalog./) 10::double precision))
	                ELSE r.rows_per_second
	           END) AS rows_per_second,
	       pg_catalog.string_agg(DISTINCT w.waits_for, ', '::text) AS waiting_for,
	       pg_catalog.min(g.pid) AS pid,
	       pg_catalog.array_agg(g.pid) AS pids
	  FROM guards AS g
	  JOIN (owned AS j
	        JOIN chunked_iter_job_ranges AS r
	          ON r.job OPERATOR(pg_catalog.=) j.job)
	    ON g.guard OPERATOR(pg_catalog.=) chunked_iter_guard(j.owner_oid, r.job, r.range_no)
	 CROSS JOIN LATERAL (SELECT coalesce(g.lock, CASE WHEN g.sleeps THEN r.waiting_for END) AS waits_for) AS w
	 GROUP BY r.job
), totals AS (
	SELECT r.job,
	       pg_catalog.sum(r.rows_done::double precision) AS rows_done,
	       pg_catalog.sum(r.rows_changed::double precision) AS rows_changed,
	       pg_catalog.sum(r.rows_failed::double precision) AS rows_failed,
	       pg_catalog.sum(r.rows_passed::double precision) AS rows_passed,
	       pg_catalog.sum(r.chunks_done::double precision) AS chunks_done,
	       pg_catalog.sum(r.estimated_rows::double precision) AS estimated_rows
	  FROM chunked_iter_job_ranges AS r
	 GROUP BY r.job
), latest AS (
	SELECT DISTINCT ON (r.job) r.job, r."position" AS last_key, r.chunk_size, r.updated_at
	  FROM chunked_iter_job_ranges AS r
	 ORDER BY r.job, r.updated_at DESC, r.range_no
), jobs AS (
	SELECT j.job,
	       coalesce(q.request, j.state) AS state,
	       j.parts,
	       g.pid,
	       coalesce(g.lock, CASE WHEN g.sleeps THEN j.waiting_for END) AS waits_for,
	       j.started_at,
	       greatest(j.updated_at, q.requested_at) AS updated_at,
	       j.last_error
	  FROM owned AS j
	  LEFT JOIN chunked_iter_job_requests AS q
	    ON q.job OPERATOR(pg_catalog.=) j.job
	   AND j.state OPERATOR(pg_catalog.<>) 'succeeded'
	   AND (j.state OPERATOR(pg_catalog.<>) 'failed' OR q.request OPERATOR(pg_catalog.=) 'cancelled')
	  LEFT JOIN guards AS g
	    ON g.guard OPERATOR(pg_catalog.=) chunked_iter_guard(j.owner_oid, j.job, 0)
), figures AS (
	SELECT j.*,
	       t.rows_done,
	       t.rows_changed,
	       t.rows_failed,
	       t.rows_passed,
	       t.chunks_done,
	       t.estimated_rows,
	       w.pid AS range_pid,
	       w.pids,
	       w.waiting_for,
	       w.rows_per_second,
	       l.last_key,
	       l.chunk_size,
	       greatest(j.updated_at, l.updated_at) AS moved_at,
	       CASE WHEN j.state OPERATOR(pg_catalog.=) 'succeeded'
	            THEN 1000
	            ELSE least(999::double precision, 1000::double precision
	                 OPERATOR(pg_catalog.*) t.rows_done
	                 OPERATOR(pg_catalog./) greatest(t.estimated_rows, 1::double precision))::integer
	       END AS permille,
	       CASE WHEN w.rows_per_second OPERATOR(pg_catalog.>=) 0.1::double precision
	            THEN pg_catalog.make_interval(secs => least(1e9::double precision, pg_catalog.ceil(
	                 greatest(t.estimated_rows OPERATOR(pg_catalog.-) t.rows_done, 0::double precision)
	                 OPERATOR(pg_catalog./) w.rows_per_second)))
	       END AS remaining
	  FROM jobs AS j
	  LEFT JOIN totals AS t
	    ON t.job OPERATOR(pg_catalog.=) j.job
	  LEFT JOIN latest AS l
	    ON l.job OPERATOR(pg_catalog.=) j.job
	  LEFT JOIN working AS w
	    ON w.job OPERATOR(pg_catalog.=) j.job
)
SELECT f.job,
       CASE WHEN f.state OPERATOR(pg_catalog.=) 'running' AND coalesce(f.pid, f.range_pid) IS NULL
            THEN 'interrupted'
            ELSE f.state
       END AS state,
       f.permille::numeric OPERATOR(pg_catalog.*) 0.1 AS percent,
       f.rows_done::bigint AS rows_done,
       f.estimated_rows::bigint AS estimated_rows,
       pg_catalog.round(f.rows_per_second::numeric, 1)::double precision AS rows_per_second,
       f.remaining,
       CASE WHEN f.waits_for IS NULL OR f.pid OPERATOR(pg_catalog.=) ANY (f.pids)
            THEN f.waiting_for
            ELSE coalesce(f.waits_for OPERATOR(pg_catalog.||) ', ' OPERATOR(pg_catalog.||) f.waiting_for,
                          f.waits_for)
       END AS waiting_for,
       f.last_error,
       pg_catalog.substr('####################....................',
            21 OPERATOR(pg_catalog.-) (f.permille OPERATOR(pg_catalog./) 50), 20) AS bar,
       f.parts,
       f.chunks_done::bigint AS chunks_done,
       f.rows_changed::bigint AS rows_changed,
       f.rows_failed::bigint AS rows_failed,
       f.rows_passed::bigint AS rows_passed,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) f.remaining) AS eta,
       f.last_key,
       f.chunk_size,
       coalesce(f.pid, f.range_pid) AS pid,
       f.started_at,
       f.moved_at AS updated_at
  FROM figures AS f;

COMMENT ON VIEW chunked_iter_progress IS
'one row for each job: how far it is, how fast, and what it waits for';

/* Jobs: the verbs.  What is left out is as the job has it already. */

CREATE PROCEDURE chunked_iter_run(
	job            text,
	rel            regclass DEFAULT NULL,
	statement      text     DEFAULT NULL,
	chunk_size     bigint   DEFAULT NULL,
	order_by       text     DEFAULT NULL,
	reverse        boolean  DEFAULT NULL,
	filter         text     DEFAULT NULL,
	after          chunked_iter_bookmark DEFAULT NULL,
	upto           chunked_iter_bookmark DEFAULT NULL,
	lock_rows      text     DEFAULT NULL,
	target_ms      bigint   DEFAULT NULL,
	pause_ms       bigint   DEFAULT NULL,
	throttle_query text     DEFAULT NULL,
	max_chunks     bigint   DEFAULT NULL,
	max_ms         bigint   DEFAULT NULL,
	retries        bigint   DEFAULT NULL,
	on_error       text     DEFAULT NULL,
	parts          bigint   DEFAULT NULL,
	dry_run        boolean  DEFAULT false,
	statement_is_global boolean DEFAULT NULL,
	workers        bigint   DEFAULT NULL,
	follow         boolean  DEFAULT NULL,
	follow_delay   interval DEFAULT NULL,
	nap_ms         bigint   DEFAULT NULL,
	max_failed     bigint   DEFAULT NULL,
	revisit        boolean  DEFAULT NULL,
	needs          text[]   DEFAULT NULL,
	duty_percent   bigint   DEFAULT NULL,
	max_rows_per_second bigint DEFAULT NULL,
	max_wal_per_second bigint DEFAULT NULL)
AS 'MODULE_PATHNAME', 'chunked_iter_run_1_0'
LANGUAGE C;

COMMENT ON PROCEDURE chunked_iter_run(text, regclass, text, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text, bigint, bigint, text, bigint, bigint, bigint, text, bigint, boolean, boolean, bigint, boolean, interval, bigint, bigint, boolean, text[], bigint, bigint, bigint) IS
'runs a statement for each chunk of a table, one transaction a chunk; run again, the job continues where it stopped';

CREATE PROCEDURE chunked_iter_work(job text)
AS 'MODULE_PATHNAME', 'chunked_iter_work_1_0'
LANGUAGE C;

COMMENT ON PROCEDURE chunked_iter_work(text) IS
'helps a running job: takes key ranges that no other session is at work on';

CREATE PROCEDURE chunked_iter_retry_failed(job text)
AS 'MODULE_PATHNAME', 'chunked_iter_retry_failed_1_0'
LANGUAGE C;

COMMENT ON PROCEDURE chunked_iter_retry_failed(text) IS
'runs the statement of a job for the rows in chunked_iter_failed_rows, one transaction a key, and removes those that pass';

CREATE FUNCTION chunked_iter_start(
	job            text,
	rel            regclass DEFAULT NULL,
	statement      text     DEFAULT NULL,
	chunk_size     bigint   DEFAULT NULL,
	order_by       text     DEFAULT NULL,
	reverse        boolean  DEFAULT NULL,
	filter         text     DEFAULT NULL,
	after          chunked_iter_bookmark DEFAULT NULL,
	upto           chunked_iter_bookmark DEFAULT NULL,
	lock_rows      text     DEFAULT NULL,
	target_ms      bigint   DEFAULT NULL,
	pause_ms       bigint   DEFAULT NULL,
	throttle_query text     DEFAULT NULL,
	max_chunks     bigint   DEFAULT NULL,
	max_ms         bigint   DEFAULT NULL,
	retries        bigint   DEFAULT NULL,
	on_error       text     DEFAULT NULL,
	parts          bigint   DEFAULT NULL,
	dry_run        boolean  DEFAULT false,
	statement_is_global boolean DEFAULT NULL,
	workers        bigint   DEFAULT NULL,
	follow         boolean  DEFAULT NULL,
	follow_delay   interval DEFAULT NULL,
	nap_ms         bigint   DEFAULT NULL,
	max_failed     bigint   DEFAULT NULL,
	revisit        boolean  DEFAULT NULL,
	needs          text[]   DEFAULT NULL,
	duty_percent   bigint   DEFAULT NULL,
	max_rows_per_second bigint DEFAULT NULL,
	max_wal_per_second bigint DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'chunked_iter_start_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_start(text, regclass, text, bigint, text, boolean, text, chunked_iter_bookmark, chunked_iter_bookmark, text, bigint, bigint, text, bigint, bigint, bigint, text, bigint, boolean, boolean, bigint, boolean, interval, bigint, bigint, boolean, text[], bigint, bigint, bigint) IS
'starts a job in background workers, when the transaction commits: chunked_iter_run without a client';

CREATE FUNCTION chunked_iter_wait(job text, timeout_ms bigint DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'chunked_iter_wait_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_wait(text, bigint) IS
'waits until no session is at work on a job, or the time is up; the state that it then has';

CREATE FUNCTION chunked_iter_resume() RETURNS integer
AS 'MODULE_PATHNAME', 'chunked_iter_resume_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION chunked_iter_resume() IS
'starts background jobs again that a crash or restart has interrupted: the caller''s, or all for a superuser; how many';

CREATE FUNCTION chunked_iter_pause(job text) RETURNS void
AS 'MODULE_PATHNAME', 'chunked_iter_pause_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_pause(text) IS
'stops a job before its next chunk; chunked_iter_run continues it';

CREATE FUNCTION chunked_iter_cancel(job text) RETURNS void
AS 'MODULE_PATHNAME', 'chunked_iter_cancel_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_cancel(text) IS
'stops a job before its next chunk, for good';

CREATE FUNCTION chunked_iter_tune(
	job            text,
	chunk_size     bigint  DEFAULT NULL,
	pause_ms       bigint  DEFAULT NULL,
	target_ms      bigint  DEFAULT NULL,
	throttle_query text    DEFAULT NULL,
	duty_percent   bigint  DEFAULT NULL,
	max_rows_per_second bigint DEFAULT NULL,
	max_wal_per_second bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'chunked_iter_tune_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_tune(text, bigint, bigint, bigint, text, bigint, bigint, bigint) IS
'changes how a job is done, from its next chunk on; 0 and an empty text switch off, what is left out stays';

CREATE FUNCTION chunked_iter_forget(job text) RETURNS void
AS 'MODULE_PATHNAME', 'chunked_iter_forget_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_forget(text) IS
'drops all that is kept of a job nobody is at work on, its failed rows included';

/* Row-level security says which rows of the tables this is about. */
GRANT SELECT, INSERT, UPDATE, DELETE
	ON chunked_iter_jobs, chunked_iter_job_requests, chunked_iter_job_tunings, chunked_iter_job_ranges,
	   chunked_iter_failed_rows, chunked_iter_passed_rows, chunked_iter_runs
	TO PUBLIC;
GRANT SELECT ON chunked_iter_progress TO PUBLIC;
