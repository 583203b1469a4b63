
=pod

=head1 NAME

Property::Walk - a random walk, its oracle, and the SQL that compares them

=head1 DESCRIPTION

random_walk() returns a hash of its label and two lists of psql input:

  prepare   what stays for the walks after it: an index
  compare   statements that print lines of prop.verdict() under the label

They rely on the psql variable n, the number of rows of the relation.

=cut

package Property::Walk;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;
use Property::Order;
use Property::Types;

our @EXPORT = qw(random_walk);

# How the text of keys is written and read, for a session's bookmarks.
my %formats = (
	DateStyle => [
		'ISO, MDY',
		'ISO, DMY',
		'SQL, DMY',
		'SQL, MDY',
		'German, DMY',
		'Postgres, MDY',
		'ISO, YMD'
	],
	TimeZone =>
	  [ 'UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham' ],
	IntervalStyle =>
	  [ 'postgres', 'sql_standard', 'iso_8601', 'postgres_verbose' ],
	extra_float_digits => [ 1, 0, -3, -15, 3 ],
	bytea_output => [ 'hex', 'escape' ]);

# What changes plans and the size of chunks, never an answer.
my %circumstances = (
	enable_seqscan => ['off'],
	enable_indexscan => ['off'],
	enable_bitmapscan => ['off'],
	enable_sort => ['off'],
	enable_incremental_sort => ['off'],
	plan_cache_mode => [ 'force_generic_plan', 'force_custom_plan' ],
	work_mem => ['64kB'],
	cursor_tuple_fraction => [1]);

# Ways to get the rows; see the functions.  Some need a key, and more:
#   unique  an order without ties
#   whole   no bounds
#   query   an order without a tie-breaker
my @ways = (
	14 => { make => \&in_select_list },
	14 => { make => \&in_from },
	4 => { make => \&with_type },
	4 => { make => \&of_some_columns },
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
	6 => { make => \&of_a_query, needs => 'query' });

# A walk of the relation; $label names it in the verdict.
sub random_walk
{
	my ($rel, $label) = @_;
	my ($way, $order) = way_and_order($rel);
	my $unbounded = ($way->{needs} // '') eq 'whole';
	my $walk = {
		rel => $rel,
		label => $label,
		order => $order,
		reverse => !$order->{physical} && !$unbounded && chance(40) ? 1 : 0,
		filter => random_filter($rel),
		chunk_size => random_chunk_size(),
		snapshot => one_of(undef, 'statement', 'chunk'),
		before => [],
	};
	my @index = chance(45) ? matching_index($rel, $order) : ();
	my @formats = settings(35, %formats);
	my @circumstances = (
		settings(35, %formats),
		settings(8, %circumstances),
		settings(25, 'chunked_iter.chunk_memory' => ['64kB']));

	add_bound($walk, $_)
	  for grep { !$unbounded && chance(45) } 'after', 'upto';
	my @compare = $way->{make}->($walk);
	return {
		label => $label,
		prepare => [ map { "$_;" } @index ],
		compare => [
			together(set(@formats)),
			@{ $walk->{before} },
			together(unset(@formats), set(@circumstances)),
			@compare,
			together(unset(@circumstances))
		]
	};
}

# A way and an order it can have.
sub way_and_order
{
	my ($rel) = @_;
	my $way = weighted(@ways);
	my $needs = $way->{needs} // '';
	my $order = random_order($rel, $needs eq 'query');
	my $has_key = @{ $order->{key} } && !$order->{physical};

	return ({ make => \&in_from }, $order)
	  if $needs && !$has_key || $needs eq 'unique' && !$order->{unique};
	return ($way, $order);
}

# SQL: about the size of the relation, or a fixed one, or undef.
sub random_chunk_size
{
	return weighted(
		10 => 1,
		10 => 2,
		10 => 3,
		10 => 7,
		8 => 'greatest(1, :n - 1)',
		8 => 'greatest(1, :n)',
		8 => ':n + 1',
		10 => 1000,
		15 => undef);
}

# Some of the settings, each with a chance of so many percent.
sub settings
{
	my ($percent, %choices) = @_;

	return map { [ $_, one_of(@{ $choices{$_} }) ] }
	  grep { chance($percent) } sort keys %choices;
}

sub set
{
	return map { "SET LOCAL $_->[0] = '$_->[1]'" } @_;
}

sub unset
{
	return map { "SET LOCAL $_->[0] TO DEFAULT" } @_;
}

# Statements for psql to send in one message, which saves time.
sub together
{
	return @_ ? join("\\;\n", @_) . ';' : ();
}

# A condition on the columns, or undef.
sub random_filter
{
	my ($rel) = @_;
	my ($one, $two) = some_of(2, @{ $rel->{columns} });
	my ($a, $b, $id) = map { $_->{quoted} } $one, $two, $rel->{id};
	my $value = literal(random_value($one->{type}));
	my $cast = $one->{type}{cast};

	return weighted(
		55 => undef,
		5 => "$id % 2 = 0",
		3 => "$a IS NULL",
		3 => "$a IS NOT NULL",
		4 => "$a > $value\::$cast",
		4 => "$a <= $value\::$cast",
		3 => "$a IS DISTINCT FROM $value\::$cast",

		# Two alternatives have to stay together when more is added.
		4 => "$a IS NULL OR $b IS NOT NULL",
		3 => "$id > 3 OR $a < $value\::$cast",
		2 => "$id % 3 <> 1 -- not those",
		2 => "/* 'some' ; */ $id < 100",
		2 => "$a\::text <> 'it''s; DROP TABLE x; --' OR $a IS NULL",
		2 => "coalesce($a\::text, '%s') <> \$q\$it's\$q\$ AND $id <> 2",
		3 => "EXISTS (SELECT 1 FROM prop.numbers WHERE i = $id)",
		3 => "$id IN (SELECT i FROM prop.numbers WHERE i % 2 = 0)",
		1 => "$id NOT IN (SELECT i FROM prop.numbers)",
		2 => "$id < (SELECT max(i) FROM prop.numbers)",
		2 => "($a, $b) IS NOT NULL OR $id < 9",
		1 => 'false',
		1 => 'true',
		1 => 'NULL');
}

# Give the walk a bound named 'after' or 'upto'.  It gets the SQL of the
# argument, the number of elements, and a subquery for the oracle that has
# their values as _after1, ... or _upto1, ...
sub add_bound
{
	my ($walk, $side) = @_;
	my $order = $walk->{order};
	my $most = $order->{repeats};

	# If the tie-breaker cannot be known, its elements cannot be written.
	$most = @{ $order->{listed} } < $most ? @{ $order->{listed} } : $most
	  unless $order->{known};
	my $kind = weighted(10 => 'row', 8 => 'literal', 1 => 'empty');
	$kind = 'empty' if $most == 0;
	my $count = chance(60) ? $most : between(1, $most || 1);

	if ($kind eq 'empty')
	{
		$walk->{$side} = one_of("'{}'", 'ARRAY[]::text[]');
		return;
	}
	$walk->{bounds}{$side} = $count;
	if ($kind eq 'row')
	{
		bound_by_row($walk, $side, $count);
	}
	else
	{
		bound_by_literal($walk, $side, $count);
	}
	return;
}

# A bound that is the key of some row of the relation.
sub bound_by_row
{
	my ($walk, $side, $count) = @_;
	my ($rel, $order) = @{$walk}{ 'rel', 'order' };
	my $id = $rel->{id}{quoted};
	my $seed = between(1, 1000);
	my $arguments = defined $order->{text}
	  || chance(50) ? ', ' . literal($order->{text}) : '';
	my $key =
	  $order->{physical}
	  ? 'ARRAY[_row.ctid::text]'
	  : "chunked_iter_key(_row$arguments)";

	# A query's key has no tie-breaker, and what it is made of is not always
	# known.
	$key = "($key)[1:$count]"
	  unless $count == @{ $order->{key} }
	  && $order->{known}
	  && !$order->{listed_only};
	$walk->{$side} = ":'$side'";
	push @{ $walk->{before} },
		"SELECT coalesce((SELECT $id FROM $rel->{name}"
	  . " ORDER BY $id\::int8 * $seed % 1009, $id LIMIT 1), 0)"
	  . " AS ${side}_row \\gset",
	  "SELECT coalesce((SELECT $key FROM $rel->{name} AS _row"
	  . " WHERE $id = :${side}_row)::text, '{}') AS $side \\gset";
	$walk->{bound_query}{$side} = '(SELECT '
	  . join(', ',
		map { "$order->{key}[$_ - 1]{expression} AS _$side$_" } 1 .. $count)
	  . " FROM $rel->{name} AS _row WHERE $id = :${side}_row) AS _$side";
	return;
}

# A bound that is just some value, mostly of no row.
sub bound_by_literal
{
	my ($walk, $side, $count) = @_;
	my $key = $walk->{order}{key};
	my @values = random_bound_values($key, $count);

	$walk->{$side} =
		chance(50)
	  ? literal(array_text(@values))
	  : 'ARRAY[' . join(', ', map { literal($_) } @values) . ']::text[]';
	$walk->{bound_query}{$side} = '(SELECT ' . join(
		', ',
		map {
			literal($values[ $_ - 1 ]) . "::$key->[$_ - 1]{cast} AS _$side$_"
		} 1 .. $count) . ") AS _$side";
	return;
}

# An array's text.
sub array_text
{
	my @elements = map {
		my $text = $_;
		$text =~ s/(["\\])/\\$1/g if defined $text;
		defined $text ? qq("$text") : 'NULL';
	} @_;

	return '{' . join(',', @elements) . '}';
}

# The right answer as a query of 'group row' texts, in order.  $text is what is
# shown of a row, $condition is one more filter.
sub oracle
{
	my ($walk, $text, $condition) = @_;
	my ($rel, $order, $reverse) = @{$walk}{ 'rel', 'order', 'reverse' };
	my $key = $order->{known} ? $order->{key} : $order->{listed};
	my $ordering = ordering($key, $reverse);
	my @filters = map { "($_\n)" } grep { defined } $walk->{filter},
	  $condition;
	my @bounds;

	push @bounds,
	  beyond($order->{key}, $reverse, '_after', $walk->{bounds}{after})
	  if $walk->{bounds}{after};
	push @bounds,
	  up_to($order->{key}, $reverse, '_upto', $walk->{bounds}{upto})
	  if $walk->{bounds}{upto};
	return
		"SELECT dense_rank() OVER (ORDER BY $ordering) || ' ' || _text\n"
	  . "\tFROM (SELECT "
	  . join(', ',
		($text // '_row::text') . ' AS _text',
		map { "$key->[$_ - 1]{expression} AS _k$_" } 1 .. @$key)
	  . " FROM $rel->{name} AS _row"
	  . (@filters ? ' WHERE ' . join(' AND ', @filters) : '')
	  . ") AS _o"
	  . join('',
		map { "\n\tCROSS JOIN $walk->{bound_query}{$_}" }
		sort keys %{ $walk->{bounds} // {} })
	  . (@bounds ? "\n\tWHERE " . join("\n\tAND ", @bounds) : '')
	  . "\n\tORDER BY $ordering";
}

my @parameters = qw(chunk_size order_by reverse filter after upto snapshot);

# SQL of the arguments; undef for what is left to its default.
sub arguments
{
	my ($walk, %instead) = @_;

	return (
		chunk_size => $walk->{chunk_size},
		order_by => defined $walk->{order}{text}
		? literal($walk->{order}{text})
		: undef,
		reverse => $walk->{reverse} ? 'true' : one_of(undef, 'false'),
		filter => defined $walk->{filter} ? literal($walk->{filter}) : undef,
		after => $walk->{after},
		upto => $walk->{upto},
		snapshot => defined $walk->{snapshot} ? "'$walk->{snapshot}'" : undef,
		%instead);
}

# The call of chunked_iter, with arguments by position or by name.
sub call
{
	my ($walk, %instead) = @_;
	my %arguments = arguments($walk, %instead);
	my @list = ("NULL::$walk->{rel}{name}");

	if (chance(15))
	{
		push @list, map { $arguments{$_} // 'NULL' } @parameters;
	}
	else
	{
		push @list,
		  map { "$_ => " . ($arguments{$_} // 'NULL') }
		  shuffled(grep { defined $arguments{$_} || chance(5) } @parameters);
	}
	return 'chunked_iter(' . join(', ', @list) . ')';
}

# The statement that compares two queries.
sub compare
{
	my ($walk, $oracle, $query, $more) = @_;

	return
		"SELECT prop.compare('$walk->{label}',\n\tARRAY($oracle),\n"
	  . "\tARRAY($query)"
	  . ($more // '') . ')';
}

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
		oracle($walk, 'pg_typeof(_row)::text || _row::text'), $query)
	  . ';';
}

sub of_some_columns
{
	my ($walk) = @_;
	my $call = call($walk);
	my $id = $walk->{rel}{id}{quoted};
	my $other = one_of(@{ $walk->{rel}{columns} })->{quoted};

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

# The same walk twice in one query, with other chunks.
sub lateral
{
	my ($walk) = @_;
	my $call = call($walk, chunk_size => '_v.i');

	return compare(
		$walk,
		oracle($walk),
		"SELECT _x::text FROM (VALUES (1), (4)) AS _v(i)"
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
	my $oracle = oracle($walk);

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
		chunk_size => one_of(undef, 1, 2, 3, 1000),
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
	my $size = one_of(1, 2, 5, 30);

	return compare(
		$walk,
		oracle($walk),
		'SELECT * FROM prop.paged('
		  . join(', ',
			literal($page), $size,
			$walk->{after} // 'NULL', $walk->{upto} // 'NULL')
		  . ')') . ';';
}

# Range by range, of a few rows or of a few parts.
sub by_ranges
{
	my ($walk) = @_;
	my %arguments = arguments($walk);
	my $call = call(
		$walk,
		chunk_size => one_of(undef, 1, 2, 3, 1000),
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
