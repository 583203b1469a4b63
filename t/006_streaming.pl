
# In FROM a walk streams: from the first statement of a session on, in memory
# that does not depend on how many rows it has returned, and leaving nothing
# behind however it ends.
#
# What is bounded is how much higher the backend's memory goes for a hundred times
# as many rows: half a megabyte, which is a twentieth of a byte for each of the
# others.  The JIT compiler is off: what it loads would count for the walks that
# are long enough for it.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my @sizes = (100_000, 1_000_000, 10_000_000);
my $growth_allowed = 512;    # kB
my $times_ended = 10_000;
my $times_before = 500;      # that are not counted

my $node = PostgreSQL::Test::Cluster->new('streaming');
$node->init;
$node->append_conf('postgresql.conf', <<"EOC");
shared_buffers = 256MB
max_wal_size = 4GB
fsync = off
autovacuum = off
work_mem = 64kB
temp_file_limit = 0
log_temp_files = 0
jit = off
EOC
$node->start;
fill_table($sizes[-1]);

first_statement();
SKIP:
{
	skip 'there is no RssAnon on this system' if !Session->measures_memory;
	memory_while_walking($_)
	  foreach (
		"chunked_iter(NULL::t, upto => '{ROWS}')",
		"chunked_iter(NULL::t, 10000, upto => '{ROWS}', snapshot => 'chunk')",
		"chunked_iter(NULL::t, order_by => 'grp, id DESC', upto => ARRAY[ROWS / 1000]::text[])",
		"chunked_iter(NULL::t, order_by => 'ctid', upto => (SELECT ARRAY[ctid::text] FROM t WHERE id = ROWS))",
		"chunked_iter(NULL::t) WHERE id <= ROWS AND random() < 2");
	memory_after_ends();
}
quiet_log();

$node->stop;
done_testing();

sub fill_table
{
	my ($rows) = @_;

	# A sort, as for an index, may need a temporary file.
	$node->safe_psql('postgres', <<"EOS");
SET temp_file_limit = -1;
SET log_temp_files = -1;
SET maintenance_work_mem = '512MB';
CREATE EXTENSION chunked_iter;
CREATE TABLE t (id integer PRIMARY KEY, grp integer, note text);
INSERT INTO t SELECT i, i / 1000, repeat('x', 50) FROM generate_series(1, $rows) i;
CREATE INDEX ON t (grp, id DESC);
VACUUM ANALYZE t;
EOS
	return;
}

# Nothing has loaded the library when the planner first sees a call of it.
sub first_statement
{
	my $call = 'SELECT * FROM chunked_iter(NULL::t) LIMIT 5';
	my $read = q{SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
		FROM pg_stat_xact_user_tables WHERE relname = 't'};

	like($node->safe_psql('postgres', "EXPLAIN $call"),
		qr/Custom Scan/, 'the first statement of a session is planned to stream');
	is(scalar(() = $node->safe_psql('postgres', $call) =~ /^\d+\|/mg),
		5, 'it returns its rows');
	# One string is one transaction, whose counters are those of the walk.
	my ($read_rows) = (run_string("$call; $read") =~ /^(\d+)$/m);
	is($read_rows, 5, 'and reads no more');
	return;
}

# Sends several statements as one string; what psql prints for them.
sub run_string
{
	my ($string) = @_;
	my ($output, $errors) = ('', '');

	IPC::Run::run(
		[
			'psql', '-XAtq', '-d', $node->connstr('postgres'),
			'-c', $string
		],
		'>', \$output, '2>', \$errors) or die $errors;
	return $output;
}

# The most memory that a session takes for a walk, by the number of its rows.
sub memory_while_walking
{
	my ($from) = @_;
	my @peaks;

	foreach my $rows (@sizes)
	{
		my $session = Session->new($node);
		my $walk = $from =~ s/ROWS/$rows/gr;

		$session->start("SELECT count(*), sum(length(note)) FROM $walk");
		push @peaks, $session->peak;
		my ($walked) = ($session->answer =~ /^(\d+)\|/) or die $session->reported;
		# An end in the key's first column is that of a group of 1000.
		cmp_ok(abs($walked - $rows), '<', 1000, "$rows rows of $from");
		$session->close;
	}
	note("kB at most: @peaks");
	cmp_ok($peaks[$_] - $peaks[0],
		'<', $growth_allowed, "$sizes[$_] rows take no more memory than $sizes[0]")
	  foreach 1 .. $#sizes;
	return;
}

# What a session has gained after walks that were ended in every way.
sub memory_after_ends
{
	my $session = Session->new($node);
	my %ways = (
		'LIMIT' => 'SELECT * FROM chunked_iter(NULL::t, 100) LIMIT 5;',
		'an error' => 'SELECT 1 / (id - 3) FROM chunked_iter(NULL::t, 100);',
		'a cancel' => 'SELECT FROM chunked_iter(NULL::t, 100) WHERE pg_cancel_backend(pg_backend_pid());'
	);

	foreach my $way (sort keys %ways)
	{
		my $before;

		foreach my $times ($times_before, $times_ended)
		{
			$before = $session->memory;
			$session->start("\\o /dev/null\n" . $ways{$way} x $times . "\n\\o");
			$session->answer;
		}
		my $grown = $session->memory - $before;

		note("$way: $grown kB more");
		cmp_ok($grown, '<', $growth_allowed,
			"$times_ended walks that $way ended have left no memory behind");
	}
	is( $session->query(
			q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'chunked_iter walk%')),
		0, 'nor is any of them under way');
	$session->close;
	return;
}

sub quiet_log
{
	my $log = slurp_file($node->logfile);
	my $ended = () = $log =~ /ERROR:  (division by zero|canceling statement)/g;

	unlike($log, qr/WARNING/, 'no warning in the log');
	unlike($log, qr/temporary file/, 'no temporary file');
	is($ended, Session->measures_memory ? 2 * ($times_ended + $times_before) : 0,
		'errors and cancels have come');
	return;
}
