-- Work in small transactions, from nothing but psql: \watch sends the same
-- statement again and again, each time as a transaction of its own, which takes
-- the next 1000 rows and moves the bookmark. Stop it with Ctrl-C whenever you
-- like; the next run goes on where this one stopped.
--
--   psql -f examples/psql/watch.sql

CREATE TABLE IF NOT EXISTS title_length (id bigint PRIMARY KEY, length integer NOT NULL);
CREATE TABLE IF NOT EXISTS title_bookmark (key text[]);
INSERT INTO title_bookmark SELECT NULL WHERE NOT EXISTS (SELECT FROM title_bookmark);

WITH page AS MATERIALIZED (
	SELECT e.id, length(e.title) AS length, chunked_iter_key(e) AS key
	  FROM title_bookmark AS b, chunked_iter(NULL::entry, 1000, after => b.key) AS e
	 LIMIT 1000
), done AS (
	INSERT INTO title_length SELECT id, length FROM page
), moved AS (
	UPDATE title_bookmark SET key = (SELECT key FROM page ORDER BY id DESC LIMIT 1)
	 WHERE EXISTS (SELECT FROM page)
)
SELECT count(*) AS rows, max(id) AS last FROM page
\watch 0.01
