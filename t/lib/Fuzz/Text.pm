
=pod

=head1 NAME

Fuzz::Text - random texts for the arguments of the extension's functions

=head1 SYNOPSIS

  hostility(30);                     # of 100 choices from here on
  my $list = string_of('order_by');

=head1 DESCRIPTION

Pieces of SQL for the arguments that take them, from a small grammar, with what
does not belong there in as many places as the hostility says; and names, modes
and so on for the others.

=cut

package Fuzz::Text;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
our @EXPORT = qw(@relations hostility hostile string_of);

# Of 100 choices, how many are hostile.
my $hostility = 0;

# Relations to read; the first four suit every text without hostility.
our @relations = (
	qw(item item item composite gone odd empty parted parent seen bad barrier
	  filled unfilled unlogged elsewhere sealed secret deferred unparted sink),
	qw(pg_class pg_catalog.pg_stat_activity information_schema.columns));

my @columns = qw(id a b n id a b item.id ctid);
my @odd_columns = (
	'"quo""te; --"', '"select"', 'd', 'j',
	'p', 'arr', 'ts', 'r',
	'pt', 'nosuch', 'tableoid', 'xmin',
	'item', 'item.*', '*', '(p).a',
	'arr[1]', '"', '$1', '$$x$$',
	"\x{c4}");
my @noise = (
	'', ' ',
	';', '--',
	'/*', '/* */',
	')', '(',
	"'", '"',
	'$1', '\\',
	"\t\n", 'NULL',
	'1', '0',
	'-1', "'x'",
	'1e400', "E'\\xff'",
	"U&'\\D800'", '1; DROP TABLE item',
	') --', 'a LIMIT 1',
	'a FOR UPDATE', 'a UNION SELECT 1',
	'a INTO x', 'select',
	'from', 'order',
	'a AS b', 'a, ',
	', a', ':x',
	'%s %n', 'a; a',
	'a GROUP BY a', 'a HAVING true',
	'a OFFSET 1', 'ALL',
	'DEFAULT', 'CURRENT_USER',
	"b'1'", "\x{e4}\x{1f600}");

# Sets how hostile the next choices are, if it is given; returns it.
sub hostility
{
	my ($percent) = @_;

	$hostility = $percent if defined $percent;
	return $hostility;
}

# Whether the next choice is a hostile one
sub hostile
{
	return chance($hostility);
}

# A text for the argument of that name.
sub string_of
{
	my ($name) = @_;
	my %strings = (
		order_by => \&order_by,
		filter => \&condition,
		query => \&query,
		statement => \&statement,
		throttle_query => \&throttle_query,
		job => sub {
			hostile() || return 'j1';
			one_of(qw(j1 j2 j3), '', "it's", 'x' x 300, "a\nb", "\x{e4}",
				'%');
		},
		snapshot => sub {
			hostile() || return one_of(qw(statement chunk));
			one_of(qw(statement chunk chunk CHUNK), '', 'chunk ');
		},
		on_error => sub {
			hostile() || return one_of(qw(stop skip));
			one_of(qw(stop skip skip SKIP), '');
		},
		lock_rows => sub {
			hostile() || return one_of('FOR UPDATE', 'FOR SHARE SKIP LOCKED');
			one_of(
				'FOR UPDATE',
				'FOR UPDATE SKIP LOCKED',
				'FOR SHARE NOWAIT',
				'FOR KEY SHARE',
				'for update',
				'FOR UPDATE OF item',
				'FOR',
				'',
				'LIMIT 1',
				"FOR UPDATE\n",
				'FOR UPDATE; SELECT 1');
		});

	return one_of(@noise) if hostile() && chance(30);
	my $make = $strings{$name} // sub { one_of(@noise, @columns) };
	my $string = $make->();
	substr($string, int(rand(length($string) + 1)), between(0, 2)) =
	  one_of(@noise, @columns)
	  if hostile() && chance(20);
	return $string;
}

sub order_by
{
	return one_of(
		'id',
		'a, id',
		'b DESC, id',
		'a DESC NULLS LAST',
		'id DESC',
		'a + 1, b',
		"b COLLATE \"C\"") unless hostile();
	return join(
		', ',
		map {
			expression()
			  . weighted(
				60 => '',
				12 => ' DESC',
				8 => ' NULLS FIRST',
				8 => ' DESC NULLS LAST',
				4 => ' ASC',
				4 => ' USING <',
				4 => one_of(
					' USING =',
					' COLLATE "C"',
					' COLLATE "nosuch"',
					' COLLATE "C" DESC'))
		} 1 .. weighted(70 => 1, 20 => 2, 8 => 3, 2 => 40));
}

sub expression
{
	my $depth = shift // 0;
	my $column = hostile() ? one_of(@odd_columns) : one_of(@columns);

	return $column if $depth > 3 || !hostile() && chance(80);
	return weighted(
		30 => sub {
			'('
			  . expression($depth + 1)
			  . one_of(' + ', ' - ', ' * ', ' / ', ' % ', ' || ', ' -> ',
				' <-> ')
			  . expression($depth + 1) . ')';
		},
		15 => sub {
			one_of(
				'lower', 'abs',
				'lies', 'writes',
				'length', 'coalesce',
				'random', 'now',
				'count', 'row_number',
				'generate_series', 'sum',
				'row', 'array_length',
				'nextval', 'nosuch',
				'pg_sleep')
			  . '('
			  . expression($depth + 1) . ')';
		},
		10 => sub {
			'('
			  . expression($depth + 1) . ')::'
			  . one_of(
				qw(text integer positive item mood numeric record regclass float8 point "char" bit xml),
				'integer[]');
		},
		8 => sub {
			'(SELECT '
			  . expression($depth + 1)
			  . one_of('', ' FROM item LIMIT 1') . ')';
		},
		8 => sub {
			'CASE WHEN '
			  . condition($depth + 1)
			  . ' THEN '
			  . expression($depth + 1) . ' END';
		},
		8 => sub {
			"fails('"
			  . one_of(
				'22012', '23505', '40001', '57014',
				'42P01', 'P0001', 'F0000')
			  . "', "
			  . expression($depth + 1) . ')';
		},
		6 => sub {
			one_of(1, 2, 9, -1, "'x'", 'NULL', "'2020-01-01'::date", '1e308',
				"'NaN'::numeric", 'current_date', 'ARRAY[1]');
		},
		5 => sub {
			'ARRAY['
			  . expression($depth + 1) . ', '
			  . expression($depth + 1) . ']';
		},
		5 => sub {
			'('
			  . expression($depth + 1) . ', '
			  . expression($depth + 1) . ')';
		},
		5 => sub { 'count(*) OVER (ORDER BY ' . expression($depth + 1) . ')' }
	)->();
}

sub condition
{
	my $depth = shift // 0;

	return one_of(
		'a > 1',
		'id BETWEEN 3 AND 20',
		'b IS NOT NULL',
		"a = 2 OR b LIKE '%1'",
		'id % 2 = 0 AND a IN (1, 3)') unless hostile();
	return weighted(
		40 => sub {
			expression($depth + 1)
			  . one_of(' > ', ' < ', ' = ', ' <> ', ' <= ',
				' IS DISTINCT FROM ',
				' ~ ', ' LIKE ', ' OPERATOR(pg_catalog.=) ')
			  . expression($depth + 1);
		},
		15 => sub {
			expression($depth + 1)
			  . one_of(
				' IS NULL',
				' IS NOT NULL',
				' IN (1, 2, 3)',
				' BETWEEN 2 AND 9',
				' = ANY (ARRAY[1, 2])',
				' IS TRUE',
				' = ANY (SELECT 1)');
		},
		12 => sub {
			$depth > 3
			  ? 'true'
			  : '('
			  . condition($depth + 1)
			  . one_of(' AND ', ' OR ', ' AND NOT ')
			  . condition($depth + 1) . ')';
		},
		8 => sub {
			one_of(
				'true', 'false',
				'NULL', '1',
				"'t'", 'id',
				'item IS NULL', "id = 1 OR id",
				'random() < 0.5');
		},
		6 => sub {
			'EXISTS (SELECT FROM item AS i WHERE i.id = '
			  . expression($depth + 1) . ')';
		},
		5 => sub {
			one_of(
				'(SELECT count(*) FROM public.chunked_iter(NULL::item)) > 3',
				'public.chunked_iter_reset_queries() < 9',
				"public.chunked_iter_key(item) <> '{3}'");
		},
		4 => sub {
			one_of(
				'(id, a) > (3, 2)',
				'(id, a) IN (SELECT 1, 2)',
				'ROW(id, b) IS NOT NULL',
				'grouping(id) = 1',
				"id = \$1",
				'arr[1:2] = arr',
				"j ->> 'x' IS NULL");
		})->();
}

sub query
{
	return one_of(
		'SELECT id, a FROM item',
		'SELECT id, a FROM composite WHERE a > 1',
		'SELECT 1 AS id, 2 AS a',
		'TABLE parent;') unless hostile();
	return weighted(
		40 => sub {
			'SELECT id, a FROM '
			  . one_of(qw(item composite parted seen odd sealed))
			  . (chance(50) ? ' WHERE ' . condition() : '');
		},
		20 => sub {
			'SELECT '
			  . expression() . ', '
			  . expression()
			  . ' FROM '
			  . one_of(@relations);
		},
		40 => sub {
			one_of(
				'VALUES (1, 2), (3, NULL)',
				'TABLE item',
				'SELECT 1, 2;',
				'SELECT 1, 2; SELECT 3, 4',
				'INSERT INTO sink VALUES (1) RETURNING 1, 2',
				'WITH d AS (DELETE FROM sink RETURNING 1) SELECT 1, 2 FROM d',
				'SELECT id, a FROM item FOR UPDATE',
				'SELECT id, a INTO t FROM item',
				'SELECT id, a FROM item ORDER BY id LIMIT 5',
				'SELECT id, a FROM item -- x',
				'EXPLAIN SELECT 1',
				'SHOW work_mem',
				'SELECT $1, $2',
				'SELECT 1, 2 UNION ALL SELECT 3, 4',
				'SELECT a, count(*)::integer FROM item GROUP BY a',
				'SELECT DISTINCT ON (a) id, a FROM item',
				'SELECT * FROM public.chunked_iter(NULL::composite)',
				'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n, n FROM t',
				'CALL public.chunked_iter_work(1)',
				'SELECT generate_series(1, 3), writes(1)',
				'COMMIT',
				'SELECT',
				'SELECT 1',
				"SELECT fails('22012', id), a FROM item");
		})->();
}

sub statement
{
	return one_of(
		'INSERT INTO fuzz.sink SELECT id, a FROM chunk',
		'UPDATE fuzz.item SET n = n + 1 WHERE id BETWEEN $1 AND $2',
		'SELECT count(*) FROM chunk',
		'UPDATE fuzz.item SET n = n + 1 WHERE chunk_range(item)',
		'INSERT INTO fuzz.sink SELECT id, a FROM item AS i WHERE chunk_range(i)',
		'UPDATE fuzz.item AS i SET n = 0 FROM chunk AS c WHERE i.id = c.id',
		'SELECT $1, $2',
		'UPDATE fuzz.deferred SET a = a % 5',
		"SELECT fuzz.fails('22012', id) FROM chunk") unless hostile();
	return weighted(
		20 => sub { 'SELECT ' . expression() . ' FROM chunk AS item' },
		10 => sub {
			'INSERT INTO fuzz.sink SELECT '
			  . expression()
			  . ' FROM chunk WHERE '
			  . condition();
		},
		10 => sub {
			"SELECT fuzz.fails('"
			  . one_of(
				'22012', '23505', '40001', '40P01',
				'57014', '42P01', 'P0001', '55P03') . "', id) FROM chunk";
		},
		30 => sub {
			one_of(
				'COMMIT',
				'ROLLBACK',
				'BEGIN',
				'SAVEPOINT a',
				'DO $$BEGIN COMMIT; END$$',
				'DO $$BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END$$',
				"CALL public.chunked_iter_run('j1')",
				"CALL public.chunked_iter_run('j9', 'fuzz.item', 'SELECT 1')",
				';',
				'; ;',
				'SELECT 1; SELECT 2',
				'SELECT $99',
				"SET search_path = ''",
				'RESET ALL',
				'DISCARD ALL',
				'DISCARD TEMP',
				'LISTEN x',
				"COPY fuzz.sink TO STDOUT",
				'VACUUM',
				'CREATE TEMP TABLE x AS TABLE chunk',
				'CREATE TEMP TABLE chunk ()',
				'SET ROLE fuzz_member',
				'RESET ROLE',
				'SELECT pg_advisory_unlock_all()',
				'LOCK TABLE fuzz.item',
				'PREPARE q AS TABLE chunk',
				'DECLARE c CURSOR FOR TABLE chunk',
				'SET TRANSACTION READ ONLY',
				"SELECT public.chunked_iter_pause('j1')",
				"SELECT public.chunked_iter_cancel('j1')",
				"SELECT public.chunked_iter_forget('j1')",
				'SET CONSTRAINTS ALL DEFERRED',
				'NOTIFY x',
				'TABLE chunk',
				'TRUNCATE fuzz.sink',
				'DELETE FROM chunk',
				'UPDATE chunk SET id = 1',
				'UPDATE fuzz.item AS i SET n = 1 WHERE NOT chunk_range(i)',
				'UPDATE fuzz.item SET n = 1 WHERE chunk_range(item) OR true',
				'DELETE FROM fuzz.sink WHERE chunk_range(sink)',
				'SELECT chunk_range(chunk), chunk_range(item) FROM item, chunk',
				'SELECT chunk_range(), chunk_range(1), fuzz.chunk_range(item)',
				'SELECT chunk_range(',
				'UPDATE fuzz.item SET n = 1 WHERE id >= $2 AND id <= $1',
				'UPDATE fuzz.item SET n = 1 WHERE id = $1',
				'DELETE FROM fuzz.item AS i USING fuzz.gone AS g WHERE chunk_range(g) AND i.id = -g.id',
				'SELECT * FROM chunk FOR UPDATE',
				'EXPLAIN ANALYZE TABLE chunk',
				'SELECT public.chunked_iter_reset_queries()',
				'DELETE FROM public.chunked_iter_jobs',
				'UPDATE public.chunked_iter_job_ranges SET "position" = \'{x}\'',
				'WITH chunk AS (SELECT 1) TABLE chunk',
				'SELECT fuzz.writes(1)',
				'SELECT pg_sleep(0.01)',
				'MERGE INTO fuzz.item USING chunk ON false WHEN MATCHED THEN DO NOTHING',
				'SELECT set_config(\'work_mem\', \'64\', false)');
		})->();
}

sub throttle_query
{
	return one_of('SELECT false', 'SELECT 0') unless hostile();
	return one_of(
		'SELECT false',
		'SELECT 0',
		'SELECT false',
		'SELECT NULL',
		'SELECT',
		'SELECT true',
		'SELECT 1/0',
		"SELECT 'x'",
		'DELETE FROM fuzz.sink',
		'',
		';',
		'COMMIT',
		'SELECT 0; SELECT 0',
		'TABLE fuzz.item',
		"SELECT 'NaN'::float8",
		"SELECT '-infinity'::numeric",
		'SELECT random() < 0.1',
		'SELECT fuzz.writes(0)',
		'SELECT ARRAY[1]',
		'SHOW work_mem',
		'DO $$BEGIN COMMIT; END$$',
		'SELECT NULL::fuzz.item',
		'SELECT $1');
}

1;
