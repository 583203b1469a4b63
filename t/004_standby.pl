
# Walks on a hot standby, and in transactions that may not write.
#
# A standby replays what the primary does, so a walk there has a concurrent
# writer of its own kind.  Neither there nor in a read-only transaction may a
# walk need anything that writes: transaction ids, temporary files, catalogs.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
CONF
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, grp integer, body text);
INSERT INTO item SELECT i, nullif(i % 7, 3), repeat(md5(i::text), 5) FROM generate_series(1, 20000) i;
CREATE INDEX ON item (grp DESC, id);
CREATE TABLE part (id integer PRIMARY KEY, grp integer, body text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (9999);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (9999) TO (100000);
INSERT INTO part SELECT * FROM item;
CREATE TABLE small (id integer PRIMARY KEY);
INSERT INTO small SELECT * FROM generate_series(10, 60, 10);
VACUUM ANALYZE;
SQL
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', <<'CONF');
max_standby_streaming_delay = -1
log_temp_files = 0
CONF
$standby->start;
$primary->wait_for_catchup($standby);

# Each walk is the ordered SELECT it stands for, on both in a transaction that
# may only read.  The SELECT is another session's, as it may need to sort.
for my $server ($primary, $standby)
{
	my $name    = $server->name;
	my $session = Session->new($server);
	my $other   = Session->new($server);

	$other->query(q(SET work_mem = '64MB'));
	$session->query(
		q(SET work_mem = '64kB'; SET temp_file_limit = 0; BEGIN READ ONLY));
	is( $session->query('SELECT pg_is_in_recovery()'),
		$server == $standby ? 't' : 'f',
		"on the $name");
	for my $walk (
		[ 'NULL::item, 100', 'item', 'id' ],
		[
			q(NULL::item, 100, order_by => 'grp DESC'), 'item',
			'grp DESC, id'
		],
		[
			q(NULL::item, 100, order_by => 'grp DESC', reverse => true),
			'item', 'grp, id DESC'
		],
		[ q(NULL::item, 100, order_by => 'ctid'), 'item', 'ctid' ],
		[ q(NULL::part, 100),                     'part', 'id' ],
		[ q(NULL::part, 100, order_by => 'ctid'), 'part', 'tableoid, ctid' ])
	{
		my ($arguments, $table, $order) = @$walk;
		my $expected = digest($other,
			"SELECT t FROM (SELECT $table AS t FROM $table ORDER BY $order) s"
		);

		for my $snapshot ('statement', 'chunk')
		{
			is( digest(
					$session,
					"SELECT chunked_iter($arguments, snapshot => '$snapshot')"
				),
				$expected,
				"chunked_iter($arguments), one snapshot a $snapshot, on the $name"
			);
		}
	}
	is( $session->query(
			q(SELECT chunked_iter_key(item, 'grp DESC') FROM item WHERE id = 4)
		),
		'{4,4}',
		"a bookmark on the $name");
	is( $session->query(
			q(SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2, 'grp DESC', after => '{4,4}') AS r LIMIT 3) s)
		),
		"11\n18\n25",
		"a page after it on the $name");
	like(
		$session->query('SELECT chunked_iter_explain(NULL::item)'),
		qr/Index Scan using item_pkey/,
		"an explanation on the $name");
	is($session->query('SELECT pg_current_xact_id_if_assigned()'),
		'', 'no transaction id was needed')
	  if $server == $primary;
	$session->query('COMMIT');
	$_->close for $session, $other;
}
my @files = slurp_file($standby->logfile) =~ /(temporary file: .*)/g;
is_deeply(\@files, [], 'no temporary file');

# What the primary writes is seen on the standby as from another session.
my $session = Session->new($standby);
$session->query(<<'SQL');
BEGIN;
DECLARE s CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::small, 2) AS r OFFSET 0) s;
DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::small, 2, snapshot => 'chunk') AS r OFFSET 0) s;
DECLARE p CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::small, 2, 'ctid', snapshot => 'chunk') AS r OFFSET 0) s;
SQL
is($session->query("FETCH 2 FROM $_"), "10\n20", 'the first chunk')
  for 's', 'c', 'p';
$primary->safe_psql('postgres',
	'INSERT INTO small VALUES (5), (35), (70); DELETE FROM small WHERE id = 40'
);
$primary->wait_for_catchup($standby);
is($session->query('FETCH ALL FROM s'),
	"30\n40\n50\n60", 'one snapshot for the whole walk');
is($session->query('FETCH ALL FROM c'),
	"30\n35\n50\n60", 'one snapshot for each chunk');
is($session->query('FETCH ALL FROM p'),
	"30\n50\n60\n5\n35\n70", 'the same in physical order');
$session->query('COMMIT');

# A change of the table is not replayed under a walk.
$session->query(
	'BEGIN; DECLARE c CURSOR FOR SELECT r FROM (SELECT chunked_iter(NULL::small, 2) AS r OFFSET 0) s'
);
is($session->query('FETCH 2 FROM c'), "(5)\n(10)", 'the first chunk');
$primary->safe_psql('postgres',
	q(ALTER TABLE small ADD COLUMN name text DEFAULT 'new'));
ok( $standby->poll_query_until(
		'postgres',
		q(SELECT count(*) = 1 FROM pg_locks WHERE relation = 'small'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted)
	),
	'replay waits for the walk');
is( $session->query('FETCH ALL FROM c'),
	"(20)\n(30)\n(35)\n(50)\n(60)\n(70)",
	'which goes on');
$session->query('COMMIT');
$primary->wait_for_catchup($standby);
is($session->query(q(SELECT chunked_iter(NULL::small, upto => '{10}'))),
	"(5,new)\n(10,new)", 'and the next one finds the new column');

# Or it is replayed, and the walk ends with the error that says so.
$standby->safe_psql('postgres',
	q(ALTER SYSTEM SET max_standby_streaming_delay = '100ms'; SELECT pg_reload_conf())
);
$session->query(
	q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM (SELECT chunked_iter(NULL::small, 2) AS r OFFSET 0) s; MOVE 2 IN c)
);
$primary->safe_psql('postgres', 'DROP TABLE small');
$primary->wait_for_catchup($standby);
like(
	$session->reports('FETCH 2 FROM c'),
	qr/(ERROR|FATAL):  40001: .*conflict with recovery/,
	'a conflict with recovery');
$session->close;

# A former standby walks on as a primary, with its sessions.
$session = Session->new($standby);
$session->query(
	'BEGIN; DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 3) AS r OFFSET 0) s; MOVE 19994 IN c'
);
$standby->promote;
is($session->query('FETCH 2 FROM c'),
	"19995\n19996", 'a walk over the promotion');
$session->query('COMMIT');
is( $session->query(
		q(INSERT INTO item VALUES (0); SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r LIMIT 3) s)
	),
	"0\n1\n2",
	'and one after it');
$session->close;

my @complaints = grep { /\b(WARNING|PANIC|TRAP|LOG:  server process)\b/ }
  map { split /\n/, slurp_file($_->logfile) } $primary, $standby;
is_deeply(\@complaints, [], 'the servers had nothing to complain of');
$standby->stop;
$primary->stop;
done_testing();

# One value for the rows of a query of one column, in their order
sub digest
{
	my ($walker, $query) = @_;
	return $walker->query(
		"SELECT count(*), md5(string_agg(r::text, ' ')) FROM ($query OFFSET 0) s(r)"
	);
}
