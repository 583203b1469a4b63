-- Whatever a user, a role or a database has set: the plan of a chunk that runs is
-- the plan whose order was looked at.
CREATE SCHEMA plan_settings;
SET search_path = plan_settings, public;

-- Rows lie in an order of their own; the indexes tempt the planner elsewhere.
CREATE TABLE sale (id integer PRIMARY KEY, day integer NOT NULL, shop integer, amount integer NOT NULL, note text);
INSERT INTO sale
SELECT i, i * 31 % 365, nullif(i * 17 % 100, 0), i * 7919 % 10007, repeat('x', 40)
FROM generate_series(1, 20000) i ORDER BY i * 7919 % 20011;
CREATE INDEX sale_day_id ON sale (day, id);
CREATE INDEX sale_day_id_desc ON sale (day DESC, id);
CREATE INDEX sale_shop_id ON sale (shop, id);
CREATE INDEX sale_amount ON sale (amount);
CREATE TABLE wanted (id integer PRIMARY KEY);
INSERT INTO wanted SELECT i * 97 FROM generate_series(1, 100) i;
CREATE VIEW wanted_sale AS SELECT s.* FROM sale s JOIN wanted USING (id);
CREATE TABLE parted (id integer PRIMARY KEY, amount integer) PARTITION BY HASH (id);
CREATE TABLE part_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT id, amount FROM sale;
CREATE INDEX ON parted (amount);
VACUUM ANALYZE sale, wanted, parted;

CREATE TABLE walk (walk text, oracle text);
INSERT INTO walk VALUES
	('SELECT chunked_iter(NULL::sale, 700, upto => ''{2000}'')', 'SELECT s FROM sale s WHERE id <= 2000 ORDER BY id'),
	('SELECT s FROM chunked_iter(NULL::sale, 9, filter => ''amount < 40'') s', 'SELECT s FROM sale s WHERE amount < 40 ORDER BY id'),
	('SELECT chunked_iter(NULL::sale, 70, ''day DESC, id'', after => ''{5}'')', 'SELECT s FROM sale s WHERE day < 5 ORDER BY day DESC, id'),
	('SELECT chunked_iter(NULL::sale, 70, ''shop'', after => ''{98}'')', 'SELECT s FROM sale s WHERE shop > 98 OR shop IS NULL ORDER BY shop, id'),
	('SELECT chunked_iter(NULL::sale, 1, ''ctid'', filter => ''amount < 40'')', 'SELECT s FROM sale s WHERE amount < 40 ORDER BY ctid'),
	('SELECT s FROM chunked_iter(NULL::sale, 9, ''ctid'', filter => ''amount < 40'', snapshot => ''chunk'') s', 'SELECT s FROM sale s WHERE amount < 40 ORDER BY ctid'),
	('SELECT chunked_iter(NULL::sale, 9, ''ctid'', filter => ''id IN (SELECT w.id FROM wanted w)'')', 'SELECT s FROM sale s WHERE id IN (SELECT w.id FROM wanted w) ORDER BY ctid'),
	('SELECT chunked_iter(NULL::sale, 40, filter => ''id IN (SELECT w.id FROM wanted w)'')', 'SELECT s FROM sale s WHERE id IN (SELECT w.id FROM wanted w) ORDER BY id'),
	('SELECT chunked_iter(NULL::parted, 3, ''ctid'', filter => ''amount < 40'')', 'SELECT p FROM parted p WHERE amount < 40 ORDER BY tableoid, ctid'),
	('SELECT chunked_iter(NULL::parted, 90, upto => ''{400}'')', 'SELECT p FROM parted p WHERE id <= 400 ORDER BY id'),
	('SELECT chunked_iter(NULL::wanted_sale, 40, ''id'')', 'SELECT w FROM wanted_sale w ORDER BY id');

-- All settings of the planner, turned around or at their extremes, and those of
-- a transaction.
CREATE VIEW setting AS
SELECT name, CASE vartype WHEN 'bool' THEN CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END
	ELSE min_val END AS value
FROM pg_settings
WHERE category LIKE 'Query Tuning%' AND vartype <> 'enum' AND name !~ 'parallel|geqo_|jit_|target'
UNION ALL
SELECT name, value FROM pg_settings, unnest(enumvals) AS value
WHERE name IN ('plan_cache_mode', 'constraint_exclusion', 'force_parallel_mode', 'debug_parallel_query',
	'default_transaction_isolation')
UNION ALL
VALUES ('jit_above_cost', '0'), ('cursor_tuple_fraction', '1'), ('random_page_cost', '1.1'),
	('cpu_tuple_cost', '1000'), ('cpu_index_tuple_cost', '1000'), ('default_transaction_deferrable', 'on');

-- What a query returns as an array of text, under a setting and while custom
-- plans are forced; all plans that are kept are made anew.
CREATE FUNCTION rows_under(query text, name text, value text) RETURNS text[]
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	rows text[];
BEGIN
	PERFORM set_config(name, value, true);
	DISCARD PLANS;
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) s(r)', query) INTO rows;
	EXECUTE format('RESET %I', name);
	RETURN rows;
END $$;
CREATE TABLE wanted_rows AS SELECT walk, rows_under(oracle, 'application_name', '') AS rows FROM walk;
SELECT name, value, walk FROM setting, wanted_rows WHERE rows_under(walk, name, value) IS DISTINCT FROM rows;
SELECT count(*) > 400 AS enough FROM setting, wanted_rows;

-- Nor does a setting decide whether an index gives the order, or which.
CREATE TABLE explained AS
SELECT query, rows_under(query, 'application_name', '') AS rows
FROM unnest(ARRAY['NULL::sale', 'NULL::sale, 9, ''day DESC, id''', 'NULL::sale, order_by => ''shop''',
	'NULL::sale, order_by => ''day''', 'NULL::sale, order_by => ''ctid'', filter => ''amount < 40''',
	'NULL::parted']) AS call,
	format('SELECT chunked_iter_explain(%s)', call) AS query;
SELECT name, value, query FROM setting, explained
WHERE name NOT LIKE '%cost' AND rows_under(query, name, value) <> rows;
SET enable_indexscan = off;
DISCARD PLANS;
SELECT line FROM chunked_iter_explain(NULL::parted) AS line WHERE line ~ '^Index';
SELECT count(*) FROM (SELECT chunked_iter(NULL::parted, 5000) OFFSET 0) s;
RESET enable_indexscan;

-- A job goes on under any of them that was made under none, and the reverse.
SET client_min_messages = warning;
CREATE TABLE job_result (name text, value text, job text, rows_done bigint, state text);
DO $$
DECLARE
	one record;
BEGIN
	FOR one IN SELECT DISTINCT name, value FROM setting LOOP
		DISCARD PLANS;
		CALL chunked_iter_run('before', 'parted', 'SELECT FROM chunk', chunk_size => 7000, max_chunks => 1);
		PERFORM set_config(one.name, one.value, false);
		DISCARD PLANS;
		COMMIT;
		CALL chunked_iter_run('before');
		CALL chunked_iter_run('after', 'sale', 'SELECT FROM chunk', chunk_size => 7000, order_by => 'shop', max_chunks => 1);
		EXECUTE format('RESET %I', one.name);
		DISCARD PLANS;
		COMMIT;
		CALL chunked_iter_run('after');
		INSERT INTO job_result SELECT one.name, one.value, job, rows_done, state FROM chunked_iter_progress WHERE job IN ('before', 'after');
		PERFORM chunked_iter_forget('before'), chunked_iter_forget('after');
		COMMIT;
	END LOOP;
END $$;
RESET client_min_messages;
SELECT * FROM job_result WHERE rows_done <> 20000 OR state <> 'succeeded';
SELECT count(*) > 40 AS enough FROM job_result;

-- Functions of a query run under the user's own settings.
CREATE FUNCTION setting_now(integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN current_setting('enable_seqscan') = 'off' AND current_setting('enable_sort') = 'on'
		AND current_setting('plan_cache_mode') = 'force_custom_plan' AND current_setting('join_collapse_limit') = '3';
END $$;
SET enable_seqscan = off;
SET enable_sort = on;
SET plan_cache_mode = force_custom_plan;
SET join_collapse_limit = 3;
SELECT count(*) FROM (SELECT chunked_iter(NULL::wanted, 30, filter => 'setting_now(id)') OFFSET 0) s;
SELECT count(*) FROM (SELECT chunked_iter(NULL::wanted, 30, 'ctid', filter => 'setting_now(id)') OFFSET 0) s;
RESET enable_seqscan;
RESET enable_sort;
RESET plan_cache_mode;
RESET join_collapse_limit;

-- A plan that is made anew in the middle of a walk may have lost the physical
-- order: here because a view was replaced, by which a filter becomes a join.
CREATE TABLE zero AS SELECT 0 AS id FROM generate_series(1, 20000);
ANALYZE zero;
CREATE VIEW allowed AS SELECT 0 AS id;
CREATE FUNCTION walk_across(rel text) RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE
	one record;
	n integer := 0;
BEGIN
	CREATE OR REPLACE VIEW allowed AS SELECT 0 AS id;
	FOR one IN EXECUTE format('SELECT (r).id FROM (SELECT chunked_iter(NULL::%I, 99, ''ctid'', snapshot => ''chunk'',
		filter => ''EXISTS (SELECT FROM allowed a WHERE a.id = 0 * %I.id)'') AS r OFFSET 0) s', rel, rel) LOOP
		RETURN NEXT one.id;
		n := n + 1;
		IF n = 500 THEN
			CREATE OR REPLACE VIEW allowed AS SELECT id FROM zero;
		END IF;
	END LOOP;
END $$;
SELECT same_rows('SELECT walk_across(''sale'')', 'SELECT id FROM sale ORDER BY ctid');
SELECT same_rows('SELECT walk_across(''parted'')', 'SELECT id FROM parted ORDER BY tableoid, ctid');

-- Nor does a filter that is checked once for all rows keep their places from us.
SELECT same_rows('SELECT chunked_iter(NULL::sale, 999, ''ctid'', filter => ''id < 5000 AND EXISTS (SELECT FROM wanted)'')',
	'SELECT s FROM sale s WHERE id < 5000 ORDER BY ctid');
SELECT same_rows('SELECT chunked_iter(NULL::sale, 999, ''ctid'', filter => ''NOT EXISTS (SELECT FROM wanted)'')',
	'SELECT s FROM sale s WHERE false');
