-- chunked_iter_explain: the key, the index or what would be one, SQL and plans.
CREATE SCHEMA explained;
SET search_path = explained, public;
CREATE TABLE article (id integer PRIMARY KEY, title text NOT NULL, at timestamptz NOT NULL, score integer);
INSERT INTO article SELECT i, 't' || i, '2024-01-01'::timestamptz + i * interval '1 hour', i % 7 FROM generate_series(1, 500) i;
ANALYZE article;

SELECT chunked_iter_explain(NULL::article, chunk_size => 50);
SELECT chunked_iter_explain(NULL::article, order_by => 'at DESC', snapshot => 'chunk', filter => 'score > 2');
SELECT chunked_iter_explain(NULL::article, order_by => 'ctid', upto => '{"(5,1)"}');
SELECT chunked_iter_explain(NULL::article, after => '{9}', upto => '{3}') LIMIT 5;

-- It reads no row.
SELECT count(*) > 0 AS explained FROM (SELECT chunked_iter_explain(NULL::article, filter => '1 / (id - id) > 0')) s;

-- The index that is named is one that serves.
CREATE FUNCTION index_named(order_by text, reverse boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
	SELECT line FROM (SELECT chunked_iter_explain(NULL::article, order_by => index_named.order_by, reverse => index_named.reverse) AS line OFFSET 0) s
	WHERE line ~ '^    CREATE INDEX'
$$;
DO $$
DECLARE
	list text;
	turned boolean;
BEGIN
	FOREACH list IN ARRAY ARRAY['at', 'score DESC NULLS LAST, title', 'lower(title), score NULLS FIRST', 'score + id, at DESC',
		'title COLLATE "C" DESC', 'title USING ~>~', 'lower(title) COLLATE "C" USING ~<~, score', 'coalesce(score, 0)',
		'CASE WHEN score > 3 THEN 1 END, id', 'score::bigint DESC', 'score IS NULL'] LOOP
		FOREACH turned IN ARRAY ARRAY[false, true] LOOP
			RAISE INFO '%', trim(index_named(list, turned));
			EXECUTE index_named(list, turned);
			IF index_named(list, turned) IS NOT NULL THEN
				RAISE EXCEPTION 'the index for "%" does not serve', list;
			END IF;
			-- Drop it again, for the other direction to name it as well.
			EXECUTE (SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index WHERE indrelid = 'article'::regclass AND NOT indisprimary);
		END LOOP;
	END LOOP;
END $$;

-- The index that gives the whole order is found however few rows a chunk has, where one
-- of the first columns is smaller; without it, the smaller one serves.
CREATE TABLE event (a integer, b integer NOT NULL, e integer NOT NULL, PRIMARY KEY (e, b, a));
INSERT INTO event SELECT g, 1, CASE WHEN g % 2 = 0 THEN g % 8 ELSE g END FROM generate_series(1, 300) g;
CREATE INDEX event_e ON event (e);
CREATE FUNCTION index_line(order_by text, chunk_size integer) RETURNS text LANGUAGE sql AS $$
	SELECT line FROM (SELECT chunked_iter_explain(NULL::event, order_by => index_line.order_by, chunk_size => index_line.chunk_size) AS line OFFSET 0) s
	WHERE line ~ '^Index'
$$;
SELECT list, n AS chunk_size, index_line(list, n) FROM unnest(ARRAY['e, b, a', 'e DESC, b DESC', 'e, b DESC', 'b']) list, unnest(ARRAY[1, 10, 1000]) n;
