
# A job on the coordinator of Citus whose chunks each write to one worker, which
# Citus would commit first. However often the coordinator is killed, each row is
# done once. A job that hides what it writes in a function is not committed in
# two phases, and shows that kills like these do find chunks that are done twice.
#
# CHUNKED_ITER_CITUS_KILLS says how often to kill (6).

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use lib "$RealBin/lib";
use CitusNodes;
use Jobs;
use Session;

plan skip_all => 'Citus is not installed' unless citus_is_installed();

my $kills = $ENV{CHUNKED_ITER_CITUS_KILLS} // 6;
my $seed = $ENV{CHUNKED_ITER_SEED} // time;
srand $seed;
note "CHUNKED_ITER_SEED=$seed";

# They leave time for kills between the commits of a worker and of the coordinator.
my ($coordinator, @workers) = citus_nodes(entries => 10, settings => <<'CONF');
fsync = on
commit_delay = 20000
commit_siblings = 0
restart_after_crash = on
log_statement = none
CONF
my %blows = (
	stop => sub { $coordinator->stop('immediate'); $coordinator->start },
	kill => sub { kill 'KILL', $_[0]->pid },
	'stop the worker' => sub { my $worker = worker(); $worker->stop('immediate'); $worker->start },
);
my $rows = 20_000;
my $update = 'UPDATE visit SET n = n + 1 WHERE tenant = 1 AND';

allow_two_phases($coordinator);
once();
control();
$_->stop for $coordinator, @workers;
done_testing();

sub once
{
	my @turns = ('stop', 'kill', 'stop', 'kill', 'stop the worker');

	make_table();
	strike($turns[ $_ % @turns ], 'once', "$update chunk_range(visit)") for 1 .. $kills;
	my $done = $coordinator->safe_psql('postgres', 'SELECT count(*) FROM visit WHERE n > 0');
	cmp_ok($done, '>', $kills, "between $kills kills the job does chunks");
	cmp_ok($done, '<', $rows, 'they come before its end');
	finish('once');
	is($coordinator->safe_psql('postgres', 'SELECT min(n), max(n), count(*) FROM visit'),
		"1|1|$rows", 'each row is done once');
	return;
}

sub control
{
	my $twice = 0;
	my $struck = 0;

	make_table();
	$coordinator->safe_psql('postgres', <<"SQL");
CREATE FUNCTION count_up(integer, integer) RETURNS void LANGUAGE plpgsql AS
	'BEGIN $update id BETWEEN \$1 AND \$2; END'
SQL
	while ($struck < 50 && ($twice == 0 || $struck < $kills / 5))
	{
		strike('stop', 'hidden', 'SELECT count_up($2, $4)');
		$struck++;
		$twice = $coordinator->safe_psql('postgres', 'SELECT count(*) / 5 FROM visit WHERE n > 1');
	}
	cmp_ok($twice, '>', 0, 'without two phases kills make chunks be done twice');
	note "$twice chunks after $struck kills";
	return;
}

sub make_table
{
	$coordinator->safe_psql('postgres',
		"TRUNCATE visit; INSERT INTO visit SELECT 1, i FROM generate_series(1, $rows) i");
	return;
}

# The node that all rows are on
sub worker
{
	my $port = $coordinator->safe_psql('postgres', <<'SQL');
SELECT nodeport FROM citus_shards WHERE shardid = get_shard_id_for_distribution_column('visit', 1)
SQL
	return (grep { $_->port == $port } @workers)[0];
}

# Has a job struck a random time after its start.
sub strike
{
	my ($blow, $job, $statement) = @_;
	my $session = start_job($job, $statement);

	$blows{$blow}->($session);
	$session->answer;
	$session->close;
	wait_for_server($coordinator);
	return;
}

# A server that is coming down may still let a session in.
sub start_job
{
	my ($job, $statement) = @_;

	for (1 .. 100)
	{
		my $session = eval {
			my $started = Session->new($coordinator);

			$started->start(
				"CALL chunked_iter_run('$job', 'visit', '$statement', filter => 'tenant = 1', chunk_size => 5)"
			);
			usleep(200_000 + rand 600_000);
			$started;
		};

		return $session if $session && !$session->ended;
		usleep(100_000);
	}
	die "$job does not start";
}

# Runs it to its end, once all that was prepared is committed or rolled back.
sub finish
{
	my ($job) = @_;

	$coordinator->safe_psql('postgres', 'SELECT recover_prepared_transactions()');
	$coordinator->safe_psql('postgres', "CALL chunked_iter_run('$job', chunk_size => 5000)");
	return;
}
