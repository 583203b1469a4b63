
# A walk by a random key of a table that is not in any cache: the blocks of a chunk
# are asked for before it is read; and if there are as many rows as blocks, and they
# stay in a cache, all of them are read in their order.  Not those of a table in the
# order of its key, nor those that are in a cache.  A block that cannot be read is no
# matter for a walk that does not need it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no dd that drops files from the cache'
  if system('dd if=/dev/null of=/dev/null oflag=nocache count=0 2>/dev/null') != 0;

my $rows = 60000;
my $node = PostgreSQL::Test::Cluster->new('cold');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
CONF
$node->start;
plan skip_all => 'the data are not on a disk'
  if qx(stat -f -c %T @{[ $node->data_dir ]}) =~ /tmpfs|ramfs|UNKNOWN/;

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION chunked_iter;
CREATE TABLE random (id uuid PRIMARY KEY, n integer NOT NULL, at integer NOT NULL, note text);
INSERT INTO random SELECT md5(i::text)::uuid, i, i % 5, repeat('x', 400) FROM generate_series(1, $rows) i;
CREATE INDEX ON random (at, id DESC);
CREATE TABLE ordered (id integer PRIMARY KEY, note text);
INSERT INTO ordered SELECT i, repeat('x', 400) FROM generate_series(1, $rows) i;
VACUUM ANALYZE;
SQL

# A third of the rows, which are in almost all blocks: also the last chunks, most of
# whose blocks have been read by those before, ask for the others.
my $blocks = $node->safe_psql('postgres', "SELECT relpages FROM pg_class WHERE relname = 'random'");
for my $order ('id', 'id DESC', 'at, id DESC')
{
	my $walk = "chunked_iter(NULL::random, 500, '$order')";

	my $plan = after_restart("EXPLAIN ANALYZE SELECT * FROM (SELECT * FROM $walk LIMIT 20000) s WHERE n > 0");

	like($plan, qr/Rows Examined: 20000\n/, "it reads no row that it does not return, by $order");
	cmp_ok(asked($plan) + read_ahead($plan), '>', 0.75 * $blocks, 'most blocks are asked for or read ahead');
	cmp_ok(read_ahead($plan), '>', 0.5 * $blocks, 'those of the table in their order');
	cmp_ok(read_ahead($plan), '<=', $blocks, 'and each once');

	# It fits into no cache that the server knows of.
	$plan = after_restart("SET effective_cache_size = '48MB'; EXPLAIN ANALYZE SELECT * FROM (SELECT * FROM $walk LIMIT 20000) s WHERE n > 0");
	is(read_ahead($plan), 0, 'not of a table that is too large to stay in a cache');
	cmp_ok(asked($plan), '>', 0.5 * $blocks, 'of which most blocks are asked for');
	is( after_restart(digest("SELECT * FROM $walk LIMIT 20000")),
		$node->safe_psql('postgres', digest("SELECT * FROM random ORDER BY $order LIMIT 20000")),
		'and all rows come in order');
}
my $few = after_restart(
	'EXPLAIN ANALYZE SELECT * FROM (SELECT * FROM chunked_iter(NULL::random, 500) LIMIT 2000) s WHERE n > 0');
cmp_ok(asked($few), '>', 500, 'fewer rows than the table has blocks are asked for');
is(read_ahead($few), 0, 'and nothing is read ahead');

$node->append_conf('postgresql.conf', "shared_buffers = '4MB'");
is( after_restart(digest("SELECT * FROM chunked_iter(NULL::random, 500)")),
	$node->safe_psql('postgres', digest('SELECT * FROM random ORDER BY id')),
	'all rows come in order if the server has a small cache itself');
cmp_ok(read_ahead(after_restart('EXPLAIN ANALYZE SELECT * FROM chunked_iter(NULL::random, 500)')),
	'>', 0.5 * $blocks, 'blocks are read into the cache of the operating system then');
$node->append_conf('postgresql.conf', "shared_buffers = '128MB'");

is( after_restart(digest("SELECT * FROM chunked_iter(NULL::random, 500, filter => 'n % 10 = 0')")),
	$node->safe_psql('postgres', digest('SELECT * FROM random WHERE n % 10 = 0 ORDER BY id')),
	'also with a filter');
is( after_restart(<<'SQL'), "$rows|120", 'and in a job');
CALL chunked_iter_run('cold', 'random', 'UPDATE random SET at = -1 WHERE id BETWEEN $1 AND $2', chunk_size => 500);
SELECT rows_done, chunks_done FROM chunked_iter_progress
SQL

unlike(
	$node->safe_psql('postgres', 'SELECT count(*) FROM random; EXPLAIN ANALYZE SELECT * FROM chunked_iter(NULL::random, 500)'),
	qr/Asked For|Read Ahead/,
	'none that are in the cache');
unlike(after_restart('EXPLAIN ANALYZE SELECT * FROM chunked_iter(NULL::ordered, 500)'),
	qr/Asked For|Read Ahead/, 'nor those of a table in order');

# The last block of a table is broken, and has none of the rows of these walks.
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE broken (id uuid PRIMARY KEY, n integer NOT NULL, at integer NOT NULL, note text);
INSERT INTO broken SELECT md5(i::text)::uuid, i, i % 5, repeat('x', 400) FROM generate_series(1, $rows) i;
INSERT INTO broken SELECT md5('-' || i)::uuid, i, 9, repeat('x', 1900) FROM generate_series(1, 8) i;
CREATE INDEX ON broken (at, id DESC);
VACUUM ANALYZE broken;
SQL
my $upto = "chunked_iter(NULL::broken, 500, 'at, id DESC', upto => '{4}')";
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('broken')");
$node->stop;
open(my $data, '+<:raw', $file) or die "$file: $!";
seek($data, -8192, 2);
print $data 'damaged' x 1000;
close($data);
$node->start;
isnt($node->psql('postgres', 'SELECT count(n) FROM broken'), 0, 'a block of the table cannot be read');
my $query = "SELECT * FROM broken WHERE at <= 4 ORDER BY at, id DESC";
is( after_restart(digest("SELECT * FROM $upto")),
	$node->safe_psql('postgres', 'SET enable_seqscan = off; SET enable_bitmapscan = off; ' . digest($query)),
	'a walk does not fail because of a block that it does not need');
cmp_ok(read_ahead(after_restart("EXPLAIN ANALYZE SELECT * FROM $upto")), '>', 0.5 * $blocks,
	'before which the blocks have been read ahead');
is( after_restart(<<'SQL'), "$rows|0", 'nor does a job');
CALL chunked_iter_run('broken', 'broken', 'SELECT id FROM chunk', chunk_size => 500, order_by => 'at, id DESC', upto => '{4}', on_error => 'skip');
SELECT rows_done, rows_failed FROM chunked_iter_progress WHERE job = 'broken'
SQL
$node->stop;
done_testing();

# The blocks that EXPLAIN ANALYZE says were asked for.
sub asked
{
	my ($plan) = @_;

	return $plan =~ /Blocks Asked For: (\d+)/ ? $1 : 0;
}

# The same for those that were read ahead.
sub read_ahead
{
	my ($plan) = @_;

	return $plan =~ /Blocks Read Ahead: (\d+)/ ? $1 : 0;
}

# What a query returns once nothing is in a cache.
sub after_restart
{
	my ($query) = @_;
	my $base = $node->data_dir . '/base';

	$node->stop;
	system("find $base -type f -size +100k -exec dd if=/dev/null of={} oflag=nocache conv=notrunc,fdatasync count=0 status=none \\;");
	$node->start;
	return $node->safe_psql('postgres', $query);
}

# All rows of a query, in their order, as one value.
sub digest
{
	my ($query) = @_;

	return "SELECT count(*), md5(string_agg(s.n::text, ',' ORDER BY s.place)) FROM (SELECT *, row_number() OVER () AS place FROM ($query) q) s";
}
