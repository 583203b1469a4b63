-- COPY streams: a table of any size goes into a file, in any order, and
-- neither psql nor the server keeps more than a chunk.
--
--   psql -f examples/psql/copy.sql

\copy (SELECT id, written, author, title FROM chunked_iter(NULL::entry, order_by => 'written DESC', filter => 'author IS NOT NULL')) TO 'entries.csv' (FORMAT csv, HEADER)
