
=pod

=head1 NAME

Property::Order - random ORDER BY lists, and what they must mean

=head1 DESCRIPTION

An order is a hash:

  text      the order_by argument, undef for NULL
  listed    elements of the list
  key       those and the tie-breaker's
  repeats   number of elements before the first one that says again what one
            before it said; prefixes of the key may be that long
  unique    true if no two rows have the same key
  known     false if equal keys come in an order nobody can say
  listed_only  true if it is for a query: no tie-breaker belongs to it
  physical  true if it is the order of the rows in their files

An element is a hash of sql (as in the list), expression, cast (type of the
bounds), value (a function making a bound), less and greater (operators), desc,
nulls_first, column (if it is a plain one) and index (its text in CREATE INDEX,
undef if it cannot be indexed).

The meaning is spelled out with plain comparisons: see ordering() and
beyond().  Nothing here follows how the extension goes about it.

=cut

package Property::Order;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;
use Property::Types;

our @EXPORT =
  qw(random_order ordering beyond up_to matching_index random_bound_values);

# An order that suits the relation.  With $listed_only no tie-breaker is added
# and there is always a text: that is how queries are walked.
sub random_order
{
	my ($rel, $listed_only) = @_;

	if (!$listed_only)
	{
		return default_order($rel)
		  if chance(18) && ($rel->{unique} || $rel->{physical});
		return physical_order(one_of('ctid', 'CTID', ' ctid'))
		  if chance($rel->{large} ? 30 : 6)
		  && ($rel->{physical} // '') eq 'ctid';
	}
	my @listed = random_elements($rel);
	my $list = join(
		one_of(', ', ',', "\n, ", ' /* then */ , '),
		map { $_->{sql} } @listed);
	$list .= one_of(' -- the end', " \n", ' /* , x */') if chance(10);
	return complete($rel, $list, \@listed, $listed_only);
}

# ORDER BY NULL: the tie-breaker, else the physical order.
sub default_order
{
	my ($rel) = @_;

	return complete($rel, undef, [], 0) if $rel->{unique};
	return physical_order(undef) if $rel->{physical} eq 'ctid';
	return {
		text => undef,
		listed => [],
		key => [],
		repeats => 0,
		unique => 0,
		known => 0,
		physical => 1
	};
}

sub physical_order
{
	my ($text) = @_;
	my $element = element('ctid', 'pg_catalog.tid',
		sub { '(' . between(0, 3) . ',' . between(1, 60) . ')' });

	$element->{index} = undef;
	return {
		text => $text,
		listed => [$element],
		key => [$element],
		repeats => 1,
		unique => 1,
		known => 1,
		physical => 1
	};
}

# The order of a list, with its tie-breaker.
sub complete
{
	my ($rel, $text, $listed, $listed_only) = @_;
	my @tie_breaker;
	my %seen;
	my $repeats = 0;

	if (!$listed_only && $rel->{unique} && !$rel->{guess})
	{
		for my $column (@{ $rel->{unique} })
		{
			push @tie_breaker, column_element($column)
			  unless grep { ($_->{column} // 0) == $column } @$listed;
		}
	}
	for my $element (@$listed, @tie_breaker)
	{
		last if $seen{ $element->{expression} }++;
		$repeats++;
	}
	return {
		text => $text,
		listed => $listed,
		key => [ @$listed, @tie_breaker ],
		repeats => $repeats,
		unique => !$listed_only && $rel->{unique} ? 1 : 0,
		known => $listed_only || !$rel->{guess},
		listed_only => $listed_only
	};
}

# One to four elements with directions.
sub random_elements
{
	my ($rel) = @_;
	my @elements;

	for (1 .. weighted(4 => 1, 4 => 2, 2 => 3, 1 => 4))
	{
		my $element =
			$rel->{preferred} && chance(50) ? column_element($rel->{preferred})
		  : chance(72) ? column_element(one_of(@{ $rel->{columns} }))
		  : chance(15) ? sum_element($rel)
		  :              expression_element(one_of(@{ $rel->{columns} }));

		# Mostly, say everything once.
		next
		  if chance(90)
		  && grep { $_->{expression} eq $element->{expression} } @elements;
		push @elements, directed($rel, $element);
	}
	return @elements;
}

# An ascending element.
sub element
{
	my ($expression, $cast, $value, %more) = @_;

	return {
		expression => $expression,
		sql => $expression,
		cast => $cast,
		value => $value,
		less => '<',
		greater => '>',
		desc => 0,
		nulls_first => 0,
		index => "($expression)",
		%more
	};
}

sub column_element
{
	my ($column) = @_;
	my $type = $column->{type};

	return element(
		$column->{quoted},
		$type->{cast},
		sub {
			return $column->{few} && chance(70)
			  ? one_of(@{ $column->{few} })
			  : random_value($type);
		},
		column => $column,
		less => $type->{less} // '<',
		greater => $type->{greater} // '>',
		plain => $type->{plain},
		index => $column->{wide} || $type->{no_index}
		? undef
		: "($column->{quoted})");
}

sub small
{
	return between(-3, 9);
}

sub values_of
{
	my ($name) = @_;
	my $type = type_named($name);

	return sub { random_value($type) };
}

# Expressions by kind of type: functions of a column's name returning
# (expression, type of the bounds, values for bounds, what else is to say).
my $boolean = values_of('bool');
my $text = values_of('text');
my $float = values_of('float8');
my $numeric = values_of('numeric');
my %expressions = (
	int => [
		sub { ("-($_[0]::numeric)", 'numeric', \&small) },
		sub { ("$_[0] % 3", 'int8', \&small) },
		sub { ("coalesce($_[0], 5)", 'int8', \&small) },
		sub { ("abs($_[0]::numeric - 3)", 'numeric', \&small) },
		sub { ("($_[0] > 2)", 'bool', $boolean) }
	],
	numeric => [
		sub { ("- $_[0]", 'numeric', $numeric) },
		sub { ("trunc($_[0])", 'numeric', $numeric) },
		sub { ("coalesce($_[0], 'NaN')", 'numeric', $numeric) }
	],
	float => [
		sub { ("-$_[0]", 'float8', \&small) },
		sub { ("coalesce($_[0]::float8, 0.1)", 'float8', $float) }
	],
	text => [
		sub { ("lower($_[0])", 'text', $text) },
		sub { ("upper($_[0])", 'text', $text) },
		sub { (qq($_[0] COLLATE "C"), 'text', $text, plain => 1) },
		sub { (qq($_[0] COLLATE prop.icu), 'text', $text, plain => 1) },
		sub { ("$_[0] COLLATE prop.ci", 'text', $text) },
		sub { ("coalesce($_[0], 'a, b DESC')", 'text', $text) },
		sub { ("length($_[0])", 'integer', \&small) },
		sub { ("$_[0] || 'it''s'", 'text', $text) },
		sub { ("substr($_[0], 1, 1)", 'text', $text) }
	],
	bool => [
		sub { ("NOT $_[0]", 'bool', $boolean) },
		sub { ("coalesce($_[0], false)", 'bool', $boolean) },
		sub { ("$_[0]::int", 'integer', \&small) }
	],
	date => [
		sub { ("coalesce($_[0], 'infinity')", 'date', values_of('date')) },
		sub { ("isfinite($_[0])", 'bool', $boolean) }
	],
	array => [ sub { ("cardinality($_[0])", 'integer', \&small) } ],
	range => [ sub { ("isempty($_[0])", 'bool', $boolean) } ],
	jsonb => [
		sub { ("jsonb_typeof($_[0])", 'text', $text) },
		sub { ("$_[0] ->> 'a'", 'text', $text) }
	],
	inet => [
		sub { ("masklen($_[0])", 'integer', \&small) },
		sub { ("host($_[0])", 'text', $text) }
	],
	pair => [
		sub { ("($_[0]).i", 'integer', \&small) },
		sub { ("($_[0]).d", 'date', values_of('date')) },
		sub { ("($_[0]).s", 'text', $text) }
	],
	bytea => [ sub { ("length($_[0])", 'integer', \&small) } ],
	enum => [ sub { ("$_[0]::text", 'text', $text, index => undef) } ]);
my @any_expression = (
	sub { ("$_[0] IS NULL", 'bool', $boolean) },
	sub { ("$_[0] IS NOT NULL", 'bool', $boolean) },
	sub { ("CASE WHEN $_[0] IS NULL THEN 1 ELSE 0 END", 'integer', \&small) }
);

sub expression_element
{
	my ($column) = @_;
	my $fitting = $expressions{ $column->{type}{kind} };
	my $make =
	  one_of(@{ $fitting && chance(80) ? $fitting : \@any_expression });
	my $element = element($make->($column->{quoted}));

	$element->{index} = undef if $column->{wide};
	return $element;
}

# The sum of two columns, or an expression if there are no two numbers.
sub sum_element
{
	my ($rel) = @_;
	my @numbers =
	  grep { $_->{type}{kind} eq 'int' } @{ $rel->{columns} };

	return expression_element(one_of(@{ $rel->{columns} })) if @numbers < 2;
	my ($one, $two) = some_of(2, @numbers);
	return element("$one->{quoted}::numeric + $two->{quoted}",
		'numeric', \&small);
}

# The element with a direction and a place for nulls, in one of the ways to
# write that.
sub directed
{
	my ($rel, $element) = @_;
	my $way = weighted(
		4 => '',
		3 => one_of(' ASC', ' asc'),
		5 => one_of(' DESC', ' desc', "\tDESC"),
		1 => " USING $element->{less}",
		1 => " USING $element->{greater}",
		$element->{plain} ? (1 => ' USING ~<~', 1 => ' USING ~>~') : ());
	my $nulls = weighted(5 => '', 2 => ' NULLS FIRST', 2 => ' NULLS LAST');
	my $sql = $element->{expression};

	if ($element->{column} && chance(12))
	{
		my ($at) = grep { $rel->{columns}[$_] == $element->{column} }
		  0 .. $#{ $rel->{columns} };
		$sql = $at + ($rel->{narrow} ? 2 : 1);
	}
	elsif ($element->{column} && $element->{column}{name} =~ /^[a-k]$/)
	{
		$sql = one_of($element->{column}{name}, uc $element->{column}{name});
	}
	$element->{sql} = $sql . $way . $nulls;
	$element->{desc} = $way =~ /desc|>/i ? 1 : 0;
	$element->{nulls_first} =
	  $nulls ? ($nulls =~ /FIRST/ ? 1 : 0) : $element->{desc};
	if ($way =~ /~/)
	{
		@{$element}{ 'less', 'greater' } = ('~<~', '~>~');
		$element->{index} =
		  $element->{index} && $element->{cast} =~ /^(text|varchar)$/
		  ? "$element->{index} text_pattern_ops"
		  : undef;
	}
	return $element;
}

# What ORDER BY of a query with the key's values in _k1, _k2, ... says.
sub ordering
{
	my ($elements, $reverse) = @_;
	my @terms;

	for my $i (0 .. $#$elements)
	{
		my $e = $elements->[$i];
		push @terms,
			'_k'
		  . ($i + 1)
		  . " USING "
		  . ($e->{desc} != $reverse ? $e->{greater} : $e->{less})
		  . ' NULLS '
		  . ($e->{nulls_first} != $reverse ? 'FIRST' : 'LAST');
	}
	return @terms ? join(', ', @terms) : "''::text";
}

# SQL: does $one come strictly after $two in the walk, in this element alone?
# num_nulls() tells a NULL from a row of nulls; IS NULL does not.
sub element_beyond
{
	my ($e, $reverse, $one, $two) = @_;
	my $operator = $e->{desc} != $reverse ? $e->{less} : $e->{greater};

	return
	  "(num_nulls($one) = 0 AND (num_nulls($two) = 1 OR $one $operator $two))"
	  if $e->{nulls_first} != $reverse;
	return
	  "(num_nulls($two) = 0 AND (num_nulls($one) = 1 OR $one $operator $two))";
}

# SQL for "the key comes strictly after the bound": some element does, and all
# before it are equal.  The bound is in the columns named "$bound1", ...
sub beyond
{
	my ($elements, $reverse, $bound, $count, $swap) = @_;
	my @cases;
	my $equal = '';

	for my $i (1 .. $count)
	{
		my ($one, $two) = ("_k$i", "$bound$i");
		($one, $two) = ($two, $one) if $swap;
		push @cases,
		  $equal
		  . element_beyond($elements->[ $i - 1 ], $reverse, $one, $two);
		$equal .= "_k$i IS NOT DISTINCT FROM $bound$i AND ";
	}
	return '(' . join("\n\t OR ", @cases) . ')';
}

# SQL for "the key comes before the bound or starts with it".
sub up_to
{
	my ($elements, $reverse, $bound, $count) = @_;

	return
		'('
	  . beyond($elements, $reverse, $bound, $count, 1)
	  . "\n\t OR "
	  . join(' AND ',
		map { "_k$_ IS NOT DISTINCT FROM $bound$_" } 1 .. $count)
	  . ')';
}

# Values for the first $count elements of a bound; undef is NULL.
sub random_bound_values
{
	my ($elements, $count) = @_;

	return
	  map { chance(12) ? undef : $_->{value}->() }
	  @{$elements}[ 0 .. $count - 1 ];
}

# Statements that make an index fit for the order: all of it, a part of it, or
# the other way round.  None if something cannot be indexed.
sub matching_index
{
	my ($rel, $order) = @_;
	my @elements = @{ one_of($order->{listed}, $order->{key}) };
	my $mirrored = chance(25) ? 1 : 0;
	my %seen;

	@elements = grep { !$seen{ $_->{expression} }++ } @elements;
	$#elements = between(0, $#elements) if @elements && chance(30);
	return if !@elements || grep { !$_->{index} } @elements;
	my $list = join(
		', ',
		map {
				$_->{index}
			  . ($_->{desc} != $mirrored ? ' DESC' : ' ASC')
			  . ' NULLS '
			  . ($_->{nulls_first} != $mirrored ? 'FIRST' : 'LAST')
		} @elements);
	return map { "CREATE INDEX ON $_ ($list)" } @{ $rel->{indexable} };
}

1;
