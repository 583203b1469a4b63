-- chunked_iter_query: any SELECT, in any order, in chunks.
SET client_min_messages = error;
CREATE SCHEMA query;
SET search_path = query, public;
CREATE TABLE sale (id integer PRIMARY KEY, region text COLLATE "C", amount numeric, at date);
INSERT INTO sale SELECT i, CASE i % 4 WHEN 0 THEN NULL ELSE 'r' || i % 4 END, (i * 7) % 13, '2024-01-01'::date + i % 5 FROM generate_series(1, 60) i;
CREATE TABLE region (name text COLLATE "C" PRIMARY KEY, country text);
INSERT INTO region VALUES ('r1', 'A'), ('r2', 'B'), ('r3', 'A');

SELECT * FROM chunked_iter_query('SELECT region, sum(amount) FROM sale GROUP BY region', 'sum DESC, region') AS t(region text, sum numeric);

-- Queries of every shape, in chunks of every size, forwards and backwards.
CREATE TABLE shape (n integer, query text, columns text, forward text, backward text);
INSERT INTO shape VALUES
	(1, 'SELECT id, region FROM sale', 'id integer, region text', 'region NULLS FIRST, id DESC', 'region DESC NULLS LAST, id'),
	(2, 'SELECT s.id, r.country FROM sale s LEFT JOIN region r ON r.name = s.region WHERE s.amount > 3', 'id integer, country text', 'country, id', 'country DESC, id DESC'),
	(3, 'SELECT at, count(*), avg(amount) FROM sale GROUP BY at HAVING count(*) > 1', 'at date, n bigint, mean numeric', 'n, mean DESC, at', 'n DESC, mean, at DESC'),
	(4, 'WITH RECURSIVE w(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM w WHERE i < 20) SELECT i, i % 3 FROM w', 'i integer, m integer', 'm, i', 'm DESC, i DESC'),
	(5, 'SELECT id FROM sale WHERE id < 10 UNION SELECT 100 EXCEPT SELECT 5', 'id integer', 'id % 2, id', 'id % 2 DESC, id DESC'),
	(6, 'VALUES (1, ''a''), (2, NULL), (3, ''b'')', 'k integer, v text', 'v, k', 'v DESC, k DESC'),
	(7, 'SELECT id, amount FROM sale ORDER BY amount LIMIT 20; -- the twenty least', 'id integer, amount numeric', 'amount DESC, id', 'amount, id DESC'),
	(8, 'SELECT id, region FROM sale /* a comment */ -- and another', 'region integer, id text', 'id COLLATE "POSIX", query.region', 'id COLLATE "POSIX" DESC, query.region DESC'),
	(9, 'SELECT DISTINCT region, rank() OVER (PARTITION BY region ORDER BY amount) FROM sale', 'region text, rank bigint', 'lower(region), rank', 'lower(region) DESC, rank DESC');
SELECT n, bool_and(same_rows(
	format('SELECT t FROM chunked_iter_query(%L, %L, %s, %L, snapshot => %L) AS t(%s)', query, forward, chunk_size, reverse, snapshot, columns),
	format('SELECT query FROM (%s%s) AS query(%s) ORDER BY %s',
		   regexp_replace(query, ';.*', ''), E'\n', regexp_replace(columns, ' \w+(,|$)', '\1', 'g'),
		   CASE WHEN reverse THEN backward ELSE forward END)))
FROM shape, unnest(ARRAY[1, 2, 3, 7, 60, 61]) AS chunk_size, unnest(ARRAY[false, true]) AS reverse, unnest(ARRAY['statement', 'chunk']) AS snapshot
GROUP BY n ORDER BY n;
-- An order by the columns' numbers.
SELECT * FROM chunked_iter_query('TABLE region', '2 DESC, 1', 1) AS t(name text, country text);

-- Ties are kept whole, though no row can tell them apart.
SELECT chunk_size, count(*), array_agg(at) = (SELECT array_agg(at ORDER BY at) FROM sale) AS in_order
FROM unnest(ARRAY[1, 11, 12, 13]) AS chunk_size, chunked_iter_query('SELECT at FROM sale', 'at', chunk_size) AS t(at date)
GROUP BY chunk_size ORDER BY chunk_size;

-- Bounds.
SELECT * FROM chunked_iter_query('SELECT id, region FROM sale', 'region, id', after => '{r3,50}', upto => '{NULL,8}') AS t(id integer, region text);
SELECT count(*) FROM chunked_iter_query('SELECT at FROM sale', 'at', 2, after => '{2024-01-02}') AS t(at date);

-- It streams in FROM, and conditions move into it.
EXPLAIN (COSTS OFF) SELECT id FROM chunked_iter_query('SELECT id, region FROM sale', 'id') AS t(id integer, region text) WHERE region = 'r1' AND random() < 2 ORDER BY id;
PREPARE any_query(text, text) AS SELECT * FROM chunked_iter_query($1, $2, 2) AS t(k integer) WHERE k > 3;
EXECUTE any_query('SELECT generate_series(1, 5)', 'k');
EXECUTE any_query('SELECT generate_series(1, 5)', 'k DESC');
-- The server's own way stays right.
SELECT * FROM ROWS FROM (chunked_iter_query('SELECT id FROM sale WHERE id < 4', 'id DESC') AS (id integer), generate_series(1, 2)) AS f(id, n);
SELECT q.region, t.id FROM region r, LATERAL (SELECT r.name) q(region),
	LATERAL chunked_iter_query(format('SELECT id FROM query.sale WHERE region = %L', q.region), 'id', upto => '{6}') AS t(id integer) ORDER BY 1, 2;

-- What is no single SELECT, or writes.
SELECT failure(format('SELECT * FROM chunked_iter_query(%L, ''1'') AS t(id integer)', query))
FROM unnest(ARRAY['', ';', 'DELETE FROM sale', 'SELECT 1; SELECT 2', 'SELECT 1) UNION (SELECT 2', 'WITH d AS (DELETE FROM sale RETURNING id) SELECT id FROM d',
				  'SELECT id FROM sale FOR UPDATE', 'SELECT id INTO other FROM sale', 'SELECT nonsense FROM sale', 'SELECT $1', 'EXPLAIN SELECT 1']) AS query;
SELECT * FROM chunked_iter_query('SELECT id, nonsense FROM sale', '1') AS t(id integer, x integer);

-- Columns that do not match, no order, no list, NULL.
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT id, region FROM query.sale'', ''1'') AS t(id integer)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT id, region FROM query.sale'', ''1'') AS t(id integer, region integer)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT 1'') AS t(id integer)');
SELECT failure('SELECT chunked_iter_query(''SELECT 1'', ''1'')');
SELECT failure('SELECT * FROM chunked_iter_query(NULL, ''1'') AS t(id integer)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT 1'', ''region'') AS t(id integer)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT 1'', ''ctid'') AS t(id integer)');
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT 1'', ''1'', 0) AS t(id integer)');
SELECT count(*) FROM sale;

-- Its tables must stay what they are.
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM chunked_iter_query('SELECT id FROM sale', 'id', 2) AS t(id integer);
FETCH 3 c;
ALTER TABLE sale ALTER id TYPE bigint;
FETCH 2 c;
ROLLBACK;
BEGIN;
CREATE VIEW seen AS SELECT id FROM sale;
DECLARE c CURSOR FOR SELECT * FROM chunked_iter(NULL::seen, 2, 'id');
FETCH 3 c;
TRUNCATE sale;
FETCH 2 c;
ROLLBACK;

-- With the caller's rights only.
CREATE ROLE regress_chunked_query;
GRANT USAGE ON SCHEMA query TO regress_chunked_query;
SET ROLE regress_chunked_query;
SELECT failure('SELECT * FROM chunked_iter_query(''SELECT id FROM query.sale'', ''1'') AS t(id integer)');
RESET ROLE;
REVOKE ALL ON SCHEMA query FROM regress_chunked_query;
DROP ROLE regress_chunked_query;
