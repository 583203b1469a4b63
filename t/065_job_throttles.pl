
# The throttle queries of docs/jobs.md, as they stand there but for their limits:
# each makes a job wait while there is what it looks for, and not longer.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my %query = read_queries();
my $runner;
my $node = PostgreSQL::Test::Cluster->new('job_throttles');
my $standby;

$node->init(allows_streaming => 1, has_archiving => 1);
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
autovacuum_naptime = 1s
max_replication_slots = 4
CONF
$node->start;
$node->backup('base');
$standby = PostgreSQL::Test::Cluster->new('job_throttles_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE ROLE worker IN ROLE pg_monitor;
CREATE TABLE orders (id integer PRIMARY KEY, note text) 
	WITH (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
INSERT INTO orders SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
GRANT SELECT ON orders TO worker;
SQL
$node->wait_for_catchup($standby);
$runner = Session->new($node);
$runner->query('SET ROLE worker');

standby_behind('replicas, in bytes');
standby_behind('replicas, in seconds');
slot_behind();
archive_behind();
vacuum_of_table();
wraparound();
sessions();
lock_waiters();
is(join(', ', sort keys %query), '', 'all of them are tested');
$_->stop for $standby, $node;
done_testing();

# The table of docs/jobs.md: what is waited for, and the query
sub read_queries
{
	my ($section) = slurp_file("$RealBin/../docs/jobs.md") =~ /^### Throttles\n(.*?)^##/ms;

	return $section =~ /^\| ([^|\n]+) \| `(SELECT [^`]+)` \|$/mg;
}

# A query of the table; its limit, if it has one, is another for the test.
sub query_for
{
	my ($what, $limit) = @_;
	my $query = delete $query{$what} // die "no query for $what";

	if (defined $limit)
	{
		$query =~ s/ > (interval '[^']+'|[\de]+)/ > $limit/ or die "no limit in $query";
	}
	return $query;
}

# A job of a chunk waits for the query, which has to be true by now.
sub starts_to_wait
{
	my ($job, $query) = @_;

	$node->poll_query_until('postgres',
		"SELECT coalesce(($query)::text, 'false') NOT IN ('false', '0')")
	  or die "there is nothing to wait for: $job";
	$query =~ s/'/''/g;
	$runner->start(
		"CALL chunked_iter_run('$job', 'orders', 'SELECT FROM chunk', chunk_size => 100000, throttle_query => '$query')"
	);
	ok( $node->poll_query_until('postgres',
			"SELECT waiting_for = 'throttle_query' FROM chunked_iter_progress WHERE job = '$job'"),
		"a job waits for: $job");
	return;
}

# It goes on once that is over.
sub goes_on
{
	my ($job) = @_;
	my $reported = length $runner->reported;

	$runner->answer;
	like(substr($runner->reported, $reported), qr/job "\Q$job\E" has succeeded/, "and goes on: $job");
	return;
}

sub write_wal
{
	$node->safe_psql('postgres',
		"SELECT pg_logical_emit_message(true, '', repeat('x', 500000))");
	return;
}

sub standby_behind
{
	my ($job) = @_;

	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	write_wal();
	starts_to_wait($job, query_for($job, $job =~ /seconds/ ? "interval '1 s'" : '1e5'));
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	goes_on($job);
	return;
}

sub slot_behind
{
	my $job = 'replication slots that keep WAL';

	$node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('stale', true)");
	write_wal();
	starts_to_wait($job, query_for($job, '1e5'));
	$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('stale')");
	goes_on($job);
	return;
}

sub archive_behind
{
	my $job = 'archiving of WAL';
	my $command = $node->safe_psql('postgres', 'SHOW archive_command');

	$node->safe_psql('postgres', "ALTER SYSTEM SET archive_command = 'false'");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	for (1 .. 3)
	{
		write_wal();
		$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
	}
	starts_to_wait($job, query_for($job, '1'));
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET archive_command');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	goes_on($job);
	return;
}

# An autovacuum, slowed down by its cost delay
sub vacuum_of_table
{
	my $job = 'a vacuum of the table';

	$node->safe_psql('postgres',
		"UPDATE orders SET note = 'y'; ALTER TABLE orders SET (autovacuum_enabled = on, autovacuum_vacuum_threshold = 1)");
	starts_to_wait($job, query_for($job));
	# That takes a lock that the vacuum makes way for.
	$node->safe_psql('postgres', 'ALTER TABLE orders SET (autovacuum_enabled = off)');
	goes_on($job);
	return;
}

sub wraparound
{
	my $job = 'a vacuum that prevents wraparound';

	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE spent (i integer) WITH (autovacuum_enabled = off);
DO $$
BEGIN
	FOR i IN 1 .. 110000 LOOP
		BEGIN
			INSERT INTO spent VALUES (1);
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
END $$;
ALTER TABLE orders SET (autovacuum_freeze_max_age = 100000);
SQL
	starts_to_wait($job, query_for($job));
	# Such a vacuum does not make way, and comes again.
	$node->safe_psql('postgres', 'ALTER SYSTEM SET autovacuum = off');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', <<'SQL') or die 'the vacuum does not end';
SELECT count(*) = 0 FROM (
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker') AS s
SQL
	goes_on($job);
	return;
}

sub sessions
{
	my $job = 'active sessions';
	my @others = map { Session->new($node) } 1 .. 2;

	$_->start('SELECT pg_sleep(600)') for @others;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%600%'")
	  or die 'the others are not at work';
	starts_to_wait($job, query_for($job, '1'));
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[ $_->pid ]})") for @others;
	goes_on($job);
	$_->answer, $_->close for @others;
	return;
}

# Somebody waits for the table, then for a row.
sub lock_waiters
{
	my $job = 'sessions that wait for a lock on the table or its rows';
	my $query = query_for($job);
	my ($holder, $waiter) = map { Session->new($node) } 1 .. 2;

	foreach ([ 'LOCK TABLE orders IN SHARE MODE', 'DELETE FROM orders WHERE id = 1' ],
		[ 'SELECT 1 FROM orders WHERE id = 1 FOR UPDATE', 'DELETE FROM orders WHERE id = 1' ])
	{
		my ($hold, $wait) = @{$_};

		$holder->query("BEGIN; $hold");
		$waiter->start("BEGIN; $wait; ROLLBACK");
		starts_to_wait("$job: $hold", $query);
		$holder->query('ROLLBACK');
		$waiter->answer;
		goes_on("$job: $hold");
	}
	$_->close for $holder, $waiter;
	return;
}
