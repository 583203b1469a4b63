-- Runs the pairs. Within a pair A and B take turns, and take turns in being
-- first; a round before the first is not counted.

CREATE TABLE times (
	pair  integer NOT NULL,
	round integer NOT NULL,
	side  text NOT NULL,
	ms    float8 NOT NULL,       -- of one call
	PRIMARY KEY (pair, round, side));

CREATE FUNCTION measure(this pairs, rounds integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	side text;
	started timestamptz;
	answer record;
	expected record;
	ms float8;
BEGIN
	FOR round IN 0 .. rounds LOOP
		FOREACH side IN ARRAY CASE WHEN round % 2 = 0 THEN '{A,B}' ELSE '{B,A}' END::text[] LOOP
			started := clock_timestamp();
			EXECUTE CASE side WHEN 'A' THEN this.a_sql ELSE this.b_sql END INTO answer;
			ms := extract(epoch FROM clock_timestamp() - started) * 1000 / this.calls;

			IF expected IS NULL THEN
				expected := answer;
			ELSIF answer::text IS DISTINCT FROM expected::text THEN
				RAISE EXCEPTION '"%" and "%" differ: % and %', this.a, this.b, expected, answer;
			END IF;
			IF round > 0 THEN
				INSERT INTO times VALUES (this.pair, round, side, ms);
			END IF;
		END LOOP;
	END LOOP;
	RETURN format('Measured: %s / %s', this.a, this.b);
END
$$;

\t on
\pset format unaligned
SELECT format('SELECT measure(p, %s) FROM pairs AS p WHERE pair = %s', :rounds, pair)
  FROM pairs ORDER BY pair \gexec
\t off
\pset format aligned
