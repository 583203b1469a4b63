
# An unlogged table is empty after a crash, while the position of the job that
# filled it is where it was.  docs/jobs.md says so, and has the query that finds it.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 1000;
my $node = PostgreSQL::Test::Cluster->new('job_unlogged');
my $job = <<'SQL';
CALL chunked_iter_run('dear', 'orders',
	'INSERT INTO dear_orders SELECT * FROM chunk WHERE amount > 490', chunk_size => 20
SQL

$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION chunked_iter;
CREATE TABLE orders (id bigint PRIMARY KEY, amount integer);
INSERT INTO orders SELECT i, 480 + i % 20 FROM generate_series(1, $rows) i;
CREATE UNLOGGED TABLE dear_orders (LIKE orders);
SQL

$node->safe_psql('postgres', "$job, max_chunks => 10)");
is(missing(), '0|', 'no row is missing');
is(count_rows(), 90, 'of those that the job has done');
$node->stop('immediate');
$node->start;
is( $node->safe_psql('postgres', 'SELECT rows_done FROM chunked_iter_progress'),
	200, 'after a crash the position is where it was');
is(count_rows(), 0, 'and the table is empty');
$node->safe_psql('postgres', 'CALL chunked_iter_run(\'dear\')');
is(missing(), '90|11', 'the check finds the rows that are missing');

# From the beginning again
$node->safe_psql('postgres', "SELECT chunked_iter_forget('dear'); TRUNCATE dear_orders");
$node->safe_psql('postgres', "$job)");
is(missing(), '0|', 'started again, no row is missing');
is(count_rows(), 450, 'or too many');

$node->stop;
done_testing();

# What the check of docs/jobs.md finds
sub missing
{
	my ($check) = slurp_file("$RealBin/../docs/jobs.md") =~
	  /^-- Rows that the job has passed and the copy lacks\n(.*?);\n/ms;

	die 'docs/jobs.md has no check' if !defined $check;
	return $node->safe_psql('postgres', $check);
}

sub count_rows
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM dear_orders');
}
