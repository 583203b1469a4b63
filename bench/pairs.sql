-- What is compared with what. Each side is a query of one row, timed as a
-- whole and divided by its calls; both sides must give the same row. A target
-- is the largest ratio of A's time to B's that is wanted; where that is no
-- difference at all, a slack allows for the noise.

CREATE TABLE pairs (
	pair   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	a      text NOT NULL,
	b      text NOT NULL,
	target numeric,
	slack  numeric NOT NULL DEFAULT 0,
	calls  integer NOT NULL DEFAULT 1,
	a_sql  text NOT NULL,
	b_sql  text NOT NULL);

\set walk 'SELECT count(*), sum((r).val) FROM (SELECT chunked_iter(NULL::t) AS r OFFSET 0) AS s'

INSERT INTO pairs (a, b, target, a_sql, b_sql) VALUES
('whole walk', 'SELECT ... ORDER BY id', 1.6,
 :'walk',
 'SELECT count(*), sum(val) FROM (SELECT * FROM t ORDER BY id OFFSET 0) AS s'),
('whole walk', 'keyset loop in PL/pgSQL', 0.6,
 :'walk',
 'SELECT count(*), sum((r).val) FROM (SELECT keyset_loop(1000) AS r OFFSET 0) AS s'),
('whole walk by ctid', 'SELECT ..., unordered', 1.6,
 $$SELECT count(*), sum((r).val)
     FROM (SELECT chunked_iter(NULL::t, order_by => 'ctid') AS r OFFSET 0) AS s$$,
 'SELECT count(*), sum(val) FROM (SELECT * FROM t OFFSET 0) AS s');

-- The chunks at the end start in the last tenth and are full.
INSERT INTO pairs (a, b, target, slack, calls, a_sql, b_sql) VALUES
('chunk near the end, by id', 'near the beginning', 1.0, 0.05, 500,
 'SELECT chunks_by_id(0.9, 0.95, 500)', 'SELECT chunks_by_id(0, 0.05, 500)'),
('chunk near the end, by grp, rank DESC', 'near the beginning', 1.0, 0.05, 500,
 'SELECT chunks_by_group(0.9, 0.95, 500)', 'SELECT chunks_by_group(0, 0.05, 500)'),
('OFFSET/LIMIT page near the end, by id', 'near the beginning', NULL, 0, 3,
 'SELECT pages_by_offset(0.9, 0.95, 3)', 'SELECT pages_by_offset(0, 0.05, 3)');

INSERT INTO pairs (a, b, a_sql, b_sql) VALUES
('whole walk, chunks of 10000 rows', 'of 1000 rows',
 replace(:'walk', 'NULL::t', 'NULL::t, 10000'),
 :'walk'),
('whole walk in FROM', 'in the select list',
 'SELECT count(*), sum(val) FROM chunked_iter(NULL::t)',
 :'walk');

INSERT INTO pairs (a, b, calls, a_sql, b_sql) VALUES
('page of 50 rows with "after"', 'prepared keyset query', 10000,
 'SELECT pages_by_walk(10000)', 'SELECT pages_by_hand(10000)');
