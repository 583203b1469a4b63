
# Extensions that hook into the same places of the server, all loaded together:
# the regression tests pass among them, and what some of them make of a table is
# walked and worked on as if it were one.
#
# Those that are not installed are left out, with a word; if none but contrib's
# is, there is no test.  Debian has them in postgresql-NN-timescaledb, -pg-hint-plan,
# -pgaudit, -cron, -partman and -repack.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my $libraries = first_line('pg_config', '--pkglibdir');
my $bindir = first_line('pg_config', '--bindir');
my @preloaded = grep { has_library($_) }
  qw(timescaledb pg_stat_statements auto_explain pg_hint_plan pgaudit pg_cron);

plan skip_all => 'none of timescaledb, pg_hint_plan and pgaudit is installed'
  unless grep { /timescaledb|hint_plan|pgaudit/ } @preloaded;

my $node = PostgreSQL::Test::Cluster->new('neighbours');
my $host = $node->host;
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = '@{[ join ',', @preloaded ]}'
max_worker_processes = 20
fsync = off
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
pgaudit.log = 'all'
pg_stat_statements.track = 'all'
timescaledb.telemetry_level = 'off'
cron.host = '$host'
CONF
$node->start;
note("loaded: @preloaded");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE EXTENSION pg_stat_statements;
CREATE TABLE item (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT generate_series(1, 20000);
ANALYZE item;
SQL

regression_tests();
statistics();
hypertable();
compressed_hypertable();
continuous_aggregate();
partition_set();
rewritten_table('VACUUM FULL', sub { $node->safe_psql('postgres', 'VACUUM FULL item') });
repacked_table();
$node->stop;
done_testing();

sub first_line
{
	my ($out) = run_command([@_]);

	return $out;
}

sub has_library
{
	my ($name) = @_;

	return -e "$libraries/$name.so" || -e "$libraries/$name.dylib";
}

# Makes a database with an extension; false if that is not installed.
sub make_database
{
	my ($name, $extension) = @_;

	return 0
	  unless $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'");
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, "SET client_min_messages = error; $_")
	  for "CREATE EXTENSION $extension", 'CREATE EXTENSION chunked_iter';
	return 1;
}

# Our own tests, on this server.
sub regression_tests
{
	my @tests = map { s!.*/(.*)\.sql!$1!r } sort glob "$RealBin/../sql/*.sql";
	my $results = PostgreSQL::Test::Utils::tempdir();
	my $out = '';
	my @command = (
		$ENV{PG_REGRESS}, "--inputdir=$RealBin/..", "--outputdir=$results", "--bindir=$bindir",
		'--host=' . $node->host, '--port=' . $node->port, '--dbname=regression_of_ours',
		'setup', grep { $_ ne 'setup' } @tests);

	ok(IPC::Run::run(\@command, '<', \undef, '>&', \$out), 'the regression tests pass')
	  or diag($out, -e "$results/regression.diffs" ? slurp_file("$results/regression.diffs") : '');
	return;
}

# However many chunks a walk has, its queries are few.
sub statistics
{
	my @entries = map {
		my $size = $_;
		$node->safe_psql('postgres', <<"SQL")
SET client_min_messages = error;
SELECT pg_stat_statements_reset() IS NULL;
SELECT count(*) FROM chunked_iter(NULL::item, $size);
CALL chunked_iter_run('statistics$size', 'item', 'UPDATE item SET n = n WHERE chunk_range(item)', chunk_size => $size);
SELECT count(*) FROM pg_stat_statements;
SQL
		  =~ s/.*\n//sr;
	} 2000, 100;

	cmp_ok($entries[1], '<=', $entries[0] + 2,
		"as many entries in pg_stat_statements for 10 chunks as for 200: @entries");
	return;
}

# Whether a walk of a relation gives what an ordered SELECT does.
sub is_walked
{
	my ($database, $relation, $order, $arguments) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql($database, <<"SQL"), 't', "$relation is walked by $order");
SET client_min_messages = error;
SELECT (SELECT array_agg(w::text) FROM chunked_iter(NULL::$relation, 70$arguments) AS w)
	= (SELECT array_agg(s::text) FROM (SELECT r FROM $relation AS r ORDER BY $order) AS s(s))
SQL
	return;
}

# Whether a job counts each row of a relation up once.
sub is_worked_on
{
	my ($database, $relation, $statement) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql($database, <<"SQL");
SET client_min_messages = error;
UPDATE $relation SET n = 0;
CALL chunked_iter_run('$relation', '$relation', '$statement', chunk_size => 70);
SELECT chunked_iter_forget('$relation');
SQL
	is($node->safe_psql($database, "SELECT min(n), max(n), count(*) FROM $relation"),
		'1|1|3000', "each row of $relation is done once: $statement");
	return;
}

sub make_measures
{
	my ($table) = @_;

	$node->safe_psql('series', <<"SQL");
SET client_min_messages = error;
CREATE TABLE $table (at timestamptz, dev integer, v float8, n integer NOT NULL DEFAULT 0, PRIMARY KEY (at, dev));
SELECT create_hypertable('$table', 'at', chunk_time_interval => interval '1 day');
INSERT INTO $table SELECT timestamptz '2026-01-01' + i * interval '5 minutes', i % 10, i FROM generate_series(1, 3000) i;
ANALYZE $table;
SQL
	return;
}

# Its unique index holds for all of its children.
sub hypertable
{
  SKIP:
	{
		skip 'timescaledb is not installed', 1 unless make_database('series', 'timescaledb');
		make_measures('measure');
		is_walked('series', 'measure', 'at, dev', '');
		is_walked('series', 'measure', 'dev DESC, at', q{, order_by => 'dev DESC'});
		is_walked('series', 'measure', 'at, dev', q{, snapshot => 'chunk'});
		is_worked_on('series', 'measure', 'UPDATE measure SET n = n + 1 WHERE chunk_range(measure)');
		is_worked_on('series', 'measure',
			'UPDATE measure m SET n = n + 1 WHERE (at, dev) IN (SELECT at, dev FROM chunk)');
	}
	return;
}

# TimescaleDB's own licence has it; Debian's package does not.
sub licensed
{
	my ($status, $out, $err) = $node->psql('series', shift);

	return $status == 0;
}

sub compressed_hypertable
{
  SKIP:
	{
		skip 'there is no timescaledb', 1 unless has_library('timescaledb');
		make_measures('archive');
		skip 'this timescaledb compresses nothing', 1
		  unless licensed(q{ALTER TABLE archive SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev')});
		$node->safe_psql('series',
			q{SELECT count(compress_chunk(c)) FROM (SELECT c FROM show_chunks('archive') AS c LIMIT 6) s});
		is_walked('series', 'archive', 'at, dev', '');
		is_worked_on('series', 'archive', 'UPDATE archive SET n = n + 1 WHERE chunk_range(archive)');
		$node->safe_psql('series', <<'SQL');
ALTER TABLE archive DROP CONSTRAINT archive_pkey;
SELECT count(compress_chunk(c, true)) FROM (SELECT c FROM show_chunks('archive') AS c LIMIT 6) s;
SQL
		my ($status, $out, $err) =
		  $node->psql('series', 'SELECT FROM chunked_iter(NULL::archive)');
		like($err, qr/HINT:  .*order_by => /, 'without a key it takes an order, which is said');
	}
	return;
}

sub continuous_aggregate
{
  SKIP:
	{
		skip 'there is no timescaledb', 1 unless has_library('timescaledb');
		skip 'this timescaledb has no continuous aggregates', 1
		  unless licensed(<<'SQL');
CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous)
AS SELECT time_bucket('1 hour', at) AS h, dev, count(*) AS n FROM measure GROUP BY 1, 2
SQL
		is_walked('series', 'hourly', 'h, dev', q{, order_by => 'h, dev'});
		$node->safe_psql('series', <<'SQL');
CREATE TABLE copy (n bigint);
CALL chunked_iter_run('hourly', 'hourly', 'INSERT INTO copy SELECT n FROM chunk', order_by => 'h, dev', chunk_size => 70);
SQL
		is($node->safe_psql('series', 'SELECT sum(n) FROM copy'), '3000', 'and a job has each of its rows once');
	}
	return;
}

# pg_partman adds partitions before the job, and while it is paused.
sub partition_set
{
  SKIP:
	{
		skip 'pg_partman is not installed', 1 unless make_database('parts', 'pg_partman');
		skip 'this pg_partman is older than 5', 1
		  if $node->safe_psql('parts', q{SELECT extversion FROM pg_extension WHERE extname = 'pg_partman'}) =~ /^[1-4]\./;
		$node->safe_psql('parts', <<'SQL');
SET client_min_messages = error;
CREATE TABLE visit (id integer, n integer NOT NULL DEFAULT 0, PRIMARY KEY (id)) PARTITION BY RANGE (id);
SELECT create_parent('public.visit', 'id', '500', p_start_partition => '0');
INSERT INTO visit SELECT generate_series(1, 1000);
SELECT run_maintenance();
INSERT INTO visit SELECT generate_series(1001, 2000);
CALL chunked_iter_run('early', 'visit', 'UPDATE visit SET n = n + 1 WHERE chunk_range(visit)', chunk_size => 70, max_chunks => 5);
SELECT run_maintenance();
INSERT INTO visit SELECT generate_series(2001, 3000);
CALL chunked_iter_run('early');
SQL
		is($node->safe_psql('parts', 'SELECT sum(n), max(n) FROM visit WHERE id <= 2000'),
			'2000|1', 'a job goes on behind new partitions');
		is_walked('parts', 'visit', 'id', '');
		is_worked_on('parts', 'visit', 'UPDATE visit SET n = n + 1 WHERE chunk_range(visit)');
	}
	return;
}

# A table is rewritten between two chunks of a job, and not under a walk.
sub rewritten_table
{
	my ($name, $rewrite) = @_;
	my $job = Session->new($node);
	my $walk = Session->new($node);

	$node->safe_psql('postgres', 'UPDATE item SET n = 0');
	$job->start(
		"CALL chunked_iter_run('$name', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', pause_ms => 100)");
	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM chunked_iter_progress WHERE job = '$name' AND rows_done > 0");
	my $before = $node->safe_psql('postgres', q{SELECT pg_relation_filenode('item')});
	$rewrite->();
	isnt($node->safe_psql('postgres', q{SELECT pg_relation_filenode('item')}), $before, "$name rewrites it");
	$job->answer;
	is($node->safe_psql('postgres', 'SELECT min(n), max(n), count(*) FROM item'),
		'1|1|20000', "$name: each row is done once by a job");

	$walk->query(<<'SQL');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM chunked_iter(NULL::item, 1000);
FETCH 1500 FROM c
SQL
	my ($status, $out, $err) = $node->psql('postgres', 'SET lock_timeout = 100; VACUUM FULL item');
	like($err, qr/lock timeout/, "$name waits for a walk");
	is(scalar(split /\n/, $walk->query('FETCH ALL FROM c')), 18500, 'which goes on');
	$_->close for $job, $walk;
	return;
}

sub repacked_table
{
  SKIP:
	{
		skip 'pg_repack is not installed', 1 unless -x "$bindir/pg_repack";
		$node->safe_psql('postgres', 'CREATE EXTENSION pg_repack');
		rewritten_table('pg_repack', sub {
			$node->command_ok(
				[ 'pg_repack', '--no-order', '--table', 'item', '--dbname', $node->connstr('postgres') ],
				'pg_repack runs');
		});
	}
	return;
}
