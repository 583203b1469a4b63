/* chunked_iter--1.0.sql: every SQL object, its comment, then the rights. */

-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION chunked_iter" to load this file. \quit

CREATE FUNCTION chunked_iter_support(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'chunked_iter_support_1_0'
LANGUAGE C STRICT PARALLEL SAFE;

COMMENT ON FUNCTION chunked_iter_support(internal) IS
'planner support for chunked_iter and chunked_iter_query: row estimates, and streaming in FROM';

CREATE FUNCTION chunked_iter(
	rel        anyelement,
	chunk_size integer DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      text[]  DEFAULT NULL,
	upto       text[]  DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'chunked_iter_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter(anyelement, integer, text, boolean, text, text[], text[], text) IS
'rows of the table whose row type is given (NULL::my_table), in key order, read one keyset-paginated chunk at a time';

CREATE FUNCTION chunked_iter_query(
	query      text,
	order_by   text    DEFAULT NULL,
	chunk_size integer DEFAULT 1000,
	reverse    boolean DEFAULT false,
	after      text[]  DEFAULT NULL,
	upto       text[]  DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'chunked_iter_query_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
SUPPORT chunked_iter_support;

COMMENT ON FUNCTION chunked_iter_query(text, text, integer, boolean, text[], text[], text) IS
'rows of any SELECT in the order given, read chunk by chunk; called in FROM, with AS t(column type, ...)';

CREATE FUNCTION chunked_iter_key(
	rec        anyelement,
	order_by   text    DEFAULT NULL)
RETURNS text[]
AS 'MODULE_PATHNAME', 'chunked_iter_key_1_0'
LANGUAGE C STABLE PARALLEL SAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_key(anyelement, text) IS
'the key of a row under an ORDER BY list: the bookmark to pass to chunked_iter as "after" or "upto"';

CREATE FUNCTION chunked_iter_explain(
	rel        anyelement,
	chunk_size integer DEFAULT 1000,
	order_by   text    DEFAULT NULL,
	reverse    boolean DEFAULT false,
	filter     text    DEFAULT NULL,
	after      text[]  DEFAULT NULL,
	upto       text[]  DEFAULT NULL,
	snapshot   text    DEFAULT 'statement')
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'chunked_iter_explain_1_0'
LANGUAGE C VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT;

COMMENT ON FUNCTION chunked_iter_explain(anyelement, integer, text, boolean, text, text[], text[], text) IS
'what chunked_iter with the same arguments would do: the key, the index behind it, the SQL of its chunks and their plans; reads no row';

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
