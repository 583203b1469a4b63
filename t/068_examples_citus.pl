
# examples/citus: a walk and a job for each shard, on a coordinator with two
# workers. The jobs are continued after crashes of nodes and kills of sessions, and
# do each row once.
#
# CHUNKED_ITER_CITUS_KILLS says how often to kill (6).

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use lib "$RealBin/lib";
use CitusNodes;
use Examples;
use Jobs;

plan skip_all => 'Citus is not installed' unless citus_is_installed();

my $kills = $ENV{CHUNKED_ITER_CITUS_KILLS} // 6;
my $seed = $ENV{CHUNKED_ITER_SEED} // time;
my $entries = 5000;
my $visits = 6000 * (1 + $kills);
srand $seed;
note "CHUNKED_ITER_SEED=$seed";

my ($coordinator, @workers) = citus_nodes(
	entries => $entries,
	settings => "fsync = on\nrestart_after_crash = on\nlog_statement = none");
my %blows = (
	'workers' => sub { crash(@workers) },
	'all nodes' => sub { crash($coordinator, @workers) },
	'sessions' => sub { kill_session($_) for @workers },
);
my @shards = ('citus/shards.sql', 'job=each', 'table=visit',
	'statement=UPDATE %1$s AS s SET n = n + 1 WHERE chunk_range(s); SELECT pg_sleep(0.02)');
my @progress = psql_file('citus/progress.sql', 'job=each');

walks_of_shards();
jobs_on_shards();
$_->stop for $coordinator, @workers;
done_testing();

sub walks_of_shards
{
	my $said = run_example($coordinator, psql_file('citus/walks.sql', "table=entry"));
	my $written = $entries * 0.9;

	like($said, qr/^ +32 \| +$written$/m, 'a walk for each shard');
	return;
}

sub jobs_on_shards
{
	my @turns = sort keys %blows;
	my $before = 0;

	$coordinator->safe_psql('postgres',
		"TRUNCATE visit; INSERT INTO visit SELECT i, i FROM generate_series(1, $visits) i");
	for my $kill (1 .. $kills)
	{
		strike($turns[ $kill % @turns ]);
		my $done = rows_done();
		cmp_ok($done, '>=', $before, "kill $kill: what was done stays done");
		$before = $done;
	}
	cmp_ok($before, '>', 0, 'between kills the jobs do chunks');
	cmp_ok($before, '<', $visits, 'the kills come before the end');
	go_on();
	like(run_example($coordinator, @progress), qr/^ +32 \| +32 \| +$visits \| +100\.0 \|/m, 'progress of all nodes');
	is($coordinator->safe_psql('postgres', 'SELECT min(n), max(n), count(*) FROM visit'),
		"1|1|$visits", 'each row once');
	return;
}

# Has the example struck a random time after its jobs have begun.
sub strike
{
	my ($blow) = @_;
	my ($out, $err);

	point_to($coordinator);
	my $example = IPC::Run::start([ psql_file(@shards, 'chunk_size=2') ], '<', \undef, '>', \$out, '2>', \$err);

	wait_for_work($_) for @workers;
	usleep(rand 700_000);
	$blows{$blow}->();
	$example->finish;
	wait_for_server($_) for $coordinator, @workers;
	return;
}

sub crash
{
	my (@nodes) = @_;

	$_->stop('immediate') for @nodes;
	$_->start for @nodes;
	return;
}

# The process of a session that works on a shard; empty if there is none
sub at_work
{
	my ($worker) = @_;

	return $worker->safe_psql('postgres', <<'SQL');
SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL chunked_iter_run%' LIMIT 1
SQL
}

sub wait_for_work
{
	my ($worker) = @_;

	for (1 .. 300)
	{
		return if at_work($worker);
		usleep(100_000);
	}
	die 'the jobs do not begin';
}

# Ends such a process as the system does that lacks memory.
sub kill_session
{
	my ($worker) = @_;
	my $pid = at_work($worker);

	kill 'KILL', $pid if $pid;
	return;
}

sub rows_done
{
	my ($done) = run_example($coordinator, @progress) =~ /^ +\d+ \| +\d+ \| +(\d+) \|/m;

	return $done // 0;
}

# Runs the example until all shards succeed: sessions of before may still be at work.
sub go_on
{
	for (1 .. 600)
	{
		return if run_example($coordinator, psql_file(@shards)) =~ /^ t +\| +32 \|/m;
		usleep(500_000);
	}
	die 'the jobs do not succeed';
}
