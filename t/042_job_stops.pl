
# A job that pauses holds nothing, and one that is cancelled or terminated is
# left in order: its chunk rolled back, its guard released, ready to go on.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Jobs;
use Session;

my $rows = 600;
my $node = PostgreSQL::Test::Cluster->new('job_stops');

$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
$node->start;

# Between two chunks
make_tables($node, $rows);
my $runner = Session->new($node);
$runner->start(
	"CALL chunked_iter_run('pausing', 'item', '$statement', chunk_size => 20, pause_ms => 60000)"
);
wait_for_position($node, 'pausing', '{20}');
is( $node->safe_psql('postgres',
		"SELECT waiting_for, state FROM chunked_iter_progress WHERE job = 'pausing'"),
	'pause_ms|running',
	'it pauses');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_locks WHERE pid = @{[ $runner->pid ]} AND relation IS NOT NULL"),
	'0',
	'no relation is locked between two chunks');
is( $node->safe_psql('postgres',
		"SELECT backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid = @{[ $runner->pid ]}"),
	't',
	'no snapshot is held');
is( $node->safe_psql('postgres',
		"SET lock_timeout = '5s'; ALTER TABLE item ADD COLUMN late integer DEFAULT 3; VACUUM FULL item; SELECT 'done'"),
	'done', 'the table can be altered and rewritten');
ok( $node->poll_query_until('postgres',
		"SELECT xact_start - query_start > interval '2s' FROM pg_stat_activity WHERE pid = @{[ $runner->pid ]}"),
	'it does not stay in one transaction');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[ $runner->pid ]})");
$runner->answer;
like($runner->reported, qr/ERROR:  57014/, 'cancelled while it pauses');
$node->safe_psql('postgres', "CALL chunked_iter_run('pausing', pause_ms => 0)");
is_done_once($node, 'after a pause');

# In a chunk
make_tables($node, $rows);
$runner->start(
	"CALL chunked_iter_run('stopped', 'item', '$statement SELECT pg_sleep(600) WHERE \$2 = 60 AND current_setting(''work_mem'') = ''4MB''', chunk_size => 20)"
);
wait_for_sleep();
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[ $runner->pid ]})");
$runner->answer;
like($runner->reported, qr/ERROR:  57014/, 'cancelled in a chunk');
is( $node->safe_psql('postgres',
		"SELECT state, rows_done, pid IS NULL FROM chunked_iter_progress WHERE job = 'stopped'"),
	'interrupted|40|t',
	'shown as interrupted');
is( $runner->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\''),
	'0', 'its guard is released');
is($node->safe_psql('postgres', 'SELECT count(*) FROM copy'),
	'40', 'its chunk is rolled back');
$runner->start("CALL chunked_iter_run('stopped')");
wait_for_sleep();
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(@{[ $runner->pid ]}, 60000)");
$runner->answer;
like($runner->reported, qr/FATAL:  57P01/, 'terminated');
$runner->kill;
is( $node->safe_psql('postgres',
		"SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'stopped'"),
	'interrupted|40',
	'shown as interrupted again');
$node->safe_psql('postgres', "SET work_mem = '5MB'; CALL chunked_iter_run('stopped')");
is_done_once($node, 'after a cancel and a termination');

timeouts();
waits_for_helper();
$node->stop;
done_testing();

# What a server's timeouts do to a job that pauses: those of idle sessions and of
# transactions nothing, the one of statements stops the CALL, for the next one to
# go on.
sub timeouts
{
	my $settings = "SET idle_in_transaction_session_timeout = '200ms'; SET idle_session_timeout = '200ms';";

	$settings .= " SET transaction_timeout = '1s';"
	  if $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'");
	make_tables($node, 60);
	is( $node->psql('postgres',
			"$settings CALL chunked_iter_run('timeouts', 'item', '$statement', chunk_size => 20, pause_ms => 1500)"),
		0,
		'a pause can be longer than the timeouts of sessions and transactions');
	is_done_once($node, 'under timeouts');

	make_tables($node, 60);
	like(
		verbose_errors($node,
			"SET statement_timeout = '2s'; CALL chunked_iter_run('statement', 'item', '$statement', chunk_size => 20, pause_ms => 60000)"),
		qr/ERROR:  57014: canceling statement due to statement timeout/,
		'statement_timeout is one for the CALL');
	is( $node->safe_psql('postgres',
			"SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'statement'"),
		'interrupted|20',
		'which leaves the job to be run again');
	$node->safe_psql('postgres', "CALL chunked_iter_run('statement', pause_ms => 0)");
	is_done_once($node, 'after a statement timeout');
	return;
}

# A run that is done with its ranges waits for the other sessions, and says so.
sub waits_for_helper
{
	my $helper = Session->new($node);
	my $holder = Session->new($node);

	make_tables($node, 60);
	$holder->query('SELECT pg_advisory_lock(i) FROM generate_series(1, 2) i');
	$runner = Session->new($node);
	$runner->start(
		"CALL chunked_iter_run('shared', 'item', 'SELECT pg_advisory_xact_lock(CASE \$1 WHEN 1 THEN 1 ELSE 2 END); $statement', chunk_size => 30, parts => 2)"
	);
	waits_for('lock: advisory');
	$helper->start("CALL chunked_iter_work('shared')");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'advisory'")
	  or die 'the helper is not at work';
	$holder->query('SELECT pg_advisory_unlock(1)');
	waits_for('other sessions, lock: advisory');
	$holder->query('SELECT pg_advisory_unlock(2)');
	$runner->answer;
	like($runner->reported, qr/has succeeded: 30 rows/, 'and goes on when they are done');
	$helper->answer;
	is_done_once($node, 'with a helper');
	$_->close for $helper, $holder, $runner;
	return;
}

sub waits_for
{
	my ($what) = @_;

	ok( $node->poll_query_until('postgres',
			"SELECT waiting_for = '$what' FROM chunked_iter_progress WHERE job = 'shared'"),
		"it is shown to wait for $what");
	return;
}

# Wait until the runner's statement sleeps.
sub wait_for_sleep
{
	$node->poll_query_until('postgres',
		"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = @{[ $runner->pid ]}")
	  or die 'the job does not sleep';
	return;
}
