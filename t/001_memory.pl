
# A walk's memory does not grow with what it walks.
#
# The anonymous memory of the backend is sampled while it walks, and each walk
# is done twice, over few rows and over many times as many; every session is
# new, so that nothing can hide in memory that was there before.  What is
# bounded is the difference of the two peaks: the slope.
#
# The walks are in the select list, where rows come one by one.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

plan skip_all => 'RssAnon in /proc/PID/status is needed, which Linux has'
  unless Session->measures_memory;

# kB that two peaks of the same work may differ by
our $noise = 1024;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
max_wal_size = 4GB
log_temp_files = 0
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, body text);
INSERT INTO item SELECT i, i % 1000, repeat('x', 180) FROM generate_series(1, 1000000) i;
CREATE INDEX ON item (grp, id);
CREATE TABLE loose AS SELECT id, md5(id::text) || body AS body FROM item WHERE id <= 20000;
ALTER TABLE loose ADD PRIMARY KEY (id);
CREATE TABLE toasted (id integer PRIMARY KEY, body text);
ALTER TABLE toasted ALTER body SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT i, repeat('z', 1000000) FROM generate_series(1, 100) i;
CREATE VIEW wide AS SELECT id, repeat(chr(97 + id % 26), 1000000) AS body FROM item;
CREATE TABLE tied (k integer, body text);
INSERT INTO tied SELECT i, 'first' FROM generate_series(1, 10) i;
INSERT INTO tied SELECT 11, repeat('x', 180) FROM generate_series(1, 200000) i;
INSERT INTO tied SELECT i, 'last' FROM generate_series(12, 20) i;
CREATE INDEX ON tied (k);
VACUUM ANALYZE;
SQL
my $log_start = -s $node->logfile;

# 200 bytes a row, in chunks of 1000.
for my $walk (
	[ 'by the primary key',             '' ],
	[ 'with a snapshot for each chunk', q(, snapshot => 'chunk') ],
	[
		'backwards, by two columns',
		q(, order_by => 'grp, id', reverse => true)
	],
	[ 'with a filter', q(, filter => 'id % 2 >= 0') ])
{
	my ($name, $arguments) = @$walk;

	compare_walks(
		$name,
		[
			100_000 => count(
				"chunked_iter(NULL::item$arguments"
				  . bound(100_000, $arguments) . ')')
		],
		[ 1_000_000 => count("chunked_iter(NULL::item$arguments)") ]);
}
compare_walks(
	'in physical order',
	[
		100_000 => count(
			q(chunked_iter(NULL::item, order_by => 'ctid', upto => (SELECT ARRAY[ctid::text] FROM item WHERE id = 100000)))
		)
	],
	[ 1_000_000 => count(q(chunked_iter(NULL::item, order_by => 'ctid'))) ]);

# What is left behind with each chunk shows with the smallest ones.
for my $snapshot ('statement', 'chunk')
{
	compare_walks(
		"in chunks of one row, one snapshot a $snapshot",
		map {
			[
				$_ => count(
					"chunked_iter(NULL::item, 1, upto => ARRAY['$_'], snapshot => '$snapshot')"
				)
			]
		} 5_000,
		50_000);
}

# Without an index each chunk sorts, but keeps no more than its own rows.
compare_walks(
	'without an index',
	map {
		[
			$_ => count(
				"chunked_iter(NULL::loose, 200, 'body', filter => 'id <= $_')"
			),
			"SET work_mem = '4MB'"
		]
	} 2_000,
	20_000);

# Rows of 1 MB that a chunk of any number of rows could hold.
{
	local $noise = 4 * 1024;
	my $peak = compare_walks(
		'of wide rows, stored out of line',
		map {
			[
				$_ => count(
					"chunked_iter(NULL::toasted, 1000000, upto => ARRAY['$_'])"
				)
			]
		} 20,
		100);
	cmp_ok($peak, '<', 16 * 1024, 'and not many of them at once');

	# The arena holds 4 rows, and twice the room for them while it grows.
	$peak = compare_walks(
		'of wide rows, computed',
		map {
			[
				$_ => count(
					"chunked_iter(NULL::wide, 1000000, 'id', upto => ARRAY['$_'])"
				)
			]
		} 20,
		100);
	cmp_ok($peak, '<', 24 * 1024, 'and not many of them at once');
}

watch_contexts();
is_deeply([ temporary_files() ], [], 'no temporary file so far');

# 200,000 rows of one key, 40 MB, are one chunk.  They go to a temporary file,
# which has work_mem for its own.
my ($tied) = measure(
	'SELECT count(*), count(*) FILTER (WHERE body = \'last\'), min((r).k), max((r).k)'
	  . q( FROM (SELECT (r).k, (r).body, r FROM (SELECT chunked_iter(NULL::tied, 100, 'k') AS r OFFSET 0) s OFFSET 0) s),
	'200019|9|1|20',
	'RESET temp_file_limit; SET work_mem = \'1MB\'');
note("ties: $tied kB");
cmp_ok($tied, '<', 12 * 1024, 'memory of ties that are larger than a chunk');
cmp_ok(scalar temporary_files(), '>', 0,
	'which are kept in a temporary file');
watch_files();

$node->stop;
done_testing();

# The query that counts a walk's rows.
sub count
{
	my ($walk) = @_;
	return "SELECT count(*) FROM (SELECT $walk AS r OFFSET 0) s";
}

# The argument that ends a walk of all items after so many, in its own order.
sub bound
{
	my ($rows, $arguments) = @_;

	return $arguments =~ /grp/
	  ? ", upto => ARRAY['900']"
	  : ", upto => ARRAY['$rows']";
}

# Measure both walks, each given as its rows, its query and settings, and compare them.
# Returns what the larger one takes.
sub compare_walks
{
	my ($name, @walks) = @_;
	my @peaks = map { measure($_->[1], $_->[0], $_->[2]) } @walks;
	my ($few, $many) = map { $_->[0] } @walks;

	note("$name: $peaks[0] kB for $few rows, $peaks[1] kB for $many");
	cmp_ok($peaks[1] - $peaks[0],
		'<', $noise, "memory of a walk $name, $few rows and $many");
	return $peaks[1];
}

# Run a query in a new session that may write no temporary file, check its
# answer, and return the most memory in kB that it took while it ran.
sub measure
{
	my ($query, $answer, $settings) = @_;
	my $session = Session->new($node);

	$session->query(
		'SET work_mem = \'64kB\'; SET temp_file_limit = 0; SET client_min_messages = error'
	);
	$session->query($settings) if $settings;
	# Catalog caches and prepared plans are the session's.
	$session->query(count("chunked_iter(NULL::$_, upto => ARRAY['1'])"))
	  for 'item', 'toasted';

	my $before = $session->memory;
	$session->start($query);
	my $peak = $session->peak;
	is($session->answer, $answer, 'the rows that are there')
	  or diag($session->reported);
	$session->close;
	return $peak - $before;
}

# The contexts of a walk, looked at from within, while it goes on and after.
sub watch_contexts
{
	my $session = Session->new($node);
	my $contexts =
	  q(SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts
		WHERE name LIKE 'chunked_iter %' AND name NOT IN ('chunked_iter plan', 'chunked_iter resolved', 'chunked_iter settings'));

	$session->query(
		"CREATE FUNCTION pg_temp.held() RETURNS bigint LANGUAGE sql AS \$\$$contexts\$\$"
	);
	my ($samples, $least, $most) = split /\|/, $session->query(
		q(
		SELECT count(bytes), min(bytes), max(bytes)
		FROM (SELECT CASE WHEN (r).id % 50000 = 0 THEN pg_temp.held() END AS bytes
			  FROM (SELECT chunked_iter(NULL::item) AS r OFFSET 0) s OFFSET 0) s));

	is($samples, 20,     'looked at 20 times');
	is($most,    $least, 'the contexts of a walk stay as they are');
	cmp_ok($most, '<', 1024 * 1024, 'for 1000 rows of 200 bytes');
	is($session->query($contexts), '', 'and are gone after it');
	$session->close;
	return;
}

# The temporary file of ties exists as long as their chunk.
sub watch_files
{
	my $session = Session->new($node);
	my $files   = 'SELECT count(*) FROM pg_ls_tmpdir()';
	my $cursor =
	  q(BEGIN; DECLARE c CURSOR FOR SELECT (r).k FROM (SELECT chunked_iter(NULL::tied, 100, 'k') AS r OFFSET 0) s; MOVE 100 IN c;);

	$session->query($cursor);
	is($session->query($files), 1, 'one temporary file');
	$session->query('MOVE 199910 IN c');
	is($session->query("FETCH 1 FROM c; $files"),
		"12\n0", 'gone with the next chunk');
	for my $end ('CLOSE c', 'ROLLBACK', 'COMMIT')
	{
		$session->query("ROLLBACK; $cursor; $end");
		is($session->query($files), 0, "gone after $end");
	}
	$session->query('ROLLBACK');
	$session->close;
	return;
}

# The temporary files in the server log
sub temporary_files
{
	return slurp_file($node->logfile, $log_start) =~ /(temporary file: .*)/g;
}
