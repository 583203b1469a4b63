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

\set walk 'SELECT count(*), sum(val) FROM chunked_iter(NULL::t)'

\set walk_in_list 'SELECT count(*), sum((r).val) FROM (SELECT chunked_iter(NULL::t) AS r OFFSET 0) AS s'

INSERT INTO pairs (a, b, target, a_sql, b_sql) VALUES
('walk in the select list', 'SELECT ... ORDER BY id', 1.6,
 :'walk_in_list',
 'SELECT count(*), sum(val) FROM (SELECT * FROM t ORDER BY id OFFSET 0) AS s'),
('walk in the select list', 'keyset loop in PL/pgSQL', 0.6,
 :'walk_in_list',
 'SELECT count(*), sum(val) FROM keyset_loop(1000)'),
('walk in the select list by ctid', 'SELECT ..., unordered', 1.6,
 $$SELECT count(*), sum((r).val) FROM (SELECT chunked_iter(NULL::t, order_by => 'ctid') AS r OFFSET 0) AS s$$,
 'SELECT count(*), sum(val) FROM (SELECT * FROM t OFFSET 0) AS s'),
('walk in FROM', 'SELECT ... ORDER BY id', 1.25,
 :'walk',
 'SELECT count(*), sum(val) FROM (SELECT * FROM t ORDER BY id) AS s'),
('walk in FROM, all columns', 'SELECT ... ORDER BY id', 1.25,
 'SELECT count(*), sum(val), max(changed), sum(length(note)) FROM chunked_iter(NULL::t)',
 'SELECT count(*), sum(val), max(changed), sum(length(note)) FROM (SELECT * FROM t ORDER BY id) AS s'),
('walk in FROM by grp, rank DESC', 'SELECT ... ORDER BY grp, rank DESC, id', 1.25,
 $$SELECT count(*), sum(val) FROM chunked_iter(NULL::t, order_by => 'grp, rank DESC')$$,
 'SELECT count(*), sum(val) FROM (SELECT * FROM t ORDER BY grp, rank DESC, id) AS s'),
('walk in FROM', 'FOR ... RETURN NEXT in PL/pgSQL', 0.5,
 :'walk',
 'SELECT count(*), sum(val) FROM for_loop()'),
('walk in FROM', 'keyset loop in PL/pgSQL', 0.45,
 :'walk',
 'SELECT count(*), sum(val) FROM keyset_loop(1000)'),
('walk in FROM by ctid', 'SELECT ..., unordered', 1.6,
 $$SELECT count(*), sum(val) FROM chunked_iter(NULL::t, order_by => 'ctid')$$,
 'SELECT count(*), sum(val) FROM t'),
('INSERT ... SELECT from a walk', 'from a plain SELECT', 1.1,
 $$SELECT insert_from('SELECT * FROM chunked_iter(NULL::t)')$$,
 $$SELECT insert_from('SELECT * FROM t')$$);

-- A fifth of the rows, so that a partition has a fifth of a chunk's.
INSERT INTO pairs (a, b, target, calls, a_sql, b_sql) VALUES
('walk of 1000 range partitions', 'SELECT ... ORDER BY id', 1.3, 1,
 'SELECT count(*), sum(val) FROM chunked_iter(NULL::ranged)',
 'SELECT count(*), sum(val) FROM (SELECT * FROM ranged ORDER BY id) AS s'),
('first 5 rows of 1000 range partitions', 'of SELECT ... ORDER BY id', 0.3, 20,
 $$SELECT first_rows('SELECT * FROM chunked_iter(NULL::ranged)', 20)$$,
 $$SELECT first_rows('SELECT * FROM ranged ORDER BY id', 20)$$),
('walk of 1000 hash partitions', 'SELECT ... ORDER BY id', NULL, 1,
 'SELECT count(*), sum(val) FROM chunked_iter(NULL::hashed)',
 'SELECT count(*), sum(val) FROM (SELECT * FROM hashed ORDER BY id) AS s');

INSERT INTO pairs (a, b, target, slack, a_sql, b_sql) VALUES
('walk in FROM, chunks of 10000 rows', 'of 1000 rows', 1.0, 0.05,
 replace(:'walk', 'NULL::t', 'NULL::t, 10000'),
 :'walk');

INSERT INTO pairs (a, b, target, slack, a_sql, b_sql) VALUES
('walk in FROM, its queries logged', 'not logged', 1.02, 0.03,
 $$SELECT walk_under('chunks')$$,
 $$SELECT walk_under('off')$$);

-- The chunks at the end start in the last tenth and are full.
INSERT INTO pairs (a, b, target, slack, calls, a_sql, b_sql) VALUES
('chunk near the end, by id', 'near the beginning', 1.0, 0.05, 500,
 'SELECT chunks_by_id(0.9, 0.95, 500)', 'SELECT chunks_by_id(0, 0.05, 500)'),
('chunk near the end, by grp, rank DESC', 'near the beginning', 1.0, 0.05, 500,
 'SELECT chunks_by_group(0.9, 0.95, 500)', 'SELECT chunks_by_group(0, 0.05, 500)'),
('OFFSET/LIMIT page near the end, by id', 'near the beginning', NULL, 0, 3,
 'SELECT pages_by_offset(0.9, 0.95, 3)', 'SELECT pages_by_offset(0, 0.05, 3)');

INSERT INTO pairs (a, b, a_sql, b_sql) VALUES
('walk in the select list', 'in FROM',
 :'walk_in_list',
 :'walk');

INSERT INTO pairs (a, b, target, calls, a_sql, b_sql) VALUES
('first 5 rows of a walk', 'of SELECT ... ORDER BY id', 2.5, 1000,
 $$SELECT first_rows('SELECT * FROM chunked_iter(NULL::t)', 1000)$$,
 $$SELECT first_rows('SELECT * FROM t ORDER BY id', 1000)$$),
('page of 50 rows with "after"', 'prepared keyset query', 1.3, 10000,
 'SELECT pages_by_walk(10000)', 'SELECT pages_by_hand(10000)'),
('page of a table that has lost a column', 'prepared keyset query', NULL, 10000,
 'SELECT altered_pages_by_walk(10000)', 'SELECT altered_pages_by_hand(10000)');
