
# examples/postgres_fdw: a table whose partitions are on two other servers. What
# these are asked for, and what they read for it, is in the plans that they log.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $rows = 100000;
my @remote = map { example_node($_, $rows) } 'low', 'high';
my $hub = example_node('hub');
plan skip_all => 'there is no postgres_fdw'
  unless $hub->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name IN ('postgres_fdw')");

spread_rows();
walks_both();
equals_one_select();
keeps_large_groups();
says_what_does_not_fit();
reads_no_more_than_a_chunk();
sorts_nothing();
warns_of_jobs();
$_->stop for $hub, @remote;
done_testing();

# The half of them on each; every plan goes to the log.
sub spread_rows
{
	$remote[0]->safe_psql('postgres', 'DELETE FROM entry WHERE id > 150000');
	$remote[1]->safe_psql('postgres', 'DELETE FROM entry WHERE id <= 150000');
	for my $node (@remote)
	{
		$node->safe_psql('postgres', 'DROP EXTENSION chunked_iter');
		$node->safe_psql('postgres', 'CREATE INDEX ON entry (body)');
		$node->safe_psql('postgres', 'VACUUM ANALYZE entry');
		$node->append_conf('postgresql.conf', <<'CONF');
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
random_page_cost = 400
CONF
		$node->reload;
	}
	return;
}

sub walks_both
{
	my $said = run_example(
		$hub,
		psql_file(
			'postgres_fdw/hub.sql',
			map { ("host$_=" . $remote[ $_ - 1 ]->host, "port$_=" . $remote[ $_ - 1 ]->port) } 1,
			2));

	like($said, qr/^ 90000 \|   3 \| 299997$/m, 'all rows of both servers');
	like(
		$said,
		qr/ 149997 .* 150000 .* 150003 .* 150006 .*\(4 rows\)/s,
		'a page goes over the border');
	return;
}

# Keys of up to 10 rows, in both servers, and those of NULL, more than a chunk holds:
# each row once, in the order of one SELECT, at every chunk size.
sub equals_one_select
{
	my $keys = "string_agg(coalesce(k::text, '-'), ',' ORDER BY n)";

	$hub->safe_psql('postgres', <<'SQL');
CREATE TABLE part (id int, gone int, k int) PARTITION BY HASH (id);
ALTER TABLE part DROP gone;
CREATE FOREIGN TABLE part_low PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 0)
	SERVER low OPTIONS (table_name 'part');
CREATE FOREIGN TABLE part_high PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 1)
	SERVER high OPTIONS (table_name 'part');
SQL
	for my $i (0, 1)
	{
		$remote[$i]->safe_psql('postgres', <<"SQL");
CREATE TABLE part AS
	SELECT i AS id, CASE WHEN i % 4 = $i THEN NULL ELSE i / 10 END AS k
	  FROM generate_series(1, 120) i WHERE i % 2 = $i;
CREATE INDEX ON part (k);
SQL
	}
	for my $size (1, 2, 3, 7, 119, 120, 121)
	{
		for my $walk (
			[ 'k', 'false', 'NULL', 'NULL', 'true' ],
			[ 'k', 'true', 'NULL', 'NULL', 'true' ],
			[ 'k DESC NULLS FIRST', 'false', 'NULL', 'NULL', 'id % 3 > 0' ],
			[ 'k', 'false', "'{3}'", "'{9}'", 'id % 3 > 0' ])
		{
			my ($order, $reverse, $after, $upto, $filter) = @$walk;
			my $bounds = $after eq 'NULL' ? 'true' : 'k > 3 AND k <= 9';
			my $back = $reverse eq 'true' ? 'DESC' : '';

			is( $hub->safe_psql('postgres', <<"SQL"),
SELECT $keys, count(DISTINCT id)
  FROM (SELECT id, k, row_number() OVER () AS n
		  FROM chunked_iter(NULL::part, $size, order_by => '$order', reverse => $reverse,
							filter => '$filter', after => $after, upto => $upto)) AS s
SQL
				$hub->safe_psql('postgres', <<"SQL"), "chunks of $size, @$walk");
SELECT $keys, count(DISTINCT id)
  FROM (SELECT id, k, row_number() OVER (ORDER BY $order $back) AS n
		  FROM part WHERE $filter AND $bounds) AS s
SQL
		}
	}
	return;
}

# One key in both servers, of more bytes than a chunk's memory, between other keys.
sub keeps_large_groups
{
	for my $i (0, 1)
	{
		$remote[$i]->safe_psql('postgres', <<"SQL");
CREATE TABLE wide AS
	SELECT i AS id, CASE WHEN i <= 10 THEN i WHEN i <= 410 THEN 100 ELSE i END AS k, repeat('x', 1000) AS filler
	  FROM generate_series(1, 420) i WHERE i % 2 = $i;
CREATE INDEX ON wide (k);
SQL
	}
	$hub->safe_psql('postgres', <<'SQL');
CREATE TABLE wide (id int, k int, filler text) PARTITION BY HASH (id);
CREATE FOREIGN TABLE wide_low PARTITION OF wide FOR VALUES WITH (MODULUS 2, REMAINDER 0)
	SERVER low OPTIONS (table_name 'wide');
CREATE FOREIGN TABLE wide_high PARTITION OF wide FOR VALUES WITH (MODULUS 2, REMAINDER 1)
	SERVER high OPTIONS (table_name 'wide');
SQL
	for my $from ('wide', 'wide_low')
	{
		for my $size (1, 3, 50, 1000)
		{
			for my $snapshot ('statement', 'chunk')
			{
				is( $hub->safe_psql('postgres', <<"SQL"),
SET chunked_iter.chunk_memory = '64kB';
SELECT count(*), count(DISTINCT id), string_agg(k::text, ',' ORDER BY n)
  FROM (SELECT id, k, row_number() OVER () AS n
		  FROM chunked_iter(NULL::$from, $size, order_by => 'k', snapshot => '$snapshot')
		 WHERE length(filler) = 1000) AS s
SQL
					$hub->safe_psql('postgres',
						"SELECT count(*), count(DISTINCT id), string_agg(k::text, ',' ORDER BY k) FROM $from"),
					"a large group of $from, chunks of $size, snapshot $snapshot");
			}
		}
	}
	return;
}

# A column declared with another type, under which a key is not found again.
sub says_what_does_not_fit
{
	my ($status, $out, $err);

	$remote[0]->safe_psql('postgres',
		q{CREATE TABLE padded AS SELECT 'a'::char(5) AS k FROM generate_series(1, 20)});
	$hub->safe_psql('postgres', 'CREATE FOREIGN TABLE padded (k text) SERVER low');
	($status, $out, $err) = $hub->psql('postgres',
		"SELECT count(*) FROM chunked_iter(NULL::padded, 3, order_by => 'k')");
	like($err, qr/rows of public\.padded are not found by their own key/, 'another type is an error');
	for my $mode ('statement', 'chunk')
	{
		($status, $out, $err) = $hub->psql('postgres',
			"SELECT count(*) FROM chunked_iter(NULL::padded, 3, 'ctid', snapshot => '$mode')");
		like($err, qr/cannot walk public\.padded in physical order/, "so is ctid under '$mode'");
	}
	return;
}

# From each server, one batch of rows for a chunk, found by the index.
sub reads_no_more_than_a_chunk
{
	my @logs = map { -s $_->logfile } @remote;

	is( $hub->safe_psql('postgres', <<'SQL'), "1000|90003|93333", 'a chunk from the middle of the first server');
SELECT count(*), min(id), max(id)
  FROM (SELECT id FROM chunked_iter(NULL::entry, 1000, order_by => 'id', after => '{90000}',
									filter => 'author IS NOT NULL') LIMIT 1000) AS s
SQL
	my $plan = slurp_file($remote[0]->logfile, $logs[0]);
	my ($query) = $plan =~ /Query Text: (DECLARE .*\n.*id > .*)/;
	my ($examined) = $plan =~ /Index Scan using entry_pkey .* rows=(\d+)(?:\.\d+)? /;

	like($query, qr/WHERE .*\(author IS NOT NULL\)/, 'the filter is sent');
	like($query, qr/WHERE .*\(id > /, 'the position is sent');
	like($query, qr/ORDER BY id/, 'the order is sent');
	like($query, qr/LIMIT 1001::bigint/, 'the limit is sent');
	like(
		$plan,
		qr/Index Scan using entry_pkey .*\n\s+Index Cond: \(id > '90000'::bigint\)/,
		'the index serves both');
	unlike($plan, qr/Sort/, 'nothing is sorted');
	cmp_ok($examined, '<=', 2000, 'no more than two batches are read');
	unlike(slurp_file($remote[1]->logfile, $logs[1]),
		qr/rows=[1-9]\d* /, 'and nothing of the second server');
	return;
}

# In an order that is not the table's, where a sort of all rows would be cheaper
# than to read many of them by the index.
sub sorts_nothing
{
	my @logs = map { -s $_->logfile } @remote;

	is( $hub->safe_psql('postgres', <<'SQL'), '10', 'the first rows in a random order');
SELECT count(title) FROM (SELECT * FROM chunked_iter(NULL::entry, 10, order_by => 'body') LIMIT 10) AS s
SQL
	for my $i (0, 1)
	{
		my $plan = slurp_file($remote[$i]->logfile, $logs[$i]);

		like($plan, qr/Index Scan using entry_body_idx/,
			$remote[$i]->name . ' reads them by its index');
		unlike($plan, qr/Sort/, 'and does not sort');
		like($plan, qr/ORDER BY body [^\n]*LIMIT 11::bigint/, 'it was told the limit');
	}
	return;
}

# The servers commit before the position is committed.
sub warns_of_jobs
{
	my ($status, $out, $err) = $hub->psql('postgres', <<'SQL');
CALL chunked_iter_run('titles', 'entry', 'UPDATE entry SET title = title WHERE chunk_range(entry)',
	order_by => 'id', max_chunks => 1)
SQL
	like($err, qr/a crash can make a chunk be done twice\nDETAIL: .*"entry_low"/,
		'a job that writes to foreign tables is not called exactly once');
	return;
}
