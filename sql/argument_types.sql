-- What clients bind: longs for numbers; sql/bookmark_arrays has what they bind for keys.
CREATE SCHEMA argument_types;
SET search_path = argument_types, public;
SET client_min_messages = warning;

CREATE TABLE item (id integer PRIMARY KEY, v integer NOT NULL);
INSERT INTO item SELECT i, i FROM generate_series(1, 20) AS i;

-- Parameters of the types that drivers declare.
PREPARE walk(bigint, text[]) AS SELECT count(*) FROM chunked_iter(NULL::item, $1, after => $2);
PREPARE query(bigint) AS SELECT count(*) FROM chunked_iter_query('SELECT id FROM item', 'id', chunk_size => $1) AS t(id integer);
PREPARE parts(bigint) AS SELECT count(*) FROM chunked_iter_ranges(NULL::item, parts => $1);
PREPARE ranges(bigint) AS SELECT count(*) FROM chunked_iter_ranges(NULL::item, chunk_size => $1);
PREPARE explain(bigint) AS SELECT line FROM chunked_iter_explain(NULL::item, $1) AS line LIMIT 1;
EXECUTE walk(7, '{5}');
EXECUTE query(7);
EXECUTE parts(4);
EXECUTE ranges(7);
EXECUTE explain(7);

-- The narrower ones, and those that the server finds by itself.
SELECT count(*) FROM chunked_iter(NULL::item, 7::smallint);
SELECT count(*) FROM chunked_iter(NULL::item, 7::integer);
SELECT count(*) FROM chunked_iter(NULL::item, '7', after => '{5}', upto => ARRAY['9']);
PREPARE untyped AS SELECT count(*) FROM chunked_iter(NULL::item, $1, after => $2);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
DEALLOCATE ALL;

-- A job's numbers, each as a long.
DO $$
BEGIN
	CALL chunked_iter_run('longs', 'item', 'UPDATE item SET v = v + 1 WHERE chunk_range(item)',
		chunk_size => 7::bigint, target_ms => 0::bigint, pause_ms => 0::bigint, max_chunks => 2::bigint,
		max_ms => 3600000::bigint, retries => 3::bigint, parts => 1::bigint);
END
$$;
SELECT state, rows_done, chunks_done FROM chunked_iter_progress WHERE job = 'longs';
SELECT chunked_iter_forget('longs');

-- No value wraps around on its way to a narrower type.
SELECT failure(format('SELECT chunked_iter(NULL::argument_types.item, %s)', n))
FROM unnest(ARRAY[4294967297, 9223372036854775807, -4294967295]) AS n;
SELECT failure('SELECT * FROM chunked_iter(NULL::argument_types.item, 4294967297)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT 1'', ''1'', 4294967297) AS t(id integer)');
SELECT failure('SELECT chunked_iter_ranges(NULL::argument_types.item, parts => 4294967297)');
SELECT failure('SELECT chunked_iter_ranges(NULL::argument_types.item, chunk_size => 4294967297)');
CALL chunked_iter_run('a', 'item', 'SELECT 1', chunk_size => 4294967297);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', target_ms => 4294967296);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', pause_ms => 4294967296);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', retries => 4294967296);
\echo :LAST_ERROR_SQLSTATE
CALL chunked_iter_run('a', 'item', 'SELECT 1', parts => 4294967297);
\echo :LAST_ERROR_SQLSTATE

DROP SCHEMA argument_types CASCADE;
