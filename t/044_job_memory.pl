
# The memory of a session that runs a job does not depend on how many chunks the
# job has: it is the same for a hundred thousand rows and for a million.
#
# Memory is RssAnon, sampled while the job runs.  The chunks are small, so that
# there are many of them: what a chunk leaves behind is what is looked for.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

plan skip_all => 'there is no RssAnon on this system'
  unless Session::measures_memory();

my @sizes = (100_000, 1_000_000);
my $growth_allowed = 512;    # kB, for 9,000 more chunks
my $node = PostgreSQL::Test::Cluster->new('job_memory');

$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_buffers = 256MB
max_wal_size = 4GB
autovacuum = off
fsync = off
synchronous_commit = off
jit = off
CONF
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, n integer);
INSERT INTO item SELECT i, i % 7 FROM generate_series(1, $sizes[-1]) i;
VACUUM ANALYZE item;
CREATE TABLE copy (LIKE item);
SQL

my %statements = (
	'with bounds' => 'SELECT count(*) FROM item WHERE id BETWEEN $1 AND $2',
	'with rows'   => 'INSERT INTO copy SELECT * FROM chunk',
	'that skips'  => 'SELECT 1 / (id % 10000) FROM chunk');

foreach my $kind (sort keys %statements)
{
	my @peaks;

	foreach my $rows (@sizes)
	{
		my $session = Session->new($node);

		# so that what is loaded and cached once is there
		$session->query('SELECT count(*) FROM chunked_iter(NULL::item, upto => \'{2000}\')');
		$session->start(
			"CALL chunked_iter_run('$kind $rows', 'item', '$statements{$kind}', chunk_size => 100, upto => '{$rows}', on_error => 'skip')"
		);
		push @peaks, $session->peak;
		$session->answer;
		like($session->reported, qr/has succeeded: $rows rows/, "$rows rows, $kind");
		$session->close;
	}
	note "$kind: @peaks kB at most";
	cmp_ok($peaks[1] - $peaks[0], '<', $growth_allowed,
		"ten times as many chunks take no more memory, $kind");
}

$node->stop;
done_testing();
