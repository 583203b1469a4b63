
# What the query log takes, and that a session's statements get into it.
#
# Memory is looked at from three sides: what the log says of itself, what the
# server says of its memory context, and the anonymous memory of the backend.
# Without limits it grows in a straight line; with limits it stays; a reset
# gives it back; and switched off it takes nothing.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my $node = PostgreSQL::Test::Cluster->new('query_log');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 100000);
VACUUM ANALYZE item;
SQL

# One row a chunk: as many queries as asked for.
sub walk
{
	my ($rows) = @_;
	return
	  "SELECT count(*) FROM chunked_iter(NULL::item, 1, upto => ARRAY['$rows']) AS i";
}

my $size =
  'SELECT queries, memory_bytes, evicted FROM chunked_iter_query_log_growth() ORDER BY queries DESC, memory_bytes DESC LIMIT 1';
my $context =
  q(SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name = 'chunked_iter query log');

grows_without_limits();
stays_within_limits();
nothing_when_off();
reads_without_a_copy();
statements_by_protocol();
chains_with_others();
survives_shortage();

$node->stop;
done_testing();

sub grows_without_limits
{
	my $session = Session->new($node);
	my (@queries, @memory);

	$session->query(
		"SELECT chunked_iter_reset_queries(); SET chunked_iter.queries_limit = -1; SET chunked_iter.queries_memory = -1"
	);
	$session->query(walk(1000));
	my $rss = Session->measures_memory ? $session->memory : undef;
	is($session->query($size), '0|0|0', 'empty at the start');

	$session->query('SET chunked_iter.debug = on');
	for (1 .. 20)
	{
		$session->query(walk(5000));
		my ($queries, $memory) = split /\|/, $session->query($size);
		push @queries, $queries;
		push @memory, $memory;
		is($session->query($context), $memory,
			'the memory context has what the log says');
	}
	cmp_ok($queries[-1], '>=', 100_000, 'all queries are counted');
	is($session->query('SELECT count(*) FROM chunked_iter_queries()'),
		$queries[-1], 'and kept');

	cmp_ok(r_squared(\@queries, \@memory),
		'>', 0.99, 'memory over queries is a straight line');
	my @each = sort { $a <=> $b } map { $memory[$_] / $queries[$_] } 0 .. 19;
	note("$each[0] to $each[-1] bytes a query");
	cmp_ok($each[-1], '<', 1.02 * $each[0],
		'as many bytes a query at the end as at the beginning');

	my @growth = split /\n/, $session->query(
		'SELECT queries FROM chunked_iter_query_log_growth()');
	is("@growth", join(' ', (map { 2**$_ } 0 .. 16), $queries[-1]),
		'a row for each doubling, and one for now');

	my $full = Session->measures_memory ? $session->memory : undef;
	$session->query('SET chunked_iter.debug = off');
	is($session->query('SELECT chunked_iter_reset_queries()'),
		$queries[-1], 'a reset drops them all');
	is($session->query($size),    '0|0|0', 'and gives all memory back');
	is($session->query($context), '0',     'with its context');
  SKIP:
	{
		skip 'no RssAnon here', 2 unless defined $rss;
		cmp_ok(($full - $rss) * 1024,
			'>', 0.9 * $memory[-1], 'the process had grown by that');
		cmp_ok(($session->memory - $rss) * 1024,
			'<', 0.2 * $memory[-1], 'and is small again');
	}
	$session->close;
	return;
}

# With the limits there are, and with either by itself.
sub stays_within_limits
{
	my @limits = (
		[ 'entries', 'chunked_iter.queries_limit = 2000' ],
		[
			'bytes',
			"chunked_iter.queries_memory = '256kB'; SET chunked_iter.queries_limit = -1"
		],
		[ 'both as they are', "chunked_iter.debug = on" ]);

	for my $limit (@limits)
	{
		my ($name, $setting) = @$limit;
		my $session = Session->new($node);
		my @memory;

		$session->query(
			"SELECT chunked_iter_reset_queries(); SET $setting; SET chunked_iter.debug = on; SET client_min_messages = error"
		);
		for (1 .. 5)
		{
			$session->query(walk(12_000));
			my ($queries, $bytes, $evicted) =
			  split /\|/, $session->query($size);
			push @memory, $bytes;
			cmp_ok($evicted, '>', 0, "$name: entries are dropped");
			is($session->query($context), $bytes, 'the true size');
			cmp_ok($bytes, '<=', (256 + 17) * 1024, 'within the limit')
			  if $name eq 'bytes';
		}
		@memory = sort { $a <=> $b } @memory;
		note("limit of $name: $memory[0] to $memory[-1] bytes");
		cmp_ok($memory[-1] - $memory[0],
			'<=', 2 * 8192, "$name: flat but for the pages at both ends");
		$session->close;
	}
	return;
}

sub nothing_when_off
{
  SKIP:
	{
		skip 'no RssAnon here', 1 unless Session->measures_memory;
		my $session = Session->new($node);

		$session->query(walk(5000));
		my $before = $session->memory;
		$session->query(walk(50_000));
		cmp_ok($session->memory - $before,
			'<', 512, 'walks leave nothing in a session that logs nothing');
		is($session->query($context), '0', 'nor is there a context');
		$session->close;
	}
	return;
}

# 100,000 entries of a kilobyte are 100 MB; a reader that copied them would
# need as much again.
sub reads_without_a_copy
{
  SKIP:
	{
		skip 'no RssAnon here', 2 unless Session->measures_memory;
		my $session = Session->new($node);

		$session->query(
			"SET work_mem = '1MB'; SELECT chunked_iter_reset_queries(); SET chunked_iter.queries_limit = -1; SET chunked_iter.queries_memory = -1"
		);
		$session->query(
			"SET chunked_iter.debug = on; SELECT count(*) FROM chunked_iter(NULL::item, 1, filter => quote_literal(repeat('x', 1000)) || ' <> ''''')"
		);
		$session->query('SET chunked_iter.debug = off');
		my $before = $session->memory;
		cmp_ok($before, '>', 100 * 1000, 'a log of 100 MB');
		$session->start(
			"SELECT count(*), sum(length(sql)) > 1e8 FROM chunked_iter_queries()"
		);
		my $peak = $session->peak;
		is($session->answer, '100001|t', 'is read');
		cmp_ok($peak - $before, '<', 8 * 1024, 'in little memory from FROM');
		$session->start(
			"SELECT count(*), sum(length((q).sql)) > 1e8 FROM (SELECT chunked_iter_queries() AS q OFFSET 0) s"
		);
		$peak = $session->peak;
		is($session->answer, '100001|t', 'is read again');
		cmp_ok($peak - $before, '<', 4 * 1024, 'and in the select list');
		$session->close;
	}
	return;
}

# Statements as drivers send them: with parameters, prepared or not.
sub statements_by_protocol
{
	my $script = "$PostgreSQL::Test::Utils::tmp_check/statements.sql";

	$node->safe_psql('postgres',
		'CREATE TABLE seen (mode text, query_no bigint, sql text, rows bigint)'
	);
	$node->safe_psql('postgres', <<'SQL');
ALTER DATABASE postgres SET session_preload_libraries = 'chunked_iter';
ALTER DATABASE postgres SET chunked_iter.debug = 'all';
SQL
	append_to_file($script, <<'SCRIPT');
\set value 471100 + 1
SELECT id FROM item WHERE id < :value ORDER BY id LIMIT 3;
UPDATE item SET id = id WHERE id IN (1, 2) OR id = :value;
INSERT INTO seen SELECT :mode, query_no, sql, rows FROM chunked_iter_queries();
SCRIPT
	for my $mode (qw(simple extended prepared))
	{
		$node->command_ok(
			[
				'pgbench', '-n', '-t', '1', '-M', $mode, '-D',
				"mode='$mode'", '-f', $script,
				$node->connstr('postgres')
			],
			"pgbench -M $mode");
		my $value = $mode eq 'simple' ? '471101' : '$1';
		is( $node->safe_psql(
				'postgres',
				"SELECT sql, rows FROM seen WHERE sql ~ 'item' AND mode ~ '$mode' ORDER BY query_no",
			),
			"SELECT id FROM item WHERE id < $value ORDER BY id LIMIT 3|3\n"
			  . "UPDATE item SET id = id WHERE id IN (1, 2) OR id = $value|2",
			"statements and rows, from the first on: $mode");
	}
	is( $node->safe_psql('postgres',
			"SELECT count(*) FROM seen WHERE mode !~ 'simple' AND sql ~ '4711'"
		),
		'0',
		'values of parameters are not there');
	$node->safe_psql('postgres', <<'SQL');
ALTER DATABASE postgres RESET ALL;
DROP TABLE seen;
SQL
	return;
}

# Other extensions use the same hooks; each sees every statement, whoever
# comes first.
sub chains_with_others
{
	my %there =
	  map { $_ => -e pkglibdir() . "/$_.so" }
	  qw(pg_stat_statements auto_explain);

  SKIP:
	{
		skip 'pg_stat_statements and auto_explain are not installed', 8
		  unless $there{pg_stat_statements} && $there{auto_explain};
		for my $libraries (
			'pg_stat_statements, auto_explain, chunked_iter',
			'chunked_iter, auto_explain, pg_stat_statements')
		{
			$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = '$libraries'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
pg_stat_statements.track = all
CONF
			$node->restart;
			my $log_start = -s $node->logfile;
			my $session = Session->new($node);

			$session->query(
				'CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()'
			);
			$session->query("SET chunked_iter.debug = 'all'");
			$session->query('SELECT count(*) AS top FROM chunked_iter(NULL::item, 60000)');
			$session->query('CREATE TABLE made AS SELECT 1 AS one');
			$session->query('DROP TABLE made');
			is( $session->query(
					"SELECT sql FROM chunked_iter_queries() WHERE sql !~ 'FROM public.item'"
				),
				"SELECT count(*) AS top FROM chunked_iter(NULL::item, 60000)\n"
				  . "CREATE TABLE made AS SELECT 1 AS one\nDROP TABLE made",
				"the log sees each statement: $libraries");
			is( $session->query(
					q(SELECT count(*) FILTER (WHERE query ~ 'AS top'), count(*) FILTER (WHERE query ~ 'public.item'),
						 count(*) FILTER (WHERE query ~ 'CREATE TABLE made' AND toplevel), count(*) FILTER (WHERE query ~ 'DROP TABLE made')
					  FROM pg_stat_statements)),
				'1|2|1|1',
				'and so does pg_stat_statements');
			$session->close;
			my $log = slurp_file($node->logfile, $log_start);
			like($log, qr/Query Text: SELECT count\(\*\) AS top/,
				'and auto_explain');
			like($log, qr/Query Text: SELECT item.id/,
				'that of a walk, too');
		}
	}
	return;
}

# Where the server keeps its libraries
sub pkglibdir
{
	my ($out) = run_command([ 'pg_config', '--pkglibdir' ]);
	return $out;
}

# The square of the correlation of two lists of numbers
sub r_squared
{
	my ($x, $y) = @_;
	my $n = @$x;
	my ($sx, $sy, $sxx, $syy, $sxy) = (0) x 5;

	for my $i (0 .. $n - 1)
	{
		$sx += $x->[$i];
		$sy += $y->[$i];
		$sxx += $x->[$i]**2;
		$syy += $y->[$i]**2;
		$sxy += $x->[$i] * $y->[$i];
	}
	return ($n * $sxy - $sx * $sy)**2 /
	  (($n * $sxx - $sx**2) * ($n * $syy - $sy**2));
}

# When the log has taken all memory that the process may have, an entry gives
# way and the session goes on: the statements fail meanwhile, and are logged in
# the middle of their errors.
sub survives_shortage
{
	my $session = Session->new($node);
	my $pid = $session->pid;
	my $size_of = "ps -o vsz= -p $pid";
	my $statements = 30;
	my $strange = 0;

	$session->query(
		"LOAD 'chunked_iter'; SET chunked_iter.queries_memory = -1; SET chunked_iter.debug = 'all'"
	);
	$session->query('SELECT chunked_iter_reset_queries()');
	my $limit = (`$size_of` + 64 * 1024) * 1024;
  SKIP:
	{
		skip 'no prlimit here', 3
		  if system("prlimit --pid $pid --as=$limit: >/dev/null 2>&1") != 0;
		for my $i (1 .. $statements)
		{
			my $report = $session->reports(
				'SELECT 1 / 0 /* ' . 'x' x 4_000_000 . ' */');
			$strange++ unless $report =~ /ERROR:  (22012|53200): /;
		}
		is($strange, 0,
			'without memory, statements fail with their own errors');
		system("prlimit --pid $pid --as=unlimited: >/dev/null 2>&1");
		my ($queries, $memory, $evicted) =
		  split /\|/, $session->query($size);
		is($queries, $statements + 1, 'each is counted');
		cmp_ok($evicted, '>', 5, 'some had to go');
	}
	$session->close;
	return;
}
