-- The table that all examples walk; :rows rows, or 100,000.
--
--   psql -v rows=1000000 -f examples/entries.sql

\if :{?rows}
\else
\set rows 100000
\endif

CREATE EXTENSION IF NOT EXISTS chunked_iter;

CREATE TABLE entry (
	id      bigint PRIMARY KEY,
	written timestamptz NOT NULL,
	author  text,
	title   text NOT NULL,
	body    text NOT NULL);

INSERT INTO entry
SELECT i * 3,
	   timestamptz '2026-01-01 00:00 UTC' + (i * 7919::bigint % :rows) * interval '1 minute',
	   CASE WHEN i % 10 > 0 THEN 'author ' || i % 100 END,
	   'Entry number ' || i,
	   rpad(md5(i::text), 120, '.')
  FROM generate_series(1, :rows) AS i;

CREATE INDEX ON entry (written DESC, id);
VACUUM ANALYZE entry;
