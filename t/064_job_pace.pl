
# What the view says of a job that runs: how fast it is, when it will be done,
# in 80 columns; what the history says of one whose session was killed; and what a
# snapshot that others hold does to it.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use lib "$RealBin/lib";
use Jobs;
use Session;

my $node = PostgreSQL::Test::Cluster->new('job_pace');

$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nrestart_after_crash = on");
$node->start;

twenty_seconds();
killed();
old_snapshot();
shared_rate();
$node->stop;
done_testing();

# From the first seconds on the view knows when a job of 20 seconds ends, most
# of which are pauses.
sub twenty_seconds
{
	my $runner = Session->new($node);
	my $begin;
	my %seen;

	make_tables($node, 2000);
	$runner->start(
		"CALL chunked_iter_run('paced', 'item', '$statement', chunk_size => 100, pause_ms => 1000)");
	wait_for_position($node, 'paced', '{100}');
	$begin = time;
	for my $after (0.5, 2, 5, 10, 15)
	{
		my $row;

		usleep(1e6 * ($after - (time() - $begin)));
		$row = $node->safe_psql('postgres',
			"SELECT rows_per_second, extract(epoch FROM eta), percent FROM chunked_iter_progress WHERE job = 'paced'");
		$seen{$after} = [ split /\|/, $row ];
	}
	reads_well();
	$runner->answer;
	my $end = time;
	like($runner->reported, qr/NOTICE:  00000: job "paced": [5-6]\d %, (?:9\d|100) rows\/s, (?:[7-9]|10) s left\n/,
		'and what the client is told after ten seconds');
	for my $after (sort { $a <=> $b } keys %seen)
	{
		my ($speed, $eta, $percent) = @{ $seen{$after} };

		note sprintf '%.1f s: %s rows/s, %s %%, eta off by %.1f of %.1f s left', $after, $speed, $percent,
		  $eta - $end, $end - $begin - $after;
		cmp_ok(abs($eta - $end), '<=', 3, "after $after s the end is known to 3 s");
	}
	is_done_once($node, 'after a paced job');
	$runner->close;
	return;
}

# No line is longer than 80 characters.
sub reads_well
{
	my ($out, $err);

	$node->psql(
		'postgres', "\\pset columns 80\n\\x auto\nSELECT * FROM chunked_iter_progress",
		extra_params => [ "--pset=format=aligned", "--pset=tuples_only=off" ],
		stdout       => \$out,
		stderr       => \$err);
	note $out;
	like($out, qr/^state +\| running$/m, 'the view is expanded where it is too wide');
	is(join("\n", grep { length > 80 } split /\n/, $out), '', 'and then fits 80 columns');
	return;
}

# A call that was killed has no end in the history until the job is run again.
sub killed
{
	my $runner = Session->new($node);

	make_tables($node, 100);
	$runner->start(
		"CALL chunked_iter_run('killed', 'item', '$statement', chunk_size => 20, pause_ms => 1200)");
	wait_for_position($node, 'killed', '{60}');
	kill KILL => $runner->pid;
	$runner->kill;
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server is not back';
	is( $node->safe_psql('postgres', <<'SQL'), 'interrupted|run|t|t', 'a killed call has no end');
SELECT p.state, r.call, r.ended_at IS NULL AND r.outcome IS NULL, r.rows_done >= 20
  FROM chunked_iter_runs AS r JOIN chunked_iter_progress AS p USING (job) WHERE job = 'killed'
SQL
	$node->safe_psql('postgres', "CALL chunked_iter_run('killed', pause_ms => 0)");
	is( $node->safe_psql('postgres', <<'SQL'), "1|interrupted|t|t\n2|succeeded|t|t", 'until the next run');
SELECT run_no, outcome, ended_at = updated_at, rows_done >= 20 FROM chunked_iter_runs WHERE job = 'killed' ORDER BY run_no
SQL
	is_done_once($node, 'after a killed call');
	return;
}

# While another session holds an old snapshot, what is kept of the job costs the
# same at its end as at its beginning: old versions of the range's row are not
# passed over.
sub old_snapshot
{
	my $holder = Session->new($node);
	my @blocks;

	make_tables($node, 2000);
	$holder->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM item');
	$node->safe_psql('postgres',
		"CREATE ROLE plain; GRANT ALL ON item TO plain; GRANT USAGE ON SCHEMA public TO plain");
	for (1 .. 4)
	{
		$node->safe_psql('postgres', <<'SQL');
SET ROLE plain;
CALL chunked_iter_run('old', 'item', 'SELECT FROM chunk', chunk_size => 1, max_chunks => 500);
SQL
		push @blocks, blocks_of_ranges();
	}
	note "blocks after each 500 chunks: @blocks";
	cmp_ok($blocks[3] - $blocks[2], '<', 1.5 * ($blocks[1] - $blocks[0]), 'an old snapshot does not slow a job down');
	$holder->query('COMMIT');
	$holder->close;
	return;
}

# Blocks that were looked at for the rows of ranges
sub blocks_of_ranges
{
	$node->safe_psql('postgres', 'SELECT pg_sleep(1)');    # until the counters are there
	return $node->safe_psql('postgres',
		"SELECT heap_blks_hit + heap_blks_read FROM pg_statio_all_tables WHERE relname = 'chunked_iter_job_ranges'");
}

# Two sessions share the rate of a job.
sub shared_rate
{
	my ($runner, $helper) = map { Session->new($node) } 1 .. 2;

	make_tables($node, 600);
	$runner->start(
		"CALL chunked_iter_run('rate', 'item', '$statement', chunk_size => 10, parts => 2, max_rows_per_second => 200)");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM chunked_iter_jobs WHERE job = 'rate'")
	  or die 'the job does not begin';
	$helper->query("CALL chunked_iter_work('rate')");
	$runner->answer;
	is( $node->safe_psql('postgres', <<'SQL'), "run|t|t\nwork|t|t", 'two sessions hold a rate together');
SELECT call, rows_done > 200, rows_done / extract(epoch FROM ended_at - started_at) < 125
  FROM chunked_iter_runs WHERE job = 'rate' ORDER BY call
SQL
	is_done_once($node, 'at a rate');
	$_->close for $runner, $helper;
	return;
}
