-- Conditions of a query move into the walk where that is sure to be right; none
-- fails for it, and each query has the rows that it has with the table itself.
CREATE SCHEMA moved;
SET search_path = moved, public;
SET client_min_messages = warning;

CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE pair AS (x integer, y text);
CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
CREATE TABLE item (id integer PRIMARY KEY, grp integer, word varchar(10), tags text[], doc jsonb, at timestamptz, feel mood, duo pair, size small, span int4range, bits bit(4), place point, flag boolean);
INSERT INTO item
SELECT i, nullif(i % 7, 6), chr(97 + i % 26) || i % 3, ARRAY['t' || i % 4, 'u' || i % 5], jsonb_build_object('a', i % 9, 'b', ARRAY[i, i + 1]),
	timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', (ARRAY['low', 'high'])[1 + i % 2]::mood, ROW(i % 5, 'y' || i % 3)::pair, i, int4range(i, i + 3), (i % 16)::bit(4),
	point(i % 3, i % 4), i % 3 = 0
FROM generate_series(1, 200) i;
CREATE TABLE part (no integer PRIMARY KEY, item_id integer, amount integer);
INSERT INTO part SELECT i, nullif(i * 7 % 230, 0), i % 50 FROM generate_series(1, 120) i;
ANALYZE item, part;
CREATE FUNCTION half(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 / 2; END';
CREATE FUNCTION noisy(integer) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN RETURN $1 > 3; END';

-- A query that reads from WALK, with the walk and with the table.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	walked text;
	plain text;
BEGIN
	EXECUTE format('SELECT string_agg(q::text, E''\n'' ORDER BY q::text) FROM (%s) q', replace(query, 'WALK', 'item')) INTO plain;
	EXECUTE format('SELECT string_agg(q::text, E''\n'' ORDER BY q::text) FROM (%s) q', replace(query, 'WALK', 'chunked_iter(NULL::item, 7)')) INTO walked;
	RETURN CASE WHEN walked IS NOT DISTINCT FROM plain THEN 'same' ELSE 'DIFFERENT' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- What has moved, and what of it is a parameter.
CREATE FUNCTION moves(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM chunked_iter(NULL::item) x WHERE %s', condition) LOOP
		found := concat_ws(' / ', found, substring(line FROM '^ +(?:Walk )?((?:Filter|Parameters): .*)'));
	END LOOP;
	RETURN found;
END $$;

-- Conditions by themselves.
SELECT condition, compare('SELECT id, word FROM WALK x WHERE ' || condition) AS rows, moves(condition) IS DISTINCT FROM NULL AND moves(condition) NOT LIKE '%item.%' AS stays
FROM (VALUES
	('id = 5'), ('grp IS NULL AND id > 20'), ('NOT flag'), ('flag IS NOT TRUE'), ('grp IN (1, 2)'), ('grp NOT IN (1, 2)'), ('grp IS DISTINCT FROM 3'), ('nullif(grp, 3) = 4'),
	('word = ''a0'''), ('word LIKE ''b%'' OR word ~ ''^c'''), ('word COLLATE "C" > ''x'''), ('lower(word) || ''z'' = ''c2z'''), ('word::char(1) = ''d'''),
	('CASE (grp > 2) WHEN true THEN id > 3 ELSE false END'), ('CASE grp WHEN 1 THEN id < 50 WHEN 2 THEN id > 150 END'), ('CASE WHEN grp = 1 THEN id < 50 ELSE flag END'),
	('coalesce(grp, 0) > 4'), ('greatest(grp, id % 5, 2) = 2'), ('(grp, id) > (4, 100)'), ('(id, grp) IN ((7, 0), (8, 1), (9, 9))'), ('ROW(id, grp) = ROW(9, 2)'), ('ROW(grp, word) IS NOT NULL'), ('ROW(grp, word) IS DISTINCT FROM ROW(1, ''b1'')'),
	('tags[1] = ''t2'''), ('tags[1:1] = ''{t3}'''), ('''u4'' = ANY (tags)'), ('tags @> ARRAY[''t1'', ''u2'']'), ('tags::varchar[] = ''{t1,u1}''::varchar[]'), ('ARRAY[grp, 1] = ARRAY[2, 1]'),
	('doc @> ''{"a": 3}'''), ('doc[''a''] = ''4'''), ('(doc->>''a'')::integer BETWEEN 2 AND 3'), ('doc @? ''$.b[*] ? (@ > 190)'''),
	('at > ''2026-01-05'''), ('at > now() - interval ''100 years'' AND id < 3'), ('extract(hour FROM at AT TIME ZONE ''UTC'') = 3'), ('at::date = date ''2026-01-03'''), ('(at, at + interval ''1 hour'') OVERLAPS (timestamptz ''2026-01-02'', timestamptz ''2026-01-03'')'),
	('feel = ''high'''), ('feel::text = ''low'' AND id < 9'), ('(x.duo).x = 3'), ('x.duo = ROW(1, ''y1'')::pair'), ('x.duo IS NULL'), ('size = 7'), ('size = 7::small'), ('id::text::small = 12'), ('span @> 20'), ('span && int4range(5, 9)'), ('bits = B''0101'''),
	('place <@ box ''(1,1),(2,2)'''), ('place ~= point ''(0,0)'''), ('place::text = ''(1,1)'''),
	('half(id) = 20'), ('noisy(id) AND id < 8'), ('random() < 2'), ('current_user = session_user AND id = 2'), ('id = ''item''::regclass::oid::integer'), ('greatest(id::oid::regoper, ''96''::regoper)::oid = 96'), ('x.id > (SELECT min(no) + 190 FROM part)'), ('EXISTS (SELECT FROM part p WHERE p.no = x.id)'),
	('x IS NOT NULL'), ('x::text LIKE ''(1%'''), ('position(''1'' IN word) = 2'), ('overlay(word PLACING ''q'' FROM 1) = ''q0'''), ('substring(word FROM 1 FOR 1) = ''e'''), ('trim(both ''a'' FROM word) = ''1''')) c(condition);

-- Where else they stand.
SELECT query, compare(query) AS rows
FROM (VALUES
	('SELECT p.no, s.g FROM part p LEFT JOIN (SELECT id, coalesce(grp, 0) g FROM WALK x) s ON s.id = p.no WHERE s.g > 1'),
	('SELECT p.no, s.g FROM part p LEFT JOIN (SELECT id, coalesce(grp, 0) g FROM WALK x) s ON s.id = p.no WHERE s.g IS NULL OR s.g > 1'),
	('SELECT p.no, s.g FROM part p LEFT JOIN (SELECT id, 1 g FROM WALK x WHERE grp = 2) s ON s.id = p.no WHERE s.g IS NULL'),
	('SELECT s.g FROM part p LEFT JOIN (SELECT id, 7 g FROM WALK x) s ON s.id = p.item_id WHERE s.g = 7 AND p.no < 9'),
	('SELECT * FROM (SELECT id, coalesce(grp, 0) g FROM WALK x UNION ALL SELECT no, amount FROM part) u WHERE g > 4'),
	('SELECT * FROM (SELECT id, 5 g FROM WALK x UNION ALL SELECT no, amount FROM part) u WHERE g > 4'),
	('SELECT * FROM (SELECT id, word FROM WALK x UNION ALL SELECT id, upper(word) FROM WALK y) u WHERE word > ''m'' AND id % 2 = 0'),
	('SELECT * FROM (SELECT id, grp FROM WALK x UNION SELECT no, amount FROM part) u WHERE grp = 3'),
	('SELECT * FROM (SELECT id, grp FROM WALK x EXCEPT ALL SELECT no, amount FROM part) u WHERE id < 20'),
	('SELECT x.id, y.id FROM WALK x FULL JOIN WALK y ON x.id = y.id + 1 WHERE x.grp = 3 OR y.grp = 1'),
	('SELECT x.id, p.no FROM WALK x RIGHT JOIN part p ON p.item_id = x.id WHERE x.grp IS NULL'),
	('SELECT x.id FROM WALK x LEFT JOIN part p ON p.item_id = x.id AND x.grp = 2 WHERE x.id < 40'),
	('SELECT x.id FROM WALK x WHERE x.grp = 2 AND NOT EXISTS (SELECT FROM part p WHERE p.item_id = x.id)'),
	('SELECT grp, count(*) FILTER (WHERE id > 50), sum(id) FILTER (WHERE flag AND tags[1] = ''t1'') FROM WALK x GROUP BY grp HAVING grp > 1'),
	('SELECT grp, flag, count(*) FROM WALK x GROUP BY GROUPING SETS ((grp, flag), (grp), ()) HAVING grp IS NULL OR grp = 2'),
	('SELECT grp, flag, count(*), grouping(grp) FROM WALK x GROUP BY CUBE (grp, flag) HAVING grouping(grp) = 1 OR grp > 2'),
	('SELECT * FROM (SELECT grp, flag, count(*) n FROM WALK x GROUP BY ROLLUP (grp, flag)) s WHERE s.grp = 1'),
	('SELECT * FROM (SELECT id, grp, row_number() OVER (PARTITION BY grp ORDER BY id) r FROM WALK x) s WHERE s.grp = 2 AND r < 4'),
	('SELECT * FROM (SELECT DISTINCT ON (grp) grp, id FROM WALK x ORDER BY grp, id) s WHERE s.grp > 2'),
	('SELECT * FROM (SELECT id, unnest(tags) t FROM WALK x) s WHERE t = ''t1'' AND id < 50'),
	('SELECT p.no, s.id FROM part p, LATERAL (SELECT id FROM WALK x WHERE x.grp = p.amount AND x.id > p.no ORDER BY id LIMIT 2) s WHERE p.no < 20'),
	('SELECT p.no, s.n FROM part p, LATERAL (SELECT count(*) n FROM WALK x WHERE x.grp = p.amount AND x.word::text > chr(97 + p.no % 26)) s'),
	('SELECT p.no, (SELECT count(*) FROM WALK x WHERE x.tags[1] = ''t'' || p.no % 6) FROM part p WHERE p.no < 10'),
	('SELECT p.no, (SELECT max(x.id) FROM WALK x WHERE (x.grp, x.id) < (p.amount, p.no)) FROM part p WHERE p.no < 10'),
	('SELECT no FROM part p WHERE item_id IN (SELECT id FROM WALK x WHERE x.grp = p.amount % 7)'),
	('SELECT no FROM part p WHERE amount = ALL (SELECT x.grp FROM WALK x WHERE x.id = p.no)'),
	('WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT x.id FROM r, LATERAL (SELECT y.id FROM WALK y WHERE y.id = r.id * 2 LIMIT 1) x) SELECT * FROM r'),
	('WITH w AS (SELECT * FROM WALK x) SELECT w.id FROM w WHERE w.grp = 1 UNION ALL SELECT v.id FROM w v WHERE v.word < ''c'''),
	('SELECT x.id FROM WALK x WHERE x.id = (SELECT max(no) FROM part) OR x.id = (SELECT min(no) FROM part)')) q(query);

-- SQL/JSON, where the release has it.
CREATE FUNCTION compare_json(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(query, 'WALK', 'item');
	RETURN compare(query);
EXCEPTION WHEN undefined_function OR syntax_error OR undefined_column THEN
	RETURN 'same';
END $$;
SELECT compare_json('SELECT id FROM WALK x WHERE ' || condition) AS rows, condition
FROM (VALUES ('JSON_EXISTS(doc, ''$.b[*] ? (@ > 190)'')'), ('JSON_VALUE(doc, ''$.a'' RETURNING integer) = 3'), ('JSON_QUERY(doc, ''$.b'') = ''[7, 8]'''), ('doc IS JSON OBJECT'), ('JSON_SCALAR(id)::text = ''5'''), ('JSON_OBJECT(''a'': grp)::text = ''{"a" : 1}''')) c(condition);

-- A view that is a security barrier lets nothing that leaks go ahead of it.
CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM chunked_iter(NULL::item, 7) WHERE grp = 0 AND id > 180;
CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE INFO 'saw %', $1; RETURN true; END$$;
SELECT id FROM guarded WHERE peek(word) AND CASE WHEN id > 190 THEN true ELSE false END;
SELECT id FROM guarded WHERE coalesce(tags[1], '') = 't1';

-- Parameters: their values are those of the execution, each time.
SET plan_cache_mode = force_generic_plan;
PREPARE by_values(integer, text, text[], timestamptz, pair, box) AS
	SELECT count(*) FROM chunked_iter(NULL::item, 7) WHERE grp = $1 AND word > $2 AND tags && $3 AND at > $4 AND duo <> $5 AND NOT place <@ $6;
EXECUTE by_values(2, 'c', '{t1,u3}', '2026-01-03', ROW(1, 'y1'), '(0,0),(1,1)');
EXECUTE by_values(NULL, 'c', '{t1,u3}', '2026-01-03', ROW(1, 'y1'), '(0,0),(1,1)');
EXECUTE by_values(3, 'a', '{t2,u4}', '2026-01-01', NULL, '(0,0),(1,1)');
EXECUTE by_values(3, 'a', '{t2,u4}', '2026-01-01', ROW(9, ''), '(0,0),(1,1)');
SELECT count(*) FILTER (WHERE grp = 2 AND word > 'c' AND tags && '{t1,u3}' AND at > '2026-01-03' AND duo <> ROW(1, 'y1')::pair AND NOT place <@ box '(0,0),(1,1)'),
	count(*) FILTER (WHERE grp = 3 AND word > 'a' AND tags && '{t2,u4}' AND NOT place <@ box '(0,0),(1,1)') FROM item;
EXPLAIN (COSTS OFF) EXECUTE by_values(2, 'c', '{t1,u3}', '2026-01-03', ROW(1, 'y1'), '(0,0),(1,1)');
RESET plan_cache_mode;

-- What the planner has shown to have no rows stays a scan of nothing.  (Releases show that in
-- different ways.)
DO $$
BEGIN
	EXECUTE 'EXPLAIN SELECT x.i % 3, count(*)
		FROM (SELECT i, a FROM (SELECT id AS i, id AS a FROM chunked_iter(NULL::item, 7)) AS t
			UNION ALL
			SELECT i, a FROM (SELECT id AS i, id AS a FROM chunked_iter(NULL::item, 7)) AS u WHERE (i = 19) IS UNKNOWN) AS x
		WHERE i = 14 AND a = 0 GROUP BY 1';
END
$$;

DROP SCHEMA moved CASCADE;
