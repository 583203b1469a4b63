
# examples/citus, and walks and jobs of distributed tables: a coordinator and two
# workers. What Citus would do wrong without a word is refused; a job on the
# coordinator counts each chunk once however often the coordinator is killed,
# and so do jobs on the shards.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;
use Session;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
plan skip_all => 'Citus is not installed' unless -e "$libraries/citus.so";

my $rows = 5000;
my ($coordinator, @workers) = map { example_node($_, $_ eq 'coordinator' ? $rows : 0, listen => 1) }
  qw(coordinator worker1 worker2);

make_cluster();
refuses();
walks();
job_on_the_coordinator();
job_is_killed();
walks_of_shards();
jobs_on_shards();
$_->stop for $coordinator, @workers;
done_testing();

sub make_cluster
{
	for my $node ($coordinator, @workers)
	{
		$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'citus'
citus.enable_statistics_collection = off
max_prepared_transactions = 100
max_connections = 150
CONF
		$node->restart;
		$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	}
	$coordinator->safe_psql('postgres',
		"SELECT citus_set_coordinator_host('127.0.0.1', @{[ $coordinator->port ]})");
	$coordinator->safe_psql('postgres', "SELECT citus_add_node('127.0.0.1', @{[ $_->port ]})") for @workers;
	$coordinator->safe_psql('postgres', 'DROP EXTENSION chunked_iter; CREATE EXTENSION chunked_iter');
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
SELECT create_distributed_table('entry', 'id');
CREATE TABLE visit (tenant integer, id integer, n integer NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id));
SELECT create_distributed_table('visit', 'tenant');
INSERT INTO visit SELECT i % 3, i FROM generate_series(1, 6000) i;
CREATE TABLE keyless (a integer);
SELECT create_distributed_table('keyless', 'a');
CREATE TABLE country (id integer PRIMARY KEY);
SELECT create_reference_table('country');
INSERT INTO country SELECT generate_series(1, 500);
SQL
	return;
}

sub fails
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

	fails($coordinator, 'SELECT FROM chunked_iter(NULL::entry)',
		qr/cannot walk public.entry in one snapshot/, 'READ COMMITTED does not keep a snapshot on workers');
	fails($coordinator, q{SELECT FROM chunked_iter(NULL::entry, order_by => 'ctid', snapshot => 'chunk')},
		qr/cannot walk public.entry in physical order/, 'ctids repeat in shards');
	fails($coordinator, q{SELECT FROM chunked_iter(NULL::keyless, snapshot => 'chunk')},
		qr/cannot walk public.keyless in physical order/, 'also by default');
	fails($coordinator, "CALL chunked_iter_run('visit', 'visit', $update)",
		qr/citus_add_local_table_to_metadata/, 'a chunk could be committed twice');
	fails($workers[0], "CALL chunked_iter_run('visit', 'visit', $update)",
		qr/cannot run a job on "visit" on this node/, 'jobs are on the coordinator');
	fails( $coordinator, q{CALL chunked_iter_run('visit', 'visit', 'INSERT INTO keyless SELECT n FROM chunk')},
		qr/cannot use "chunk" together with "keyless"/, 'the rows of a chunk are not on the workers');
	return;
}

sub walks
{
	is( $coordinator->safe_psql('postgres', <<'SQL'), "t\nt\nt\nt", 'walks are the ordered SELECT');
SET default_transaction_isolation = 'repeatable read';
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700) AS w) = (SELECT array_agg(id ORDER BY id) FROM entry);
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700, order_by => 'author', reverse => true) AS w
	WHERE w.written > '2026-01-02') = (SELECT array_agg(id ORDER BY author DESC, id DESC) FROM entry WHERE written > '2026-01-02');
RESET default_transaction_isolation;
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::entry, 700, snapshot => 'chunk') AS w) = (SELECT array_agg(id ORDER BY id) FROM entry);
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::country, 70) AS w) = (SELECT array_agg(id ORDER BY id) FROM country);
SQL
	return;
}

sub is_done_once
{
	my ($name, $condition) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($coordinator->safe_psql('postgres', "SELECT min(n), max(n) FROM visit WHERE $condition"), '1|1', $name);
	$coordinator->safe_psql('postgres', 'UPDATE visit SET n = 0');
	return;
}

sub job_on_the_coordinator
{
	my ($two_phase) = slurp_file("$RealBin/../docs/jobs.md") =~
	  /<!-- run by t\/068_examples_citus\.pl -->\n```sql\n(.*?)^```$/ms;

	$coordinator->safe_psql('postgres', $two_phase);
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CALL chunked_iter_run('visits', 'visit', 'UPDATE visit SET n = n + 1 WHERE chunk_range(visit)', max_chunks => 2);
SQL
	is( $coordinator->safe_psql('postgres', 'SELECT rows_done, estimated_rows FROM chunked_iter_progress'),
		'2000|6000', 'a job says how far it is');
	$coordinator->safe_psql('postgres', "CALL chunked_iter_run('visits')");
	is_done_once('a job on the coordinator does each row once', 'true');
	return;
}

# Each chunk writes to one worker, which Citus would commit first.
sub job_is_killed
{
	$coordinator->append_conf('postgresql.conf', 'citus.recover_2pc_interval = 1s');
	for my $kill (1 .. 6)
	{
		my $job = Session->new($coordinator);

		$job->start(<<'SQL');
CALL chunked_iter_run('tenant', 'visit', 'UPDATE visit SET n = n + 1 WHERE tenant = 1 AND chunk_range(visit)',
	filter => 'tenant = 1', chunk_size => 5)
SQL
		select undef, undef, undef, 0.1 * $kill;
		$coordinator->stop('immediate');
		$job->answer;
		$job->close;
		$coordinator->start;
	}
	$coordinator->safe_psql('postgres', "SELECT recover_prepared_transactions()");
	$coordinator->safe_psql('postgres', "CALL chunked_iter_run('tenant')");
	is_done_once('nor does a kill make it do a row twice', 'tenant = 1');
	return;
}

sub walks_of_shards
{
	my $said = run_example($coordinator, psql_file('citus/walks.sql', 'table=entry'));

	my $written = $rows * 0.9;

	like($said, qr/^ +32 \| +$written$/m, 'a walk for each shard');
	return;
}

sub jobs_on_shards
{
	my @shards = psql_file('citus/shards.sql', 'job=each', 'table=visit',
		'statement=UPDATE %1$s AS s SET n = n + 1 WHERE chunk_range(s)');
	my $job = Session->new($coordinator);

	$coordinator->safe_psql('postgres', 'INSERT INTO visit SELECT i, i FROM generate_series(7000, 20000) i');
	$job->start(<<'SQL');
SELECT run_command_on_placements('visit', $$CALL chunked_iter_run('each %1$s', '%1$s',
	'UPDATE %1$s AS s SET n = n + 1 WHERE chunk_range(s)', chunk_size => 10)$$)
SQL
	select undef, undef, undef, 0.3;
	$workers[0]->stop('immediate');
	$job->answer;
	$job->close;
	$workers[0]->start;
	like(run_example($coordinator, @shards), qr/^ t +\| +32 \|/m, 'a job for each shard, which goes on');
	like(run_example($coordinator, psql_file('citus/progress.sql', 'job=each')),
		qr/^ +32 \| +32 \| +19001 \| +100\.0 \|/m, 'progress of all nodes');
	is_done_once('each row once', 'true');
	return;
}
