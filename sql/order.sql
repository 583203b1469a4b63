-- Rows that come in another order than that of their keys: a walk says so, and does
-- not lose, repeat or loop. The index is built, and then the function that it is
-- over is made to mean something else, as a collation of the operating system may.
SET client_min_messages = warning;
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SCHEMA lying;
SET search_path = lying, public;
CREATE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CREATE TABLE thing (id integer, name text);
INSERT INTO thing SELECT i, 'thing ' || i FROM generate_series(1, 20) i;
CREATE INDEX "thing by rank" ON thing (rank(id));
CREATE TABLE seen (id integer);

SELECT count(*), min(id), max(id) FROM chunked_iter(NULL::thing, 3, 'rank(id)');

-- every chunk would be the first one again
CREATE OR REPLACE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN -i; END';
SELECT id FROM chunked_iter(NULL::thing, 3, 'rank(id)') LIMIT 10;
SELECT id FROM chunked_iter(NULL::thing, 1, 'rank(id)') LIMIT 10;
SELECT chunked_iter(NULL::thing, 3, 'rank(id)');
SELECT id FROM chunked_iter_query('SELECT * FROM thing', 'rank(id)', 3) AS t(id integer, name text) LIMIT 10;
SELECT id FROM chunked_iter(NULL::thing, 1, 'rank(id)', after => '{5}') LIMIT 10;

-- the first chunks are right; behind them rows would come again
CREATE OR REPLACE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i % 10; END';
SELECT id FROM chunked_iter(NULL::thing, 3, 'rank(id)');
CALL chunked_iter_run('lied to', 'lying.thing', 'INSERT INTO lying.seen SELECT id FROM chunk', chunk_size => 3, order_by => 'rank(id)');
SELECT count(*) FROM chunked_iter_progress;

-- the function changes while the job is paused
CREATE OR REPLACE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CALL chunked_iter_run('lied to', 'lying.thing', 'INSERT INTO lying.seen SELECT id FROM chunk', chunk_size => 3, order_by => 'rank(id)', max_chunks => 2);
CREATE OR REPLACE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i % 9; END';
CALL chunked_iter_run('lied to');
SELECT state, rows_done, last_key, last_error FROM chunked_iter_progress;

-- as it was, and with the index rebuilt, the job goes on
CREATE OR REPLACE FUNCTION rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
REINDEX INDEX "thing by rank";
SELECT count(*), min(id), max(id) FROM chunked_iter(NULL::thing, 3, 'rank(id)');
CALL chunked_iter_run('lied to');
SELECT state, rows_done, last_key FROM chunked_iter_progress;
SELECT count(DISTINCT id), count(*) FROM seen;

-- One entry of the index is too early for its key. If it ends a chunk, the rows behind it would be
-- lost; the row that shows it is read where a full chunk goes on to keep ties together.
CREATE TABLE wide (id integer, filler text);
INSERT INTO wide SELECT i, repeat('x', 1900) FROM generate_series(1, 100) i;
CREATE INDEX ON wide (rank(id));
SET chunked_iter.chunk_memory = '64kB';
CREATE FUNCTION early(i integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION lying.rank(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS %L',
		format('BEGIN RETURN CASE i WHEN %s THEN 1000 ELSE i END; END', i));
	SELECT count(filler) INTO n FROM chunked_iter(NULL::wide, order_by => 'rank(id)');
	RETURN n || ' rows';
EXCEPTION WHEN index_corrupted THEN
	RETURN 'noticed';
END $$;
SELECT early(i), count(*) FROM generate_series(1, 99) AS i GROUP BY 1 ORDER BY 1;
RESET chunked_iter.chunk_memory;

SELECT chunked_iter_forget('lied to');
RESET search_path;
DROP SCHEMA lying CASCADE;
RESET client_min_messages;
