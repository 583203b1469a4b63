
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
use Fuzz::Text;
use Property::Dice;
our @EXPORT = qw(random_call);

# Arguments that a call needs, whatever their default.
my %needed = map { $_ => 1 } qw(rel statement order_by job query);

my @no_relations = (
	'NULL', 'NULL::record',
	'NULL::integer', "'x'::text",
	'ROW(1, 2)', 'NULL::pair',
	'NULL::mood', 'NULL::positive',
	'NULL::item[]', "'item'::regclass",
	'1.5', 'now()',
	"'item'", "'SELECT id FROM item'",
	'NULL::pg_type[]', '(SELECT i FROM item AS i WHERE false)',
	"'(1,2,3,4)'::item", "'{}'::jsonb");
my @classes = (
	"'item'", "'item'", "'item'", "'composite'",
	"'gone'", "'odd'", "'parted'", "'seen'",
	"'barrier'", "'filled'", "'unfilled'", "'unlogged'",
	"'sealed'", "'deferred'", "'parent'");
my @no_classes = (
	'NULL', "'elsewhere'",
	"'secret'", "'empty'",
	"'item_pkey'", "'numbers'",
	"'pair'", "'nosuch'",
	'0::oid', '4294967295::oid',
	"'-1'", "''",
	"'pg_class'", "'pg_toast.pg_toast_1255'",
	"'bad'", "'unparted'",
	"'a.b.c.d'", "'chunked_iter_jobs'",
	"'pg_catalog.pg_locks'");

# A call of one of the functions, in surroundings that are not always usual.
sub random_call
{
	my $signature = one_of(@_, grep { @{ $_->{arguments} } > 6 } @_);
	hostility(weighted(50 => 0, 30 => 8, 20 => 30));
	my $sql = call_sql($signature);
	my @lines = job_before($signature);

	push @lines, settings();
	push @lines, $signature->{kind} eq 'p'
	  ? around_call("CALL $sql")
	  : around_query($signature, $sql);
	return { name => $signature->{name}, lines => \@lines };
}

# A job for a call that is about one, sometimes.
sub job_before
{
	my ($signature) = @_;

	return ()
	  if chance(30)
	  || !grep { $_->{name} eq 'job' } @{ $signature->{arguments} };
	return () if $signature->{name} =~ /run|start/ && chance(80);
	return
	  "CALL public.chunked_iter_run('j1', 'item', 'SELECT count(*) FROM chunk', chunk_size => 5, max_chunks => "
	  . one_of(1, 2, 100)
	  . ', parts => '
	  . one_of(1, 3) . ');';
}

# Settings of the session, or another role in it.
sub settings
{
	return () if chance(hostility() ? 40 : 75);
	return map { "$_;" } some_of(
		between(1, 3),
		'SET chunked_iter.debug = on',
		"SET chunked_iter.debug = 'all'",
		"SET chunked_iter.chunk_memory = '64kB'",
		'SET chunked_iter.queries_memory = 1',
		'SET chunked_iter.queries_limit = 2',
		'SET plan_cache_mode = force_custom_plan',
		'SET plan_cache_mode = force_generic_plan',
		'SET enable_indexscan = off',
		'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off',
		'SET work_mem = 64',
		"SET search_path = ''",
		'SET search_path = pg_catalog',
		'SET search_path = nosuch, fuzz',
		'SET row_security = off',
		"SET datestyle = 'German'",
		'SET extra_float_digits = -15',
		'SET quote_all_identifiers = on',
		'SET array_nulls = off',
		'SET transform_null_equals = on',
		'SET default_transaction_isolation = serializable',
		"SET default_transaction_isolation = 'repeatable read'",
		'SET default_transaction_read_only = on',
		'SET temp_file_limit = 0',
		"SET bytea_output = 'escape'",
		"SET intervalstyle = 'iso_8601'",
		'SET ROLE fuzz_user',
		'SET ROLE fuzz_member',
		'SET SESSION AUTHORIZATION fuzz_user',
		'SET lock_timeout = 1',
		'SET statement_timeout = 20',
		'SET jit_above_cost = 0',
		"SET client_encoding = 'LATIN1'",
		'SET from_collapse_limit = 1; SET join_collapse_limit = 1',
		'SET enable_partition_pruning = off',
		"SET xmloption = 'document'",
		'SET escape_string_warning = off',
		'SET session_replication_role = replica');
}

# What a CALL can be surrounded by.
sub around_call
{
	my ($sql) = @_;

	return weighted(
		80 => sub { ("$sql;") },
		6 => sub { ('BEGIN;', "$sql;", 'ROLLBACK;') },
		6 => sub { (do_block("$sql;")) },
		4 => sub {
			(   do_block(
					"BEGIN $sql; EXCEPTION WHEN division_by_zero THEN NULL; END;"
				))
		},
		4 => sub { ("$sql\\; SELECT 1;") })->();
}

# What a function can be called in.
sub around_query
{
	my ($signature, $call) = @_;
	my $returns = $signature->{returns};
	my $from =
	  $returns eq 'SETOF record' && $signature->{name} =~ /query$/
	  ? "$call " . column_list()
	  : "$call AS f";
	my $query = weighted(
		40 => "SELECT * FROM $from",
		20 => "SELECT $call",
		8 => "SELECT count(*) FROM $from",
		8 => "SELECT * FROM $from LIMIT " . one_of(0, 1, 2, 100),
		4 =>
		  "SELECT 1 FROM item AS i, LATERAL (SELECT * FROM $from OFFSET 0) AS s",
		4 =>
		  "SELECT * FROM item AS i LEFT JOIN $from ON true WHERE f IS NULL OR i.id > 3",
		4 => "SELECT * FROM $from WHERE f IS NOT NULL ORDER BY 1 DESC",
		3 =>
		  "SELECT * FROM ROWS FROM ($call, generate_series(1, 3)) WITH ORDINALITY",
		3 => "SELECT (SELECT $call LIMIT 1), (SELECT count(*) FROM $from)",
		3 => "SELECT CASE WHEN random() < 2 THEN $call END",
		3 =>
		  "SELECT count(*) FILTER (WHERE f IS NOT NULL) FROM $from GROUP BY GROUPING SETS ((), (f))"
	);

	return weighted(
		60 => sub { ("$query;") },
		8 => sub { ('BEGIN;', "$query;", "$query;", 'COMMIT;') },
		4 => sub { ('BEGIN READ ONLY;', "$query;", 'ROLLBACK;') },
		6 => sub {
			(   'BEGIN;',
				"DECLARE c SCROLL CURSOR WITH HOLD FOR $query;",
				'FETCH 2 FROM c;',
				'SAVEPOINT s;',
				'FETCH BACKWARD 1 FROM c;',
				'SELECT 1/0;',
				'ROLLBACK TO s;',
				'FETCH 3 FROM c;',
				'COMMIT;',
				'FETCH ALL FROM c;',
				'CLOSE c;');
		},
		6 => sub {
			(   "PREPARE q AS $query;",
				'EXECUTE q;',
				'EXECUTE q;',
				'DEALLOCATE q;')
		},
		4 => sub { ("EXPLAIN (ANALYZE, VERBOSE, BUFFERS) $query;") },
		4 => sub {
			(   "EXPLAIN (GENERIC_PLAN) $query;",
				"EXPLAIN (FORMAT JSON) $query;")
		},
		4 => sub {
			(   do_block(
					"FOR r IN $query LOOP i := i + 1; EXIT WHEN i > 3; END LOOP;"
				))
		},
		4 => sub {
			(   do_block(
					"BEGIN PERFORM * FROM ($query) AS s; EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM * FROM ($query) AS s;"
				))
		},
		4 => sub {
			(   'BEGIN;',
				"CREATE TEMP TABLE t AS $query;",
				"CREATE TEMP VIEW v AS $query;",
				'TABLE v;',
				'ROLLBACK;')
		})->();
}

sub do_block
{
	my ($body) = @_;
	return
	  "DO \$do\$DECLARE r record; i integer := 0; BEGIN $body END\$do\$;";
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
		my $needed =
		  !$argument->{has_default} || $needed{ $argument->{name} };

		next if !$needed && chance(60) || hostile() && chance(10);
		push @arguments, "$argument->{name} => "
		  . value($argument->{name}, $argument->{type});
	}
	push @arguments, one_of('nosuch => 1', '1', $arguments[0] // '2')
	  if hostile() && chance(10);
	return "public.$signature->{name}(" . join(', ', @arguments) . ')';
}

# An argument as SQL.
sub value
{
	my ($name, $type) = @_;

	if (hostile() && chance(40))
	{
		return one_of(
			'NULL', 'NULL', 'NULL', '1',
			"'x'", 'ARRAY[1]', 'NULL::item', "''::bytea");
	}
	return text_or(string_of($name)) if $type eq 'text';
	return array() if $type =~ /text\[\]$|chunked_iter_bookmark$/;
	return one_of(qw(true false false)) if $type eq 'boolean';
	return hostile() ? one_of(@no_classes) : one_of(@classes)
	  if $type eq 'regclass';
	return number($name) if $type =~ /^(integer|bigint|smallint)$/;
	return row($name) if $type eq 'anyelement';
	return one_of("'0'", "'1 ms'", "'-1 day'", "'178000000 years'", "'x'")
	  if $type eq 'interval';
	return one_of("'x'", "'1'", '0', 'ARRAY[1]');
}

sub row
{
	my ($name) = @_;

	return one_of(@no_relations) if hostile();
	my $relation = one_of(hostility() ? @relations : @relations[ 0 .. 3 ]);
	return "(SELECT r FROM $relation AS r LIMIT 1)"
	  if $name eq 'rec' && !hostile();
	return "NULL::$relation";
}

# Waiting arguments are short, so that a thousand calls are too.
sub number
{
	my ($name) = @_;
	my $waits = $name =~ /_ms$|_per_second$|_percent$/;

	return $waits ? one_of(1, 5, 20) : one_of(1, 2, 3, 7, 1000)
	  unless hostile();
	return weighted(
		20 => one_of(0, -1, -2147483648, -5),
		4 => one_of(
			'2147483648', '9223372036854775807',
			'9223372036854775808', '1.5',
			"'x'", "' 3 '"),
		4 => one_of(2147483647, 1000000000, 1000000001, 65536),
		10 => one_of('(SELECT 2)', "pg_backend_pid() % 3 + 1", '2::smallint')
	);
}

sub array
{
	return one_of("'{3}'", "'{17}'", "'{2,NULL}'", "'{0}'") unless hostile();
	return weighted(
		30 => "'{"
		  . one_of(0, 3, 17, 29, 100, '"(0,3)"', 'b1', 'sad', 'NaN') . "}'",
		15 => "'{"
		  . one_of(
			'1,3', 'NULL,2', '2,NULL', '1,b1,3',
			'NULL', 'infinity', '2147483648', '')
		  . "}'",
		10 => one_of(
			"'{{1,2},{3,4}}'", "'[5:6]={1,2}'",
			"'[0:0][0:0]={{1}}'", "'{'",
			"''", "ARRAY[NULL]::text[]", 'ARRAY[3]', 'ARRAY[NULL, 5::bigint]',
			'ARRAY[[1.5]]', 'ARRAY[NULL::uuid]', 'ARRAY[now()]', "ARRAY['infinity'::date]", 'ARRAY[1.5::real]',
			"'{1,2,3,4,5,6,7,8,9}'"),
		5 => "array_fill('x'::text, ARRAY[" . one_of(100, 10000) . '])',
		5 => "ARRAY[repeat('x', 100000)]",
		5 => one_of("ARRAY['j1', 'j2']", "ARRAY['']"),
		10 =>
		  "(SELECT public.chunked_iter_key(i) FROM item AS i WHERE i.id = "
		  . between(1, 31) . ')');
}

# A text as an expression: a literal, or now and then one that is no constant.
sub text_or
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	my $literal = "'$text'";

	return $literal unless hostile() && chance(50);
	return one_of(
		"$literal || ''",
		"(SELECT $literal)::varchar",
		"$literal\::name",
		"repeat('(', 3000) || $literal || repeat(')', 3000)",
		"repeat('-', 100001) || $literal",
		"repeat($literal, 2)",
		"upper($literal)",
		"reverse($literal)");
}

1;
