
# Jobs and logical replication, as docs/operations.md has it: a publication of all tables
# has those of the jobs in it.  A subscriber that has the extension, too, goes on,
# with its own jobs or with those of the publisher, which it can take over; one
# that subscribes to schemas sees nothing of jobs.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Jobs;

my $rows = 100;
my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');

for my $node ($publisher, $subscriber)
{
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf',
		"autovacuum = off\nfsync = off\nwal_retrieve_retry_interval = 100ms");
	$node->start;
}
make_tables($publisher, $rows);
$publisher->safe_psql('postgres',
	'DROP EXTENSION chunked_iter; ALTER TABLE copy ADD PRIMARY KEY (id)');
$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
make_empty_tables();
subscribe('everything');

needs_the_extension();
has_jobs_of_its_own();
takes_jobs_over();
publishes_schemas();

$subscriber->stop;
$publisher->stop;
done_testing();

# The first job on the publisher stops subscribers, until they have the extension.
sub needs_the_extension
{
	my $stopped = qr/logical replication target relation "public.chunked_iter_jobs" does not exist/;

	$publisher->safe_psql('postgres', 'CREATE EXTENSION chunked_iter');
	run_chunks('first', 2);
	$subscriber->wait_for_log($stopped);
	pass('a subscriber without the tables of jobs stops');
	$subscriber->safe_psql('postgres', 'CREATE EXTENSION chunked_iter');
	$publisher->wait_for_catchup('s');
	is(copied(), 40, 'and goes on when it has the extension');
	return;
}

# As long as the subscription is not refreshed, jobs do not come along.
sub has_jobs_of_its_own
{
	$subscriber->safe_psql('postgres',
		"CALL chunked_iter_run('first', 'item', 'SELECT 1 FROM chunk')");
	run_chunks('first', 1);
	$publisher->wait_for_catchup('s');
	is(copied(), 60, 'the rows of chunks come along');
	is(progress($subscriber), 'first|succeeded|100', 'and a job of the same name is not touched');
	forget($publisher, 'first');
	forget($subscriber, 'first');
	return;
}

# When it is refreshed, they do.
sub takes_jobs_over
{
	my $clash = qr/duplicate key value violates unique constraint "chunked_iter_jobs_pkey"|conflict detected on relation "public.chunked_iter_jobs"/;

	$publisher->safe_psql('postgres', 'TRUNCATE copy; UPDATE item SET n = 0');
	$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION s REFRESH PUBLICATION');
	$subscriber->wait_for_subscription_sync($publisher, 's');
	run_chunks('second', 2);
	$publisher->wait_for_catchup('s');
	is(progress($subscriber), 'second|paused|40', 'a job comes along with the rows of its chunks');
	forget($publisher, 'second');
	$publisher->wait_for_catchup('s');
	is(progress($subscriber), '', 'it is forgotten there, too');

	$subscriber->safe_psql('postgres',
		"CALL chunked_iter_run('third', 'item', 'SELECT 1 FROM chunk')");
	$publisher->safe_psql('postgres', 'TRUNCATE copy; UPDATE item SET n = 0');
	run_chunks('third', 2);
	$subscriber->wait_for_log($clash);
	pass('a job of the same name stops the subscriber');
	forget($subscriber, 'third');
	run_chunks('third', 1);
	$publisher->wait_for_catchup('s');
	is(progress($subscriber), 'third|paused|60', 'which goes on when its own is forgotten');

	# The publisher is gone.
	$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION s DISABLE');
	$subscriber->safe_psql('postgres', "CALL chunked_iter_run('third')");
	is_done_once($subscriber, 'with the end on the subscriber');
	return;
}

# With the extension in a schema of its own, and the others published
sub publishes_schemas
{
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s; DROP EXTENSION chunked_iter');
	$publisher->safe_psql('postgres', <<'SQL');
DROP PUBLICATION everything;
DROP EXTENSION chunked_iter;
CREATE SCHEMA jobs;
CREATE EXTENSION chunked_iter SCHEMA jobs;
ALTER DATABASE postgres SET search_path = public, jobs;
TRUNCATE copy;
SQL
  SKIP:
	{
		skip 'publications of schemas came with PostgreSQL 15', 1
		  if $publisher->safe_psql('postgres', 'SHOW server_version_num') < 150000;
		$publisher->safe_psql('postgres', 'CREATE PUBLICATION data FOR TABLES IN SCHEMA public');
		make_empty_tables();
		subscribe('data');
		run_chunks('fourth', 5);
		forget($publisher, 'fourth');
		$publisher->wait_for_catchup('s');
		is(copied(), $rows, 'subscribers to schemas have nothing to do with jobs');
	}
	return;
}

sub make_empty_tables
{
	make_tables($subscriber, 0);
	$subscriber->safe_psql('postgres',
		'DROP EXTENSION chunked_iter; ALTER TABLE copy ADD PRIMARY KEY (id)');
	return;
}

sub subscribe
{
	my ($publication) = @_;
	my $connection = $publisher->connstr . ' dbname=postgres';

	$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION $publication");
	$subscriber->wait_for_subscription_sync($publisher, 's');
	return;
}

# Some chunks of a job on the publisher, one that skips rows
sub run_chunks
{
	my ($job, $chunks) = @_;

	$publisher->safe_psql('postgres',
		"CALL chunked_iter_run('$job', 'item', '$statement', chunk_size => 20, on_error => 'skip', max_chunks => $chunks)"
	);
	return;
}

sub copied
{
	return $subscriber->safe_psql('postgres', 'SELECT count(*) FROM copy');
}

sub progress
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT job, state, rows_done FROM chunked_iter_progress');
}

sub forget
{
	my ($node, $job) = @_;

	is($node->psql('postgres', "SELECT chunked_iter_forget('$job')"), 0,
		"job $job is forgotten on the " . $node->name);
	return;
}
