-- Walks that are suspended, ended early, run twice or begun anew are independent and right.
CREATE SCHEMA cursors;
SET search_path = cursors, public;

CREATE TABLE item (id integer PRIMARY KEY, word text COLLATE "C" NOT NULL);
INSERT INTO item SELECT i, chr(ascii('a') + (i * 7) % 10) FROM generate_series(1, 10) i;
CREATE INDEX ON item (word DESC, id);

-- Memory of walks that are under way in this session
CREATE VIEW walks AS
SELECT count(*) AS walks FROM pg_backend_memory_contexts WHERE name = 'chunked_iter walk';

-- FETCHes that are smaller than a chunk, as large and larger; the end, twice.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3) AS r OFFSET 0) s;
FETCH 1 FROM c;
FETCH 3 FROM c;
FETCH 5 FROM c;
FETCH 5 FROM c;
FETCH 5 FROM c;
COMMIT;

-- An early CLOSE ends the walk, and the name is free for another one.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3) AS r OFFSET 0) s;
FETCH 2 FROM c;
TABLE walks;
CLOSE c;
TABLE walks;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3, reverse => true) AS r OFFSET 0) s;
FETCH 2 FROM c;
ROLLBACK;
TABLE walks;

-- Two walks of one table at once, whose chunks do not end together; a third one reads the same plans.
BEGIN;
DECLARE up CURSOR FOR SELECT (r).* FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
DECLARE down CURSOR FOR SELECT (r).* FROM (SELECT chunked_iter(NULL::item, 3, 'word DESC', snapshot => 'chunk') AS r OFFSET 0) s;
DECLARE again CURSOR FOR SELECT (r).* FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 3 FROM up;
FETCH 4 FROM down;
FETCH 1 FROM again;
FETCH 4 FROM up;
FETCH 3 FROM down;
CLOSE up;
FETCH ALL FROM down;
FETCH ALL FROM again;
COMMIT;

-- SCROLL goes back over rows that the walk has left behind.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 5 FROM c;
FETCH BACKWARD 3 FROM c;
FETCH LAST FROM c;
FETCH ABSOLUTE 4 FROM c;
MOVE BACKWARD ALL IN c;
FETCH 1 FROM c;
FETCH RELATIVE 5 FROM c;
COMMIT;

-- WITH HOLD: the commit takes the rest of the rows, once.
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
DECLARE d CURSOR WITH HOLD FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2, snapshot => 'chunk') AS r OFFSET 0) s;
FETCH 3 FROM c;
FETCH 4 FROM d;
COMMIT;
TABLE walks;
BEGIN;
TRUNCATE item;
FETCH 4 FROM c;
FETCH ALL FROM d;
ROLLBACK;
FETCH ALL FROM c;
CLOSE ALL;

-- A rolled back savepoint takes neither the position back nor the walk away, wherever it was begun.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
DECLARE d CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2, snapshot => 'chunk') AS r OFFSET 0) s;
FETCH 3 FROM c;
SAVEPOINT one;
FETCH 2 FROM c;
FETCH 3 FROM d;
SELECT 1 / 0;
ROLLBACK TO one;
FETCH 2 FROM c;
FETCH 2 FROM d;
SAVEPOINT two;
SAVEPOINT three;
FETCH 1 FROM d;
RELEASE three;
ROLLBACK TO two;
FETCH ALL FROM c;
FETCH ALL FROM d;
COMMIT;

-- A walk that was declared under the savepoint goes with it.
BEGIN;
SAVEPOINT one;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 3 FROM c;
ROLLBACK TO one;
TABLE walks;
\set VERBOSITY sqlstate
FETCH 1 FROM c;
\set VERBOSITY default
ROLLBACK;

-- What the session writes between two FETCHes is not in the walk's snapshot.
BEGIN;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
FETCH 2 FROM c;
DELETE FROM item WHERE id IN (3, 4, 8);
UPDATE item SET id = id + 100 WHERE id = 6;
INSERT INTO item VALUES (0, 'new'), (11, 'new');
FETCH ALL FROM c;
ROLLBACK;

-- One walk for each row of another table, begun where that row says.
SELECT start.after, array_agg((r).id ORDER BY (r).id)
FROM (VALUES ('{2}'::text[]), (NULL), ('{8}'), ('{10}')) AS start(after)
LEFT JOIN LATERAL (SELECT chunked_iter(NULL::item, 2, after => start.after) AS r LIMIT 3) s ON true
GROUP BY start.after ORDER BY start.after;

-- The inner side of a nested loop is begun anew, at its end and before.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT n, (SELECT string_agg((r).id::text, ' ') FROM (SELECT chunked_iter(NULL::item, 2) AS r LIMIT n) s)
FROM generate_series(9, 12) AS n;
SELECT count(*), count(DISTINCT ((r).id, n))
FROM generate_series(1, 3) AS n JOIN (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s ON (r).id % n = 0;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- Two walks in one select list go on in step, and the shorter one is filled up with NULLs.
SELECT chunked_iter(NULL::item, 2, upto => '{3}') AS short, chunked_iter(NULL::item, 3, reverse => true, upto => '{7}') AS long;

-- Walks inside walks: the filter walks as well.
SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2,
	filter => 'id % 5 = 0 AND EXISTS (SELECT FROM public.chunked_iter(NULL::cursors.item, 3) w WHERE w.id = item.id)') AS r OFFSET 0) s;

-- A prepared statement begins anew each time, with its own arguments.
PREPARE page(text[], integer) AS SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2, after => $1) AS r LIMIT $2) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE page(NULL, 3);
EXECUTE page('{3}', 3);
EXECUTE page('{9}', 3);
RESET plan_cache_mode;
DEALLOCATE page;

-- psql fetches the rows in pieces of its own.
\set FETCH_COUNT 3
SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s;
\unset FETCH_COUNT

-- PL/pgSQL: a loop that is left early, in a loop; a cursor; an exception between two rows.
DO $$
DECLARE
	c CURSOR (first integer) FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2, after => ARRAY[first::text]) AS r OFFSET 0) s;
	outer_id integer;
	inner_id integer;
	seen integer[];
BEGIN
	FOR outer_id IN SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3) AS r OFFSET 0) s LOOP
		seen := seen || outer_id;
		FOR inner_id IN SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s LOOP
			EXIT WHEN inner_id = outer_id;
		END LOOP;
		IF inner_id <> outer_id THEN
			RAISE EXCEPTION '% is not %', inner_id, outer_id;
		END IF;
		EXIT WHEN outer_id = 8;
	END LOOP;
	RAISE INFO 'seen %', seen;

	OPEN c (4);
	LOOP
		BEGIN
			FETCH c INTO outer_id;
			EXIT WHEN NOT FOUND;
			RAISE INFO 'fetched %', outer_id;
			PERFORM 1 / (outer_id % 3);
		EXCEPTION WHEN division_by_zero THEN
			RAISE INFO 'caught at %', outer_id;
		END;
	END LOOP;
	CLOSE c;
END $$;
TABLE walks;

-- Rows that a statement inserts into the table it walks do not prolong the walk, though each lies
-- between the one it comes from and the end, and a trigger runs commands between two chunks.
CREATE TABLE growing (id numeric PRIMARY KEY);
INSERT INTO growing VALUES (1), (2.2), (3);
CREATE TABLE noted (id numeric);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO noted VALUES (NEW.id); RETURN NEW; END$$;
CREATE TRIGGER note BEFORE INSERT ON growing FOR EACH ROW EXECUTE FUNCTION note();
SET statement_timeout = '10s';
BEGIN;
INSERT INTO growing SELECT ((r).id + 3) / 2 FROM (SELECT chunked_iter(NULL::growing, 1) AS r OFFSET 0) s WHERE (r).id < 3;
SELECT trim_scale(id) FROM growing ORDER BY id;
ROLLBACK;
BEGIN;
INSERT INTO growing SELECT ((r).id + 3) / 2 FROM (SELECT chunked_iter(NULL::growing, 1, snapshot => 'chunk') AS r OFFSET 0) s WHERE (r).id < 3;
SELECT trim_scale(id) FROM growing ORDER BY id;
ROLLBACK;
BEGIN;
INSERT INTO growing SELECT (r).id + 10 FROM (SELECT chunked_iter(NULL::growing, 1, 'ctid', snapshot => 'chunk') AS r OFFSET 0) s;
SELECT id FROM growing ORDER BY id;
ROLLBACK;
RESET statement_timeout;

-- And so with rows that it updates or deletes.
BEGIN;
WITH walked AS (SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s)
UPDATE item SET id = item.id + 100 FROM walked WHERE item.id = walked.id;
SELECT count(*), min(id), max(id) FROM item;
ROLLBACK;
BEGIN;
DELETE FROM item USING (SELECT chunked_iter(NULL::item, 2, snapshot => 'chunk') AS r OFFSET 0) s WHERE (r).id = item.id;
SELECT count(*) FROM item;
ROLLBACK;

-- The same in FROM: two at once, ended early and begun anew, back and forth, held across a commit.
BEGIN;
DECLARE up CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 2);
DECLARE down SCROLL CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 3, 'word DESC', snapshot => 'chunk');
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM chunked_iter(NULL::item, 4, reverse => true);
FETCH 3 FROM up;
FETCH 4 FROM down;
SAVEPOINT one;
FETCH 3 FROM held;
FETCH 2 FROM up;
DELETE FROM item WHERE id > 3;
SELECT 1 / 0;
ROLLBACK TO one;
FETCH BACKWARD 2 FROM down;
DELETE FROM item WHERE id IN (6, 7);
FETCH 3 FROM up;
CLOSE up;
FETCH LAST FROM down;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
INSERT INTO item VALUES (6, 'c'), (7, 'j');
SELECT start.after, array_agg(s.id ORDER BY s.id)
FROM (VALUES ('{2}'::text[]), (NULL), ('{8}'), ('{10}')) AS start(after)
LEFT JOIN LATERAL (SELECT id FROM chunked_iter(NULL::item, 2, after => start.after) LIMIT 3) s ON true
GROUP BY start.after ORDER BY start.after;
SELECT n, (SELECT string_agg(id::text, ' ') FROM (SELECT id FROM chunked_iter(NULL::item, 2) LIMIT n) s)
FROM generate_series(9, 11) AS n;

-- A walk by the day goes on with the days that it began with.
CREATE TABLE stamp (id integer PRIMARY KEY, at timestamptz NOT NULL);
INSERT INTO stamp SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '7 hours' FROM generate_series(1, 12) i;
SET TimeZone = 'UTC';
SET client_min_messages = error;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::stamp, 2, '(at::date) DESC');
FETCH 4 FROM c;
SET LOCAL TimeZone = 'Pacific/Kiritimati';
FETCH 4 FROM c;
SET LOCAL TimeZone = 'Pacific/Honolulu';
FETCH ALL FROM c;
COMMIT;
RESET client_min_messages;
RESET TimeZone;

-- Nothing of all this is left.
TABLE walks;
