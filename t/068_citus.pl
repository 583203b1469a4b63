
# Walks and jobs of tables of Citus, on a coordinator with two workers: they are
# right, or refused with what to do. Kills are in t/068_citus_kills.pl.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use CitusNodes;

plan skip_all => 'Citus is not installed' unless citus_is_installed();

my ($coordinator, @workers) = citus_nodes(entries => 5000);

# The arguments of walks, what they return of each row, in which order, and of which rows.
my @walks = (
	[ 'NULL::mix', 'id', 'id', 'mix' ],
	[ 'NULL::mix, reverse => true', 'id', 'id DESC', 'mix' ],
	[ q{NULL::mix, order_by => 'a'}, 'id', 'a, id', 'mix' ],
	[
		q{NULL::mix, order_by => 'a DESC NULLS LAST, b NULLS FIRST'},
		'id', 'a DESC NULLS LAST, b NULLS FIRST, id', 'mix'
	],
	[ q{NULL::mix, order_by => 'c, a DESC', reverse => true}, 'id', 'c DESC, a, id DESC', 'mix' ],
	[
		q{NULL::mix, order_by => 'lower(b) COLLATE "C" DESC'},
		'id', 'lower(b) COLLATE "C" DESC, id', 'mix'
	],
	[
		q{NULL::mix, order_by => 'a', after => '{10,500}', upto => '{30}'},
		'id', 'a, id', 'mix WHERE (a, id) > (10, 500) AND a <= 30'
	],
	[ q{NULL::mix, filter => 'id % 7000 = 0'}, 'id', 'id', 'mix WHERE id % 7000 = 0' ],
	[
		q{NULL::mix, filter => 'id < 300 OR id > 19000'},
		'id', 'id', 'mix WHERE id < 300 OR id > 19000'
	],
	[ q{NULL::mix, filter => 'a < 0'}, 'id', 'id', 'mix WHERE a < 0' ],
	[ q{NULL::tie, order_by => 'a'}, 'a', 'a', 'tie' ],
	[ q{NULL::tie, order_by => 'a NULLS FIRST, b'}, q{concat(a, '/', b)}, 'a NULLS FIRST, b', 'tie' ],
	[ 'NULL::event', q{concat(day, '/', id)}, 'day, id', 'event' ],
);

make_tables();
refuses();
walks();
walks_in_windows();
asks_seldom();
inserts();
explains();
warns_of_indexes();
job_on_the_coordinator();
$_->stop for $coordinator, @workers;
done_testing();

# Of keys that are unique, repeated, NULL, and in lumps; of rows of many widths.
sub make_tables
{
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE TABLE mix (id bigint PRIMARY KEY, a integer, b text, c timestamptz, w text);
SELECT create_distributed_table('mix', 'id');
INSERT INTO mix SELECT i, CASE WHEN i % 7 > 0 THEN (i * 37) % 50 END,
	CASE WHEN i % 11 > 0 THEN md5((i % 3000)::text) END,
	timestamptz '2026-01-01' + (i % 777) * interval '1 hour', repeat('x', (i % 13) * 20)
  FROM generate_series(1, 20000) i;
CREATE TABLE tie (a integer, b integer);
SELECT create_distributed_table('tie', 'b');
INSERT INTO tie SELECT CASE WHEN i % 5 = 0 THEN NULL WHEN i < 8000 THEN 7 ELSE i / 100 END, i
  FROM generate_series(1, 15000) i;
INSERT INTO tie SELECT 7, 7 FROM generate_series(1, 3000);
CREATE TABLE event (day date, id integer, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
SELECT create_distributed_table('event', 'id');
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO event SELECT date '2026-01-01' + i % 59, i FROM generate_series(1, 20000) i;
SQL
	return;
}

sub reports
{
	my ($node, $sql, $error, $name) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($err, $error, $name);
	return;
}

sub refuses
{
	my $update = q{'UPDATE visit SET n = n + 1 WHERE chunk_range(visit)'};

	reports($coordinator, 'SELECT FROM chunked_iter(NULL::entry)',
		qr/cannot walk public.entry in one snapshot/, 'READ COMMITTED does not keep a snapshot on workers');
	reports($coordinator, q{SELECT FROM chunked_iter(NULL::entry, order_by => 'ctid', snapshot => 'chunk')},
		qr/cannot walk public.entry in physical order/, 'ctids repeat in shards');
	reports($coordinator, q{SELECT FROM chunked_iter(NULL::keyless, snapshot => 'chunk')},
		qr/cannot walk public.keyless in physical order/, 'also by default');
	reports($coordinator, "CALL chunked_iter_run('visit', 'visit', $update)",
		qr/citus_add_local_table_to_metadata/, 'a chunk could be committed twice');
	reports($workers[0], "CALL chunked_iter_run('visit', 'visit', $update)",
		qr/cannot run a job on "visit" on this node/, 'jobs are on the coordinator');
	reports( $coordinator, q{CALL chunked_iter_run('visit', 'visit', 'INSERT INTO keyless SELECT n FROM chunk')},
		qr/cannot use "chunk" together with "keyless"/, 'the rows of a chunk are not on the workers');
	return;
}

sub walks
{
	is( $coordinator->safe_psql('postgres', <<'SQL'), "t\nt\nt\nt\nt", 'walks are the ordered SELECT');
SET default_transaction_isolation = 'repeatable read';
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700) AS w) = (SELECT array_agg(id ORDER BY id) FROM entry);
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700, order_by => 'author', reverse => true) AS w
	WHERE w.written > '2026-01-02') = (SELECT array_agg(id ORDER BY author DESC, id DESC) FROM entry WHERE written > '2026-01-02');
RESET default_transaction_isolation;
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700, snapshot => 'chunk') AS w) = (SELECT array_agg(id ORDER BY id) FROM entry);
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::country, 70) AS w) = (SELECT array_agg(id ORDER BY id) FROM country);
SELECT array_agg(w.id) = (SELECT array_agg(i ORDER BY i) FROM generate_series(1, 6000) i WHERE i % 3 = 1)
  FROM chunked_iter(NULL::visit, 70, filter => 'tenant = 1', snapshot => 'chunk') AS w;
SQL
	return;
}

# Windows fill the memory of a chunk, and some are larger.
sub walks_in_windows
{
	for my $walk (@walks)
	{
		my ($arguments, $row, $order, $rows) = @$walk;
		my $equals = "IS NOT DISTINCT FROM (SELECT array_agg($row ORDER BY $order) FROM $rows)";
		my $walked = "SELECT array_agg($row) FROM chunked_iter($arguments";

		is($coordinator->safe_psql('postgres', <<"SQL"), "t\nt\nt", $arguments);
SELECT ($walked, snapshot => 'chunk')) $equals;
SET default_transaction_isolation = 'repeatable read';
SELECT ($walked)) $equals;
SET chunked_iter.chunk_memory = '64kB';
SELECT ($walked)) $equals;
SQL
	}
	return;
}

# Each shard is asked a few times: for the end, the first chunk, keys and windows.
sub asks_seldom
{
	cmp_ok($coordinator->safe_psql('postgres', <<'SQL'), '<', 15, 'queries of a walk of 20,000 rows');
SET chunked_iter.debug = 'chunks';
SELECT FROM chunked_iter(NULL::mix, 1000, snapshot => 'chunk');
SELECT count(*) FROM chunked_iter_queries();
SQL
	return;
}

# A chunk that has all rows can be inserted anywhere, and any walk where the
# connections to its shards are free.
sub inserts
{
	my $walk = "SELECT w.id, w.a, w.b, w.c, w.w FROM chunked_iter(NULL::mix, 5000, snapshot => 'chunk'";

	$coordinator->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
CREATE TABLE copy (LIKE mix);
SELECT create_distributed_table('copy', 'id', colocate_with => 'mix');
CREATE TABLE other (LIKE mix);
SELECT create_distributed_table('other', 'id', colocate_with => 'none');
CREATE TABLE reference (LIKE mix);
SELECT create_reference_table('reference');
INSERT INTO copy $walk, filter => 'id <= 3000') AS w;
INSERT INTO other $walk) AS w;
INSERT INTO reference $walk) AS w;
SQL
	is($coordinator->safe_psql('postgres', <<'SQL'), '3000|20000|20000', 'rows that could be inserted');
SELECT (SELECT count(*) FROM copy), (SELECT count(*) FROM other), (SELECT count(*) FROM reference)
SQL
	reports($coordinator, "INSERT INTO copy $walk) AS w",
		qr/cannot walk public.mix in several chunks while Citus inserts.*\nHINT: .*temporary table/s,
		'a walk of several chunks into a table beside it');
	reports($coordinator, "DO 'BEGIN INSERT INTO copy @{[ $walk =~ s/'/''/gr ]}) AS w; END'",
		qr/cannot walk public.mix in several chunks/, 'also in a function');
	is($coordinator->safe_psql('postgres', <<"SQL"), '23000', 'by a temporary table');
CREATE TEMP TABLE rows AS $walk) AS w;
INSERT INTO copy SELECT * FROM rows;
SELECT count(*) FROM copy;
SQL
	return;
}

# Of each kind of table, with the index that the shards have.
sub explains
{
	my @explained = (
		[ q{NULL::mix, snapshot => 'chunk'}, qr/^Index: mix_pkey\n.*LIMIT 128\n.*^Later chunks, .*ORDER BY mix\.id\n    Planned/ms ],
		[
			q{NULL::mix, snapshot => 'chunk', order_by => 'b'},
			qr/^Index: none, every chunk sorts; create one with\n +CREATE INDEX ON public.mix \(b, id\);$/m
		],
		[
			q{NULL::visit, snapshot => 'chunk', filter => 'tenant = 1'},
			qr/^Index: visit_pkey\n.*^    Planned for each chunk, with its keys$/ms
		],
		[ 'NULL::country', qr/Task Count: 1\n.*^    Planned for each chunk, with its keys$/ms ],
		[ q{NULL::country, after => '{5}'}, qr/^Later chunks:\n/m ],
	);

	for my $call (@explained)
	{
		my ($arguments, $said) = @$call;

		like($coordinator->safe_psql('postgres', "SELECT * FROM chunked_iter_explain($arguments)"),
			$said, "chunked_iter_explain($arguments)");
	}
	like($coordinator->safe_psql('postgres', q{EXPLAIN SELECT FROM chunked_iter(NULL::mix, snapshot => 'chunk')}),
		qr/Walk Index: mix_pkey/, 'EXPLAIN');
	return;
}

# Only a table of some size that lacks one.
sub warns_of_indexes
{
	my $walk = 'SELECT count(*) FROM chunked_iter(NULL::%s, order_by => \'%s\', snapshot => \'chunk\')';
	my $warning = qr/no index gives the order of this walk of public/;

	reports($coordinator, sprintf($walk, 'mix', 'a'), qr/$warning.mix\nDETAIL: .*\nHINT:  CREATE INDEX ON public.mix \(a, id\)/,
		'no index');
	reports($coordinator, sprintf($walk, 'mix', 'id DESC'), qr/^$/, 'a primary key');
	$coordinator->safe_psql('postgres', 'CREATE INDEX ON mix (a)');
	reports($coordinator, sprintf($walk, 'mix', 'a, b'), qr/^$/, 'an index that finds a window');
	reports($coordinator, sprintf($walk, 'mix', 'b'), qr/$warning.mix/, 'an index on another column');
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE TABLE few (id integer PRIMARY KEY, a integer);
SELECT create_distributed_table('few', 'id');
INSERT INTO few SELECT i, i FROM generate_series(1, 500) i;
SQL
	reports($coordinator, sprintf($walk, 'few', 'a'), qr/^$/, 'few rows');
	return;
}

sub job_on_the_coordinator
{
	allow_two_phases($coordinator);
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CALL chunked_iter_run('visits', 'visit', 'UPDATE visit SET n = n + 1 WHERE chunk_range(visit)', max_chunks => 2);
SQL
	is($coordinator->safe_psql('postgres', 'SELECT rows_done, estimated_rows, percent FROM chunked_iter_progress'),
		'2000|6000|33.3', 'a job says how far it is');
	$coordinator->safe_psql('postgres', "CALL chunked_iter_run('visits')");
	is($coordinator->safe_psql('postgres', 'SELECT min(n), max(n) FROM visit'),
		'1|1', 'a job on the coordinator does each row once');
	return;
}
