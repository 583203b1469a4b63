
# A run with background workers does each row once, whoever of them ends and
# how: a worker, the session that runs the job, the whole server.  A run ends its
# workers when it ends, and continues without those that cannot be had.

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

my $rows = 20_000;
my $node = PostgreSQL::Test::Cluster->new('job_workers');

$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
restart_after_crash = on
max_worker_processes = 4
max_parallel_workers = 0
CONF
$node->start;

my $run = "CALL chunked_iter_run('job', 'item', '$statement', chunk_size => 10, workers => 3)";
# So that it is at work when it is struck
my $slowly = $run =~ s/workers/pause_ms => 10, workers/r;
my $finish = "CALL chunked_iter_run('job', pause_ms => 0)";

worker_killed();
caller_ended();
server_killed();
too_few_slots();
no_connections();
revisits();

my @complaints = grep { /\b(PANIC|TRAP)\b/ } split /\n/, slurp_file($node->logfile);
is_deeply(\@complaints, [], 'the server had nothing to complain of');
$node->stop;
done_testing();

# What workers find locked is revisited by the session that runs the job, and
# not reported once it is done.
sub revisits
{
	my $locker = Session->new($node);
	my $session = Session->new($node);

	make_job();
	$locker->query('BEGIN');
	$locker->query('SELECT count(*) FROM (SELECT FROM item WHERE id % 5000 = 0 FOR UPDATE) AS locked');
	$session->start(q(CALL chunked_iter_run('job', 'item', 'INSERT INTO copy SELECT id, body FROM chunk',
		workers => 3, lock_rows => 'FOR UPDATE SKIP LOCKED', revisit => true)));
	$node->poll_query_until('postgres', 'SELECT count(*) = 4 FROM chunked_iter_passed_rows')
	  or die 'nothing was passed over';
	$locker->query('COMMIT');
	$session->answer;
	unlike($session->reported, qr/locked by others/, 'no row is said to be locked');
	is(query('SELECT count(*), count(DISTINCT id) FROM copy'), "$rows|$rows", 'each is done once');
	$_->close for $locker, $session;
	return;
}

# Its range is taken over by the others.
sub worker_killed
{
	my $session = Session->new($node);

	foreach my $how (('pg_terminate_backend', 'pg_cancel_backend') x 3)
	{
		make_job();
		$session->start($run);
		wait_for_workers(2);
		usleep(rand 200_000);
		my $ended = query("SELECT count(*) FROM pg_stat_activity, $how(pid)
			WHERE backend_type = 'chunked_iter worker' AND random() < 0.7");
		$session->answer;
		like($session->reported, qr/has succeeded: \d+ rows/, "$how for $ended workers");
		unlike($session->reported, qr/ERROR/, 'without an error');
		is_done_once($node, "with $how for workers");
	}
	$session->close;
	return;
}

# Its workers end with it.
sub caller_ended
{
	foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		make_job();
		for (1 .. 2)
		{
			my $session = Session->new($node);

			$session->start("SET client_min_messages = error; $slowly");
			wait_for_workers(2);
			# Also in the middle of a statement that takes long
			query("BEGIN; LOCK TABLE victim; SELECT pg_sleep(0.1), $how(" . $session->pid . "); COMMIT");
			$session->answer;
			like($session->reported, $how =~ /cancel/ ? qr/57014/ : qr/57P01/, "$how");
			wait_for_workers(0);
			$session->close;
		}
		is(query("SELECT state FROM chunked_iter_progress"), 'interrupted', 'the job is interrupted');
		$node->safe_psql('postgres', $finish);
		is_done_once($node, "with $how for who runs it");
	}
	return;
}

sub server_killed
{
	make_job();
	for (1 .. 2)
	{
		my $session = Session->new($node);
		my $pid;

		$session->start($slowly);
		wait_for_workers(2);
		$pid = query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'chunked_iter worker' LIMIT 1");
		kill 'KILL', $pid;
		$session->answer;
		$session->close;
		wait_for_server($node);
	}
	is(query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'chunked_iter worker'"),
		0, 'no worker is there after a crash');
	$node->safe_psql('postgres', $finish);
	is_done_once($node, 'with kill -9 of workers');

	make_job();
	my $session = Session->new($node);
	$session->start($slowly);
	wait_for_workers(2);
	$node->stop('immediate');
	$session->answer;
	$session->close;
	$node->start;
	$node->safe_psql('postgres', $finish);
	is_done_once($node, 'with the server stopped at once');
	return;
}

# Of four slots one is taken by the server itself.
sub too_few_slots
{
	make_job();
	my $errors = verbose_errors($node, "CALL chunked_iter_run('job', 'item', '$statement', workers => 8)");

	like($errors, qr/WARNING:  01000: job "job" continues without \d workers/, 'too few slots');
	like($errors, qr/HINT:  .*max_worker_processes/, 'with a hint');
	is_done_once($node, 'with too few slots');
	return;
}

# Workers that start and cannot connect
sub no_connections
{
	my $session = Session->new($node);

	make_job();
	$node->safe_psql('template1', 'ALTER DATABASE postgres ALLOW_CONNECTIONS false');
	like($session->reports($run), qr/WARNING:  01000: job "job" continues without 2 workers/,
		'without connections');
	$node->safe_psql('template1', 'ALTER DATABASE postgres ALLOW_CONNECTIONS true');
	$session->close;
	is_done_once($node, 'without connections');
	return;
}

sub make_job
{
	make_tables($node, $rows);
	$node->safe_psql('postgres', 'SELECT chunked_iter_forget(job) FROM chunked_iter_jobs');
	return;
}

sub query
{
	my ($sql) = @_;
	my $out = $node->safe_psql('postgres', $sql);
	return $out =~ s/.*\n//r;
}

sub wait_for_workers
{
	my ($n) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = $n FROM pg_stat_activity WHERE backend_type = 'chunked_iter worker' AND ($n = 0 OR state = 'active')")
	  or die "there are not $n workers";
	return;
}
