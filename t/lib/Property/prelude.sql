-- What the cases of the property test share: key types and the functions that
-- compare a walk with its oracle.  The collations prop.libc, prop.icu and
-- prop.ci are made by the test itself, as the server allows.

CREATE DOMAIN prop.small_number AS integer CHECK (VALUE < 1000000);
CREATE DOMAIN prop.label AS text COLLATE "C";
CREATE TYPE prop.mood AS ENUM ('sad', 'ok', 'happy', 'it''s', 'Ok');
ALTER TYPE prop.mood ADD VALUE 'so so' BEFORE 'happy';
CREATE TYPE prop.pair AS (i integer, d date, s text);
CREATE DOMAIN prop.few AS integer[] CHECK (cardinality(VALUE) < 9);

-- A table whose rows a trigger completes while they are inserted.
CREATE TABLE prop.sink (i integer, note text) PARTITION BY RANGE (i);
CREATE TABLE prop.sink_rest PARTITION OF prop.sink DEFAULT;
CREATE FUNCTION prop.complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.note := coalesce(NEW.note, 'note of ' || coalesce(NEW.i, 0));
	RETURN NEW;
END
$$;
CREATE TRIGGER complete BEFORE INSERT ON prop.sink FOR EACH ROW EXECUTE FUNCTION prop.complete();

CREATE TABLE prop.numbers (i integer);
INSERT INTO prop.numbers SELECT generate_series(-5, 400, 3);
INSERT INTO prop.numbers VALUES (NULL);

-- Is the walk a right answer?  The oracle's elements are 'group row': rows of
-- one group have equal keys and may come in any order, rows are unique in
-- themselves.  The walk's elements are rows.  With wanted, the walk has to be
-- the first so many rows; with ordered false only the set counts. With times,
-- the walk has to be the whole answer that many times over.
CREATE FUNCTION prop.compare(label text, oracle text[], walk text[],
							 wanted integer DEFAULT NULL,
							 ordered boolean DEFAULT true,
							 times integer DEFAULT 1)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	total integer := cardinality(oracle);
	expected integer := least(total, coalesce(wanted, total));
	wrong text;
BEGIN
	IF cardinality(walk) IS DISTINCT FROM expected * times THEN
		wrong := format('%s rows instead of %s: missing %s, extra %s',
						cardinality(walk), expected * times,
						(SELECT array_agg(left(o, 200)) FROM
							(SELECT regexp_replace(e, '^[0-9]+ ', '') AS o
							   FROM unnest(oracle) e
							 EXCEPT ALL SELECT unnest(walk) LIMIT 3) AS missing),
						(SELECT array_agg(left(e, 200)) FROM
							(SELECT unnest(walk) AS e
							 EXCEPT ALL
							 SELECT regexp_replace(o, '^[0-9]+ ', '')
							   FROM unnest(oracle) AS o LIMIT 3) AS extra));
	ELSE
		SELECT format('row %s is %s, expected one of group %s: %s',
					  w.at, left(w.line, 200),
					  split_part(oracle[(w.at - 1) % expected + 1], ' ', 1),
					  left(oracle[(w.at - 1) % expected + 1], 200))
		  INTO wrong
		  FROM unnest(walk) WITH ORDINALITY AS w(line, at)
		  LEFT JOIN (SELECT split_part(e, ' ', 1) AS rank,
							substr(e, strpos(e, ' ') + 1) AS line
					   FROM unnest(oracle) AS e) AS o ON o.line = w.line
		 WHERE o.rank IS NULL
			OR ordered
			   AND o.rank <> split_part(oracle[(w.at - 1) % expected + 1], ' ', 1)
		 ORDER BY w.at
		 LIMIT 1;
		IF wrong IS NULL AND
		   (SELECT count(DISTINCT line) FROM unnest(walk) AS line) <> expected
		THEN
			wrong := 'a row comes twice: ' ||
				(SELECT left(min(line), 200)
				   FROM (SELECT line FROM unnest(walk) AS line
						  GROUP BY line HAVING count(*) > times) AS twice);
		END IF;
	END IF;
	RETURN prop.verdict(label, total, wrong);
END
$$;

-- The line the test reads, one for each walk.
CREATE FUNCTION prop.verdict(label text, total integer, wrong text)
RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('|', 'PROPERTY', label,
					 CASE WHEN wrong IS NULL THEN 'ok' ELSE 'wrong' END,
					 total, replace(wrong, chr(10), ' '))
$$;

-- All the cursor's rows, fetched in steps of the given sizes, over and over.
CREATE FUNCTION prop.fetched(c text, steps integer[])
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	turn integer := 0;
	got integer;
BEGIN
	LOOP
		RETURN QUERY EXECUTE format('FETCH %s FROM %I',
									steps[turn % cardinality(steps) + 1], c);
		GET DIAGNOSTICS got = ROW_COUNT;
		EXIT WHEN got = 0;
		turn := turn + 1;
	END LOOP;
END
$$;

-- All rows of a walk made of pages: page is a query of (row, key) with the
-- parameters $1, the key to go on after, $2, the rows wanted, and $3, the key
-- to stop at.
CREATE FUNCTION prop.paged(page text, size integer, after public.chunked_iter_bookmark,
						   upto public.chunked_iter_bookmark)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	start text[] := after;
	stop text[] := upto;
	r record;
	got integer;
	pages integer := 0;
BEGIN
	LOOP
		got := 0;
		FOR r IN EXECUTE page USING start, size, stop LOOP
			got := got + 1;
			start := r.key;
			RETURN NEXT r.line;
		END LOOP;
		EXIT WHEN got < size;
		pages := pages + 1;
		IF pages > 1000 THEN
			RAISE EXCEPTION 'the pages never end';
		END IF;
	END LOOP;
END
$$;

-- The lines of a walk in each of the ranges of a split, one after the other.
CREATE FUNCTION prop.ranged(split text, walk text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN EXECUTE split LOOP
		RETURN QUERY EXECUTE walk USING r.after, r.upto;
	END LOOP;
END
$$;

-- Have two queries the same lines, in whatever order?
CREATE FUNCTION prop.same(label text, theirs text[], ours text[])
RETURNS text LANGUAGE sql AS $$
	SELECT prop.verdict(label, cardinality(theirs),
		CASE WHEN (SELECT array_agg(t ORDER BY t COLLATE "C") FROM unnest(theirs) AS t)
				  IS DISTINCT FROM
				  (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(ours) AS o)
		THEN format('%s lines instead of %s: missing %s, extra %s',
			cardinality(ours), cardinality(theirs),
			(SELECT array_agg(left(t, 200)) FROM
				(SELECT unnest(theirs) AS t EXCEPT ALL SELECT unnest(ours) LIMIT 3) AS missing),
			(SELECT array_agg(left(o, 200)) FROM
				(SELECT unnest(ours) AS o EXCEPT ALL SELECT unnest(theirs) LIMIT 3) AS extra))
		END)
$$;

-- Set a parameter, if the release has it, for the transaction or for longer.
CREATE FUNCTION prop.set(name text, value text, local boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting(name, true) IS NOT NULL OR name LIKE '%.%' THEN
		PERFORM set_config(name, value, local);
	END IF;
END
$$;

CREATE FUNCTION prop.unset(name text, local boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting(name, true) IS NOT NULL THEN
		EXECUTE format('SET %s %s TO DEFAULT',
					   CASE WHEN local THEN 'LOCAL' END, name);
	END IF;
END
$$;
