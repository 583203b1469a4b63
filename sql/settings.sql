-- Settings that change what a function returns: a walk goes on under those it began with, a job
-- under those it was made under.
SET client_min_messages = error;
CREATE SCHEMA settings;
SET search_path = settings, public;
CREATE TABLE item (id integer PRIMARY KEY, at text NOT NULL, members text NOT NULL, name text NOT NULL);
INSERT INTO item SELECT i, format('2024-01-01 %s:00 %s', i % 12 + 8, (ARRAY['EST', 'UTC'])[i % 2 + 1]),
	(ARRAY['{a,NULL}', '{a,M}', '{a,O}'])[i % 3 + 1], (ARRAY['a', 'A', 'B c', 'd'])[i % 4 + 1]
	FROM generate_series(1, 24) i;
CREATE TABLE done (job text, id integer);
CREATE TABLE setting (name text, value text, expression text);
INSERT INTO setting VALUES
	('timezone_abbreviations', 'Australia', 'at::timestamptz'),
	('array_nulls', 'off', 'members::text[]'),
	('quote_all_identifiers', 'on', 'quote_ident(name) COLLATE "C"'),
	('DateStyle', 'German', 'at::timestamptz::date::text COLLATE "C"');

-- Each is changed after the fourth row.
CREATE FUNCTION ids(query text, setting text, value text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
	rows refcursor;
	next integer;
	ids integer[] = '{}';
	before text = current_setting(setting);
BEGIN
	OPEN rows FOR EXECUTE query;
	LOOP
		FETCH rows INTO next;
		EXIT WHEN NOT FOUND;
		ids := ids || next;
		IF cardinality(ids) = 4 THEN
			PERFORM set_config(setting, value, false);
		END IF;
	END LOOP;
	PERFORM set_config(setting, before, false);
	RETURN ids;
END $$;
SELECT name, walk, (SELECT string_agg(line, ' ') FROM failure(format('DO $d$BEGIN ASSERT ids(%L, %L, %L) = ids(%L, ''work_mem'', ''1MB''); END$d$', format(query, expression), name, value, format('SELECT id FROM item ORDER BY %s, id', expression))) AS line) AS result
FROM setting, (VALUES
	('walk', 'SELECT id FROM chunked_iter(NULL::item, 4, %L)'),
	('query', 'SELECT id FROM chunked_iter_query(''TABLE item'', %L || '', id'', 4) AS t(id integer, at text, members text, name text)')) AS walk(walk, query)
ORDER BY name COLLATE "C", walk;

-- A filter, too.
SELECT ids('SELECT id FROM chunked_iter(NULL::item, 4, filter => ''at::timestamptz > ''''2024-01-01 13:00 UTC'''''')', 'timezone_abbreviations', 'Australia')
	= ids('SELECT id FROM item WHERE at::timestamptz > ''2024-01-01 13:00 UTC'' ORDER BY id', 'work_mem', '1MB') AS same;

-- What a page or a constant means is what it means now.
CREATE TABLE stamp AS SELECT id, at::timestamptz FROM item;
ALTER TABLE stamp ADD PRIMARY KEY (id);
CREATE FUNCTION late() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM chunked_iter(NULL::stamp, filter => ''at >= ''''2024-01-01 13:00 EST'''''')' INTO n;
	RETURN n;
END $$;
SELECT late();
SET timezone_abbreviations = 'Australia';
SELECT late();
RESET timezone_abbreviations;
SELECT late();

-- Jobs.
CREATE PROCEDURE run_across(name text, setting text, value text, expression text) LANGUAGE plpgsql AS $$
BEGIN
	CALL chunked_iter_run(name, 'item', format('INSERT INTO done SELECT %L, id FROM chunk', name), order_by => expression, chunk_size => 4, max_chunks => 2);
	PERFORM set_config(setting, value, false);
	CALL chunked_iter_run(name);
END $$;
SELECT format('CALL run_across(%L, %L, %L, %L)', name, name, value, expression), format('RESET %I', name) FROM setting ORDER BY name COLLATE "C" \gexec
SELECT job, count(*), count(DISTINCT id) FROM done GROUP BY job ORDER BY job COLLATE "C";
SELECT string_agg(split_part(setting, '=', 1), ' ') FROM chunked_iter_jobs, unnest(settings) AS setting WHERE job = 'array_nulls';

-- One that is not possible here.
CALL chunked_iter_run('moved', 'item', 'SELECT 1 FROM chunk', chunk_size => 10, max_chunks => 1);
UPDATE chunked_iter_jobs SET settings = settings || '{default_text_search_config=none_here}' WHERE job = 'moved';
CALL chunked_iter_run('moved');
UPDATE chunked_iter_jobs SET settings = array_remove(settings, 'default_text_search_config=none_here') WHERE job = 'moved';
CALL chunked_iter_run('moved');
SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'moved';

-- An index that is asked for some of the rows is asked for all.
CREATE TABLE tagged AS SELECT i AS id, ARRAY[i % 100] AS tags FROM generate_series(1, 20000) i;
ALTER TABLE tagged ADD PRIMARY KEY (id);
CREATE INDEX ON tagged USING gin (tags);
VACUUM ANALYZE tagged;
SET enable_seqscan = off; SET enable_indexscan = off;
SET gin_fuzzy_search_limit = 10;
SELECT count(*) < 200 AS some FROM tagged WHERE tags @> '{1}';
SELECT count(*) FROM chunked_iter(NULL::tagged, filter => 'tags @> ''{1}''');
SELECT count(*) FROM chunked_iter(NULL::tagged, 100, 'tags, id', filter => 'tags @> ''{1}''');
CREATE TABLE tags_done (id integer);
CALL chunked_iter_run('tags', 'tagged', 'INSERT INTO tags_done SELECT id FROM tagged WHERE chunk_range(tagged)', filter => 'tags @> ''{1}''', chunk_size => 10000);
SELECT count(*) FROM tags_done;
SHOW gin_fuzzy_search_limit;

SET client_min_messages = warning;
SELECT count(*) FROM chunked_iter_jobs, chunked_iter_forget(job);
DROP SCHEMA settings CASCADE;
