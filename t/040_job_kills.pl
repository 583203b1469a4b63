
# A job does each chunk exactly once, whatever ends its session and when.
#
# The job copies, changes and deletes rows in each of its chunks.  Its backend is
# killed and its server stopped at once, over and over, at random moments; each
# time the job is run again.  In the end the effects are those of one run that
# nothing has interrupted.
#
# Each chunk sends a notice, so that we know when the job is at work: it is
# struck a random time after a random one of its notices, or in the beginning.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use lib "$RealBin/lib";
use Jobs;
use Session;

# For each setting of synchronous_commit
my @blows = (('kill') x 25, ('stop') x 5, 'kill the postmaster');
my $rows  = 60_000;
my $seed  = $ENV{CHUNKED_ITER_SEED} // time;
my $node  = PostgreSQL::Test::Cluster->new('job_kills');
srand $seed;
note "CHUNKED_ITER_SEED=$seed";

$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
restart_after_crash = on
# so that commits that nobody waits for are lost now and then, but not all of them
wal_writer_delay = 1ms
wal_writer_flush_after = 0
CONF
$node->start;

struck_at_random($_) for 'on', 'off';
before_commit();
after_commit();

my @complaints = grep { /\b(PANIC|TRAP)\b/ } split /\n/,
  slurp_file($node->logfile);
is_deeply(\@complaints, [], 'the server had nothing to complain of');
$node->stop;
done_testing();

sub struck_at_random
{
	my ($commit) = @_;
	my $job = "commit $commit";
	my %struck;
	my ($at_work, $moved, $agree, $rows_done) = (0, 0, 0, 0);
	my @order = sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @blows;

	make_tables($node, $rows);
	$node->safe_psql('postgres', <<"SQL");
ALTER SYSTEM SET synchronous_commit = $commit;
SELECT pg_reload_conf();
CREATE OR REPLACE FUNCTION say() RETURNS void LANGUAGE plpgsql AS
	'BEGIN RAISE NOTICE ''chunk''; END';
SQL
	# It is made here, so that from now on there is a position to compare with.
	$node->safe_psql('postgres',
		"CALL chunked_iter_run('$job', 'item', '$statement SELECT say()', chunk_size => 10, max_chunks => 1)"
	);
	# Without synchronous commits the first stop could take even that back.
	$node->safe_psql('postgres', 'CHECKPOINT');
	foreach (map { $_->[1] } @order)
	{
		my $session = Session->new($node);

		$session->start("CALL chunked_iter_run('$job')");
		wait_a_while($session);
		$at_work++ unless $session->ended;
		$struck{$_}++;
		strike($_, $session);

		my ($state, $now) = so_far($job);
		$agree++ if $state eq 'agree';
		$moved++ if $now > $rows_done;
		$rows_done = $now;
	}
	is_deeply(
		\%struck,
		{ 'kill' => 25, 'stop' => 5, 'kill the postmaster' => 1 },
		"25 kills and 6 stops, $job");
	is($at_work, scalar @blows, "the job was at work each time, $job");
	is($agree, scalar @blows,
		"position and effects agreed after each, $job");
	cmp_ok($moved, '>', @blows / 2, "most sessions did some chunks, $job");
	cmp_ok($rows_done, '<', $rows, "there was work for the last one, $job");
	is( $node->safe_psql(
			'postgres',
			"SELECT state, pid FROM chunked_iter_progress WHERE job = '$job'"),
		'interrupted|',
		"it is shown as interrupted, $job");
	$node->safe_psql('postgres', "CALL chunked_iter_run('$job')");
	is_done_once($node, $job);
	is( $node->safe_psql(
			'postgres',
			"SELECT state, rows_done FROM chunked_iter_progress WHERE job = '$job'"
		),
		"succeeded|$rows",
		"it has succeeded, $job");
	$node->safe_psql('postgres',
		'ALTER SYSTEM RESET synchronous_commit; SELECT pg_reload_conf()');
	return;
}

# Until the job has started some of its chunks, and some milliseconds more
sub wait_a_while
{
	my ($session) = @_;
	my $chunks = int(rand(8));

	until ($session->ended)
	{
		last if (() = $session->reported =~ /chunk$/mg) >= $chunks;
		usleep(200);
	}
	usleep(rand(6000));
	return;
}

# Ends the session's backend or its server, and waits for the server.
sub strike
{
	my ($blow, $session) = @_;

	if ($blow eq 'kill')
	{
		kill 'KILL', $session->pid;
		# It is gone when the postmaster knows, which then takes no sessions.
		usleep(1_000) while kill 0, $session->pid;
		$session->kill;
		wait_for_server($node);
		return;
	}
	if ($blow eq 'stop')
	{
		$node->stop('immediate');
	}
	else
	{
		my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

		$node->kill9;
		# Backends notice it when they next wait, or when they are done.
		usleep(1_000) while kill 0, $postmaster;
	}
	$session->kill;
	for (1 .. 100)
	{
		return if $node->start(fail_ok => 1);
		usleep(100_000);
		$node->stop('fast', fail_ok => 1);
	}
	die 'the server did not start';
}

# The three effects and the position have to agree at every moment.
sub so_far
{
	my ($job) = @_;

	return split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT CASE WHEN (SELECT count(*) FROM copy) = rows_done
   AND (SELECT count(*) FROM item WHERE n = 1) = rows_done
   AND (SELECT count(*) FROM victim) = $rows - rows_done
   AND (SELECT max(id) FROM copy)::text = last_key[1] THEN 'agree' ELSE 'differ' END, rows_done
FROM chunked_iter_progress WHERE job = '$job'
SQL
}

# In the statement of a chunk, all of whose effects are there but the commit
sub before_commit
{
	my $session = Session->new($node);

	make_tables($node, $rows);
	$session->start(
		"CALL chunked_iter_run('before', 'item', '$statement SELECT pg_sleep(600) WHERE \$2 = 60', chunk_size => 20)"
	);
	wait_for_position($node, 'before', '{40}');
	$node->poll_query_until('postgres',
		"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = @{[ $session->pid ]}"
	);
	strike('kill', $session);
	is_deeply([ so_far('before') ], [ 'agree', 40 ], 'killed before a commit');
	return;
}

# Between the commit of a chunk and the next one
sub after_commit
{
	my $session = Session->new($node);

	make_tables($node, $rows);
	$session->start(
		"CALL chunked_iter_run('after', 'item', '$statement', chunk_size => 20, pause_ms => 60000)"
	);
	wait_for_position($node, 'after', '{20}');
	strike('kill', $session);
	is_deeply([ so_far('after') ], [ 'agree', 20 ], 'killed after a commit');
	$node->safe_psql('postgres', "CALL chunked_iter_run('after', pause_ms => 0)");
	is_done_once($node, 'killed after a commit');
	return;
}
