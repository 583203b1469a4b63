
=pod

=head1 NAME

Property::Ways - the ways to get the rows of a walk

=head1 DESCRIPTION

Each way is a function from a walk, see Property::Call, to psql input that
prints a verdict.  @ways has them by weight, as weighted() takes them; some
need a key, and more:

  unique  an order without ties
  whole   no bounds, and a key
  unbounded  no bounds
  query   an order without a tie-breaker

=cut

package Property::Ways;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Call;
use Property::Dice;
use Property::Types;
use Property::Wrap;

our @EXPORT = qw(@ways @narrow_ways in_from);

our @ways = (
	14 => { make => \&in_select_list },
	14 => { make => \&in_from },
	4 => { make => \&with_type },
	8 => { make => \&of_some_columns },
	4 => { make => \&of_a_star },
	3 => { make => \&expanded },
	5 => { make => \&under_a_condition },
	6 => { make => \&under_a_limit },
	4 => { make => \&lateral },
	3 => { make => \&with_ordinality },
	3 => { make => \&materialized },
	3 => { make => \&counted },
	5 => { make => \&extreme },
	4 => { make => \&joined },
	9 => { make => \&by_cursor },
	7 => { make => \&prepared },
	10 => { make => \&by_pages, needs => 'unique' },
	6 => { make => \&by_ranges, needs => 'whole' },
	6 => { make => \&of_a_query, needs => 'query' },
	22 => { make => \&wrapped, needs => 'unbounded' },
	4 => { make => \&wrapped_prepared, needs => 'unbounded' },
	3 => { make => \&inserted, needs => 'unbounded' });

# Those that ask for no more columns than they name
our @narrow_ways = (
	3 => { make => \&of_some_columns },
	1 => { make => \&counted },
	1 => { make => \&extreme },
	5 => { make => \&wrapped, needs => 'unbounded' });

sub in_select_list
{
	my ($walk) = @_;
	my $call = call($walk);

	return compare($walk, oracle($walk),
		"SELECT (_s._r)::text FROM (SELECT $call AS _r OFFSET 0) AS _s")
	  . ';';
}

sub in_from
{
	my ($walk) = @_;
	my $call = call($walk);

	return compare($walk, oracle($walk), "SELECT _x::text FROM $call AS _x")
	  . ';';
}

# The rows have the relation's own type.
sub with_type
{
	my ($walk) = @_;
	my $call = call($walk);
	my $query =
	  chance(50)
	  ? "SELECT pg_typeof(_x)::text || _x::text FROM $call AS _x"
	  : "SELECT pg_typeof(_s._r)::text || (_s._r)::text"
	  . " FROM (SELECT $call AS _r OFFSET 0) AS _s";

	return compare($walk,
		oracle($walk, "pg_typeof(NULL::$walk->{rel}{name})::text || _row::text"), $query)
	  . ';';
}

sub of_some_columns
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};
	my @columns = @{ $walk->{rel}{columns} };
	my @late = grep { $_->{late} } @columns;
	my $other = one_of(@late && chance(50) ? @late : @columns)->{quoted};

	return compare(
		$walk,
		oracle($walk, qq(concat(_row.$other, '~', _row.$id) COLLATE "C")),
		qq(SELECT concat(_x.$other, '~', _x.$id) COLLATE "C" FROM $call AS _x)
	) . ';';
}

sub of_a_star
{
	my ($walk) = @_;
	my $call = call($walk);

	return compare($walk, oracle($walk),
		"SELECT _y::text FROM (SELECT * FROM $call AS _x) AS _y")
	  . ';';
}

# One call for each column, all in step.
sub expanded
{
	my ($walk) = @_;
	my $call = call($walk);

	return compare($walk, oracle($walk),
		"SELECT _y::text FROM (SELECT ($call).*) AS _y")
	  . ';';
}

sub under_a_condition
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};

	return compare(
		$walk,
		oracle($walk, undef, "$id % 3 <> 0"),
		"SELECT _x::text FROM $call AS _x WHERE _x.$id % 3 <> 0") . ';';
}

sub under_a_limit
{
	my ($walk) = @_;
	my $call = call($walk);
	my $limit = one_of(0, 1, 2, 5, 11, 60);
	my $query =
	  chance(50)
	  ? "SELECT _x::text FROM $call AS _x LIMIT $limit"
	  : "SELECT (_s._r)::text FROM (SELECT $call AS _r LIMIT $limit) AS _s";

	return compare($walk, oracle($walk), $query, ", $limit") . ';';
}

# The same walk twice in one query, with other chunks; each chunk may read all
# of a large relation.
sub lateral
{
	my ($walk) = @_;
	my $call = call($walk, chunk_size => '_v.i');
	my $sizes = $walk->{rel}{large} ? '(10), (400)' : '(1), (4)';

	return compare(
		$walk,
		oracle($walk),
		"SELECT _x::text FROM (VALUES $sizes) AS _v(i)"
		  . " CROSS JOIN LATERAL $call AS _x",
		", times => 2") . ';';
}

sub with_ordinality
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};

	return compare(
		$walk,
		oracle($walk, "_row.$id\::text"),
		"SELECT _x.$id\::text FROM $call WITH ORDINALITY AS _x"
		  . " ORDER BY _x.ordinality") . ';';
}

sub materialized
{
	my ($walk) = @_;
	my $call = call($walk);

	return compare($walk, oracle($walk),
			"WITH _w AS MATERIALIZED (SELECT * FROM $call AS _x)"
		  . " SELECT _w::text FROM _w")
	  . ';';
}

sub counted
{
	my ($walk) = @_;
	my $call = call($walk);
	my $oracle = oracle($walk, "_row.$walk->{rel}{id}{quoted}\::text");

	return
		"SELECT prop.verdict('$walk->{label}', o, CASE WHEN o <> w THEN"
	  . " format('%s rows, walked %s', o, w) END)\n"
	  . "FROM (SELECT count(*)::int AS o FROM ($oracle) AS _r) AS _o,\n"
	  . "\t(SELECT count(*) AS w FROM $call AS _x) AS _w;";
}

# Of the column that an order by it answers from its first or last row.
sub extreme
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};
	my $oracle = oracle($walk, "_row.$id\::text");
	my $function = one_of('min', 'max');

	return
		"SELECT prop.verdict('$walk->{label}', n, CASE WHEN o IS DISTINCT FROM w"
	  . " THEN format('$function is %s, walked %s', o, w) END)\n"
	  . "FROM (SELECT count(*)::int AS n,"
	  . " $function(split_part(_r, ' ', 2)::int8) AS o FROM ($oracle) AS _r(_r)) AS _o,\n"
	  . "\t(SELECT $function(_x.$id)::int8 AS w FROM $call AS _x) AS _w;";
}

# With the relation itself; a join keeps no order.
sub joined
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};
	my $join = one_of('JOIN', 'LEFT JOIN');

	return compare(
		$walk,
		oracle($walk),
		"SELECT _x::text FROM $call AS _x"
		  . " $join $walk->{rel}{name} AS _j ON _j.$id = _x.$id",
		", ordered => false") . ';';
}

# Fetched in odd steps, sometimes after going to and fro.
sub by_cursor
{
	my ($walk) = @_;
	my $call = call($walk);
	my $scroll = one_of('', 'NO SCROLL ', 'SCROLL ');
	my $query =
	  chance(50)
	  ? "SELECT _x::text FROM $call AS _x"
	  : "SELECT (_s._r)::text FROM (SELECT $call AS _r OFFSET 0) AS _s";
	my @moves =
	  $scroll eq 'SCROLL '
	  ? ('MOVE 5 IN c;', 'MOVE BACKWARD 2 IN c;', 'MOVE ABSOLUTE 0 IN c;')
	  : ();
	my $steps =
	  join(', ', map { one_of(1, 2, 3, 5, 7, 40) } 1 .. between(1, 3));

	return (
		"DECLARE c ${scroll}CURSOR FOR $query;",
		@moves,
		compare(
			$walk, oracle($walk),
			"SELECT * FROM prop.fetched('c', ARRAY[$steps])")
		  . ';',
		'CLOSE c;');
}

# As a prepared statement that is run twice.
sub prepared
{
	my ($walk) = @_;
	my %arguments = arguments($walk);
	my @values = map { $arguments{$_} // 'NULL' } @parameters;
	my $call =
	  "chunked_iter(NULL::$walk->{rel}{name}, "
	  . join(', ', map { "\$$_" } 1 .. @parameters) . ')';
	my $run = 'EXECUTE w(' . join(', ', @values) . ');';
	my $query =
	  chance(50)
	  ? "SELECT _x::text FROM $call AS _x"
	  : "SELECT (_s._r)::text FROM (SELECT $call AS _r OFFSET 0) AS _s";

	return (
		'PREPARE w(integer, text, boolean, text, text[], text[], text) AS '
		  . compare($walk, oracle($walk), $query) . ';',
		$run, $run, 'DEALLOCATE w;');
}

# Page by page, each from the key of the last row of the one before.
sub by_pages
{
	my ($walk) = @_;
	my $call = call(
		$walk,
		chunk_size => other_chunk_size($walk->{rel}),
		after => '$1',
		upto => '$3');
	my $arguments =
	  defined $walk->{order}{text}
	  ? ', ' . literal($walk->{order}{text})
	  : '';
	my $page =
	  chance(50)
	  ? "SELECT _x::text AS line, chunked_iter_key(_x$arguments) AS key"
	  . " FROM $call AS _x LIMIT \$2"
	  : "SELECT (_s._r)::text AS line,"
	  . " chunked_iter_key(_s._r$arguments) AS key"
	  . " FROM (SELECT $call AS _r LIMIT \$2) AS _s";
	my $size = $walk->{rel}{large} ? one_of(30, 200) : one_of(1, 2, 5, 30);

	return compare(
		$walk,
		oracle($walk),
		'SELECT * FROM prop.paged('
		  . join(', ',
			literal($page), $size,
			$walk->{after} // 'NULL', $walk->{upto} // 'NULL')
		  . ')') . ';';
}

# SQL: one that has nothing to do with the walk's own, or undef
sub other_chunk_size
{
	my ($rel) = @_;

	return $rel->{chunk_size} ? $rel->{chunk_size}->() : one_of(undef, 1, 2, 3, 1000);
}

# Range by range, of a few rows or of a few parts.
sub by_ranges
{
	my ($walk) = @_;
	my %arguments = arguments($walk);
	my $call = call(
		$walk,
		chunk_size => other_chunk_size($walk->{rel}),
		after => '$1',
		upto => '$2');
	my $split = one_of('parts', 'chunk_size') . ' => ' . one_of(1, 2, 3, 8);

	return compare(
		$walk,
		oracle($walk),
		'SELECT * FROM prop.ranged('
		  . literal(
			'SELECT * FROM chunked_iter_ranges('
			  . join(', ',
				"NULL::$walk->{rel}{name}",
				$split,
				map    { "$_ => $arguments{$_}" }
				  grep { defined $arguments{$_} } 'order_by',
				'filter')
			  . ')')
		  . ', '
		  . literal("SELECT _x::text FROM $call AS _x")
		  . ')') . ';';
}

# A query instead of a relation; there is no tie-breaker then.
sub of_a_query
{
	my ($walk) = @_;
	my $rel = $walk->{rel};
	my %arguments = arguments($walk);
	my $query = "SELECT * FROM $rel->{name}";

	$query .= " WHERE $walk->{filter}" if defined $walk->{filter};
	my $call = 'chunked_iter_query('
	  . join(', ',
		literal($query),
		$arguments{order_by},
		map    { "$_ => $arguments{$_}" }
		  grep { $_ !~ /filter|order_by/ && defined $arguments{$_} }
		  @parameters)
	  . ')';
	my $columns = join ', ',
	  map { "$_->{quoted} $_->{type}{define}" } @{ $rel->{columns} };

	return compare($walk, oracle($walk),
		"SELECT _x::text FROM $call AS _x($columns)")
	  . ';';
}

1;
