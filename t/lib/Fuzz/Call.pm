
=pod

=head1 NAME

Fuzz::Call - random calls of the extension's functions and procedures

=head1 SYNOPSIS

  my $call = random_call(@signatures);
  print join "\n", @{ $call->{lines} };    # psql input

=head1 DESCRIPTION

A signature is a hash of name, kind ('f' or 'p'), returns (the result's type,
'SETOF record' and so on) and arguments, each with name, type and whether it has
a default.  A call has an argument for each, by its name or, for one that is not
known here, by its type.  How many of the values, and of what is in them, make
no sense is thrown for each call: none in some, so that they go far.

=cut

package Fuzz::Call;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
our @EXPORT = qw(random_call);

# Of 100 choices in the call at hand, how many are hostile.
my $hostility = 0;

# Arguments that a call needs, whatever their default.
my %needed = map { $_ => 1 } qw(rel statement order_by job query);

my @relations = (
	qw(item item item composite gone odd empty parted parent seen bad barrier
	  filled unfilled unlogged elsewhere sealed secret deferred unparted sink),
	qw(pg_class pg_catalog.pg_stat_activity information_schema.columns));
my @no_relations = (
	'NULL', 'NULL::record', 'NULL::integer', "'x'::text", 'ROW(1, 2)', 'NULL::pair', 'NULL::mood',
	'NULL::positive', 'NULL::item[]', "'item'::regclass", '1.5', 'now()', 'NULL::pg_type[]',
	'(SELECT i FROM item AS i WHERE false)', "'(1,2,3,4)'::item", "'{}'::jsonb");
my @classes = (
	"'item'", "'item'", "'item'", "'composite'", "'gone'", "'odd'", "'parted'", "'seen'",
	"'barrier'", "'filled'", "'unfilled'", "'unlogged'", "'sealed'", "'deferred'", "'parent'");
my @no_classes = (
	'NULL', "'elsewhere'", "'secret'", "'empty'", "'item_pkey'", "'numbers'", "'pair'", "'nosuch'",
	'0::oid', '4294967295::oid', "'-1'", "''", "'pg_class'", "'pg_toast.pg_toast_1255'", "'bad'",
	"'unparted'", "'a.b.c.d'", "'chunked_iter_jobs'", "'pg_catalog.pg_locks'");

my @columns = qw(id a b n id a b item.id ctid);
my @odd_columns = ('"quo""te; --"', '"select"', 'd', 'j', 'p', 'arr', 'ts', 'r', 'pt', 'nosuch',
	'tableoid', 'xmin', 'item', 'item.*', '*', '(p).a', 'arr[1]', '"', '$1', '$$x$$', 'Ä');
my @noise = (
	'', ' ', ';', '--', '/*', '/* */', ')', '(', "'", '"', '$1', '\\', "\t\n", 'NULL', '1', '0', '-1',
	"'x'", '1e400', "E'\\xff'", "U&'\\D800'", '1; DROP TABLE item', ') --', 'a LIMIT 1', 'a FOR UPDATE',
	'a UNION SELECT 1', 'a INTO x', 'select', 'from', 'order', 'a AS b', 'a, ', ', a', ':x', '%s %n',
	'a; a', 'a GROUP BY a', 'a HAVING true', 'a OFFSET 1', 'ALL', 'DEFAULT', 'CURRENT_USER', "b'1'",
	"\x{e4}\x{1f600}");

# A call of one of the functions, in surroundings that are not always usual.
sub random_call
{
	my $signature = one_of(@_, grep { @{ $_->{arguments} } > 6 } @_);
	$hostility = weighted(50 => 0, 30 => 8, 20 => 30);
	my $sql = call_sql($signature);
	my @lines = job_before($signature);

	push @lines, settings();
	push @lines, $signature->{kind} eq 'p' ? around_call("CALL $sql") : around_query($signature, $sql);
	return { name => $signature->{name}, lines => \@lines };
}

# A job for a call that is about one, sometimes.
sub job_before
{
	my ($signature) = @_;

	return () if chance(30) || !grep { $_->{name} eq 'job' } @{ $signature->{arguments} };
	return () if $signature->{name} =~ /run|start/ && chance(80);
	return "CALL public.chunked_iter_run('j1', 'item', 'SELECT count(*) FROM chunk', chunk_size => 5, max_chunks => "
	  . one_of(1, 2, 100) . ', parts => ' . one_of(1, 3) . ');';
}

# Settings of the session, or another role in it.
sub settings
{
	return () if chance($hostility ? 40 : 75);
	return map { "$_;" } some_of(
		between(1, 3),
		'SET chunked_iter.debug = on', "SET chunked_iter.debug = 'all'",
		"SET chunked_iter.chunk_memory = '64kB'", 'SET chunked_iter.queries_memory = 1',
		'SET chunked_iter.queries_limit = 2', 'SET plan_cache_mode = force_custom_plan',
		'SET plan_cache_mode = force_generic_plan', 'SET enable_indexscan = off',
		'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off',
		'SET work_mem = 64', "SET search_path = ''", 'SET search_path = pg_catalog',
		'SET search_path = nosuch, fuzz', 'SET row_security = off', "SET datestyle = 'German'",
		'SET extra_float_digits = -15', 'SET quote_all_identifiers = on', 'SET array_nulls = off',
		'SET transform_null_equals = on', 'SET default_transaction_isolation = serializable',
		"SET default_transaction_isolation = 'repeatable read'", 'SET default_transaction_read_only = on',
		'SET temp_file_limit = 0', "SET bytea_output = 'escape'", "SET intervalstyle = 'iso_8601'",
		'SET ROLE fuzz_user', 'SET ROLE fuzz_member', 'SET SESSION AUTHORIZATION fuzz_user',
		'SET lock_timeout = 1', 'SET statement_timeout = 20', 'SET jit_above_cost = 0', "SET client_encoding = 'LATIN1'",
		'SET from_collapse_limit = 1; SET join_collapse_limit = 1', 'SET enable_partition_pruning = off',
		"SET xmloption = 'document'", 'SET escape_string_warning = off', 'SET session_replication_role = replica');
}

# What a CALL can be surrounded by.
sub around_call
{
	my ($sql) = @_;

	return weighted(
		80 => sub { ("$sql;") },
		6 => sub { ('BEGIN;', "$sql;", 'ROLLBACK;') },
		6 => sub { (do_block("$sql;")) },
		4 => sub { (do_block("BEGIN $sql; EXCEPTION WHEN division_by_zero THEN NULL; END;")) },
		4 => sub { ("$sql\\; SELECT 1;") })->();
}

# What a function can be called in.
sub around_query
{
	my ($signature, $call) = @_;
	my $returns = $signature->{returns};
	my $from = $returns eq 'SETOF record' && $signature->{name} =~ /query$/ ? "$call " . column_list() : "$call AS f";
	my $query = weighted(
		40 => "SELECT * FROM $from",
		20 => "SELECT $call",
		8 => "SELECT count(*) FROM $from",
		8 => "SELECT * FROM $from LIMIT " . one_of(0, 1, 2, 100),
		4 => "SELECT 1 FROM item AS i, LATERAL (SELECT * FROM $from OFFSET 0) AS s",
		4 => "SELECT * FROM item AS i LEFT JOIN $from ON true WHERE f IS NULL OR i.id > 3",
		4 => "SELECT * FROM $from WHERE f IS NOT NULL ORDER BY 1 DESC",
		3 => "SELECT * FROM ROWS FROM ($call, generate_series(1, 3)) WITH ORDINALITY",
		3 => "SELECT (SELECT $call LIMIT 1), (SELECT count(*) FROM $from)",
		3 => "SELECT CASE WHEN random() < 2 THEN $call END",
		3 => "SELECT count(*) FILTER (WHERE f IS NOT NULL) FROM $from GROUP BY GROUPING SETS ((), (f))");

	return weighted(
		60 => sub { ("$query;") },
		8 => sub { ('BEGIN;', "$query;", "$query;", 'COMMIT;') },
		4 => sub { ('BEGIN READ ONLY;', "$query;", 'ROLLBACK;') },
		6 => sub {
			(   'BEGIN;', "DECLARE c SCROLL CURSOR WITH HOLD FOR $query;", 'FETCH 2 FROM c;', 'SAVEPOINT s;',
				'FETCH BACKWARD 1 FROM c;', 'SELECT 1/0;', 'ROLLBACK TO s;', 'FETCH 3 FROM c;', 'COMMIT;',
				'FETCH ALL FROM c;', 'CLOSE c;');
		},
		6 => sub { ("PREPARE q AS $query;", 'EXECUTE q;', 'EXECUTE q;', 'DEALLOCATE q;') },
		4 => sub { ("EXPLAIN (ANALYZE, VERBOSE, BUFFERS) $query;") },
		4 => sub { ("EXPLAIN (GENERIC_PLAN) $query;", "EXPLAIN (FORMAT JSON) $query;") },
		4 => sub { (do_block("FOR r IN $query LOOP i := i + 1; EXIT WHEN i > 3; END LOOP;")) },
		4 => sub { (do_block("BEGIN PERFORM * FROM ($query) AS s; EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM * FROM ($query) AS s;")) },
		4 => sub { ('BEGIN;', "CREATE TEMP TABLE t AS $query;", "CREATE TEMP VIEW v AS $query;", 'TABLE v;', 'ROLLBACK;') })->();
}

# Whether the next choice is a hostile one
sub hostile
{
	return chance($hostility);
}

sub do_block
{
	my ($body) = @_;
	return "DO \$do\$DECLARE r record; i integer := 0; BEGIN $body END\$do\$;";
}

sub column_list
{
	return 'AS f(id integer, a integer)' unless hostile();
	return weighted(
		60 => 'AS f(id integer, a integer)',
		10 => 'AS f(id bigint, a text)',
		10 => 'AS f(a integer)',
		10 => 'AS f("select" integer, "a""b" integer)',
		5 => 'AS f',
		5 => 'AS f(x item, y record)');
}

# The call with its arguments: most by name, some of the first by position.
sub call_sql
{
	my ($signature) = @_;
	my @arguments;

	for my $argument (@{ $signature->{arguments} })
	{
		my $needed = !$argument->{has_default} || $needed{ $argument->{name} };

		next if !$needed && chance(60) || hostile() && chance(10);
		push @arguments, "$argument->{name} => " . value($argument->{name}, $argument->{type});
	}
	push @arguments, one_of('nosuch => 1', '1', $arguments[0] // '2') if hostile() && chance(10);
	return "public.$signature->{name}(" . join(', ', @arguments) . ')';
}

# An argument as SQL.
sub value
{
	my ($name, $type) = @_;

	if (hostile() && chance(40))
	{
		return one_of('NULL', 'NULL', 'NULL', '1', "'x'", 'ARRAY[1]', 'NULL::item', "''::bytea");
	}
	return text_or(string_of($name)) if $type eq 'text';
	return array() if $type eq 'text[]';
	return one_of(qw(true false false)) if $type eq 'boolean';
	return hostile() ? one_of(@no_classes) : one_of(@classes) if $type eq 'regclass';
	return number($name) if $type =~ /^(integer|bigint|smallint)$/;
	return row($name) if $type eq 'anyelement';
	return one_of("'0'", "'1 ms'", "'-1 day'", "'178000000 years'", "'x'") if $type eq 'interval';
	return one_of("'x'", "'1'", '0', 'ARRAY[1]');
}

sub row
{
	my ($name) = @_;

	return one_of(@no_relations) if hostile();
	my $relation = one_of($hostility ? @relations : @relations[ 0 .. 3 ]);
	return "(SELECT r FROM $relation AS r LIMIT 1)" if $name eq 'rec' && !hostile();
	return "NULL::$relation";
}

# Waiting arguments are short, so that a thousand calls are too.
sub number
{
	my ($name) = @_;
	my $waits = $name =~ /_ms$|_per_second$|_percent$/;

	return $waits ? one_of(1, 5, 20) : one_of(1, 2, 3, 7, 1000) unless hostile();
	return weighted(
		20 => one_of(0, -1, -2147483648, -5),
		4 => one_of('2147483648', '9223372036854775807', '9223372036854775808', '1.5', "'x'", "' 3 '"),
		4 => one_of(2147483647, 1000000000, 1000000001, 65536),
		10 => one_of('(SELECT 2)', "pg_backend_pid() % 3 + 1", '2::smallint'));
}

sub array
{
	return one_of("'{3}'", "'{17}'", "'{2,NULL}'", "'{0}'") unless hostile();
	return weighted(
		30 => "'{" . one_of(0, 3, 17, 29, 100, '"(0,3)"', 'b1', 'sad', 'NaN') . "}'",
		15 => "'{" . one_of('1,3', 'NULL,2', '2,NULL', '1,b1,3', 'NULL', 'infinity', '2147483648', '') . "}'",
		10 => one_of("'{{1,2},{3,4}}'", "'[5:6]={1,2}'", "'[0:0][0:0]={{1}}'", "'{'", "''", "ARRAY[NULL]::text[]",
			"'{1,2,3,4,5,6,7,8,9}'"),
		5 => "array_fill('x'::text, ARRAY[" . one_of(100, 10000) . '])',
		5 => "ARRAY[repeat('x', 100000)]",
		5 => one_of("ARRAY['j1', 'j2']", "ARRAY['']"),
		10 => "(SELECT public.chunked_iter_key(i) FROM item AS i WHERE i.id = " . between(1, 31) . ')');
}

# A text as an expression: a literal, or now and then one that is no constant.
sub text_or
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	my $literal = "'$text'";

	return $literal unless hostile() && chance(50);
	return one_of("$literal || ''", "(SELECT $literal)::varchar", "$literal\::name", "repeat('(', 3000) || $literal || repeat(')', 3000)",
		"repeat('-', 100001) || $literal", "repeat($literal, 2)", "upper($literal)", "reverse($literal)");
}

sub string_of
{
	my ($name) = @_;
	my %strings = (
		order_by => \&order_by,
		filter => \&condition,
		query => \&query,
		statement => \&statement,
		throttle_query => \&throttle_query,
		job => sub { hostile() || return 'j1'; one_of(qw(j1 j2 j3), '', "it's", 'x' x 300, "a\nb", "\x{e4}", '%') },
		snapshot => sub { hostile() || return one_of(qw(statement chunk)); one_of(qw(statement chunk chunk CHUNK), '', 'chunk ') },
		on_error => sub { hostile() || return one_of(qw(stop skip)); one_of(qw(stop skip skip SKIP), '') },
		lock_rows => sub {
			hostile() || return one_of('FOR UPDATE', 'FOR SHARE SKIP LOCKED');
			one_of('FOR UPDATE', 'FOR UPDATE SKIP LOCKED', 'FOR SHARE NOWAIT', 'FOR KEY SHARE', 'for update',
				'FOR UPDATE OF item', 'FOR', '', 'LIMIT 1', "FOR UPDATE\n", 'FOR UPDATE; SELECT 1');
		});

	return one_of(@noise) if hostile() && chance(30);
	my $make = $strings{$name} // sub { one_of(@noise, @columns) };
	my $string = $make->();
	substr($string, int(rand(length($string) + 1)), between(0, 2)) = one_of(@noise, @columns) if hostile() && chance(20);
	return $string;
}

sub order_by
{
	return one_of('id', 'a, id', 'b DESC, id', 'a DESC NULLS LAST', 'id DESC', 'a + 1, b', "b COLLATE \"C\"") unless hostile();
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
				4 => one_of(' USING =', ' COLLATE "C"', ' COLLATE "nosuch"', ' COLLATE "C" DESC'))
		} 1 .. weighted(70 => 1, 20 => 2, 8 => 3, 2 => 40));
}

sub expression
{
	my $depth = shift // 0;
	my $column = hostile() ? one_of(@odd_columns) : one_of(@columns);

	return $column if $depth > 3 || !hostile() && chance(80);
	return weighted(
		30 => sub { '(' . expression($depth + 1) . one_of(' + ', ' - ', ' * ', ' / ', ' % ', ' || ', ' -> ', ' <-> ') . expression($depth + 1) . ')' },
		15 => sub { one_of('lower', 'abs', 'lies', 'writes', 'length', 'coalesce', 'random', 'now', 'count', 'row_number', 'generate_series', 'sum', 'row', 'array_length', 'nextval', 'nosuch', 'pg_sleep') . '(' . expression($depth + 1) . ')' },
		10 => sub { '(' . expression($depth + 1) . ')::' . one_of(qw(text integer positive item mood numeric record regclass float8 point "char" bit xml), 'integer[]') },
		8 => sub { '(SELECT ' . expression($depth + 1) . one_of('', ' FROM item LIMIT 1') . ')' },
		8 => sub { 'CASE WHEN ' . condition($depth + 1) . ' THEN ' . expression($depth + 1) . ' END' },
		8 => sub { "fails('" . one_of('22012', '23505', '40001', '57014', '42P01', 'P0001', 'F0000') . "', " . expression($depth + 1) . ')' },
		6 => sub { one_of(1, 2, 9, -1, "'x'", 'NULL', "'2020-01-01'::date", '1e308', "'NaN'::numeric", 'current_date', 'ARRAY[1]') },
		5 => sub { 'ARRAY[' . expression($depth + 1) . ', ' . expression($depth + 1) . ']' },
		5 => sub { '(' . expression($depth + 1) . ', ' . expression($depth + 1) . ')' },
		5 => sub { 'count(*) OVER (ORDER BY ' . expression($depth + 1) . ')' })->();
}

sub condition
{
	my $depth = shift // 0;

	return one_of('a > 1', 'id BETWEEN 3 AND 20', 'b IS NOT NULL', "a = 2 OR b LIKE '%1'", 'id % 2 = 0 AND a IN (1, 3)') unless hostile();
	return weighted(
		40 => sub { expression($depth + 1) . one_of(' > ', ' < ', ' = ', ' <> ', ' <= ', ' IS DISTINCT FROM ', ' ~ ', ' LIKE ', ' OPERATOR(pg_catalog.=) ') . expression($depth + 1) },
		15 => sub { expression($depth + 1) . one_of(' IS NULL', ' IS NOT NULL', ' IN (1, 2, 3)', ' BETWEEN 2 AND 9', ' = ANY (ARRAY[1, 2])', ' IS TRUE', ' = ANY (SELECT 1)') },
		12 => sub { $depth > 3 ? 'true' : '(' . condition($depth + 1) . one_of(' AND ', ' OR ', ' AND NOT ') . condition($depth + 1) . ')' },
		8 => sub { one_of('true', 'false', 'NULL', '1', "'t'", 'id', 'item IS NULL', "id = 1 OR id", 'random() < 0.5') },
		6 => sub { 'EXISTS (SELECT FROM item AS i WHERE i.id = ' . expression($depth + 1) . ')' },
		5 => sub { one_of('(SELECT count(*) FROM public.chunked_iter(NULL::item)) > 3', 'public.chunked_iter_reset_queries() < 9', "public.chunked_iter_key(item) <> '{3}'") },
		4 => sub { one_of('(id, a) > (3, 2)', '(id, a) IN (SELECT 1, 2)', 'ROW(id, b) IS NOT NULL', 'grouping(id) = 1', "id = \$1", 'arr[1:2] = arr', "j ->> 'x' IS NULL") })->();
}

sub query
{
	return one_of('SELECT id, a FROM item', 'SELECT id, a FROM composite WHERE a > 1', 'SELECT 1 AS id, 2 AS a', 'TABLE parent;') unless hostile();
	return weighted(
		40 => sub { 'SELECT id, a FROM ' . one_of(qw(item composite parted seen odd sealed)) . (chance(50) ? ' WHERE ' . condition() : '') },
		20 => sub { 'SELECT ' . expression() . ', ' . expression() . ' FROM ' . one_of(@relations) },
		40 => sub {
			one_of('VALUES (1, 2), (3, NULL)', 'TABLE item', 'SELECT 1, 2;', 'SELECT 1, 2; SELECT 3, 4', 'INSERT INTO sink VALUES (1) RETURNING 1, 2',
				'WITH d AS (DELETE FROM sink RETURNING 1) SELECT 1, 2 FROM d', 'SELECT id, a FROM item FOR UPDATE', 'SELECT id, a INTO t FROM item',
				'SELECT id, a FROM item ORDER BY id LIMIT 5', 'SELECT id, a FROM item -- x', 'EXPLAIN SELECT 1', 'SHOW work_mem', 'SELECT $1, $2',
				'SELECT 1, 2 UNION ALL SELECT 3, 4', 'SELECT a, count(*)::integer FROM item GROUP BY a', 'SELECT DISTINCT ON (a) id, a FROM item',
				'SELECT * FROM public.chunked_iter(NULL::composite)', 'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n, n FROM t',
				'CALL public.chunked_iter_work(1)', 'SELECT generate_series(1, 3), writes(1)', 'COMMIT', 'SELECT', 'SELECT 1', "SELECT fails('22012', id), a FROM item");
		})->();
}

sub statement
{
	return one_of(
		'INSERT INTO fuzz.sink SELECT id, a FROM chunk', 'UPDATE fuzz.item SET n = n + 1 WHERE id BETWEEN $1 AND $2', 'SELECT count(*) FROM chunk',
		'UPDATE fuzz.item AS i SET n = 0 FROM chunk AS c WHERE i.id = c.id', 'SELECT $1, $2', 'UPDATE fuzz.deferred SET a = a % 5',
		"SELECT fuzz.fails('22012', id) FROM chunk") unless hostile();
	return weighted(
		20 => sub { 'SELECT ' . expression() . ' FROM chunk AS item' },
		10 => sub { 'INSERT INTO fuzz.sink SELECT ' . expression() . ' FROM chunk WHERE ' . condition() },
		10 => sub { "SELECT fuzz.fails('" . one_of('22012', '23505', '40001', '40P01', '57014', '42P01', 'P0001', '55P03') . "', id) FROM chunk" },
		30 => sub {
			one_of('COMMIT', 'ROLLBACK', 'BEGIN', 'SAVEPOINT a', 'DO $$BEGIN COMMIT; END$$', 'DO $$BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END$$',
				"CALL public.chunked_iter_run('j1')", "CALL public.chunked_iter_run('j9', 'fuzz.item', 'SELECT 1')", ';', '; ;', 'SELECT 1; SELECT 2', 'SELECT $99',
				"SET search_path = ''", 'RESET ALL', 'DISCARD ALL', 'DISCARD TEMP', 'LISTEN x', "COPY fuzz.sink TO STDOUT", 'VACUUM', 'CREATE TEMP TABLE x AS TABLE chunk',
				'CREATE TEMP TABLE chunk ()', 'SET ROLE fuzz_member', 'RESET ROLE', 'SELECT pg_advisory_unlock_all()', 'LOCK TABLE fuzz.item', 'PREPARE q AS TABLE chunk',
				'DECLARE c CURSOR FOR TABLE chunk', 'SET TRANSACTION READ ONLY', "SELECT public.chunked_iter_pause('j1')", "SELECT public.chunked_iter_cancel('j1')",
				"SELECT public.chunked_iter_forget('j1')", 'SET CONSTRAINTS ALL DEFERRED', 'NOTIFY x', 'TABLE chunk', 'TRUNCATE fuzz.sink', 'DELETE FROM chunk',
				'UPDATE chunk SET id = 1', 'SELECT * FROM chunk FOR UPDATE', 'EXPLAIN ANALYZE TABLE chunk', 'SELECT public.chunked_iter_reset_queries()',
				'DELETE FROM public.chunked_iter_jobs', 'UPDATE public.chunked_iter_job_ranges SET "position" = \'{x}\'', 'WITH chunk AS (SELECT 1) TABLE chunk',
				'SELECT fuzz.writes(1)', 'SELECT pg_sleep(0.01)', 'MERGE INTO fuzz.item USING chunk ON false WHEN MATCHED THEN DO NOTHING', 'SELECT set_config(\'work_mem\', \'64\', false)');
		})->();
}

sub throttle_query
{
	return one_of('SELECT false', 'SELECT 0') unless hostile();
	return one_of('SELECT false', 'SELECT 0', 'SELECT false', 'SELECT NULL', 'SELECT', 'SELECT true', 'SELECT 1/0', "SELECT 'x'", 'DELETE FROM fuzz.sink', '', ';', 'COMMIT',
		'SELECT 0; SELECT 0', 'TABLE fuzz.item', "SELECT 'NaN'::float8", "SELECT '-infinity'::numeric", 'SELECT random() < 0.1', 'SELECT fuzz.writes(0)', 'SELECT ARRAY[1]',
		'SHOW work_mem', 'DO $$BEGIN COMMIT; END$$', 'SELECT NULL::fuzz.item', 'SELECT $1');
}

1;
