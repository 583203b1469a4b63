
# bench/jobs.sh: a job, a loop by hand and one statement have the same effects,
# or it ends with an error; and what they cost is in its tables.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 5000;
my $node = PostgreSQL::Test::Cluster->new('job_bench');
my $results = PostgreSQL::Test::Utils::tempdir();

$node->init;
$node->append_conf('postgresql.conf', "fsync = off\ntrack_commit_timestamp = on");
$node->start;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
my ($out, $err) = run_command(
	[ "$RealBin/../bench/jobs.sh", "ROWS=$rows", 'ROUNDS=1', "RESULTS=$results" ]);
is($err, '', 'it runs without an error');

my %runs;
foreach (split /\n/, slurp_file("$results/jobs.csv"))
{
	my ($kind, $way, $round, $ms, $wal, $dead) =
	  /^(\w+),("[^"]*"|[^,]*),(\d+),([\d.]+),(\d+),(\d+)$/ or next;
	$runs{$kind}{$way} = { ms => $ms, wal => $wal, dead => $dead };
}
is(join(' ', map { "$_ " . keys %{ $runs{$_} } } sort keys %runs),
	'DELETE 4 INSERT 4 QUEUE 5 SNAPSHOT 2 UPDATE 4 WORKERS 2', 'each way is measured');
is($runs{UPDATE}{'one statement'}{dead}, $rows, 'dead rows are counted');
cmp_ok($runs{DELETE}{loop}{wal}, '>', 20 * $rows, 'and so is WAL');
like($out, qr/^ UPDATE +\| \Q$_\E +\| loop +\| +\d+ +\| +\d+ +\| +\d+\.\d\d/m,
	"the ratio is printed: $_")
  for 'job, chunk_range', 'job, FROM chunk', 'one statement';
like($out, qr/^ DELETE +\| one statement +\| +\d+ +\| +\d+\.\d +\|/m,
	'and how long rows were locked');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_namespace WHERE nspname = 'chunked_iter_jobs'"),
	0,
	'nothing is left behind');

$node->stop;
done_testing();
