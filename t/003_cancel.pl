
# A walk can be stopped at every moment, in every way, and takes nothing with it.
#
# Walks are stopped by a timeout, by a cancel, by the end of their backend, of
# their client and of the server: while they read a chunk, while they look for
# their end, sort, or keep ties in a temporary file, and between two chunks.
# Each stop has the SQLSTATE that the server gives it for any query, what was
# committed is there, other sessions go on, and no file is left.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
log_statement = none
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, body text);
INSERT INTO item SELECT i, md5(i::text) FROM generate_series(1, 100000) i;
CREATE TABLE tied (k integer, body text);
INSERT INTO tied SELECT 1, repeat('x', 1000) FROM generate_series(1, 20000) i;
CREATE INDEX ON tied (k);
CREATE TABLE walked (id integer);

CREATE FUNCTION sleep_at(id integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF id = 5 THEN
		PERFORM pg_sleep(600);
	END IF;
	RETURN true;
END $$;
SQL

# Where a walk is when it is stopped.  Each of these goes on for many minutes.
my $often = 'generate_series(1, 1000000) AS i';
my %walks = (
	'while it reads a chunk' =>
	  q(SELECT chunked_iter(NULL::item, 2, filter => 'sleep_at(id)')),
	'while it looks for its end' =>
	  q(SELECT chunked_iter(NULL::item, 2, filter => 'sleep_at(id)', upto => '{5}', snapshot => 'chunk')),
	'in physical order' =>
	  q(SELECT chunked_iter(NULL::item, 2, 'ctid', filter => 'sleep_at(id)')),
	'in FROM' =>
	  q(SELECT * FROM chunked_iter(NULL::item, 2, filter => 'sleep_at(id)') LIMIT 10),
	'while it finds no row' =>
	  qq(SELECT count(*) FROM $often, LATERAL (SELECT chunked_iter(NULL::item, filter => 'body = ''' || i % 10 || '''')) s),
	'while it sorts' =>
	  qq(SELECT count(*) FROM $often, LATERAL (SELECT chunked_iter(NULL::item, 1 + i % 10, 'body') LIMIT 1) s),
	'over ties in a temporary file' =>
	  qq(SELECT count(*) FROM $often, LATERAL (SELECT chunked_iter(NULL::tied, 1 + i % 10, 'k')) s),
	'while it hands out rows' =>
	  qq(SELECT count(*) FROM $often, LATERAL (SELECT chunked_iter(NULL::item, 10000 + i % 10)) s),
	'while its rows are worked on' =>
	  q(SELECT pg_sleep(600) FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s)
);

# A walk that all the others leave alone
my $bystander = Session->new($node);
$bystander->query(
	q(BEGIN; DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 7, snapshot => 'chunk') AS r OFFSET 0) s; MOVE 10 IN c)
);

for my $where (sort keys %walks)
{
	my $walk    = $walks{$where};
	my $session = Session->new($node);
	$session->query(
		q(SET client_min_messages = error; SET work_mem = '64kB'; SET chunked_iter.chunk_memory = '64kB')
	);

	# What the transaction did before stays in a savepoint's keeping.
	$session->query('BEGIN; INSERT INTO walked VALUES (1); SAVEPOINT one');
	like(
		$session->reports("SET LOCAL statement_timeout = '200ms'; $walk"),
		qr/ERROR:  57014: canceling statement due to statement timeout/,
		"a timeout $where");
	is($session->query('ROLLBACK TO one; ' . count()),
		'100000', "a walk after it, a timeout $where");
	$session->query('COMMIT');

	start_and_wait($session, $walk);
	is( $node->safe_psql(
			'postgres', "SELECT pg_cancel_backend(@{[ $session->pid ]})"),
		't', 'sent');
	$session->answer;
	like(
		$session->reported,
		qr/ERROR:  57014: canceling statement due to user request/,
		"a cancel $where");
	is($session->query(count()), '100000',
		"a walk after it, a cancel $where");

	start_and_wait($session, $walk);
	is( $node->safe_psql(
			'postgres',
			"SELECT pg_terminate_backend(@{[ $session->pid ]}, 60000)"),
		't', 'sent');
	$session->answer;
	like(
		$session->reported,
		qr/FATAL:  57P01: terminating connection due to administrator command/,
		"a termination $where");
	$session->close;
}
is( $node->safe_psql('postgres', 'SELECT count(*) FROM walked'),
	scalar keys %walks,
	'what was done before each timeout');

# Between two chunks, when the session has nothing to do.
my $session = Session->new($node);
$session->query(
	q(INSERT INTO walked VALUES (2); BEGIN; INSERT INTO walked VALUES (3);
	DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s; MOVE 10 IN c)
);
is( $node->safe_psql(
		'postgres',
		"SELECT pg_terminate_backend(@{[ $session->pid ]}, 60000)"),
	't', 'sent');
like(
	$session->reports('FETCH 1 FROM c'),
	qr/FATAL:  57P01/,
	'a termination between two chunks');
$session->close;
is( $node->safe_psql(
		'postgres', 'SELECT string_agg(DISTINCT id::text, \',\') FROM walked'
	),
	'1,2',
	'what was committed is there');

$session = Session->new($node);
$session->query(
	q(BEGIN; DECLARE c CURSOR FOR SELECT (r).id FROM (SELECT chunked_iter(NULL::item, 2) AS r OFFSET 0) s; MOVE 10 IN c;
	SET LOCAL idle_in_transaction_session_timeout = '10ms')
);
$node->poll_query_until('postgres',
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = @{[ $session->pid ]}"
);
like(
	$session->reports('FETCH 1 FROM c'),
	qr/FATAL:  25P03/,
	'a timeout between two chunks');
$session->close;

is($bystander->query('FETCH 1 FROM c; MOVE 99988 IN c; FETCH ALL FROM c'),
	"11\n100000", 'another walk has gone on meanwhile');
$bystander->query('COMMIT');

# A walk that waits for its table.
my $locker = Session->new($node);
$locker->query('BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE');
$session = Session->new($node);
like(
	$session->reports("SET lock_timeout = '100ms'; " . count()),
	qr/ERROR:  55P03/,
	'a lock timeout');
$locker->query('COMMIT');
is($session->query(count()), '100000', 'a walk after it');
$locker->close;

# The client goes away, and nobody wants the rows.
$node->safe_psql('postgres',
	q(ALTER SYSTEM SET client_connection_check_interval = '100ms'; SELECT pg_reload_conf())
);
my $gone = Session->new($node);
start_and_wait($gone, $walks{'while it hands out rows'});
$gone->kill;
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = @{[ $gone->pid ]}"
	),
	'a walk ends with its client');

is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'),
	0, 'no temporary file is left');
is( $node->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_locks WHERE relation = 'item'::regclass"),
	0,
	'no lock is left');

# The server is shut down.
start_and_wait($session, $walks{'over ties in a temporary file'});
$node->stop('fast');
$session->answer;
like($session->reported, qr/FATAL:  57P01/, 'a shutdown');
$session->close;
$bystander->close;

my @complaints = grep {
	/\b(WARNING|PANIC|TRAP|LOG:  server process)\b/
	  && !/no index gives the order/
  }
  split /\n/, slurp_file($node->logfile);
is_deeply(\@complaints, [], 'the server had nothing to complain of');

$node->start;
is($node->safe_psql('postgres', count()), '100000', 'a walk after a restart');
$node->stop;
done_testing();

sub count
{
	return
	  'SELECT count(*) FROM (SELECT chunked_iter(NULL::item) OFFSET 0) s';
}

# Start a walk and wait until its session is at work, or asleep in it.
sub start_and_wait
{
	my ($walker, $walk) = @_;

	$walker->start($walk);
	$node->poll_query_until('postgres',
		<<"SQL") or die 'the walk did not start';
SELECT state = 'active' AND query LIKE '%chunked_iter%' AND now() - query_start > interval '100 ms'
FROM pg_stat_activity WHERE pid = @{[ $walker->pid ]}
SQL
	return;
}
