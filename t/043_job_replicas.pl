
# Jobs and other servers: a dump in the middle of a job takes its position along,
# and a standby shows jobs and runs none.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Jobs;

my $rows = 6000;
my $node = PostgreSQL::Test::Cluster->new('job_primary');
my $standby = PostgreSQL::Test::Cluster->new('job_standby');

$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
$node->start;
make_tables($node, $rows);
dump_and_restore();
restore_over();
dump_by_plain_role();

$node->backup('base');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'fsync = off');
$standby->start;
$node->wait_for_catchup($standby);
refused_by_standby();
run_after_promotion();
$standby->stop;
$node->stop;
done_testing();

sub dump_and_restore
{
	my $dump = $node->basedir . '/dump.sql';

	$node->safe_psql('postgres',
		"CALL chunked_iter_run('moved', 'item', '$statement', chunk_size => 20, max_chunks => 100)"
	);
	$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ],
		'dumped in the middle of a job');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d',
			$node->connstr('restored')
		],
		'restored');
	is( $node->safe_psql('restored',
			"SELECT state, rows_done, last_key FROM chunked_iter_progress WHERE job = 'moved'"),
		'paused|2000|{2000}',
		'its position came along');
	$node->safe_psql('restored', "CALL chunked_iter_run('moved')");
	is_done_once($node, 'in the database that was restored', 'restored');
	is( $node->safe_psql('restored',
			"SELECT rows_done, chunks_done FROM chunked_iter_progress WHERE job = 'moved'"),
		"$rows|" . $rows / 20,
		'it went on from there');
	$node->safe_psql('postgres', "CALL chunked_iter_run('moved')");
	is_done_once($node, 'in the database that was dumped');
	return;
}

# A dump restored over the database that it was taken of makes the tables and the
# extension anew, and with them all OIDs: jobs go on by the names.  A job whose
# owner was dropped, too, comes along.
sub restore_over
{
	my $dump = $node->basedir . '/dump.custom';

	make_tables($node, $rows);
	$node->safe_psql('postgres', <<"SQL");
CREATE ROLE gone;
GRANT SELECT ON item TO gone;
CALL chunked_iter_run('again', 'item', '$statement', chunk_size => 20, max_chunks => 100);
CALL chunked_iter_run('places', 'item', 'SELECT 1', order_by => 'ctid', chunk_size => 20, max_chunks => 1);
SET ROLE gone;
CALL chunked_iter_run('orphan', 'item', 'SELECT 1', order_by => 'id', max_chunks => 1);
RESET ROLE;
DROP OWNED BY gone;
DROP ROLE gone;
SQL
	my $oid = $node->safe_psql('postgres', q(SELECT 'item'::regclass::oid));
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dumped');
	$node->command_ok(
		[ 'pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d', $node->connstr('postgres'), $dump ],
		'restored over the same database');
	isnt($node->safe_psql('postgres', q(SELECT 'item'::regclass::oid)), $oid, 'the table is another one');
	is( $node->safe_psql('postgres',
			q(SELECT job, owner, state FROM chunked_iter_progress JOIN chunked_iter_jobs USING (job, state) WHERE job = 'orphan')),
		'orphan|gone|paused',
		'the job whose owner was dropped came along');
	like(
		verbose_errors($node, "CALL chunked_iter_run('places')"),
		qr/55000: .*\nDETAIL:  The job was restored/,
		'one in physical order does not go on');
	$node->safe_psql('postgres',
		"CALL chunked_iter_run('again', 'item', '$statement', max_chunks => 1)");
	$node->safe_psql('postgres', "CALL chunked_iter_run('again')");
	is_done_once($node, 'in a database that was restored over itself');
	return;
}

# Policies keep a role that does not bypass them from dumping others' jobs; that
# its own come along takes an option.
sub dump_by_plain_role
{
	my @dump = ('pg_dump', '--data-only', '-d', $node->connstr('plain') . ' user=plain');
	my ($output, $errors) = ('', '');

	$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE DATABASE plain OWNER plain');
	$node->safe_psql('plain', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item AS SELECT 1 AS id;
GRANT SELECT ON item TO plain;
CALL chunked_iter_run('of the superuser', 'item', 'SELECT 1', order_by => 'id');
SET ROLE plain;
CALL chunked_iter_run('of the role', 'item', 'SELECT 1', order_by => 'id');
SQL
	push @dump, '--table=chunked_iter_jobs';
	$node->command_fails_like(\@dump, qr/row-level security/,
		'a plain role does not dump the jobs without saying so');
	IPC::Run::run([ @dump, '--enable-row-security' ], '>', \$output, '2>', \$errors)
	  or diag($errors);
	like($output, qr/^of the role\t/m, 'with --enable-row-security its own are dumped');
	unlike($output, qr/of the superuser/, 'and no others');
	return;
}

sub refused_by_standby
{
	like(
		verbose_errors($standby, "CALL chunked_iter_run('new', 'item', 'SELECT 1')"),
		qr/ERROR:  25006: cannot execute chunked_iter_run during recovery/,
		'a standby refuses to run');
	like(
		verbose_errors($standby, "CALL chunked_iter_work('moved')"),
		qr/ERROR:  25006: cannot execute chunked_iter_work during recovery/,
		'to help');
	like(
		verbose_errors($standby, "SELECT chunked_iter_pause('moved')"),
		qr/ERROR:  25006: cannot execute chunked_iter_pause during recovery.*HINT:  Connect to the primary/s,
		'and to pause');
	is( $standby->safe_psql('postgres',
			"SELECT state FROM chunked_iter_progress WHERE job = 'moved'"),
		'succeeded',
		'it shows jobs');
	is( $standby->psql('postgres',
			"CALL chunked_iter_run('new', 'item', 'SELECT 1', dry_run => true)"),
		0,
		'and does dry runs');
	return;
}

sub run_after_promotion
{
	$node->wait_for_catchup($standby);
	$standby->promote;
	$standby->safe_psql('postgres',
		"CALL chunked_iter_run('new', 'item', 'SELECT 1 FROM chunk')");
	is( $standby->safe_psql('postgres',
			"SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'new'"),
		"succeeded|$rows",
		'a standby that was promoted runs jobs');
	return;
}
