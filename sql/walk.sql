-- A table comes out whole and in order, at every chunk size.
SET client_min_messages = error;
CREATE SCHEMA walk;
SET search_path = walk, public;

CREATE TABLE item (id integer PRIMARY KEY, grp integer, name text COLLATE "C");
INSERT INTO item
SELECT i, nullif(i % 4, 3), 'n' || (i * 7) % 20 FROM generate_series(-9, 10) i;

SELECT chunked_iter(NULL::item, chunk_size => 7) LIMIT 3;
SELECT * FROM chunked_iter(NULL::item, 7) LIMIT 3;

-- Around every edge: 20 rows in chunks of 1 ... 21.
SELECT order_by, reverse,
	   bool_and(same_rows(
		   format('SELECT chunked_iter(NULL::item, chunk_size => %s, order_by => %L, reverse => %L, snapshot => %L)',
				  chunk_size, order_by, reverse, snapshot),
		   format('SELECT item FROM item ORDER BY %s', CASE WHEN reverse THEN backward ELSE forward END)))
FROM (VALUES
	(NULL,                        'id',                           'id DESC'),
	('id DESC',                   'id DESC',                      'id'),
	('grp',                       'grp, id',                      'grp DESC, id DESC'),
	('grp DESC',                  'grp DESC, id',                 'grp, id DESC'),
	('grp NULLS FIRST, name DESC', 'grp NULLS FIRST, name DESC, id', 'grp DESC NULLS LAST, name, id DESC'),
	('grp DESC NULLS LAST, id',   'grp DESC NULLS LAST, id',      'grp NULLS FIRST, id DESC'),
	('name COLLATE "POSIX"',      'name COLLATE "POSIX", id',     'name COLLATE "POSIX" DESC, id DESC'),
	('name USING ~>~',            'name USING ~>~, id',           'name USING ~<~ NULLS LAST, id DESC'),
	('id % 3, -id',               'id % 3, -id, id',              'id % 3 DESC, -id DESC, id DESC'),
	('3 DESC, 1',                 'name DESC, id',                'name, id DESC'),
	('coalesce(grp, 1), name || grp', 'coalesce(grp, 1), name || grp, id', 'coalesce(grp, 1) DESC, name || grp DESC, id DESC')
	) AS orders(order_by, forward, backward),
	unnest(ARRAY[false, true]) AS reverse,
	unnest(ARRAY[1, 2, 3, 7, 19, 20, 21, 1000]) AS chunk_size,
	unnest(ARRAY['statement', 'chunk']) AS snapshot
GROUP BY order_by, reverse
ORDER BY order_by NULLS FIRST, reverse;

-- A filter, with a comment and a quote in it.
SELECT bool_and(same_rows(
	format('SELECT chunked_iter(NULL::item, chunk_size => %s, filter => $f$ name <> ''n''''7'' AND grp = 1 -- not NULL$f$)', chunk_size),
	'SELECT item FROM item WHERE grp = 1 ORDER BY id'))
FROM generate_series(1, 8) AS chunk_size;

-- A filter with a subquery, which has an alias of the table's name.
SELECT chunked_iter(NULL::item,
	filter => 'EXISTS (SELECT FROM walk.item AS other WHERE other.id = item.id + 9 AND other.grp = 1)');

-- NULL stands for each default.
SELECT same_rows('SELECT chunked_iter(NULL::item, NULL, NULL, NULL, NULL, NULL, NULL, NULL)',
				 'SELECT item FROM item ORDER BY id');

-- No row, one row, rows that all have one key.
CREATE TABLE same_key (k integer, id integer PRIMARY KEY);
SELECT count(*) FROM (SELECT chunked_iter(NULL::same_key)) s;
INSERT INTO same_key VALUES (1, 1);
SELECT count(*) FROM (SELECT chunked_iter(NULL::same_key)) s;
INSERT INTO same_key SELECT 1, i FROM generate_series(2, 50) i;
SELECT bool_and(same_rows(
	format('SELECT chunked_iter(NULL::same_key, chunk_size => %s, order_by => ''k'')', chunk_size),
	'SELECT same_key FROM same_key ORDER BY id'))
FROM unnest(ARRAY[1, 7, 49, 50, 51]) AS chunk_size;

-- Names that need quotes, columns named like our own words, dropped columns,
-- columns whose default is not stored in old rows.
CREATE SCHEMA "we;ird ""schema";
CREATE TABLE "we;ird ""schema"."tàble '$1'; --" (
	gone integer, "select" integer, chunk integer, "tàble '$1'; --" text, gone_too text,
	PRIMARY KEY ("select", chunk));
INSERT INTO "we;ird ""schema"."tàble '$1'; --" SELECT i, i / 3, i % 3, 'x', 'y' FROM generate_series(1, 20) i;
ALTER TABLE "we;ird ""schema"."tàble '$1'; --" DROP gone, DROP gone_too,
	ADD late integer DEFAULT 42, ADD "order" text DEFAULT 'by';
SELECT bool_and(same_rows(
	format('SELECT chunked_iter(NULL::"we;ird ""schema"."tàble ''$1''; --", %s, order_by => %L)', chunk_size, order_by),
	format('SELECT t FROM "we;ird ""schema"."tàble ''$1''; --" AS t ORDER BY %s', order_by)))
FROM unnest(ARRAY[1, 3, 19, 20, 21]) AS chunk_size,
	 unnest(ARRAY['"select" DESC, chunk', '"order", "select", chunk', 'ctid']) AS order_by;
SELECT (r).late, (r)."order" FROM (SELECT chunked_iter(NULL::"we;ird ""schema"."tàble '$1'; --") AS r LIMIT 1) s;

-- Two walks in step, a walk inside another's filter, a correlated walk.
SELECT (a).id, (b).k FROM (SELECT chunked_iter(NULL::item, 2) AS a, chunked_iter(NULL::same_key, 3) AS b OFFSET 0) s LIMIT 4;
SELECT chunked_iter(NULL::item, 2, filter => 'id IN (SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3, filter => ''id > 7'') AS r OFFSET 0) s)');
SELECT n, (SELECT count(*) FROM chunked_iter(NULL::item, n, after => ARRAY[n::text])) FROM generate_series(1, 3) n;

-- The walk's own statement inserts into the table: it ends.
INSERT INTO same_key SELECT 2, (r).id + 1000 FROM (SELECT chunked_iter(NULL::same_key, 5) AS r OFFSET 0) s;
INSERT INTO same_key SELECT 3, (r).id + 10000 FROM (SELECT chunked_iter(NULL::same_key, 5, snapshot => 'chunk') AS r OFFSET 0) s;
SELECT k, count(*) FROM same_key GROUP BY k ORDER BY k;

-- Rows older than a column's default, in physical order.
CREATE TABLE aged (a integer);
INSERT INTO aged SELECT generate_series(1, 10);
ALTER TABLE aged ADD COLUMN b integer DEFAULT 7;
SELECT same_rows('SELECT chunked_iter(NULL::aged, 3)', 'SELECT x FROM aged x ORDER BY ctid');

-- A row of NULLs is no NULL in the order, though it "IS NULL".
CREATE TYPE pair AS (i integer, s text);
CREATE TABLE paired (id integer PRIMARY KEY, p pair);
INSERT INTO paired VALUES (1, '(1,a)'), (2, '(,)'), (3, '(2,b)'), (4, '(1,)'), (5, NULL);
SELECT order_by, bool_and(same_rows(format('SELECT chunked_iter(NULL::paired, %s, %L)', chunk_size, order_by),
									format('SELECT r FROM paired r ORDER BY %s, id', order_by)))
FROM unnest(ARRAY['p', 'p DESC', 'p NULLS FIRST']) AS order_by, generate_series(1, 6) AS chunk_size
GROUP BY order_by ORDER BY order_by;

-- Constants of a filter are exact, however the session shows them.
CREATE TABLE exact (id integer PRIMARY KEY, f double precision, at timestamptz);
INSERT INTO exact VALUES (1, 0.1, '1850-01-01'), (2, 0.30000000000000004, '2001-02-03'), (3, 0.3, '2003-02-01');
SET extra_float_digits = 0;
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'America/New_York';
SELECT (r).id FROM (SELECT chunked_iter(NULL::exact, filter => 'f >= ''0.30000000000000004''') AS r OFFSET 0) s;
SELECT count(*) FROM chunked_iter(NULL::exact, filter => 'f < ''1.7976931348623157e308''');
SELECT (r).id FROM (SELECT chunked_iter(NULL::exact, filter => 'at > timestamptz ''1850-06-01 00:00+00'' AND at < ''02/03/2002''') AS r OFFSET 0) s;
RESET extra_float_digits;
RESET DateStyle;
RESET TimeZone;

-- A NULL bound of a column without NULLs; a bound that nothing is beyond.
SELECT count(*) FROM chunked_iter(NULL::item, 5, after => '{NULL}');
SELECT count(*) FROM chunked_iter(NULL::item, 5, upto => '{NULL}');
SELECT count(*) FROM chunked_iter(NULL::item, 5, 'grp, name', after => '{NULL,n9}', upto => '{NULL,n0}');

-- Physical order with a filter that the planner makes a join of, or nothing.
SELECT same_rows('SELECT chunked_iter(NULL::item, 3, ''ctid'', filter => ''id IN (SELECT k FROM walk.same_key)'')',
				 'SELECT item FROM item WHERE id IN (SELECT k FROM same_key) ORDER BY ctid');
SELECT count(*) FROM chunked_iter(NULL::item, 3, 'ctid', filter => 'false');

-- A column of the unique index that is listed under another operator family.
CREATE TABLE coded (code text, n integer, PRIMARY KEY (code, n));
INSERT INTO coded VALUES ('x', 1), ('y', 2);
SELECT chunked_iter_key(c, 'code USING ~<~') FROM coded c ORDER BY code LIMIT 1;
SELECT * FROM chunked_iter(NULL::coded, order_by => 'code USING ~<~', after => '{x,1}');

-- A key whose type is compared as another: its bookmark is of the key's type.
CREATE TABLE classes (class regclass PRIMARY KEY);
INSERT INTO classes VALUES ('pg_type'), ('pg_class'), ('pg_proc');
SELECT chunked_iter_key(c) FROM classes c ORDER BY class LIMIT 1;
SELECT class FROM chunked_iter(NULL::classes, after => '{pg_type}');
