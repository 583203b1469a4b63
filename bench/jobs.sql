-- The table that jobs change, another of the same rows to reset it from, and the
-- loops that people write: the last key of the next 1000 rows, then those rows,
-- then a commit.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP SCHEMA IF EXISTS chunked_iter_jobs CASCADE;
CREATE SCHEMA chunked_iter_jobs;
SET search_path = chunked_iter_jobs;

\echo Filling a table with :rows rows, for the jobs ...

-- About 200 bytes a row
CREATE TABLE origin (
	id   bigint PRIMARY KEY,
	val  integer NOT NULL,
	note text NOT NULL);
INSERT INTO origin
SELECT i, i % 1000, rpad(md5(i::text), 150, '.') FROM generate_series(1, :rows) AS i;
VACUUM (ANALYZE) origin;
CREATE TABLE t (LIKE origin INCLUDING ALL) WITH (autovacuum_enabled = off);
CREATE TABLE other (LIKE origin) WITH (autovacuum_enabled = off);

-- One line for each run
CREATE TABLE runs (
	kind  text NOT NULL,
	way   text NOT NULL,
	round integer NOT NULL,
	ms    float8 NOT NULL,
	wal_bytes numeric NOT NULL,
	dead_rows bigint,
	answer text,
	PRIMARY KEY (kind, way, round));

-- When the rows of a transaction were locked; how long, the time of its commit
-- says (track_commit_timestamp).
CREATE TABLE locked (way text, xid xid DEFAULT pg_current_xact_id()::xid, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION note_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO chunked_iter_jobs.locked DEFAULT VALUES;
	RETURN NULL;
END
$$;

CREATE PROCEDURE update_loop() LANGUAGE plpgsql AS $$
DECLARE
	lo bigint := 0;
	hi bigint;
BEGIN
	LOOP
		SELECT max(id) INTO hi FROM (SELECT id FROM t WHERE id > lo ORDER BY id LIMIT 1000) AS s;
		EXIT WHEN hi IS NULL;
		UPDATE t SET val = val + 1 WHERE id > lo AND id <= hi;
		COMMIT;
		lo := hi;
	END LOOP;
END
$$;

CREATE PROCEDURE insert_loop() LANGUAGE plpgsql AS $$
DECLARE
	lo bigint := 0;
	hi bigint;
BEGIN
	LOOP
		SELECT max(id) INTO hi FROM (SELECT id FROM t WHERE id > lo ORDER BY id LIMIT 1000) AS s;
		EXIT WHEN hi IS NULL;
		INSERT INTO other SELECT * FROM t WHERE id > lo AND id <= hi;
		COMMIT;
		lo := hi;
	END LOOP;
END
$$;

CREATE PROCEDURE delete_loop() LANGUAGE plpgsql AS $$
DECLARE
	lo bigint := 0;
	hi bigint;
BEGIN
	LOOP
		SELECT max(id) INTO hi FROM (SELECT id FROM t WHERE id > lo ORDER BY id LIMIT 1000) AS s;
		EXIT WHEN hi IS NULL;
		DELETE FROM t WHERE id > lo AND id <= hi;
		COMMIT;
		lo := hi;
	END LOOP;
END
$$;
