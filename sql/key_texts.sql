-- The texts of a key are what the types' own output functions write under settings of our
-- own, whoever writes them, and whatever the settings are, now and in the middle of a query.
SET client_min_messages = warning;
CREATE SCHEMA key_texts;
SET search_path = key_texts, public;
SELECT setseed(0.4);
CREATE TABLE typed AS
SELECT i AS id,
	   CASE WHEN i % 9 = 1 THEN (ARRAY[-32768, 32767, 0])[1 + i / 9 % 3]::smallint ELSE (random() * 65535 - 32768)::smallint END AS i2,
	   CASE WHEN i % 9 = 2 THEN (ARRAY[-2147483648, 2147483647, 0])[1 + i / 9 % 3]::integer ELSE (random() * 4e9 - 2e9)::integer END AS i4,
	   CASE WHEN i % 9 = 3 THEN (ARRAY[-9223372036854775808, 9223372036854775807, 0])[1 + i / 9 % 3]::bigint ELSE ((random() - 0.5) * 10 ^ (random() * 19))::bigint END AS i8,
	   CASE WHEN i % 9 = 4 THEN ('{infinity,-infinity,4713-01-01 BC,0001-12-31 BC,5874897-12-31,epoch,0001-01-01}'::date[])[1 + i / 9 % 7]
			ELSE date '2000-01-01' + ((random() - 0.5) * 4e6 * random())::integer END AS d,
	   CASE WHEN i % 9 = 5 THEN ('{infinity,-infinity,4713-01-01 BC,0001-12-31 23:59:59.999999 BC,294276-12-31 23:59:59.999999,epoch,0001-01-01}'::timestamp[])[1 + i / 9 % 7]
			ELSE timestamp '2000-01-01' + (random() - 0.1) * 10 ^ (random() * 12) * interval '1 s' END AS ts,
	   CASE WHEN i % 9 = 6 THEN ('{infinity,-infinity,4713-01-01 00:00+00 BC,0001-12-31 23:59:59.999999+00 BC,294276-12-31 23:59:59.999999+00,epoch,0001-01-01 00:00+00}'::timestamptz[])[1 + i / 9 % 7]
			ELSE timestamptz '2000-01-01 00:00+00' + (random() - 0.1) * 10 ^ (random() * 12) * interval '1 s' END AS tz,
	   CASE WHEN i % 9 <> 7 THEN random() * 10 ^ (random() * 20) END AS f,
	   CASE WHEN i % 9 <> 8 THEN (random() - 0.5) * 10 ^ (random() * 8) * interval '1 s' END AS iv
  FROM generate_series(1, 2000) AS i;
ALTER TABLE typed ADD PRIMARY KEY (id);
UPDATE typed SET i2 = NULL, d = NULL WHERE id % 50 = 0;
UPDATE typed SET i4 = NULL, ts = NULL WHERE id % 51 = 0;
UPDATE typed SET i8 = NULL, tz = NULL WHERE id % 52 = 0;
SET DateStyle = ISO; SET TimeZone = GMT; SET IntervalStyle = postgres; SET extra_float_digits = 3;
CREATE TABLE written AS
SELECT id, ARRAY[i2::text, i4::text, i8::text, d::text, ts::text, tz::text, id::text] AS plain,
	   ARRAY[tz::text, f::text, iv::text, d::text, id::text] AS mixed
  FROM typed;
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Africa/Monrovia'; SET IntervalStyle = sql_standard; SET extra_float_digits = -15;
PREPARE differing AS
SELECT count(*), count(*) FILTER (WHERE k <> plain) AS plain, count(*) FILTER (WHERE m <> mixed) AS mixed,
	   count(*) FILTER (WHERE o <> plain) AS of_row, count(*) FILTER (WHERE k IS NULL OR m IS NULL OR o IS NULL) AS missing
  FROM (SELECT id, chunked_iter_key(w, 'i2, i4, i8, d, ts, tz, id') AS k, chunked_iter_key(w, 'tz, f, iv, d, id') AS m
		  FROM chunked_iter(NULL::typed, 100) AS w) AS s
  JOIN written USING (id)
  JOIN (SELECT id, chunked_iter_key(t, 'i2, i4, i8, d, ts, tz, id') AS o FROM typed AS t) AS t USING (id);
EXECUTE differing;
SELECT set_config('DateStyle', (ARRAY['German', 'ISO', 'Postgres, MDY'])[1 + id % 3], false) IS NOT NULL AS set,
	   set_config('TimeZone', (ARRAY['Asia/Kolkata', 'America/New_York', 'Africa/Monrovia'])[1 + id % 3], false) IS NOT NULL AS too,
	   chunked_iter_key(w, 'tz, f, iv, d, id') = (SELECT mixed FROM written WHERE id = w.id) AS same, count(*)
  FROM chunked_iter(NULL::typed, 100) AS w GROUP BY 1, 2, 3;
EXECUTE differing;
RESET ALL;
SET client_min_messages = warning;
SET search_path = key_texts, public;
-- They are read back as what they were.
SELECT count(*) FROM typed AS t, LATERAL (SELECT i.id FROM chunked_iter(NULL::typed, 1, 'tz, d, i8', after => chunked_iter_key(t, 'tz, d, i8'),
	upto => chunked_iter_key(t, 'tz, d, i8')) AS i) AS none;

DROP SCHEMA key_texts CASCADE;
