-- The table that is walked, and the hand-written walks it is compared with.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP SCHEMA IF EXISTS chunked_iter_bench CASCADE;
CREATE SCHEMA chunked_iter_bench;
SELECT format('SET search_path = chunked_iter_bench, %I', nspname)
  FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
 WHERE extname = 'chunked_iter' \gexec

SET max_parallel_workers_per_gather = 0;
SET jit = off;

\echo Filling a table with :rows rows ...

-- About 200 bytes a row. 500 rows are a group; the order within a group is not
-- that of the ids.
CREATE TABLE t (
	id      bigint PRIMARY KEY,
	grp     integer NOT NULL,
	rank    integer NOT NULL,
	val     integer NOT NULL,
	changed timestamptz NOT NULL,
	note    text NOT NULL);
INSERT INTO t
SELECT i, i / 500, i % 500 * 7919 % 500, i % 1000,
	   timestamptz '2026-01-01 00:00 UTC' + i * interval '1 second',
	   rpad(md5(i::text), 124, '.')
  FROM generate_series(1, :rows) AS i;
CREATE INDEX t_grp_rank ON t (grp, rank DESC, id);
VACUUM (ANALYZE) t;
CHECKPOINT;

-- The same rows in 1000 partitions: in the order of their ids, or of none.
CREATE TABLE ranged (LIKE t, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE hashed (LIKE t, PRIMARY KEY (id)) PARTITION BY HASH (id);
SELECT format('CREATE TABLE ranged_%s PARTITION OF ranged FOR VALUES FROM (%s) TO (%s)',
			  i, i * :rows / 5000 + 1, (i + 1) * :rows / 5000 + 1)
  FROM generate_series(0, 999) AS i \gexec
SELECT format('CREATE TABLE hashed_%s PARTITION OF hashed FOR VALUES WITH (MODULUS 1000, REMAINDER %s)', i, i)
  FROM generate_series(0, 999) AS i \gexec
INSERT INTO ranged SELECT * FROM t WHERE id <= :rows / 5;
INSERT INTO hashed SELECT * FROM t WHERE id <= :rows / 5;
VACUUM (ANALYZE) ranged, hashed;

-- A fifth of them in a table that has lost a column.
CREATE TABLE altered (gone integer, LIKE t, PRIMARY KEY (id));
INSERT INTO altered SELECT NULL, t.* FROM t WHERE id <= :rows / 5;
ALTER TABLE altered DROP gone;
VACUUM (ANALYZE) altered;

-- Where rows are written to.
CREATE TABLE other (LIKE t);

-- The loops that people write: one query for all rows ...
CREATE FUNCTION for_loop() RETURNS SETOF t LANGUAGE plpgsql AS $$
DECLARE
	r t;
BEGIN
	FOR r IN SELECT * FROM t ORDER BY id LOOP
		RETURN NEXT r;
	END LOOP;
END
$$;

-- ... or as it comes,
CREATE FUNCTION return_query() RETURNS SETOF t LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM t ORDER BY id;
END
$$;

-- ... page after page by OFFSET,
CREATE FUNCTION offset_loop(size integer) RETURNS SETOF t LANGUAGE plpgsql AS $$
DECLARE
	at bigint := 0;
BEGIN
	LOOP
		RETURN QUERY SELECT * FROM t ORDER BY id LIMIT size OFFSET at;
		EXIT WHEN NOT FOUND;
		at := at + size;
	END LOOP;
END
$$;

-- ... and one query a chunk.
CREATE FUNCTION keyset_loop(size integer) RETURNS SETOF t LANGUAGE plpgsql AS $$
DECLARE
	last bigint := 0;
	r t;
BEGIN
	LOOP
		FOR r IN SELECT * FROM t WHERE id > last ORDER BY id LIMIT size LOOP
			last := r.id;
			RETURN NEXT r;
		END LOOP;
		EXIT WHEN NOT FOUND;
	END LOOP;
END
$$;

-- Writes what a query returns into an empty table.
CREATE FUNCTION insert_from(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	written bigint;
BEGIN
	TRUNCATE other;
	EXECUTE 'INSERT INTO other ' || query;
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;

-- A whole walk in debug mode, or not.
CREATE FUNCTION walk_under(debug text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	total bigint;
BEGIN
	PERFORM set_config('chunked_iter.debug', debug, true);
	SELECT sum(val) INTO total FROM chunked_iter(NULL::t);
	PERFORM set_config('chunked_iter.debug', 'off', true);
	RETURN total;
END
$$;

-- Plans and runs a query so often, as each would be sent; returns a sum.
CREATE FUNCTION first_rows(query text, calls integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	part bigint;
	total bigint := 0;
BEGIN
	FOR i IN 1 .. calls LOOP
		EXECUTE format('SELECT sum(val) FROM (%s LIMIT 5) AS s', query) INTO part;
		total := total + part;
	END LOOP;
	RETURN total;
END
$$;

-- So many chunks of 1000 rows, evenly spread over the table from a fraction
-- of it to another; returns the rows read. Four ways to get there.
CREATE FUNCTION positions(low float8, high float8, calls integer)
RETURNS SETOF t LANGUAGE sql STABLE AS $$
	SELECT t.*
	  FROM (SELECT max(id) AS n FROM t) AS c,
		   generate_series(0, calls - 1) AS i,
		   LATERAL (SELECT * FROM t
					 WHERE id >= 1 + ((low + (high - low) * i / calls) * n)::bigint
					 ORDER BY id LIMIT 1) AS t
$$;

CREATE FUNCTION chunks_by_id(low float8, high float8, calls integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	at t;
	got bigint;
	total bigint := 0;
BEGIN
	FOR at IN SELECT * FROM positions(low, high, calls) LOOP
		SELECT count(val) INTO got
		  FROM (SELECT val FROM chunked_iter(NULL::t, after => ARRAY[at.id::text]) LIMIT 1000) AS s;
		total := total + got;
	END LOOP;
	RETURN total;
END
$$;

CREATE FUNCTION chunks_by_group(low float8, high float8, calls integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	at t;
	got bigint;
	total bigint := 0;
BEGIN
	FOR at IN SELECT * FROM positions(low, high, calls) LOOP
		SELECT count(val) INTO got
		  FROM (SELECT val
				  FROM chunked_iter(NULL::t, order_by => 'grp, rank DESC',
									after => ARRAY[at.grp, at.rank, at.id]::text[])
				 LIMIT 1000) AS s;
		total := total + got;
	END LOOP;
	RETURN total;
END
$$;

CREATE FUNCTION pages_by_offset(low float8, high float8, calls integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	at t;
	got bigint;
	total bigint := 0;
BEGIN
	FOR at IN SELECT * FROM positions(low, high, calls) LOOP
		SELECT count(*) INTO got
		  FROM (SELECT * FROM t ORDER BY id LIMIT 1000 OFFSET at.id) AS s;
		total := total + got;
	END LOOP;
	RETURN total;
END
$$;

-- Pages of 50 rows, each from where the one before ended, as a client without
-- a cursor reads them; from the beginning again after the end. Returns a sum.
CREATE FUNCTION pages_by_walk(calls integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	last bigint := 0;
	got bigint;
	part bigint;
	total bigint := 0;
BEGIN
	FOR i IN 1 .. calls LOOP
		SELECT count(*), sum(val), max(id) INTO got, part, last
		  FROM (SELECT * FROM chunked_iter(NULL::t, 50, after => ARRAY[last::text]) LIMIT 50) AS s;
		total := total + coalesce(part, 0);
		last := CASE WHEN got = 50 THEN last ELSE 0 END;
	END LOOP;
	RETURN total;
END
$$;

CREATE FUNCTION pages_by_hand(calls integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	last bigint := 0;
	got bigint;
	part bigint;
	total bigint := 0;
BEGIN
	FOR i IN 1 .. calls LOOP
		SELECT count(*), sum(val), max(id) INTO got, part, last
		  FROM (SELECT * FROM t WHERE id > last ORDER BY id LIMIT 50) AS s;
		total := total + coalesce(part, 0);
		last := CASE WHEN got = 50 THEN last ELSE 0 END;
	END LOOP;
	RETURN total;
END
$$;

-- The same two of the table that has lost a column.
SELECT regexp_replace(regexp_replace(pg_get_functiondef(name::regproc), 'pages_by', 'altered_pages_by'),
					  '(NULL::|FROM )t\M', '\1altered')
  FROM unnest(ARRAY['pages_by_walk', 'pages_by_hand']) AS name \gexec
