
# A job does each chunk exactly once, whatever ends its session and when.
#
# The job copies, changes and deletes rows in each of its chunks.  Its backend is
# killed and its server stopped at once, over and over, at random moments and
# right before and after a commit; each time the job is run again.  In the end
# the effects are those of one run that nothing has interrupted.
#
# Also what needs more than one server or session: a standby, dump and restore,
# four sessions at one job, and what a job holds between two chunks: nothing.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use lib "$RealBin/lib";
use Session;

my $rows   = 6000;
my $kills  = $ENV{CHUNKED_ITER_KILLS} // 12;
my $stops  = $ENV{CHUNKED_ITER_STOPS} // 4;
my $seed   = $ENV{CHUNKED_ITER_SEED} // time;
my $node   = PostgreSQL::Test::Cluster->new('jobs');
srand $seed;
note "CHUNKED_ITER_SEED=$seed";

$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
restart_after_crash = on
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION chunked_iter');

my $statement = <<'SQL';
INSERT INTO copy SELECT id, body FROM chunk;
UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2;
DELETE FROM victim USING chunk WHERE victim.id = chunk.id;
SQL

for my $commit ('on', 'off')
{
	my $job = "commit $commit";

	make_tables();
	$node->safe_psql('postgres',
		"ALTER SYSTEM SET synchronous_commit = $commit; SELECT pg_reload_conf()"
	);
	my ($killed, $stopped, $unfinished) = (0, 0, 0);
	while ($killed < $kills / 2 || $stopped < $stops / 2)
	{
		my $session = Session->new($node);
		my $stop    = $killed >= $kills / 2 || ($stopped < $stops / 2 && rand() < 0.3);

		$session->start(
			"CALL chunked_iter_run('$job', 'item', '$statement', chunk_size => 20, pause_ms => 2)"
		);
		usleep(1000 * (5 + rand(60)));
		$unfinished++ unless $session->ended;
		if ($stop)
		{
			$node->stop('immediate');
			$stopped++;
			$session->kill;
			$node->start;
		}
		else
		{
			kill 'KILL', $session->pid;
			$killed++;
			$session->kill;
			$node->poll_query_until('postgres', 'SELECT true')
			  or die 'the server did not come back';
		}
		check_so_far($job);
	}
	is($unfinished, $killed + $stopped, "it was at work each time, $job");
	is( $node->safe_psql(
			'postgres',
			"SELECT state, pid FROM chunked_iter_progress WHERE job = '$job'"),
		'interrupted|',
		"and is shown as interrupted, $job");
	$node->safe_psql('postgres', "CALL chunked_iter_run('$job', pause_ms => 0)");
	check_result("after $killed kills and $stopped stops, $job");
	is( $node->safe_psql(
			'postgres',
			"SELECT state, rows_done FROM chunked_iter_progress WHERE job = '$job'"
		),
		"succeeded|$rows",
		"it has succeeded, $job");
}
$node->safe_psql('postgres',
	'ALTER SYSTEM RESET synchronous_commit; SELECT pg_reload_conf()');

# Killed in the statement of a chunk, just before its commit, and between that
# commit and the next chunk.
make_tables();
my $runner = Session->new($node);
$runner->start(
	"CALL chunked_iter_run('before', 'item', '$statement SELECT pg_sleep(600) WHERE \$2 = 60', chunk_size => 20)"
);
wait_for_position('before', '{40}');
kill 'KILL', $runner->pid;
come_back($runner);
is($node->safe_psql('postgres', 'SELECT count(*), max(id) FROM copy'),
	'40|40', 'killed before a commit');

$runner = Session->new($node);
$runner->start(
	"CALL chunked_iter_run('after', 'item', 'INSERT INTO copy SELECT id, body FROM chunk', after => '{40}', chunk_size => 20, pause_ms => 60000)"
);
wait_for_position('after', '{60}');
is( $node->safe_psql(
		'postgres',
		"SELECT waiting_for, state FROM chunked_iter_progress WHERE job = 'after'"
	),
	'pause_ms|running',
	'it pauses');

# While it does, it holds nothing.
is( $node->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_locks WHERE pid = @{[ $runner->pid ]} AND relation IS NOT NULL"
	),
	'0',
	'no relation is locked between two chunks');
is( $node->safe_psql(
		'postgres',
		"SELECT backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid = @{[ $runner->pid ]}"
	),
	't',
	'no snapshot is held');
$node->safe_psql('postgres',
	"SET lock_timeout = '5s'; ALTER TABLE item ADD COLUMN late integer DEFAULT 3; VACUUM FULL item"
);
kill 'KILL', $runner->pid;
come_back($runner);
is($node->safe_psql('postgres', 'SELECT count(*), max(id) FROM copy'),
	'60|60', 'killed after a commit');
$node->safe_psql('postgres', "CALL chunked_iter_run('after', pause_ms => 0)");
is( $node->safe_psql(
		'postgres', 'SELECT count(*), count(DISTINCT id) FROM copy'),
	"$rows|$rows",
	'both go on');

# Cancelled and terminated.
make_tables();
$runner = Session->new($node);
$runner->start(
	"CALL chunked_iter_run('stopped', 'item', '$statement SELECT pg_sleep(600) WHERE \$2 = 60 AND current_setting(''work_mem'') = ''4MB''', chunk_size => 20)"
);
wait_for_position('stopped', '{40}');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[ $runner->pid ]})");
$runner->answer;
like($runner->reported, qr/ERROR:  57014/, 'cancelled');
is( $node->safe_psql(
		'postgres',
		"SELECT state, rows_done, pid IS NULL FROM chunked_iter_progress WHERE job = 'stopped'"
	),
	'interrupted|40|t',
	'shown as interrupted');
is($runner->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\''),
	'0', 'its guard is released');
$runner->start("CALL chunked_iter_run('stopped')");
$node->poll_query_until('postgres',
	"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = @{[ $runner->pid ]}"
);
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(@{[ $runner->pid ]}, 60000)");
$runner->answer;
like($runner->reported, qr/FATAL:  57P01/, 'terminated');
$runner->kill;
$node->safe_psql('postgres',
	"SET work_mem = '5MB'; CALL chunked_iter_run('stopped')");
check_result('after a cancel and a termination');

# Four sessions at one job: of those that run it one does, the others are told.
make_tables();
my @sessions = map { Session->new($node) } 1 .. 4;
$_->start(
	"CALL chunked_iter_run('four', 'item', '$statement', chunk_size => 20, pause_ms => 1)"
) for @sessions;
$_->answer for @sessions;
is(scalar(grep { $_->reported =~ /ERROR:  55P03/ } @sessions),
	3, 'three of four sessions are told that the job is being run');
is(scalar(grep { $_->reported =~ /has succeeded/ } @sessions),
	1, 'one of them has run it');
check_result('by one of four sessions');

# Or they help with its parts.
make_tables();
$sessions[0]->start(
	"CALL chunked_iter_run('parts', 'item', '$statement', chunk_size => 20, pause_ms => 1, parts => 8)"
);
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM chunked_iter_jobs WHERE job = 'parts'");
$_->start("CALL chunked_iter_work('parts')") for @sessions[ 1 .. 3 ];
$_->answer for @sessions;
is( join(' ', map { $_->reported =~ /(ERROR.*)/ } @sessions), '',
	'four sessions at eight parts');
my @shares =
  map { $_->reported =~ /: (\d+) rows/ ? $1 : 0 } @sessions;
is($shares[0] + $shares[1] + $shares[2] + $shares[3],
	$rows, "each row is one session's: @shares");
ok($shares[1] + $shares[2] + $shares[3] > 0, 'some of them a helper\'s');
check_result('by four sessions');
$_->close for @sessions;

# Dump and restore in the middle.
make_tables();
$node->safe_psql('postgres',
	"CALL chunked_iter_run('moved', 'item', '$statement', chunk_size => 20, max_chunks => 100)"
);
my $dump = $node->basedir . '/dump.sql';
$node->command_ok(
	[ 'pg_dump', '-f', $dump, $node->connstr('postgres') ],
	'dumped in the middle of a job');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d',
		$node->connstr('restored')
	],
	'restored');
$node->safe_psql('restored', "CALL chunked_iter_run('moved')");
check_result('in the database that was restored', 'restored');
is( $node->safe_psql(
		'restored',
		"SELECT rows_done, chunks_done FROM chunked_iter_progress WHERE job = 'moved'"
	),
	"$rows|" . $rows / 20,
	'its position came along');
$node->safe_psql('postgres', "CALL chunked_iter_run('moved')");
check_result('in the database that was dumped');

# A standby shows jobs and runs none.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my ($status, $out, $err) = $standby->psql('postgres',
	"CALL chunked_iter_run('new', 'item', 'SELECT 1')",
	on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  25006: cannot execute chunked_iter_run during recovery/,
	'a standby refuses to run');
($status, $out, $err) = $standby->psql('postgres',
	"CALL chunked_iter_work('moved')",
	on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  25006: cannot execute chunked_iter_work during recovery/,
	'and to help');
is( $standby->safe_psql(
		'postgres',
		"SELECT state FROM chunked_iter_progress WHERE job = 'moved'"),
	'succeeded',
	'it shows jobs');
is( $standby->psql(
		'postgres',
		"CALL chunked_iter_run('new', 'item', 'SELECT 1', dry_run => true)"),
	0,
	'and does dry runs');
$standby->promote;
$standby->safe_psql('postgres',
	"CALL chunked_iter_run('new', 'item', 'SELECT 1')");
$standby->stop;

my @complaints = grep { /\b(PANIC|TRAP)\b/ } split /\n/,
  slurp_file($node->logfile);
is_deeply(\@complaints, [], 'the server had nothing to complain of');
$node->stop;
done_testing();

# The tables, as if no job had run.  What is copied and deleted starts full.
sub make_tables
{
	$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
DROP TABLE IF EXISTS item, copy, victim;
CREATE TABLE item (id integer PRIMARY KEY, body text, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i, md5(i::text) FROM generate_series(1, $rows) i;
CREATE TABLE victim AS SELECT id FROM item;
ALTER TABLE victim ADD PRIMARY KEY (id);
CREATE TABLE copy (id integer, body text);
ANALYZE;
SQL
	return;
}

# The three effects and the position have to agree at every moment.
sub check_so_far
{
	my ($job) = @_;
	my $state = $node->safe_psql('postgres', <<"SQL");
SELECT (SELECT count(*) FROM copy) = rows_done
   AND (SELECT count(*) FROM item WHERE n = 1) = rows_done
   AND (SELECT count(*) FROM victim) = $rows - rows_done
   AND coalesce((SELECT max(id) FROM copy)::text = last_key[1], rows_done = 0)
FROM chunked_iter_progress WHERE job = '$job'
SQL
	ok($state ne 'f', 'position and effects agree');
	return;
}

# The effects are those of one run: EXCEPT ALL is empty both ways.
sub check_result
{
	my ($when, $database) = @_;

	is( $node->safe_psql($database // 'postgres', <<'SQL'), '0|0|0|0', "each row once, $when");
SELECT (SELECT count(*) FROM (SELECT id, body FROM item EXCEPT ALL TABLE copy) s),
	(SELECT count(*) FROM (TABLE copy EXCEPT ALL SELECT id, body FROM item) s),
	(SELECT count(*) FROM item WHERE n <> 1),
	(SELECT count(*) FROM victim)
SQL
	return;
}

sub wait_for_position
{
	my ($job, $position) = @_;
	$node->poll_query_until('postgres', <<"SQL") or die "$job did not come to $position";
SELECT count(*) = 1 FROM chunked_iter_job_ranges WHERE job = '$job' AND position = '$position'
SQL
	return;
}

# Wait for the server after a backend was killed.
sub come_back
{
	my ($session) = @_;

	$session->kill;
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server did not come back';
	return;
}
