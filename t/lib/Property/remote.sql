-- What the cases with foreign tables read, see Property::Remote: tables of the
-- same rows with keys of several collations, in six parts each.

CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA far;
CREATE FUNCTION far.rows(part integer)
RETURNS TABLE (id integer, p integer, a integer, k text, n numeric, d timestamptz)
LANGUAGE sql AS $$
	SELECT i, part, CASE WHEN i % 6 > 0 THEN i % 10 END,
		   words[i * 7 % (cardinality(words) + 2) + 1], i % 50 / 8.0,
		   timestamptz '2001-02-03 04:05:06.789+00' + i % 30 * interval '1 day'
	  FROM generate_series(1, 600) AS i,
		   (VALUES (ARRAY['a', 'A', 'b', 'B', 'ä', 'Ä', 'aa', 'Ab', 'aB', 'z', 'Z', '_', '-', '',
						  ' ', 'é', 'e', 'E', 'a b', 'a-b', 'ab', 'ß', 'ss', '10', '9', '{}', 'NULL',
						  'it''s', '\'])) AS w(words)
	 WHERE i % 17 % 6 = part AND (part > 1 OR i < 200)
$$;
