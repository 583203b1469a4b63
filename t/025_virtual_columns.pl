
# Generated columns that are computed when they are read, where the server has
# them. A walk, a key and a job take such a column for what one SELECT gives; in
# the rows of a partition or a child that is what its parent computes. And keys
# that are not unique, or not known to be without NULLs, break no ties.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('virtual');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;
plan skip_all => 'this server has no virtual generated columns'
  unless $node->psql('postgres', 'CREATE TABLE g (id integer PRIMARY KEY, a integer,
	v integer GENERATED ALWAYS AS (a * 2) VIRTUAL, w text GENERATED ALWAYS AS (a::text) VIRTUAL)') == 0;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
INSERT INTO g SELECT i, nullif(i % 7, 3) FROM generate_series(1, 50) i;
CREATE TABLE copy (id integer, v integer, w text);
SQL

reads();
orders();
row_keys();
works();
children();
foreign_partitions();
proposes_expressions();
notices_new_expressions();
other_keys();
$node->stop;
done_testing();

# The session is quiet about walks without an index.
sub query
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', "SET client_min_messages = error; $sql");
}

# Two queries of rows give the same rows, in the same order.
sub same
{
	my ($walk, $plain, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(query($walk), query($plain), $name);
	return;
}

sub reads
{
	same('SELECT id, v + 1, w FROM chunked_iter(NULL::g, chunk_size => 3)',
		'SELECT id, v + 1, w FROM g ORDER BY id', 'columns');
	same('SELECT c FROM chunked_iter(NULL::g, chunk_size => 3) c', 'SELECT g FROM g ORDER BY id', 'whole rows');
	same('SELECT (chunked_iter(NULL::g, chunk_size => 3)).v', 'SELECT v FROM g ORDER BY id', 'in the select list');
	same(q{SELECT id, v FROM chunked_iter(NULL::g, filter => 'v > 4', chunk_size => 3)},
		'SELECT id, v FROM g WHERE v > 4 ORDER BY id', 'filter');
	same(q{SELECT id FROM chunked_iter(NULL::g, chunk_size => 3) WHERE v > 4 AND w <> '5'},
		q{SELECT id FROM g WHERE v > 4 AND w <> '5' ORDER BY id}, 'conditions of the query');
	same(q{SELECT c.id, c.v FROM chunked_iter(NULL::g, snapshot => 'chunk', chunk_size => 3) c JOIN g ON g.id = c.v ORDER BY 1},
		'SELECT c.id, c.v FROM g c JOIN g ON g.id = c.v ORDER BY 1', 'a join, a snapshot for each chunk');
	return;
}

sub orders
{
	for my $order ('v', 'v DESC NULLS LAST', 'w, v', 'v + id', '(v, w)')
	{
		for my $reverse ('false', 'true')
		{
			my $walk = "SELECT id, v FROM chunked_iter(NULL::g, order_by => '$order', reverse => $reverse, chunk_size => 3)";
			my $all = "SELECT array_agg(key ORDER BY n) FROM (SELECT row_number() OVER () AS n, chunked_iter_key(c, '$order') AS key
				FROM chunked_iter(NULL::g, order_by => '$order', reverse => $reverse, chunk_size => 3) c) s";

			is(query("SELECT count(DISTINCT id), count(*), sum(v) FROM ($walk) s"), query('SELECT count(*), count(*), sum(v) FROM g'),
				"each row once, by $order, reverse $reverse");
			if ($reverse eq 'false' && $order !~ /^\(/)
			{
				same($walk, "SELECT id, v FROM g ORDER BY $order, id", "the order of $order");
				like(query($all), qr/^\{\{/, "keys of $order");
			}
		}
	}
	same(q{SELECT min(v), max(v) FROM chunked_iter(NULL::g, order_by => 'v')}, 'SELECT min(v), max(v) FROM g', 'min and max');
	query('CREATE TABLE ties (a integer, v integer GENERATED ALWAYS AS (nullif(a % 3, 0)) VIRTUAL);
		INSERT INTO ties SELECT generate_series(1, 50)');
	is(query(q{SELECT count(DISTINCT a), count(*), count(v) FROM chunked_iter(NULL::ties, order_by => 'v', chunk_size => 4)}),
		'50|50|34', 'ties of a computed key');
	return;
}

sub row_keys
{
	same(q{SELECT chunked_iter_key(g, 'v, w') FROM g ORDER BY id}, 'SELECT ARRAY[v::text, w, id::text] FROM g ORDER BY id', 'the key of a row');
	same(q{SELECT id FROM chunked_iter(NULL::g, order_by => 'v', after => (SELECT chunked_iter_key(g, 'v') FROM g WHERE id = 20), chunk_size => 3)},
		'SELECT id FROM g WHERE v > (SELECT v FROM g WHERE id = 20) OR v = (SELECT v FROM g WHERE id = 20) AND id > 20 OR v IS NULL ORDER BY v, id',
		'a walk from there on');
	return;
}

sub works
{
	my $want = query('SELECT count(*), sum(v), count(w) FROM g');

	for my $order ('id', 'v', 'w DESC')
	{
		for my $statement ('INSERT INTO copy SELECT id, v, w FROM chunk',
			'INSERT INTO copy SELECT (chunk).id, (chunk).v, (chunk).w FROM chunk',
			'INSERT INTO copy SELECT id, v, w FROM g WHERE chunk_range(g)')
		{
			query("TRUNCATE copy");
			query("CALL chunked_iter_run('work', 'g', '$statement', order_by => '$order', chunk_size => 4)");
			is(query('SELECT count(*), sum(v), count(w) FROM copy'), $want, "by $order: $statement");
			query("SELECT chunked_iter_forget('work')");
		}
	}
	query(q{CALL chunked_iter_run('work', 'g', 'INSERT INTO copy SELECT 1 / (v - 2), id FROM chunk', on_error => 'skip', chunk_size => 20)});
	is(query(q{SELECT count(*), min(row->>'v'), max(row->>'v') FROM chunked_iter_failed_rows}),
		query('SELECT count(*), min(v), max(v) FROM g WHERE v = 2'), 'rows that fail are recorded with it');
	query(q{SELECT chunked_iter_forget('work'); TRUNCATE copy});
	query(q{CALL chunked_iter_run('work', 'g', 'MERGE INTO copy USING chunk ON copy.id = chunk.id WHEN NOT MATCHED THEN INSERT VALUES (chunk.id, chunk.v, chunk.w)', parts => 3, chunk_size => 4)});
	is(query('SELECT count(*), sum(v), count(w) FROM copy'), $want, 'MERGE, in parts');
	query(q{SELECT chunked_iter_forget('work'); TRUNCATE copy});
	return;
}

# A partition and a child that compute the column otherwise, read in every way.
sub children
{
	query(<<'SQL');
CREATE TABLE p (id integer, a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 (a integer, v integer GENERATED ALWAYS AS (a * 100) VIRTUAL, id integer);
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (100);
INSERT INTO p SELECT i, i FROM generate_series(1, 20) i;
CREATE TABLE c (id integer, a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL);
CREATE TABLE c1 (extra integer, v integer GENERATED ALWAYS AS (a * 100) VIRTUAL) INHERITS (c);
CREATE TABLE c2 () INHERITS (c);
INSERT INTO c SELECT i, i FROM generate_series(1, 7) i;
INSERT INTO c1 SELECT i, i FROM generate_series(8, 14) i;
INSERT INTO c2 SELECT i, i FROM generate_series(15, 20) i;
SQL
	for my $table ('p', 'c')
	{
		for my $order ('NULL', q{'ctid'}, q{'id'}, q{'v, id'})
		{
			same("SELECT id, v FROM chunked_iter(NULL::$table, order_by => $order, chunk_size => 3) ORDER BY id",
				"SELECT id, v FROM $table ORDER BY id", "$table by $order");
			same("SELECT id, v FROM chunked_iter(NULL::$table, order_by => $order, filter => 'v < 30', chunk_size => 3) ORDER BY id",
				"SELECT id, v FROM $table WHERE v < 30 ORDER BY id", "$table by $order, a filter");
		}
		same("SELECT r.v FROM chunked_iter(NULL::$table, chunk_size => 3) r ORDER BY r.id FOR UPDATE", "SELECT v FROM $table ORDER BY id", "$table locked");
		query("TRUNCATE copy; CALL chunked_iter_run('work', '$table', 'INSERT INTO copy SELECT id, v FROM chunk', order_by => 'id', chunk_size => 3)");
		same('SELECT id, v FROM copy ORDER BY id', "SELECT id, v FROM $table ORDER BY id", "a job of $table");
		query("SELECT chunked_iter_forget('work')");
	}
	is(query(q{SELECT chunked_iter_explain(NULL::p2)}) =~ /FROM public\.p2 AS p2/, 1, 'a partition by itself');
	like(query('SELECT chunked_iter_explain(NULL::p)'), qr/ONLY public\.p1/, 'a partition that computes alike is read directly');
	query(<<'SQL');
CREATE TABLE n (id integer, a integer, v integer GENERATED ALWAYS AS (nullif(a, 3)) VIRTUAL NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE n1 PARTITION OF n (v GENERATED ALWAYS AS (a) VIRTUAL) FOR VALUES FROM (0) TO (100);
INSERT INTO n SELECT i, i FROM generate_series(1, 6) i;
SQL
	same(q{SELECT id, v FROM chunked_iter(NULL::n, order_by => 'v', chunk_size => 2)}, 'SELECT id, v FROM n ORDER BY v', 'NULL where the partition has none');
	return;
}

# Rows of foreign partitions are merged from them directly.
sub foreign_partitions
{
	my $port = $node->port;
	my $host = $node->host;

  SKIP:
	{
		skip 'there is no postgres_fdw', 2
		  unless query(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'});
		query(<<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE TABLE r1 (id integer, a integer, v integer);
CREATE TABLE f (id integer, a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE f1 PARTITION OF f (v GENERATED ALWAYS AS (a * 100) VIRTUAL)
	FOR VALUES FROM (0) TO (10) SERVER far OPTIONS (table_name 'r1');
CREATE TABLE f2 PARTITION OF f FOR VALUES FROM (10) TO (100);
INSERT INTO r1 SELECT i, i FROM generate_series(1, 9) i;
INSERT INTO f2 SELECT i, i FROM generate_series(10, 20) i;
SQL
		for my $order ('id', 'v', 'a DESC')
		{
			same("SELECT id, v FROM chunked_iter(NULL::f, order_by => '$order', chunk_size => 3)", "SELECT id, v FROM f ORDER BY $order",
				"foreign partitions by $order");
		}
	}
	return;
}

# There is no index on such a column, but one on its expression serves.
sub proposes_expressions
{
	my ($index) = query(q{SELECT chunked_iter_explain(NULL::g, order_by => 'v DESC, w')}) =~ /(CREATE INDEX ON .*);/;

	is($index, 'CREATE INDEX ON public.g ((a * 2) DESC, ((a)::text), id)', 'the expressions');
	query($index);
	like(query(q{SELECT chunked_iter_explain(NULL::g, order_by => 'v DESC, w')}), qr/^Key: v DESC, w, id\n.*^Index: g_/ms, 'an index that serves');
	return;
}

# An expression that this session changes under a walk ends it.
sub notices_new_expressions
{
	my ($result, undef, $error) = $node->psql('postgres', <<'SQL');
BEGIN;
DECLARE walk CURSOR FOR SELECT * FROM chunked_iter(NULL::g, chunk_size => 2);
FETCH 1 FROM walk;
ALTER TABLE g ALTER v SET EXPRESSION AS (a * 3);
FETCH 2 FROM walk;
SQL
	like($error, qr/relation public\.g was changed while it was being walked/, 'a new expression');
	return;
}

# What looks like a key and does not tell rows apart, or may be NULL.
sub other_keys
{
	query(<<'SQL');
CREATE TABLE period (id int4range, valid daterange, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
INSERT INTO period SELECT int4range(i, i + 1), daterange('2020-01-01', '2020-01-02') FROM generate_series(1, 9) i;
CREATE TABLE later (a integer, b integer);
INSERT INTO later VALUES (NULL, 1), (NULL, 2), (1, 3);
CREATE UNIQUE INDEX ON later (a);
ALTER TABLE later ADD CONSTRAINT known NOT NULL a NOT VALID;
SQL
	like(query('SELECT chunked_iter_explain(NULL::period)'), qr/^Key: ctid$/m, 'a temporal key is not the default order');
	like(query(q{SELECT chunked_iter_explain(NULL::period, order_by => 'valid')}), qr/^Tie-breaker: none/m, 'nor a tie-breaker');
	is(query(q{SELECT count(*) FROM chunked_iter(NULL::period, order_by => 'valid', chunk_size => 2)}), 9, 'each row once');
	like(query(q{SELECT chunked_iter_explain(NULL::later, order_by => 'a')}), qr/^Tie-breaker: none/m, 'a constraint that is not valid');
	is(query(q{SELECT count(*) FROM chunked_iter(NULL::later, order_by => 'a', chunk_size => 1)}), 3, 'each row once');
	return;
}
