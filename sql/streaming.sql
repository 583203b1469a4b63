-- In FROM a walk streams, and serves wherever a function in FROM does.
SET client_min_messages = warning;
CREATE SCHEMA streaming;
SET search_path = streaming, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, word text, tags text[], price numeric);
INSERT INTO item SELECT i, i % 7, CASE WHEN i % 10 > 0 THEN chr(97 + i * 7 % 26) || i % 3 END, ARRAY['t' || i % 4, 'u' || i % 5], i / 4.0
FROM generate_series(1, 300) i;
CREATE INDEX ON item (grp, id);
CREATE INDEX ON item (grp, id DESC);
CREATE TABLE part (no integer PRIMARY KEY, item_id integer, amount integer NOT NULL);
INSERT INTO part SELECT i, nullif(i * 7 % 330, 0), i % 50 FROM generate_series(1, 500) i;
CREATE INDEX ON part (item_id);
ANALYZE item, part;

CREATE VIEW over_part AS SELECT p.no, p.amount, i.word FROM part p JOIN item i ON i.id = p.item_id;

-- The nodes of a plan, without what EXPLAIN says about each.
CREATE FUNCTION plan_nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	nodes integer := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF nodes = 0 OR line ~ '^ *->' THEN
			nodes := nodes + 1;
			RETURN NEXT regexp_replace(line, '(Custom Scan \(\w+\)).*', '\1');
		END IF;
	END LOOP;
END $$;

-- A query that reads from @: does it stream, and are its rows those that it
-- has with one ordered SELECT in the place of the walk?
CREATE FUNCTION try(query text, walk text = 'NULL::item, 7', oracle text = 'SELECT * FROM item ORDER BY id')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	walked text := replace(query, '@ ', format('chunked_iter(%s) ', walk));
	nodes text := (SELECT string_agg(n, ' ') FROM plan_nodes(walked) n);
BEGIN
	RETURN CASE WHEN nodes ~ 'Custom Scan \(ChunkedIter\)' AND nodes !~ 'Function Scan on chunked_iter' THEN 'streams, '
			WHEN nodes ~ 'chunked_iter' THEN 'collected, ' ELSE 'reads nothing, ' END
		|| CASE WHEN same_rows(format('SELECT to_json(q) FROM (%s) q', walked),
							   format('SELECT to_json(q) FROM (%s) q', replace(query, '@ ', format('(%s) ', oracle))))
				THEN 'same' ELSE 'DIFFERENT' END;
END $$;

-- All of an error in a line.
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(f, ' / ') FROM public.failure(statement) f$$;

-- Whole walks, by every kind of key and bound.
SELECT try('SELECT * FROM @ x', walk, oracle), walk
FROM (VALUES
	('NULL::item', 'SELECT * FROM item ORDER BY id'),
	('NULL::item, 1', 'SELECT * FROM item ORDER BY id'),
	('NULL::item, 7, reverse => true', 'SELECT * FROM item ORDER BY id DESC'),
	('NULL::item, 7, ''grp''', 'SELECT * FROM item ORDER BY grp, id'),
	('NULL::item, 7, ''grp, id DESC'', after => ''{2}'', upto => ''{4,100}''', 'SELECT * FROM item WHERE grp > 2 AND (grp < 4 OR (grp = 4 AND id >= 100)) ORDER BY grp, id DESC'),
	('NULL::item, 7, filter => ''price > 20 AND word LIKE ''''a%''''''', 'SELECT * FROM item WHERE price > 20 AND word LIKE ''a%'' ORDER BY id'),
	('NULL::item, 7, snapshot => ''chunk''', 'SELECT * FROM item ORDER BY id'),
	('NULL::item, 7, ''ctid''', 'SELECT * FROM item ORDER BY ctid')) w(walk, oracle);

-- Wherever a query can stand.
SELECT try(query), query
FROM (VALUES
	('SELECT count(*) FROM @ x'),
	('SELECT FROM @ x'),
	('SELECT 1 FROM @ x'),
	('SELECT x.id FROM @ x LIMIT 10 OFFSET 5'),
	('SELECT a + d AS s FROM @ AS x(a, b, c) , LATERAL (SELECT a * 2) y(d)'),
	('SELECT * FROM (SELECT id, word FROM @ x) s WHERE id BETWEEN 20 AND 30'),
	('SELECT (SELECT max(id) FROM @ x), (SELECT min(word) FROM @ x)'),
	('SELECT min(id), max(id), sum(price), array_agg(id) FROM @ x'),
	('WITH w AS (SELECT * FROM @ x) SELECT a.id, b.id AS b FROM w a JOIN w b ON a.id = b.id + 1 ORDER BY 1'),
	('WITH w AS MATERIALIZED (SELECT * FROM @ x) SELECT a.id, b.id AS b FROM w a JOIN w b ON a.id = b.id + 1 ORDER BY 1'),
	('WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT x.id FROM r JOIN @ x ON x.id = r.id * 2) SELECT * FROM r'),
	('SELECT grp, count(*) FROM @ x GROUP BY grp HAVING count(*) > 42 ORDER BY grp'),
	('SELECT grp, id % 2 AS odd, count(*) FROM @ x GROUP BY ROLLUP (grp, id % 2) ORDER BY 1, 2'),
	('SELECT DISTINCT grp FROM @ x ORDER BY grp'),
	('SELECT DISTINCT ON (id / 10) id, word FROM @ x ORDER BY id / 10, id DESC'),
	('SELECT id, row_number() OVER (ORDER BY id), lag(id) OVER (PARTITION BY grp ORDER BY id) FROM @ x ORDER BY id'),
	('SELECT * FROM part p WHERE EXISTS (SELECT FROM @ x WHERE x.id = p.item_id AND x.grp = 3) ORDER BY no'),
	('SELECT * FROM part p WHERE NOT EXISTS (SELECT FROM @ x WHERE x.id = p.item_id) ORDER BY no'),
	('SELECT * FROM part p WHERE item_id NOT IN (SELECT id FROM @ x WHERE grp = 2) ORDER BY no'),
	('SELECT no, (SELECT word FROM @ x WHERE x.id = p.item_id) FROM part p WHERE no % 50 = 0 ORDER BY no'),
	('(SELECT id FROM @ x WHERE grp = 1) UNION ALL (SELECT id FROM @ y WHERE grp = 2) ORDER BY id'),
	('SELECT id FROM @ x WHERE grp < 3 EXCEPT SELECT id FROM @ y WHERE grp = 2 ORDER BY id'),
	('SELECT * FROM (SELECT id, grp FROM @ x UNION ALL SELECT no, amount FROM part) u WHERE id < 9 ORDER BY id, grp'),
	('SELECT x.id, u FROM @ x, unnest(x.tags) u WHERE u = ''u3'' ORDER BY x.id'),
	('SELECT x.* FROM @ x, part p WHERE p.no = x.id ORDER BY x.id')) q(query);

-- The row as a whole.
SELECT try(query), query
FROM (VALUES
	('SELECT x FROM @ x'),
	('SELECT x, x.*, x IS NULL AS n, x IS NOT NULL AS nn FROM @ x'),
	('SELECT row_to_json(x), to_jsonb(x) - ''id'' AS j FROM @ x'),
	('SELECT x.id, x.x FROM (SELECT x, id FROM @ x) x WHERE (x.x).grp = 3'),
	('SELECT count(x), count(DISTINCT x), max(x.id) FROM @ x WHERE x IS NOT NULL'),
	('SELECT array_agg(x ORDER BY x.id DESC) FROM @ x'),
	('SELECT x FROM @ x JOIN part p ON p.item_id = x.id ORDER BY p.no'),
	('SELECT x, p.no FROM part p LEFT JOIN @ x ON p.item_id = x.id ORDER BY p.no'),
	('SELECT x FROM @ x ORDER BY x DESC'),
	('SELECT x = y AS same FROM @ x JOIN @ y ON x.id = y.id ORDER BY x.id')) q(query);
SELECT chunked_iter_key(x), chunked_iter_key(x, 'grp'), pg_typeof(x) FROM chunked_iter(NULL::item, 2, after => '{41}') x LIMIT 2;

-- The order is known: nothing sorts what comes in order.
SELECT plan_nodes('SELECT id FROM chunked_iter(NULL::item) ORDER BY id');
SELECT plan_nodes('SELECT id FROM chunked_iter(NULL::item, reverse => true) ORDER BY id DESC LIMIT 3');
SELECT plan_nodes('SELECT id FROM chunked_iter(NULL::item) ORDER BY id DESC');
SELECT plan_nodes('SELECT DISTINCT ON (grp) grp, id FROM chunked_iter(NULL::item, order_by => ''grp, id DESC'') ORDER BY grp, id DESC');
SELECT plan_nodes('SELECT id, rank() OVER (PARTITION BY grp ORDER BY id DESC) FROM chunked_iter(NULL::item, order_by => ''grp, id DESC'')');
-- But only the order that it has.
CREATE TABLE typed (v varchar(9) COLLATE "C" PRIMARY KEY, n integer, word text);
INSERT INTO typed SELECT chr(64 + i), nullif(i, 9), chr(64 + i % 16 * 2 + i / 16) FROM generate_series(1, 31) i;
CREATE INDEX ON typed (n DESC NULLS LAST, v);
CREATE INDEX ON typed (lower(word), v);
ANALYZE typed;
SELECT order_by, wanted, (SELECT bool_or(n ~ 'Sort') FROM plan_nodes(q) n) AS sorts, same_rows(q, format('SELECT t FROM typed t ORDER BY %s, v', wanted))
FROM (VALUES
	(NULL, 'v'), (NULL, 'v DESC'), (NULL, 'v COLLATE "C"'), (NULL, 'v COLLATE "POSIX"'), (NULL, 'v::text'), (NULL, 'v, n'), (NULL, 'n'),
	('n DESC NULLS LAST', 'n DESC NULLS LAST'), ('n DESC NULLS LAST', 'n DESC NULLS LAST, v'), ('n DESC NULLS LAST', 'n DESC'), ('n DESC NULLS LAST', 'n'),
	('lower(word)', 'lower(word)'), ('lower(word)', 'lower(word), v'), ('lower(word)', 'word'), ('ctid', 'v')) o(order_by, wanted),
	format('SELECT t FROM chunked_iter(NULL::typed, 4, %L) t ORDER BY %s', order_by, wanted || CASE WHEN wanted ~ 'v' THEN '' ELSE ', v' END) q;
SELECT plan_nodes('SELECT no FROM chunked_iter(NULL::over_part, order_by => ''no, amount'') ORDER BY no LIMIT 1');
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT plan_nodes('SELECT * FROM chunked_iter(NULL::item) x JOIN chunked_iter(NULL::part) p ON p.no = x.id');
SELECT try(query), query
FROM (VALUES
	('SELECT * FROM @ x JOIN part p ON p.item_id = x.id ORDER BY p.no'),
	('SELECT * FROM part p FULL JOIN @ x ON p.item_id = x.id ORDER BY p.no, x.id'),
	('SELECT * FROM @ x JOIN @ y USING (id) ORDER BY id'),
	('SELECT x.id, y.id AS y FROM @ x JOIN @ y ON x.grp = y.grp AND x.id < y.id ORDER BY 1, 2')) q(query);
RESET enable_hashjoin;
SET enable_mergejoin = off;
SELECT try(query), query
FROM (VALUES
	('SELECT * FROM @ x JOIN part p ON p.item_id = x.id ORDER BY p.no'),
	('SELECT * FROM part p FULL JOIN @ x ON p.item_id = x.id ORDER BY p.no, x.id'),
	('SELECT * FROM @ x JOIN @ y USING (id) ORDER BY id')) q(query);
RESET enable_nestloop;
SET enable_hashjoin = off;
SET enable_material = off;
SELECT try(query), query
FROM (VALUES
	('SELECT * FROM @ x JOIN part p ON p.item_id = x.id ORDER BY p.no'),
	('SELECT * FROM part p LEFT JOIN @ x ON p.item_id = x.id AND x.grp = 2 ORDER BY p.no, x.id'),
	('SELECT n, x.id FROM generate_series(1, 5) n JOIN @ x ON x.id % 60 = n ORDER BY 1, 2'),
	('SELECT n, s.id FROM generate_series(1, 9, 4) n, LATERAL (SELECT id FROM @ x WHERE id % n = 0 LIMIT n) s ORDER BY 1, 2')) q(query);
RESET ALL;
SET client_min_messages = warning;
SET search_path = streaming, public;

-- Arguments from other tables, and from everywhere else.
SELECT p.no, array_agg(x.id)
FROM part p LEFT JOIN LATERAL (SELECT id FROM chunked_iter(NULL::item, p.amount + 1, 'grp', p.no % 2 = 0, after => ARRAY[p.no % 7]::text[]) LIMIT 3) x ON true
WHERE p.no < 9 GROUP BY p.no ORDER BY p.no;
SELECT p.no, array_agg(x.id ORDER BY x.id) FROM part p, chunked_iter(NULL::item, 2, filter => format('id %% 100 = %s', p.item_id)) x WHERE p.no < 16 GROUP BY 1 ORDER BY 1;
SELECT x.id, y.id FROM chunked_iter(NULL::item, upto => '{3}') x, chunked_iter(NULL::item, after => ARRAY[x.id::text], upto => '{4}') y ORDER BY 1, 2;
SELECT n, x.no FROM generate_series(1, 3) n, LATERAL (SELECT no FROM chunked_iter(NULL::part, order_by => 'amount + 0', after => ARRAY[n::text]) LIMIT 1) x ORDER BY n;
SELECT count(*) FROM chunked_iter(NULL::item, (SELECT 5), (SELECT 'grp'), after => ARRAY[(SELECT max(amount) FROM part WHERE no < 6)]::text[]);
SELECT count(*), count(DISTINCT x.id) FROM chunked_iter((SELECT i FROM item i LIMIT 1)) x;
SELECT n, (SELECT count(*) FROM chunked_iter(NULL::item, n, filter => 'grp = ' || n)) FROM generate_series(1, 7, 3) n;

-- Prepared, with a parameter for every argument.
PREPARE any_walk(item, bigint, text, boolean, text, text[], text[], text) AS SELECT count(*), min(id), max(id) FROM chunked_iter($1, $2, $3, $4, $5, $6, $7, $8);
PREPARE page(text[], integer) AS SELECT id FROM chunked_iter(NULL::item, 4, after => $1) WHERE grp = $2 ORDER BY id LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXECUTE any_walk(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
EXECUTE any_walk(NULL, 3, 'grp, id', true, 'id > 20', '{5}', '{2}', 'chunk');
EXECUTE any_walk(NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
EXECUTE page(NULL, 3);
EXECUTE page('{17}', 2);
SELECT plan_nodes('EXECUTE page(''{17}'', 2)');
SET plan_cache_mode = force_custom_plan;
EXECUTE any_walk(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
EXECUTE any_walk(NULL, 3, 'grp, id', true, 'id > 20', '{5}', '{2}', 'chunk');
EXECUTE any_walk(NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
EXECUTE page(NULL, 3);
EXECUTE page('{17}', 2);
SELECT plan_nodes('EXECUTE page(''{17}'', 2)');
RESET plan_cache_mode;

-- Conditions of the query around it, whoever checks them.
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION half(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 / 2; END';
CREATE FUNCTION now_and_then(integer) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 % 5 = 0; END';
CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
SELECT try('SELECT * FROM @ x WHERE ' || condition), condition
FROM (VALUES
	('id = 5'), ('id > 290 AND grp <> 3'), ('id IN (3, 9, 999)'), ('id = ANY (''{4,NULL}''::int[])'), ('id <> ALL (ARRAY[1, 2])'),
	('word IS NULL'), ('word IS NOT NULL AND word >= ''x'''), ('word IS DISTINCT FROM ''a0'''), ('NOT (word < ''y'')'),
	('word = ''H1'' COLLATE nocase'), ('word COLLATE "C" < ''b'''), ('(word COLLATE nocase) IN (''A0'', ''B1'')'), ('word LIKE ''_1'''), ('word ~ ''^[ab]'''),
	('tags @> ''{t1,u2}'''), ('''u4'' = ANY (tags)'), ('tags[1] = ''t2'' AND cardinality(tags) = 2'),
	('half(id) = 20'), ('now_and_then(id)'), ('pg_catalog.abs(id - 100) < 3'), ('price::text LIKE ''%.75'''), ('price::integer::small = 7'),
	('CASE WHEN grp = 0 THEN id > 280 ELSE id < 5 END'), ('coalesce(word, ''a0'') = ''a0'''), ('(grp, id) > (6, 200)'), ('(grp = 1 OR id = 300) AND price < 20'),
	('ROW(id, grp) IN ((7, 0), (8, 1), (9, 9))'), ('x IS NOT NULL'), ('(x).id = 12'), ('x::text LIKE ''%t3%'''), ('id = (SELECT 30)'),
	('id IN (SELECT item_id FROM part WHERE amount = 4)'), ('EXISTS (SELECT FROM part p WHERE p.no = x.id AND p.amount > 48)'),
	('random() < 2'), ('random() < 0'), ('true'), ('false'), ('NULL'), ('(SELECT false)'), ('current_user IS NULL'),
	('id > 5 AND now() IS NOT NULL'), ('id = length(''abc'')'), ('date ''2026-01-01'' + id = date ''2026-01-31''')) q(condition);

-- What has no literal, or one that reads differently under a setting.
SELECT try('SELECT * FROM @ x WHERE ROW(id, grp) = ANY (ARRAY[ROW(1, 1), ROW(5, 5)])') AS records;
SET array_nulls = off;
SELECT try('SELECT * FROM @ x WHERE id = ANY (ARRAY[4, NULL])') AS nulls;
RESET array_nulls;

-- Volatile ones are called for each row of the walk, and not again.
CREATE SEQUENCE calls;
SELECT count(*) FROM chunked_iter(NULL::item, 7) WHERE nextval('calls') % 2 = 0 AND grp = 1;
SELECT (SELECT count(*) FROM item WHERE grp = 1) = last_value AS once_a_row FROM calls;

-- Variables of PL/pgSQL, and a loop that is left early.
CREATE FUNCTION sum_of_group(wanted integer, most integer) RETURNS TABLE (total bigint, seen integer) LANGUAGE plpgsql AS $$
DECLARE
	r item;
BEGIN
	total := 0;
	seen := 0;
	FOR r IN SELECT * FROM chunked_iter(NULL::item, 5) x WHERE x.grp = wanted LOOP
		total := total + r.id;
		seen := seen + 1;
		EXIT WHEN seen = most;
	END LOOP;
	RETURN NEXT;
END $$;
SELECT g, (sum_of_group(g, 10)).*, (SELECT sum(id) FROM (SELECT id FROM item WHERE grp = g ORDER BY id LIMIT 10) o) AS oracle FROM generate_series(0, 7) g;
CREATE FUNCTION items_after(integer) RETURNS SETOF item LANGUAGE sql STABLE AS 'SELECT * FROM chunked_iter(NULL::item, 3, after => ARRAY[$1::text])';
SELECT id FROM items_after(5) WHERE grp = 6 LIMIT 2;
SELECT p.no, i.id FROM part p, items_after(p.item_id + 284) i WHERE p.no < 3 ORDER BY 1, 2;

-- Views over it; a view that is a security barrier hides its rows from what leaks.
CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE INFO 'saw %', $1; RETURN true; END$$;
CREATE VIEW walked AS SELECT * FROM chunked_iter(NULL::item, 7);
CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM chunked_iter(NULL::item, 7) WHERE grp = 0 AND id > 280;
SELECT same_rows('SELECT w FROM walked w WHERE grp = 3', 'SELECT i FROM item i WHERE grp = 3 ORDER BY id');
SELECT id FROM guarded WHERE peek(word);
SELECT id FROM guarded WHERE id < 290;
SELECT id FROM walked WHERE peek(word) AND id = 5;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM chunked_iter(NULL::item, 7) WHERE grp = 3;
DELETE FROM item WHERE id = 300;
REFRESH MATERIALIZED VIEW stored;
SELECT same_rows('SELECT s FROM stored s ORDER BY id', 'SELECT i FROM item i WHERE grp = 3 ORDER BY id');

-- Written elsewhere, or back into the table itself, which ends.
CREATE TABLE copied AS SELECT * FROM chunked_iter(NULL::item, 7);
SELECT same_rows('SELECT c FROM copied c ORDER BY ctid', 'SELECT i FROM item i ORDER BY id');
COPY (SELECT id, word, tags FROM chunked_iter(NULL::item, 7, 'id DESC') WHERE id % 50 = 0) TO STDOUT;
SET statement_timeout = '10s';
BEGIN;
INSERT INTO item SELECT id + 1000, grp, word, tags, price FROM chunked_iter(NULL::item, 7);
INSERT INTO item SELECT id + 10000, grp FROM chunked_iter(NULL::item, 7, snapshot => 'chunk');
INSERT INTO item SELECT * FROM chunked_iter(NULL::item, 7) ON CONFLICT (id) DO UPDATE SET grp = -1;
SELECT count(*), min(id), max(id), min(grp), max(grp) FROM item;
ROLLBACK;
RESET statement_timeout;

-- It streams in statements that change or lock rows too; only WITH ORDINALITY and
-- ROWS FROM of several functions have the server collect it first.
SELECT statement, (SELECT coalesce(string_agg(substring(n FROM '(\w+ Scan) (?:on chunked_iter|\(Chunk)'), ', '), 'none') FROM plan_nodes(statement) n) AS scan
FROM (VALUES
	('UPDATE part SET amount = -1 FROM chunked_iter(NULL::item) x WHERE x.id = part.item_id'), ('DELETE FROM part USING chunked_iter(NULL::item) x WHERE x.id = part.item_id'),
	('SELECT * FROM part p JOIN chunked_iter(NULL::item) x ON x.id = p.item_id FOR UPDATE OF p'), ('SELECT * FROM chunked_iter(NULL::item) WITH ORDINALITY'),
	('SELECT * FROM ROWS FROM (chunked_iter(NULL::item), chunked_iter(NULL::part)) x'), ('SELECT * FROM ROWS FROM (chunked_iter(NULL::item)) x'),
	('WITH w AS (SELECT id FROM chunked_iter(NULL::item)) UPDATE part SET amount = -1 FROM w WHERE w.id = part.item_id'),
	('DELETE FROM part WHERE item_id = ANY (ARRAY(SELECT id FROM chunked_iter(NULL::item) LIMIT 5))'),
	('INSERT INTO part SELECT id, grp, 1 FROM chunked_iter(NULL::item)')) s(statement);
BEGIN;
UPDATE part SET amount = -1 FROM chunked_iter(NULL::item, 7) x WHERE x.id = part.item_id AND x.grp = 1;
SELECT same_rows('SELECT no FROM part WHERE amount = -1 ORDER BY 1', 'SELECT no FROM part JOIN item ON id = item_id WHERE grp = 1 ORDER BY 1');
DELETE FROM part USING chunked_iter(NULL::item, 7, filter => 'grp > 1') x WHERE x.id = part.item_id;
SELECT same_rows('SELECT no FROM part ORDER BY 1', 'SELECT no FROM generate_series(1, 500) no LEFT JOIN item ON id = no * 7 % 330 WHERE id IS NULL OR grp <= 1 ORDER BY 1');
UPDATE item SET grp = x.grp + 100 FROM chunked_iter(NULL::item, 7) x WHERE x.id = item.id;
DELETE FROM item USING chunked_iter(NULL::item, 7, snapshot => 'chunk') x WHERE x.id = item.id AND x.grp > 101;
SELECT count(*), min(grp), max(grp) FROM item;
WITH w AS (SELECT id FROM chunked_iter(NULL::item, 7)) UPDATE item SET grp = 0 FROM w WHERE w.id = item.id;
DELETE FROM item WHERE id IN (SELECT id FROM chunked_iter(NULL::item, 7));
SELECT count(*) FROM item;
ROLLBACK;
SELECT p.no, x.id FROM part p JOIN chunked_iter(NULL::item, 7) x ON x.id = p.item_id WHERE p.no < 4 ORDER BY 1 FOR UPDATE OF p;
SELECT error_of('SELECT * FROM chunked_iter(NULL::item) x FOR UPDATE OF x');
SELECT id, word, n FROM chunked_iter(NULL::item, 2, after => '{297}') WITH ORDINALITY AS x(id, grp, word, tags, price, n);
SELECT x.id, x.g FROM ROWS FROM (chunked_iter(NULL::item, 2, after => '{297}'), generate_series(1, 3)) AS x(id, grp, word, tags, price, g);
SELECT x.id FROM ROWS FROM (chunked_iter(NULL::item, 2, after => '{297}')) AS x;

-- Cursors: back and forth, held over a commit, after a rollback to a savepoint.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 3);
DECLARE held CURSOR WITH HOLD FOR SELECT id, x FROM chunked_iter(NULL::item, 3, 'id DESC') x WHERE grp = 5;
DECLARE walk CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 3, snapshot => 'chunk');
FETCH 5 FROM c;
FETCH BACKWARD 3 FROM c;
FETCH LAST FROM c;
FETCH ABSOLUTE 7 FROM c;
FETCH 2 FROM held;
FETCH 2 FROM walk;
SAVEPOINT one;
FETCH 4 FROM walk;
DELETE FROM item WHERE id IN (8, 9);
SELECT 1 / 0;
ROLLBACK TO one;
FETCH 3 FROM walk;
UPDATE item SET grp = 1 WHERE CURRENT OF walk;
ROLLBACK TO one;
DELETE FROM item WHERE id > 200;
FETCH 2 FROM c;
COMMIT;
MOVE 20 FROM held;
FETCH 2 FROM held;
CLOSE held;
INSERT INTO item SELECT * FROM copied WHERE id > 200;

-- Other relations.
CREATE TABLE parted (k integer, id integer, note text, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5);
CREATE TABLE parted_2 (note text, gone integer, id integer NOT NULL, k integer NOT NULL);
ALTER TABLE parted_2 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (5) TO (10);
INSERT INTO parted SELECT i % 10, i, 'n' || i FROM generate_series(1, 60) i;
CREATE TABLE parent (id integer, note text);
CREATE TABLE child (extra integer) INHERITS (parent);
INSERT INTO parent SELECT i, 'p' FROM generate_series(1, 20, 2) i;
INSERT INTO child SELECT i, 'c', i FROM generate_series(2, 20, 2) i;
CREATE INDEX ON parent (id);
CREATE INDEX ON child (id);
CREATE TABLE gappy (a integer, b text, id integer PRIMARY KEY, c text);
INSERT INTO gappy SELECT i, 'b' || i, i, CASE WHEN i % 2 = 0 THEN 'c' || i END FROM generate_series(1, 50) i;
ALTER TABLE gappy DROP b, ADD d text DEFAULT 'later', ADD e integer;
INSERT INTO gappy SELECT i, i, 'c', 'own', i FROM generate_series(51, 60) i;
CREATE TABLE single (a integer);
INSERT INTO single SELECT generate_series(1, 20);
CREATE TABLE columnless ();
INSERT INTO columnless SELECT FROM generate_series(1, 20);
SELECT try(replace(query, 'KEY', key), walk, oracle), walk, query
FROM (VALUES
	('NULL::parted, 4', 'SELECT * FROM parted ORDER BY k, id', 'id'),
	('NULL::parted, 4, ''ctid''', 'SELECT * FROM parted ORDER BY tableoid, ctid', 'id'),
	('NULL::parted_2, 4', 'SELECT * FROM parted_2 ORDER BY k, id', 'id'),
	('NULL::parent, 4, ''id''', 'SELECT * FROM parent ORDER BY id', 'id'),
	('NULL::parent, 4', 'SELECT * FROM parent ORDER BY tableoid, ctid', 'id'),
	('NULL::over_part, 4, ''no''', 'SELECT * FROM over_part ORDER BY no', 'no'),
	('NULL::stored, 4', 'SELECT * FROM stored ORDER BY ctid', 'id'),
	('NULL::gappy, 4', 'SELECT * FROM gappy ORDER BY id', 'id'),
	('NULL::gappy, 4, ''ctid''', 'SELECT * FROM gappy ORDER BY ctid', 'id'),
	('NULL::single, 4', 'SELECT * FROM single ORDER BY ctid', 'a')) w(walk, oracle, key),
	(VALUES
	('SELECT * FROM @ x'),
	('SELECT x.KEY FROM @ x WHERE x.KEY % 3 = 1'),
	('SELECT x, x.KEY FROM @ x WHERE x IS NOT NULL'),
	('SELECT * FROM @ x ORDER BY x.KEY DESC'),
	('SELECT * FROM generate_series(1, 90) n LEFT JOIN @ x ON x.KEY = n ORDER BY n, x::text')) q(query)
ORDER BY walk COLLATE "C", query COLLATE "C";
SELECT try('SELECT count(*) FROM @ x', 'NULL::columnless, 4', 'SELECT * FROM columnless');
SELECT try('SELECT x FROM @ x', 'NULL::columnless, 4', 'SELECT * FROM columnless');
SELECT try('SELECT * FROM @ x WHERE ' || condition, 'NULL::gappy, 4', 'SELECT * FROM gappy ORDER BY id'), condition
FROM (VALUES ('c IS NULL'), ('d = ''later'''), ('d || c = ''laterc2'''), ('e IS NULL AND a > 40'), ('random() < 2 AND e > 5')) q(condition);

-- Rows from before a column with a default was added, of more ties than a chunk may hold.
CREATE TABLE tied (k integer, filler text);
INSERT INTO tied SELECT i % 2, repeat('x', 100) FROM generate_series(1, 4000) i;
CREATE INDEX ON tied (k);
ALTER TABLE tied ADD d text DEFAULT 'later';
SET chunked_iter.chunk_memory = '64kB';
SELECT try(query, 'NULL::tied, 10, ''k''', 'SELECT * FROM tied ORDER BY k'), query
FROM (VALUES ('SELECT * FROM @ x'), ('SELECT k, d FROM @ x WHERE random() < 2 ORDER BY d, k'), ('SELECT x FROM @ x'), ('SELECT count(*), d FROM @ x GROUP BY d')) q(query);
RESET chunked_iter.chunk_memory;

-- Errors are those of the select list, when the query is planned and when it is run.
SELECT error_of('SELECT * FROM chunked_iter(' || arguments || ')') = error_of('SELECT chunked_iter(' || arguments || ')') AS planned,
	   error_of('SELECT * FROM chunked_iter(' || regexp_replace(arguments, '(\w+ => )?(''[^'']*''|\S+)$', '\1(SELECT \2' || CASE WHEN arguments ~ 'after|upto' THEN '::text[])' ELSE ')' END) || ')') = error_of('SELECT chunked_iter(' || arguments || ')') AS run,
	   left(error_of('SELECT * FROM chunked_iter(' || arguments || ')'), 5) AS state, arguments
FROM (VALUES
	('NULL::item, 0'), ('NULL::item, -5'), ('NULL::item, order_by => ''nope'''), ('NULL::item, order_by => ''id LIMIT 3'''), ('NULL::item, order_by => ''random()'''),
	('NULL::item, order_by => ''tableoid + 1'''), ('NULL::item, filter => ''id'''), ('NULL::item, filter => ''id >'''), ('NULL::item, filter => ''nope = 1'''),
	('NULL::item, after => ''{1,2}'''), ('NULL::item, after => ''{x}'''), ('NULL::item, upto => ''{{1}}'''), ('NULL::item, snapshot => ''never'''),
	('NULL::item, reverse => true, order_by => ''ctid'''), ('NULL::over_part'), ('NULL::parted, order_by => ''ctid'', after => ''{"(0,1)"}'''),
	('NULL::integer')) a(arguments);
SELECT error_of('SELECT * FROM chunked_iter(ROW(1, 2))');
SELECT error_of('SELECT * FROM chunked_iter(ROW(1, 2)) AS x(a integer, b integer)');
SELECT error_of('EXPLAIN SELECT * FROM chunked_iter(NULL::item, 0)');
SELECT error_of('SELECT 1 / (id - 150) FROM chunked_iter(NULL::item, 7)');
SELECT error_of('SELECT * FROM chunked_iter(NULL::item, 7) WHERE 1 / (id - 150) > 5');

-- Only the columns that a query uses have to be readable.
CREATE ROLE regress_chunked_columns;
GRANT USAGE ON SCHEMA streaming TO regress_chunked_columns;
GRANT SELECT (id, word) ON item TO regress_chunked_columns;
GRANT SELECT ON walked TO regress_chunked_columns;
SET ROLE regress_chunked_columns;
SELECT id, word FROM chunked_iter(NULL::item, 2) LIMIT 3;
SELECT count(*) FROM chunked_iter(NULL::item);
SELECT max(word) FROM chunked_iter(NULL::item, 7, filter => 'id < 50') WHERE id % 2 = 0;
SELECT same_rows('SELECT word FROM chunked_iter(NULL::item, 7, ''id DESC'')', 'SELECT word FROM item ORDER BY id DESC');
SELECT left(error_of(statement), 8), statement
FROM (VALUES
	('SELECT * FROM chunked_iter(NULL::item)'), ('SELECT x FROM chunked_iter(NULL::item) x'), ('SELECT id, grp FROM chunked_iter(NULL::item)'),
	('SELECT id FROM chunked_iter(NULL::item) WHERE grp = 1'), ('SELECT id FROM chunked_iter(NULL::item) WHERE grp > random()'),
	('SELECT id FROM chunked_iter(NULL::item, order_by => ''grp'')'), ('SELECT id FROM chunked_iter(NULL::item, filter => ''grp = 1'')'),
	('SELECT id FROM chunked_iter(NULL::item, order_by => ''ctid'')'), ('SELECT id FROM item ORDER BY ctid'),
	('SELECT id, word FROM walked'), ('SELECT grp FROM walked'), ('SELECT chunked_iter(NULL::item)'), ('EXPLAIN SELECT id FROM chunked_iter(NULL::item)'),
	('SELECT count(*) FROM chunked_iter(NULL::part)')) s(statement);
RESET ROLE;
-- And policies hold for what is pushed below them.
CREATE TABLE secret (id integer PRIMARY KEY, owner name, body text);
INSERT INTO secret SELECT i, CASE i % 3 WHEN 0 THEN 'regress_chunked_columns' ELSE 'other' END, 'b' || i FROM generate_series(1, 9) i;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (owner = current_user);
GRANT SELECT ON secret TO regress_chunked_columns;
SET ROLE regress_chunked_columns;
SELECT id FROM chunked_iter(NULL::secret, 2) WHERE peek(body);
RESET ROLE;
SELECT count(*) FROM chunked_iter(NULL::secret, 2);

-- Prepared before the table is altered: what is right now, or one clear error.
CREATE FUNCTION altered(ddl text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	row record;
	message text;
BEGIN
	CREATE TABLE changing (id integer PRIMARY KEY, a integer, b text);
	INSERT INTO changing SELECT i, 9 - i, 'b' || i FROM generate_series(1, 3) i;
	CREATE INDEX changing_a ON changing (a, id);
	ANALYZE changing;
	EXECUTE 'PREPARE altered(integer) AS ' || query;
	EXECUTE 'EXECUTE altered(2)';
	EXECUTE ddl;
	BEGIN
		FOR row IN EXECUTE 'EXECUTE altered(2)' LOOP
			message := concat_ws(' ', message, row::text);
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		message := CASE WHEN SQLSTATE LIKE '42%' OR SQLSTATE = '0A000' THEN 'a clear error' ELSE SQLSTATE || ' ' || SQLERRM END;
	END;
	DEALLOCATE altered;
	DROP TABLE IF EXISTS changing, renamed;
	RETURN NEXT message;
END $$;
SELECT ddl, query, altered(ddl, 'SELECT ' || query)
FROM (VALUES ('ALTER TABLE changing ADD c integer DEFAULT 7'), ('ALTER TABLE changing DROP a'), ('ALTER TABLE changing DROP b'), ('ALTER TABLE changing ALTER b TYPE varchar(3)'),
	('ALTER TABLE changing ALTER a TYPE text'), ('ALTER TABLE changing ALTER id TYPE bigint'), ('ALTER TABLE changing DROP CONSTRAINT changing_pkey'),
	('ALTER TABLE changing RENAME b TO bb'), ('ALTER TABLE changing RENAME TO renamed')) d(ddl),
	(VALUES ('* FROM chunked_iter(NULL::changing)'), ('* FROM chunked_iter(NULL::changing, $1)'), ('id FROM chunked_iter(NULL::changing) ORDER BY id DESC'),
	('b FROM chunked_iter(NULL::changing, $1) WHERE b > ''b1'''), ('x FROM chunked_iter(NULL::changing, $1, ''a'') x')) q(query)
ORDER BY ddl COLLATE "C", query COLLATE "C";

-- What forgets plans forgets nothing that is needed.
PREPARE p AS SELECT id FROM chunked_iter(NULL::item, 2) WHERE grp = 4 LIMIT 2;
EXECUTE p;
DISCARD PLANS;
EXECUTE p;
BEGIN;
ALTER EXTENSION chunked_iter SET SCHEMA streaming;
EXECUTE p;
SET LOCAL search_path = public;
SELECT left(streaming.error_of('EXECUTE p'), 5);
SELECT streaming.plan_nodes('SELECT id FROM streaming.chunked_iter(NULL::streaming.item) ORDER BY id');
ROLLBACK;
EXECUTE p;
BEGIN;
DROP MATERIALIZED VIEW stored;
DROP VIEW walked, guarded;
DROP EXTENSION chunked_iter;
SELECT left(error_of('EXECUTE p'), 5);
CREATE EXTENSION chunked_iter SCHEMA public;
EXECUTE p;
SELECT plan_nodes('SELECT id FROM chunked_iter(NULL::item) ORDER BY id');
ROLLBACK;
EXECUTE p;
DISCARD ALL;
SET search_path = streaming, public;
SET client_min_messages = warning;
SELECT id FROM chunked_iter(NULL::item, 2) WHERE grp = 4 LIMIT 2;

-- The planner's switches are for others.
SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
SET enable_tidscan = off;
SET enable_sort = off;
SELECT try('SELECT * FROM @ x'), try('SELECT * FROM @ x', 'NULL::item, 7, ''ctid''', 'SELECT * FROM item ORDER BY ctid');
RESET ALL;
SET search_path = streaming, public;

-- LIMIT reads what it needs where that can be known, else one chunk, and nothing is ever written to a temporary file.
CREATE TABLE big (id integer PRIMARY KEY, filler text) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
ANALYZE big;
CREATE FUNCTION rows_read(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	count_sql text := 'SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relid = ''streaming.big''::regclass';
	before bigint;
	after bigint;
BEGIN
	EXECUTE count_sql INTO before;
	EXECUTE query;
	EXECUTE count_sql INTO after;
	RETURN after - before;
END $$;
-- A condition on a column that no index has, because pages that are known to be all visible are not read
-- for an index that has all columns.
SELECT rows_read(query), query
FROM (VALUES
	('SELECT * FROM chunked_iter(NULL::big, 100) LIMIT 5'),
	('SELECT * FROM chunked_iter(NULL::big, 100) ORDER BY id LIMIT 105'),
	('SELECT * FROM chunked_iter(NULL::big, 100) ORDER BY id LIMIT 7 OFFSET 20'),
	('SELECT * FROM chunked_iter(NULL::big, 100, upto => ''{300}'') ORDER BY filler, id LIMIT 5'),
	('SELECT * FROM chunked_iter(NULL::big, 100) a JOIN chunked_iter(NULL::big, 100) b USING (id) LIMIT 5'),
	('SELECT DISTINCT id FROM chunked_iter(NULL::big, 100) ORDER BY id LIMIT 5'),
	('SELECT * FROM chunked_iter(NULL::big, 100) WHERE id > 5000 AND random() < 2 LIMIT 5'),
	('SELECT * FROM chunked_iter(NULL::big, 100, ''ctid'') LIMIT 5'),
	('SELECT * FROM chunked_iter(NULL::big, 100, after => ''{19000}'') x LIMIT 5'),
	('SELECT EXISTS (SELECT FROM chunked_iter(NULL::big, 100) WHERE filler > '''')'),
	('SELECT max(filler) FROM (SELECT filler FROM chunked_iter(NULL::big, 100, reverse => true) LIMIT 1) s'),
	('SELECT min(id) FROM chunked_iter(NULL::big, 100) WHERE filler > '''''),
	('SELECT max(id), max(id) + 1 FROM chunked_iter(NULL::big, 100) WHERE filler > '''' HAVING max(id) > 5'),
	('SELECT max(id) FROM chunked_iter(NULL::big, 100, reverse => true) WHERE filler > '''''),
	('SELECT min(id), max(id) FROM chunked_iter(NULL::big, 100) WHERE filler > '''''),
	('SELECT * FROM chunked_iter(NULL::big, 100) UNION ALL SELECT * FROM chunked_iter(NULL::big, 100) LIMIT 5')) q(query);

-- More than that comes, too, where it turns out to be wanted.
SET client_min_messages = error;
SELECT same_rows(replace(query, '@', 'chunked_iter(NULL::big, 100' || more || ')'), replace(query, '@', 'big')) AS same
FROM (VALUES
	('SELECT id FROM @ x ORDER BY id / 30 FETCH FIRST 5 ROWS WITH TIES', ', ''id / 30'''),
	('SELECT id FROM @ x ORDER BY id / 300 FETCH FIRST 5 ROWS WITH TIES', ', ''id / 300'''),
	('SELECT id FROM (SELECT id FROM @ x ORDER BY id LIMIT 5) s WHERE id > 3', ''),
	('SELECT n * id FROM generate_series(1, 3) n, LATERAL (SELECT id FROM @ x WHERE id > 19990 + n ORDER BY id LIMIT 5) s', '')) q(query, more);
RESET client_min_messages;

-- The first row has the answer of min() or max() of the key, and nothing else's.
CREATE TABLE extremes (a integer, b text COLLATE "C" NOT NULL, id integer PRIMARY KEY);
INSERT INTO extremes SELECT nullif(i % 5, 0), 'b' || i, i FROM generate_series(1, 20) i;
SET client_min_messages = error;
SELECT aggregates, bool_and(same_rows(walk, oracle)) AS same, count(*) AS cases,
	   string_agg(DISTINCT key || CASE WHEN reverse THEN ' reversed' ELSE '' END, ', ') FILTER (WHERE EXISTS (SELECT FROM plan_nodes(walk) n WHERE n ~ 'Limit')) AS from_first_row
FROM (VALUES ('min(a)', ''), ('max(a)', ''), ('max(a)', 'WHERE a IS NULL'), ('max(id)', ''), ('min(id)', 'WHERE id > 7 AND random() < 2'), ('min(id), count(*)', ''), ('max(b)', ''),
	('max(b COLLATE "POSIX")', ''), ('min(id) FILTER (WHERE id > 3)', ''), ('min(a)', 'GROUP BY a % 2 ORDER BY 1'), ('min(id), 1 + min(id)', 'HAVING min(id) > 3'), ('min(id)', 'HAVING max(id) > 3'), ('min(-id)', '')) q(aggregates, more),
	(VALUES ('id'), ('a NULLS FIRST'), ('a DESC NULLS LAST'), ('b DESC')) k(key),
	(VALUES (false), (true)) r(reverse),
	format('SELECT %s FROM chunked_iter(NULL::extremes, 3, %L, %L) x %s', aggregates, key, reverse, more) walk,
	format('SELECT %s FROM extremes x %s', aggregates, more) oracle
GROUP BY aggregates ORDER BY aggregates;
RESET client_min_messages;
SELECT max(id), min(id) FROM chunked_iter(NULL::extremes, after => '{5}', upto => '{15}');
SELECT max(id) FROM chunked_iter(NULL::extremes, after => '{5}', upto => '{15}');
SELECT min(id) FROM chunked_iter(NULL::extremes, after => '{5}', upto => '{15}');
SELECT min(id) FROM chunked_iter(NULL::extremes, after => '{20}');
SELECT max(n) FROM chunked_iter_query('SELECT id % 7 FROM streaming.extremes', 'n', 3) x(n integer);
SELECT min(x.id) FROM chunked_iter(NULL::extremes, 3) x JOIN extremes e ON e.id = x.id + 1 WHERE x.id > 4;

-- What writes the rows changes them where the plan of the walk has put them: a trigger of
-- a partitioned table, its generated column, a trigger of a view.
CREATE TABLE sink (id integer, note text, size text GENERATED ALWAYS AS ('size ' || length(note)) STORED) PARTITION BY RANGE (id);
CREATE TABLE sink_rest PARTITION OF sink DEFAULT;
CREATE FUNCTION complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.note := coalesce('was ' || NEW.note, 'new ') || coalesce('was ' || NEW.size, repeat('!', NEW.id));
	RETURN NEW;
END $$;
CREATE TRIGGER complete BEFORE INSERT ON sink FOR EACH ROW EXECUTE FUNCTION complete();
INSERT INTO sink (id) SELECT id FROM chunked_iter(NULL::extremes, 2) WHERE id <= 5;
SELECT * FROM sink ORDER BY id;
CREATE VIEW sink_view AS SELECT id, note, size FROM sink;
CREATE TRIGGER complete INSTEAD OF INSERT ON sink_view FOR EACH ROW EXECUTE FUNCTION complete();
INSERT INTO sink_view (id) SELECT id FROM chunked_iter(NULL::extremes, 2) WHERE id <= 3 RETURNING *;

SELECT planner_defaults();
SET work_mem = '64kB';
SET temp_file_limit = 0;
SELECT count(*), sum(length(filler)) FROM chunked_iter(NULL::big);
SELECT count(*), bool_and(x IS NOT NULL) AS whole FROM chunked_iter(NULL::big, 100) x;
SELECT count(*) FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM chunked_iter(NULL::big, 100)) s WHERE id = n;
SELECT count(*) FROM chunked_iter(NULL::big) x JOIN big USING (id);
SELECT left(error_of('SELECT count(*) FROM chunked_iter(NULL::big) WITH ORDINALITY'), 5);
RESET ALL;

SET client_min_messages = warning;
DROP SCHEMA streaming CASCADE;
DROP ROLE regress_chunked_columns;
