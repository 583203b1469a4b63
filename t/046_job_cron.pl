
# A job runs every night, by pg_cron, as docs/jobs.md has it: as long as max_ms,
# and the next night it goes on.
#
# Here a night is a minute, the shortest that pg_cron knows.  The job has had a
# night already, so that one is enough to see it go on, and stop.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($stdout, $stderr) = run_command([ 'pg_config', '--pkglibdir' ]);
plan skip_all =>
  'pg_cron is not installed; Debian has it in postgresql-NN-cron'
  unless -e "$stdout/pg_cron.so" || -e "$stdout/pg_cron.dylib";

my $rows = 100_000;
my $node = PostgreSQL::Test::Cluster->new('job_cron');
my $host = $node->host;

$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.host = '$host'
fsync = off
CONF
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_cron;
CREATE EXTENSION chunked_iter;
CREATE TABLE orders (id bigint PRIMARY KEY, amount integer NOT NULL);
INSERT INTO orders SELECT i, 0 FROM generate_series(1, $rows) i;
ANALYZE orders;
CALL chunked_iter_run('nightly', 'orders',
	'UPDATE orders SET amount = amount + 1 WHERE chunk_range(orders)',
	chunk_size => 100, pause_ms => 20, max_chunks => 2);
SQL

my ($schedule) = slurp_file("$RealBin/../docs/jobs.md") =~
  /<!-- run by t\/046_job_cron\.pl -->\n```sql\n(.*?)^```$/ms;
$schedule =~ s/'0 3 \* \* \*'/'* * * * *'/ or die 'docs/jobs.md has another schedule';
$schedule =~ s/max_ms => 3600000/max_ms => 500/ or die 'docs/jobs.md has another max_ms';
$node->safe_psql('postgres', $schedule);
is($node->safe_psql('postgres', 'SELECT jobname, active FROM cron.job'),
	'nightly|t', 'the night is scheduled');

$node->poll_query_until('postgres',
	"SELECT count(*) > 0 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')")
  or die 'no night has come';
$node->safe_psql('postgres', "SELECT cron.unschedule('nightly')");
is($node->safe_psql('postgres', 'SELECT DISTINCT status FROM cron.job_run_details'),
	'succeeded', 'a night has come and gone');
my ($state, $error, $done) = split /\|/,
  $node->safe_psql('postgres',
	"SELECT state, last_error, rows_done FROM chunked_iter_progress WHERE job = 'nightly'");
is($state, 'paused', 'max_ms has ended it');
is($error, '', 'there was no error');
cmp_ok($done, '>', 200, "it had gone on: $done rows are done");
cmp_ok($done, '<', $rows, 'and there is work for another night');
is( $node->safe_psql('postgres', 'SELECT sum(amount), max(amount) FROM orders'),
	"$done|1", 'each of these rows once');

# The last night, and one too many
$node->safe_psql('postgres', "CALL chunked_iter_run('nightly', pause_ms => 0)") for 1 .. 2;
is( $node->safe_psql('postgres', 'SELECT sum(amount), max(amount) FROM orders'),
	"$rows|1", 'in the end all rows, once');

$node->stop;
done_testing();
