-- A long read belongs on a standby. A walk takes no lock there that replay
-- would wait for, other than that on the table itself, and writes nothing. What it
-- reads must not be vacuumed away under it: let the standby hold replay back for
-- long enough (max_standby_streaming_delay), or tell the primary what is
-- needed (hot_standby_feedback), or read page by page: each page is a short
-- query, and needs nothing of the one before but its bookmark.
--
--   psql -h the-standby -f examples/standby/report.sql

SELECT pg_is_in_recovery() AS on_a_standby;

-- All in one go, in bounded memory.
SELECT count(*) AS entries, count(author) AS with_author
  FROM chunked_iter(NULL::entry);

-- Page by page: the bookmark of the third row is where the second page starts.
SELECT id, title FROM chunked_iter(NULL::entry, 3, order_by => 'written DESC') LIMIT 3;
SELECT chunked_iter_key(e, 'written DESC') AS bookmark
  FROM chunked_iter(NULL::entry, 3, order_by => 'written DESC') AS e OFFSET 2 LIMIT 1 \gset
SELECT id, title FROM chunked_iter(NULL::entry, 3, order_by => 'written DESC', after => :'bookmark') LIMIT 3;
