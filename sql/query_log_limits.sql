-- What the session remembers is limited in number and in bytes.
CREATE SCHEMA query_log_limits;
SET search_path = query_log_limits, public;

CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 10000);
ANALYZE item;
SELECT chunked_iter_reset_queries();

-- So many queries of the same length.
CREATE FUNCTION run(queries integer, length integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM chunked_iter(NULL::query_log_limits.item, 1, filter => quote_literal(repeat('x', length)) || ' <> ''''',
									   upto => ARRAY[queries::text]);
END
$$;
-- The memory is what the server says it is.
CREATE VIEW size AS
SELECT g.queries, g.queries - g.evicted AS kept, g.evicted,
	   g.memory_bytes = coalesce((SELECT sum(total_bytes) FROM pg_backend_memory_contexts
								   WHERE name = 'chunked_iter query log'), 0) AS true_size
FROM (SELECT * FROM chunked_iter_query_log_growth() ORDER BY queries DESC, memory_bytes DESC LIMIT 1) AS g;
CREATE VIEW kept AS SELECT min(query_no) AS oldest, max(query_no) AS newest, count(*) FROM chunked_iter_queries();

SELECT * FROM size;
SET chunked_iter.debug = chunks;

-- Growth: a row for each doubling, then one for now.
SELECT queries, evicted FROM chunked_iter_query_log_growth();
SELECT run(1, 1);
SELECT queries, evicted FROM chunked_iter_query_log_growth();
SELECT run(19, 1);
SELECT queries, evicted, bytes_per_query = memory_bytes / queries::float8 AS bytes_per_query
FROM chunked_iter_query_log_growth();
SELECT sql_bytes = (SELECT sum(octet_length(sql)) FROM chunked_iter_queries()) AS sql_bytes
FROM chunked_iter_query_log_growth() ORDER BY queries DESC LIMIT 1;
SELECT * FROM size;
SELECT chunked_iter_reset_queries();
SELECT * FROM size;

-- Entries: the last ones are kept, and the first time one is dropped is said, once.
SET chunked_iter.queries_limit = 5;
SELECT run(5, 1);
SELECT * FROM kept;
SELECT run(1, 1);
SELECT * FROM kept;
SELECT run(10, 1);
SELECT * FROM kept;
SELECT queries, evicted FROM chunked_iter_query_log_growth();
SELECT * FROM size;
-- Again after a reset, which numbers from 1.
SELECT chunked_iter_reset_queries();
SELECT run(6, 1);
SELECT * FROM kept;
-- Less is less with the next query; more is more.
SET chunked_iter.queries_limit = 2;
SELECT run(1, 1);
SELECT * FROM kept;
SET chunked_iter.queries_limit = 4;
SELECT run(4, 1);
SELECT * FROM kept;

-- The edges.
SET client_min_messages = error;
SELECT chunked_iter_reset_queries();
SET chunked_iter.queries_limit = 1;
SELECT run(3, 1);
SELECT * FROM kept;
SET chunked_iter.queries_limit = 0;
SELECT run(3, 1);
SELECT * FROM kept;
SELECT * FROM size;
SELECT queries, bytes_per_query FROM chunked_iter_query_log_growth() ORDER BY queries DESC LIMIT 1;
SET chunked_iter.queries_limit = -1;
SELECT chunked_iter_reset_queries();
SELECT run(10000, 1);
SELECT * FROM kept;
SELECT chunked_iter_reset_queries();
RESET chunked_iter.queries_limit;
SELECT failure('SET chunked_iter.queries_limit = -2');
SELECT left(failure('SET chunked_iter.queries_memory = -2'), 5);

-- Bytes: those of the entries, and two pages and a context's beginning beside them.
CREATE FUNCTION within(kb integer) RETURNS boolean LANGUAGE sql AS
$$SELECT max(memory_bytes) <= (kb + 17) * 1024 FROM chunked_iter_query_log_growth()$$;
SET chunked_iter.queries_memory = '64kB';
SELECT run(1000, 10);
SELECT kept > 200 AS kept_some, true_size, within(64) FROM size;
SELECT newest, newest - oldest + 1 = count AS no_gap FROM kept;
-- Texts of all lengths, some of several pages; each is read as it was.
SELECT count(run(2, 1000 + n * 977 % 30000)) FROM generate_series(1, 200) AS n;
SELECT true_size, within(64) FROM size;
SELECT count(*) > 2 AS kept_some,
	   bool_and(sql LIKE 'SELECT %' AND sql LIKE '%LIMIT 1' AND regexp_replace(sql, '\s+', ' ', 'g') ~ '^SELECT item.id FROM query_log_limits.item AS item WHERE .*''x{200}') AS whole
FROM chunked_iter_queries();
-- One that is too large for the limit is not kept, nor is any before it.
SELECT run(1, 100000);
SELECT * FROM kept;
SELECT run(1, 1);
SELECT count FROM kept;
SELECT chunked_iter_reset_queries();
SET chunked_iter.queries_memory = '1kB';
SELECT run(50, 1);
SELECT count BETWEEN 2 AND 7 AS a_few, newest, within(1) FROM kept;
SET chunked_iter.queries_memory = 0;
SELECT run(1, 1);
SELECT * FROM kept;
SELECT chunked_iter_reset_queries();
SELECT run(3, 1);
SELECT * FROM size;
SELECT max(memory_bytes) FROM chunked_iter_query_log_growth();
SET chunked_iter.queries_memory = -1;
SELECT chunked_iter_reset_queries();
SELECT run(3, 20000000);
SELECT count, (SELECT max(memory_bytes) BETWEEN 60000000 AND 61000000 FROM chunked_iter_query_log_growth()) AS memory FROM kept;
SELECT chunked_iter_reset_queries();
SELECT * FROM size;

RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA query_log_limits CASCADE;
