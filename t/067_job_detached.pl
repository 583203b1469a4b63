
# Jobs that run in background workers do each row once, whoever comes and goes:
# the client that has started them, their workers, the server.  After a restart
# they are resumed, by a call or by the library itself.

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

my $rows = 5_000;
my $node = PostgreSQL::Test::Cluster->new('job_detached');

$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
restart_after_crash = on
max_worker_processes = 6
max_parallel_workers = 0
max_prepared_transactions = 1
CONF
$node->start;

my $start = "SELECT chunked_iter_start('job', 'item', '$statement', chunk_size => 10, workers => 2";
my $slowly = "$start, pause_ms => 20)";
my $workers = "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'chunked_iter worker')";

client_gone();
transactions();
follows();
workers_ended();
limited();
server_restarted();
role_settings();
role_without_login();
too_few_slots();
server_preloaded();

my @complaints = grep { /\b(PANIC|TRAP)\b/ } split /\n/, slurp_file($node->logfile);
is_deeply(\@complaints, [], 'the server had nothing to complain of');
$node->stop;
done_testing();

# psql ends before the job does, by itself or killed.
sub client_gone
{
	make_job();
	query("$start)");
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'a job whose client has gone');
	is_done_once($node, 'without a client');
	like(slurp_file($node->logfile), qr/LOG:  job "job" has succeeded: $rows rows/, 'the log says so');

	make_job();
	my $session = Session->new($node);
	$session->query("$start)");
	$session->kill;
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'a job whose client was killed');
	is_done_once($node, 'with the client killed');
	return;
}

# It begins when the transaction has committed, however that is done.
sub transactions
{
	my $session = Session->new($node);

	make_job();
	$session->query("BEGIN; $start)");
	usleep(300_000);
	is(query('SELECT count(*) FROM chunked_iter_jobs'), '0', 'the start has not committed');
	is(query('SELECT count(*) FROM copy'), '0', 'nor has the job begun');
	$session->query('COMMIT');
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'then it begins');
	is_done_once($node, 'after a commit');

	make_job();
	$session->query("BEGIN; $start)");
	$session->query('ROLLBACK');
	wait_for("$workers = 0", 'the worker is gone');
	is(query('SELECT count(*) FROM chunked_iter_jobs'), '0', 'a start that is rolled back');

	$session->query("BEGIN; $start)");
	$session->kill;
	wait_for("$workers = 0", 'the worker is gone');
	is(query('SELECT count(*) FROM chunked_iter_jobs'), '0', 'a start whose client is killed');

	# It may make all that the worker needs.
	$node->safe_psql('postgres', 'CREATE DATABASE new');
	$node->safe_psql('new', <<'SQL');
BEGIN;
CREATE EXTENSION chunked_iter;
CREATE TABLE item AS SELECT i AS id FROM generate_series(1, 10) i;
ALTER TABLE item ADD PRIMARY KEY (id);
SELECT chunked_iter_start('job', 'item', 'SELECT 1 FROM chunk');
COMMIT;
SQL
	is($node->safe_psql('new', "SELECT chunked_iter_wait('job')"), 'succeeded', 'in the transaction that makes the extension');

	# Its notification keeps it from being prepared.
	$session = Session->new($node);
	$session->query("BEGIN; $start)");
	like($session->reports("PREPARE TRANSACTION 'start'"), qr/0A000/, 'a start that is prepared');
	wait_for("$workers = 0", 'the worker is gone');

	# Each look of wait() is a new one.
	make_job();
	query($slowly);
	$session->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	is($session->query("SELECT chunked_iter_wait('job', 100)"), 'running', 'a wait that ends');
	query("SELECT chunked_iter_pause('job')");
	is($session->query("SELECT chunked_iter_wait('job')"), 'paused', 'under an old snapshot');
	$session->query('COMMIT');
	$session->start("SELECT chunked_iter_start('job'); SELECT chunked_iter_wait('job')");
	wait_for("(SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%wait%' AND wait_event_type IN ('Timeout', 'Extension')) > 0", 'a session waits');
	query('SELECT pg_cancel_backend(' . $session->pid . ')');
	$session->answer;
	like($session->reported, qr/57014/, 'a wait is cancelled');
	$session->close;
	query("SELECT chunked_iter_cancel('job')");
	return;
}

# One that follows stays, and does what comes, until it is asked to stop.
sub follows
{
	my $insert = 'INSERT INTO item SELECT i, md5(i::text) FROM (SELECT max(id) AS last FROM item) m,'
	  . ' generate_series(last + 1, last + 25) i';
	my $behind = '(SELECT count(*) FROM item) - (SELECT count(*) FROM copy)';
	my $naps = "$behind = 0 AND (SELECT waiting_for = 'nap_ms' FROM chunked_iter_progress)";

	make_job();
	query("$start, follow => true, nap_ms => 50)");
	foreach my $round (1 .. 3)
	{
		wait_for($naps, "round $round is done, and it naps");
		wait_for("$workers = 1", 'alone');
		is(query("SELECT chunked_iter_wait('job', 1)"), 'running', 'but does not end');
		query($insert);
	}
	wait_for($naps, 'the last one is done');
	query("SELECT chunked_iter_pause('job')");
	is(query("SELECT chunked_iter_wait('job', 60000)"), 'paused', 'it pauses when asked while it naps');
	wait_for("$workers = 0", 'its workers are gone');
	query($insert);
	is(query("SELECT $behind"), '25', 'and do nothing then');

	query("SELECT chunked_iter_start('job', pause_ms => 500)");
	wait_for("$behind = 15", 'it goes on where it was');
	query("SELECT chunked_iter_pause('job')");
	is(query("SELECT chunked_iter_wait('job', 60000)"), 'paused', 'it pauses when asked in a round');
	isnt(query("SELECT $behind"), '0', 'before its end');
	query("SELECT chunked_iter_start('job', pause_ms => 0)");
	wait_for($naps, 'that ends in the next start');
	query("SELECT chunked_iter_cancel('job')");
	is(query("SELECT chunked_iter_wait('job', 60000)"), 'cancelled', 'it ends when cancelled');
	is_done_once($node, 'by a job that follows');
	return;
}

# They are resumed, unless it was a cancel.
sub workers_ended
{
	make_job();
	query($slowly);
	for (1 .. 3)
	{
		wait_for("$workers = 2", 'two are at work');
		usleep(rand 200_000);
		query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%run%' AND backend_type = 'chunked_iter worker'");
		wait_for("$workers = 0", 'with one the other ends');
		is(query("SELECT chunked_iter_wait('job')"), 'interrupted', 'a job whose worker is terminated');
		is(query('SELECT chunked_iter_resume()'), '1', 'is resumed');
	}
	wait_for("$workers = 2", 'two are at work');
	is(query('SELECT chunked_iter_resume()'), '0', 'but not while it is at work');
	query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%run%' AND backend_type = 'chunked_iter worker'");
	is(query("SELECT chunked_iter_wait('job')"), 'interrupted', 'a job whose worker is cancelled');
	is(query('SELECT chunked_iter_resume()'), '0', 'is not resumed');
	query("SELECT chunked_iter_start('job', pause_ms => 0)");
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'but started again');
	is_done_once($node, 'with workers ended');
	return;
}

# What is resumed has the limits of its start.
sub limited
{
	my $chunks = 'SELECT chunks_done FROM chunked_iter_progress';

	make_job();
	query("$start, pause_ms => 20, max_chunks => 60)");
	wait_for("($chunks) >= 10", 'it is at work');
	query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%run%' AND backend_type = 'chunked_iter worker'");
	is(query("SELECT chunked_iter_wait('job')"), 'interrupted', 'a job with a limit');
	is(query('SELECT chunked_iter_resume()'), '1', 'is resumed');
	is(query("SELECT chunked_iter_wait('job')"), 'paused', 'and stops');
	my $done = query($chunks);
	cmp_ok($done, '>=', 60, 'at its limit');
	cmp_ok($done, '<=', 62, 'and not behind it');
	query("SELECT chunked_iter_start('job', pause_ms => 0, max_ms => 1)");
	is(query("SELECT chunked_iter_wait('job')"), 'paused', 'nor does one whose time is over go on');
	is(query($chunks), $done, 'for a chunk');
	query("SELECT chunked_iter_start('job', pause_ms => 0)");
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'until it is started without');
	is_done_once($node, 'with a limit');
	return;
}

sub server_restarted
{
	foreach my $how ('fast', 'immediate', 'kill')
	{
		make_job();
		query($slowly);
		wait_for("$workers = 2", 'two are at work');
		usleep(rand 200_000);
		if ($how eq 'kill')
		{
			kill 'KILL', query('SELECT pid FROM pg_stat_activity WHERE backend_type = \'chunked_iter worker\' LIMIT 1');
			usleep(200_000);
			wait_for_server($node);
		}
		else
		{
			$node->stop($how);
			$node->start;
		}
		is(query("SELECT state FROM chunked_iter_progress"), 'interrupted', "a job under a server that is stopped ($how)");
		is(query('SELECT chunked_iter_resume()'), '1', 'is resumed');
		query("SELECT chunked_iter_pause('job')");
		query("SELECT chunked_iter_wait('job')");
		query("SELECT chunked_iter_start('job', pause_ms => 0)");
		is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'and succeeds');
		is_done_once($node, "with the server stopped ($how)");
	}
	return;
}

# Timeouts of the owner's do not end the wait for the start.
sub role_settings
{
	my $session = Session->new($node);

	make_job();
	$session->query("ALTER ROLE CURRENT_USER SET lock_timeout = 50");
	$session->query("ALTER ROLE CURRENT_USER SET statement_timeout = 50");
	$session->query("BEGIN; $start)");
	usleep(500_000);
	$session->query('COMMIT');
	$session->query("ALTER ROLE CURRENT_USER RESET ALL");
	is($session->query("SELECT chunked_iter_wait('job')"), 'succeeded', 'under short timeouts');
	is_done_once($node, 'under short timeouts');
	$session->close;
	return;
}

# A role that cannot log in owns a job; a member of it starts that.
sub role_without_login
{
	make_job();
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE team NOLOGIN;
CREATE ROLE member LOGIN IN ROLE team;
CREATE ROLE stranger LOGIN;
GRANT ALL ON item, copy, victim TO team;
ALTER TABLE item OWNER TO team;
CREATE TABLE who (session text, role text);
GRANT ALL ON who TO PUBLIC;
SQL
	my $as_member = session_of('member');
	$as_member->query('SET ROLE team');
	$as_member->query("$start)");
	is($as_member->query("SELECT chunked_iter_wait('job')"), 'succeeded', 'a job of a role without login');
	is_done_once($node, 'for a role without login');
	$as_member->query("SELECT chunked_iter_start('who', 'item', 'INSERT INTO who SELECT session_user, current_user', statement_is_global => true, max_chunks => 1)");
	$as_member->query("SELECT chunked_iter_wait('who')");
	is($as_member->query('SELECT role FROM who'), 'team', 'is run by that role');
	# Nobody else has it run.
	my $as_stranger = session_of('stranger');
	query("UPDATE chunked_iter_jobs SET state = 'running' WHERE job = 'who'");
	is($as_stranger->query('SELECT chunked_iter_resume()'), '0', 'a stranger does not resume it');
	like($as_stranger->reports("SELECT chunked_iter_start('who')"), qr/42704/, 'nor start it');
	is($as_member->query('SELECT chunked_iter_resume()'), '1', 'its owner does');
	$as_member->query("SELECT chunked_iter_wait('who')");
	is(query('SELECT DISTINCT role FROM who'), 'team', 'and it is run by that role');
	$_->close for $as_member, $as_stranger;
	query("ALTER TABLE item OWNER TO CURRENT_USER");
	return;
}

sub too_few_slots
{
	make_job();
	for my $i (1 .. 5)
	{
		query("SELECT chunked_iter_start('slot $i', 'item', 'SELECT 1', chunk_size => 10, pause_ms => 1000)");
	}
	my $errors = verbose_errors($node, "$start)");
	like($errors, qr/ERROR:  53000: could not start a background worker for job "job"/, 'no slot is left');
	like($errors, qr/HINT:  .*max_worker_processes/, 'with a hint');
	is(query("SELECT count(*) FROM chunked_iter_jobs WHERE job = 'job'"), '0', 'then there is no job');
	query('SELECT chunked_iter_cancel(job) FROM chunked_iter_jobs');
	query("SELECT chunked_iter_wait(job) FROM chunked_iter_jobs");
	wait_for("$workers = 0", 'the others are gone');
	return;
}

# The library resumes them in all databases when the server comes up, also after a crash.
sub server_preloaded
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'chunked_iter'");
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, n integer);
INSERT INTO item SELECT i, 0 FROM generate_series(1, 1000) i;
SELECT chunked_iter_start('other', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', chunk_size => 10, pause_ms => 50);
SQL
	make_job();
	query($slowly);
	wait_for("$workers = 3", 'three are at work');
	$node->restart;
	wait_for("$workers = 3", 'they are at work again after a restart');
	$node->stop('immediate');
	$node->start;
	wait_for("$workers = 3", 'and after a crash');
	kill 'KILL', query('SELECT pid FROM pg_stat_activity WHERE backend_type = \'chunked_iter worker\' LIMIT 1');
	usleep(200_000);
	wait_for_server($node);
	wait_for("$workers = 3", 'and after the crash of a worker');
	is(query("SELECT chunked_iter_wait('job')"), 'succeeded', 'until it is done');
	is_done_once($node, 'by a server that resumes it');
	is($node->safe_psql('other', "SELECT chunked_iter_wait('other')"), 'succeeded', 'in another database, too');
	is($node->safe_psql('other', 'SELECT min(n), max(n) FROM item'), '1|1', 'each row once');
	is(query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'chunked_iter launcher'"), '1', 'the launcher sleeps');
	return;
}

sub session_of
{
	local $ENV{PGUSER} = shift;
	return Session->new($node);
}

sub make_job
{
	make_tables($node, $rows);
	query('SELECT chunked_iter_cancel(job) FROM chunked_iter_jobs WHERE state NOT IN (\'succeeded\', \'cancelled\')');
	query("SELECT chunked_iter_wait(job) FROM chunked_iter_jobs");
	query('SELECT chunked_iter_forget(job) FROM chunked_iter_jobs');
	return;
}

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql) =~ s/.*\n//r;
}

sub wait_for
{
	my ($condition, $what) = @_;

	ok($node->poll_query_until('postgres', "SELECT $condition"), $what);
	return;
}
