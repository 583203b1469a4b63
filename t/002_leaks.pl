
# Nothing is left of a walk, whatever ends it and how often.
#
# Walks are ended by a LIMIT, by CLOSE, by errors from within and from without,
# by cancels at every moment, thousands of times in one session.  Before and
# after, all of the session's memory contexts are added up; the difference is
# bounded by a fraction of a byte for each walk, and so is what the process holds.
# The server must not have had to warn of anything that was left behind.

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

my $node = PostgreSQL::Test::Cluster->new('leaks');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
log_statement = none
log_min_messages = warning
log_min_error_statement = panic
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, body text);
INSERT INTO item SELECT i, i % 3, 'x' FROM generate_series(1, 30) i;
CREATE INDEX ON item (grp DESC, id);
CREATE TABLE part (LIKE item, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (5);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (5) TO (100);
INSERT INTO part SELECT * FROM item;
CREATE INDEX ON part (grp, id);
CREATE VIEW shown AS SELECT * FROM item;
CREATE TABLE tied (k integer, body text);
INSERT INTO tied SELECT 1, repeat('x', 1000) FROM generate_series(1, 500) i;
CREATE INDEX ON tied (k);

CREATE FUNCTION cancel_at(id integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF id >= 5 THEN
		PERFORM pg_cancel_backend(pg_backend_pid());
		PERFORM pg_sleep(60);
	END IF;
	RETURN true;
END $$;

-- Walks in the middle of another one, some of which end early and one in an error
CREATE FUNCTION walk_at(id integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT chunked_iter(NULL::public.item, 2, filter => '1 / (id - 5) < 9') AS r LIMIT id) s) > 0;
END $$;

-- Run each statement in turn, so many in all, and say how they ended.
CREATE FUNCTION run(statements text[], times integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ends text[];
BEGIN
	FOR i IN 1..times LOOP
		BEGIN
			EXECUTE statements[i % array_length(statements, 1) + 1];
			ends := array_append(array_remove(ends, 'done'), 'done');
		EXCEPTION WHEN query_canceled OR OTHERS THEN
			ends := array_append(array_remove(ends, SQLSTATE), SQLSTATE);
		END;
	END LOOP;
	RETURN array_to_string(ends, ' ');
END $$;

-- The same through a cursor, of which three rows are fetched.
CREATE FUNCTION run_cursors(statements text[], times integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	row record;
BEGIN
	FOR i IN 1..times LOOP
		OPEN c FOR EXECUTE statements[i % array_length(statements, 1) + 1];
		FOR j IN 1..3 LOOP
			FETCH c INTO row;
		END LOOP;
		CLOSE c;
	END LOOP;
	RETURN 'done';
END $$;
SQL

# Walks of every kind.  Each has rows with an id below 5 and above.
my @walks = (
	q(NULL::item, 2),
	q(NULL::item, 2, snapshot => 'chunk'),
	q(NULL::item, 2, 'grp DESC', snapshot => 'chunk'),
	q(NULL::item, 2, 'ctid'),
	q(NULL::shown, 2, 'body, id', true),
	q(NULL::part, 2, 'grp, id'),
	q(NULL::part, 2, 'ctid', snapshot => 'chunk'));

check('a LIMIT', 'done', 'run', select_list('', 'LIMIT 3'));
check('a LIMIT in FROM',
	'done', 'run', map { "SELECT id FROM chunked_iter($_) LIMIT 3" } @walks);
check('its last row', 'done', 'run',         select_list(', upto => NULL'));
check('CLOSE',        'done', 'run_cursors', select_list());
check('an error in the filter',
	'22012', 'run', select_list(q(, filter => '1 / (id - 5) < 9')));
check('an error in a walk in the filter',
	'22012', 'run', select_list(q(, filter => 'walk_at(id)')));
check('an error of the consumer', '22012', 'run',
	map { "SELECT 1 / ((r).id - 5) FROM ($_) s" }
	  select_list('', 'OFFSET 0'));
check('an error in FROM',
	'22012', 'run',
	map { "SELECT 1 / (id - 5) FROM chunked_iter($_)" } @walks);
check(
	'an error before its first row',
	'42703',
	'run',
	map { "SELECT chunked_iter(NULL::item, $_)" } q(order_by => 'none'),
	q(filter => 'none > 3'),
	q(snapshot => 'chunk', filter => 'none > 3'));
check('a cancel', '57014', 'run',
	select_list(q(, filter => 'cancel_at(id)')));

check_temporary_files();
check_plans();
check_cancels();

my $log = slurp_file($node->logfile);
my @complaints =
  grep { /\b(WARNING|PANIC|TRAP|LOG:  server process)\b/ } split /\n/, $log;
is_deeply(\@complaints, [], 'the server had nothing to complain of');

$node->stop;
done_testing();

# The walks in the select list, with further arguments.
sub select_list
{
	my ($arguments, $end) = @_;
	return map {
			"SELECT chunked_iter($_"
		  . ($arguments // '')
		  . ') AS r '
		  . ($end // '')
	} @walks;
}

# Run the statements 10,000 times by a function, and expect all to end in the
# same way and to leave nothing behind.
sub check
{
	my ($what, $end, $function, @statements) = @_;
	my $session = Session->new($node);
	my $array =
	  'ARRAY[' . join(',', map { "\$q\$$_\$q\$" } @statements) . ']';

	$session->query('SET client_min_messages = error');
	# Caches fill up first.
	for (1 .. 2)
	{
		$session->query("SELECT $function($array, 500)");
		state($session);
	}
	my @before = state($session);
	is($session->query("SELECT $function($array, 10000)"),
		$end, "10,000 walks ended by $what");
	compare_states($what, \@before, [ state($session) ]);
	is( $session->query(
			q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'chunked_iter %' AND name NOT IN ('chunked_iter plan', 'chunked_iter resolved', 'chunked_iter settings'))
		),
		0,
		"no walk is left after $what");
	cmp_ok(plans($session), '<=', 256, "few plans after $what");
	cmp_ok(kept($session, 'resolved'),
		'<=', 32, "few walks are kept after $what");
	$session->close;
	return;
}

# Bytes in all of the session's contexts, and kB of the process
sub state
{
	my ($session) = @_;
	my $bytes = $session->query(
		'SELECT sum(used_bytes) FROM pg_backend_memory_contexts');
	return ($bytes, $session->memory);
}

sub compare_states
{
	my ($what, $before, $after) = @_;
	my $bytes     = $after->[0] - $before->[0];
	my $kilobytes = $after->[1] - $before->[1];

	note(
		"after $what: $bytes bytes in contexts, $kilobytes kB of the process more"
	);
	cmp_ok($bytes,     '<', 8192, "memory contexts after $what");
	cmp_ok($kilobytes, '<', 512,  "memory of the process after $what");
	return;
}

sub plans
{
	my ($session) = @_;
	return kept($session, 'plan');
}

# How many the session keeps of something
sub kept
{
	my ($session, $what) = @_;
	return $session->query(
		"SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'chunked_iter $what'"
	);
}

# Ties that exceed a chunk's memory are in a temporary file when their walk ends.
sub check_temporary_files
{
	my $session = Session->new($node);
	my $walk    = q(SELECT chunked_iter(NULL::tied, 10, 'k') AS r);

	$session->query(
		q(SET work_mem = '64kB'; SET chunked_iter.chunk_memory = '64kB'; SET log_temp_files = -1)
	);
	for my $case (
		[ 'a LIMIT', 'done', "$walk LIMIT 300" ],
		[
			'an error',
			'22012',
			"SELECT 1 / (300 - row_number() OVER ()) FROM ($walk OFFSET 0) s"
		],
		[
			'a cancel',
			'57014',
			"SELECT cancel_at((row_number() OVER () - 200)::integer) FROM ($walk OFFSET 0) s"
		])
	{
		my ($what, $end, $statement) = @$case;
		my $run = "run(ARRAY[\$q\$$statement\$q\$], 200)";

		# In one transaction, whose end would take everything away.
		my ($ended, $files) = split /\|/,
		  $session->query(
			"SELECT run, (SELECT count(*) FROM pg_ls_tmpdir() WHERE run <> '') FROM $run OFFSET 0"
		  );
		is($ended, $end, "200 walks over a temporary file ended by $what");
		is($files, 0,    'no temporary file is left of them');
	}
	$session->close;
	return;
}

# A session keeps few plans, however many walks differ, and however many of
# them are under way at once.
sub check_plans
{
	my $session = Session->new($node);
	my $sources =
	  q(SELECT count(*) FROM pg_backend_memory_contexts WHERE ident LIKE '%chunked%' OR ident LIKE 'SELECT leaf%');

	$session->query(<<'SQL');
SET client_min_messages = error;
DO $$
BEGIN
	FOR i IN 1..1000 LOOP
		EXECUTE format('CREATE TABLE leaf_%s (id integer PRIMARY KEY)', i);
		EXECUTE format('INSERT INTO leaf_%s SELECT * FROM generate_series(1, 5)', i);
		COMMIT;
	END LOOP;
END $$;
SQL
	is( $session->query(
			<<'SQL'), '2000', 'walks of 1,000 tables, with 2,000 filters');
CREATE FUNCTION pg_temp.walk_all() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	walks bigint := 0;
	rows bigint;
BEGIN
	FOR i IN 1..1000 LOOP
		FOR j IN 0..1 LOOP
			EXECUTE format('SELECT count(*) FROM (SELECT chunked_iter(NULL::leaf_%s, 2, filter => ''id > %s'') OFFSET 0) s', i, j) INTO rows;
			walks := walks + (rows = 5 - j)::integer;
		END LOOP;
	END LOOP;
	RETURN walks;
END $$;
SELECT pg_temp.walk_all();
SQL
	cmp_ok(plans($session), '<=', 256, 'few of their plans are kept');
	cmp_ok($session->query($sources), '<=', 256 * 3, 'nor more by the server');

	# Each walk's filter begins another one, under another filter, 80 deep.
	is($session->query(<<'SQL'), '1|5', '80 walks at once');
CREATE FUNCTION deeper(depth integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN depth = 0 OR (SELECT count(*) = 1
		FROM (SELECT chunked_iter(NULL::leaf_1, 2, filter => format('id = 1 AND public.deeper(%s)', depth - 1)) OFFSET 0) s);
END $$;
SET max_stack_depth = '6MB';
SELECT (SELECT count(*) FROM (SELECT chunked_iter(NULL::leaf_1, 2, filter => 'id = 1 AND deeper(79)') OFFSET 0) s),
	   (SELECT count(*) FROM (SELECT chunked_iter(NULL::leaf_1, 2) OFFSET 0) s)
SQL
	$session->query('SELECT chunked_iter(NULL::leaf_2)');
	cmp_ok(plans($session), '<=', 256, 'few of their plans are kept');

	# The planner computes the filter's bound, in which other walks push out all
	# plans but those in use: the one that is being made must not be among them.
	is( $session->query(
			<<'SQL'), 'all right', 'walks while the plan of a walk is made');
CREATE TABLE wide (id integer PRIMARY KEY);
INSERT INTO wide SELECT * FROM generate_series(1, 200);
CREATE FUNCTION walk_above(bound text) RETURNS bigint LANGUAGE plpgsql AS
$$BEGIN RETURN (SELECT count(*) FROM (SELECT chunked_iter(NULL::wide, filter => 'id > ' || bound) OFFSET 0) s); END$$;
CREATE FUNCTION busy(bound integer, walks integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..walks LOOP
		PERFORM chunked_iter(NULL::wide, filter => 'id > ' || i) LIMIT 1;
	END LOOP;
	RETURN bound;
END $$;
CREATE FUNCTION pg_temp.walk_all(walks integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF walk_above(format('busy(150, %s)', walks)) <> 50 THEN
		RETURN walks || ': the walk itself';
	END IF;
	FOR i IN REVERSE walks..walks - 60 LOOP
		IF walk_above(i::text) <> 200 - i THEN
			RETURN walks || ': another walk, ' || i;
		END IF;
	END LOOP;
	RETURN 'all right';
END $$;
SELECT string_agg(DISTINCT pg_temp.walk_all(walks), ', ') FROM generate_series(61, 70) AS walks;
SQL
	$session->close;
	return;
}

# Cancelled by a timeout, outside of any function, after 1 to 30 ms: while the
# walk plans, reads, sorts, or hands out rows.
sub check_cancels
{
	my $session = Session->new($node);
	my $cancel  = sub {
		my ($times) = @_;
		return $session->reports(
			join '',
			map {
				my $walk = $walks[ $_ % @walks ];
				"SET statement_timeout = @{[ 1 + $_ % 30 ]};\n"
				  . "SELECT count(*) FROM generate_series(1, 1000000) i, LATERAL (SELECT chunked_iter($walk, filter => format('id > %s', i % 100 - 100))) s;\n"
			} 1 .. $times) . $session->reports('RESET statement_timeout');
	};

	$cancel->(30);
	state($session);
	my @before = state($session);
	my @errors = $cancel->(300) =~ /ERROR:  (\w+)/g;
	# So may the SET in between, on a busy machine.
	cmp_ok(scalar(@errors), '>=', 300, '300 walks ended by a timeout');
	is(join(' ', grep { $_ ne '57014' } @errors), '', 'and by nothing else');
	compare_states('a timeout', \@before, [ state($session) ]);
	cmp_ok(plans($session), '<=', 256, 'few plans after a timeout');
	$session->close;
	return;
}
