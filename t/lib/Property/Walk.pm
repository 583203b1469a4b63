
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
use Property::Call;
use Property::Dice;
use Property::Order;
use Property::Runner;
use Property::Settings;
use Property::Types;
use Property::Ways;

our @EXPORT = qw(random_walk random_job_walk unfit_settings quietly);

# A walk of the relation; $label names it in the verdict.
sub random_walk
{
	my ($rel, $label) = @_;
	my ($way, $order) = way_and_order($rel);
	my $unbounded = ($way->{needs} // '') =~ /whole|unbounded/;
	my $walk = new_walk($rel, $label, $order, $unbounded);

	$walk->{snapshot} = one_of(undef, 'statement', 'chunk');
	my @circumstances = (
		random_formats(),
		random_plans($rel->{large}),
		random_text_settings(unfit_settings($walk)),
		settings(25, 'chunked_iter.chunk_memory' => ['64kB']));
	my @compare = $way->{make}->($walk);
	return {
		label => $label,
		prepare => $walk->{prepare},
		compare => [
			@{ $walk->{before} },
			quietly(set(0, @circumstances)),
			@compare,
			quietly(unset(0, @circumstances))
		],
		accept => $walk->{lossy} ? ['0A000'] : []
	};
}

# A walk as a job takes it, see Property::Call: prepare and before are psql
# input that makes an index, and the keys that are bounds.
sub random_job_walk
{
	my ($rel, $label) = @_;

	my $order;

	# A position in the files of several tables cannot be stored.
	do { $order = random_order($rel) } until @{ $order->{key} };
	return new_walk($rel, $label, $order, 0);
}

sub new_walk
{
	my ($rel, $label, $order, $unbounded) = @_;

	# Nobody can say which rows are between two texts, see Property::Remote.
	$unbounded = 1 if $rel->{differs};
	my $walk = {
		rel => $rel,
		label => $label,
		order => $order,
		reverse => !$order->{physical} && !$unbounded && chance(40) ? 1 : 0,
		filter => $rel->{filter} ? $rel->{filter}->() : random_filter($rel),
		chunk_size => $rel->{chunk_size} ? $rel->{chunk_size}->() : random_chunk_size(),
		before => [],
	};
	my @formats = random_formats();

	$walk->{lossy} = is_lossy($walk);
	$walk->{prepare} =
	  [ map { "$_;" } chance(45) ? matching_index($rel, $order) : () ];
	add_bound($walk, $_)
	  for grep { !$unbounded && chance($rel->{large} ? 15 : 45) } 'after',
	  'upto';
	$walk->{before} = [
		quietly(set(1, @formats)), @{ $walk->{before} },
		quietly(unset(1, @formats))
	] if @{ $walk->{before} };
	return $walk;
}

# Settings under which the statement's own texts would mean something else
sub unfit_settings
{
	my ($walk) = @_;

	return (array_nulls => has_arrays($walk));
}

# Whether the statement has arrays that the session itself reads
sub has_arrays
{
	my ($walk) = @_;

	return
		 defined $walk->{after}
	  || defined $walk->{upto}
	  || scalar grep { $_->{type}{define} =~ /\[\]|prop.few/ } @{ $walk->{rel}{columns} };
}

# Whether a value of the key, or of the filter, need not read back from its text.
# Which columns break ties is not always known: chunked_iter_key() takes the
# relation's for a query, too.
sub is_lossy
{
	my ($walk) = @_;
	my @columns = grep { $_ } @{ $walk->{rel}{keyed} // [] },
	  map { $_->{column} } @{ $walk->{order}{key} };

	return 1 if grep { $_->{type}{lossy} } @columns;
	return scalar grep {
		     $_->{type}{lossy}
		  && index($walk->{filter} // '', "::$_->{type}{cast}") >= 0
	} @{ $walk->{rel}{columns} };
}

# Statements whose rows nobody looks at
sub quietly
{
	return @_ ? join("\\;\n", @_) . ' \g /dev/null' : ();
}

# A way and an order it can have.
sub way_and_order
{
	my ($rel) = @_;
	my $way = weighted($rel->{narrow} ? @narrow_ways : @ways);
	my $needs = $way->{needs} // '';
	my $order = random_order($rel, $needs eq 'query');
	my $has_key = @{ $order->{key} } && !$order->{physical};

	return ({ make => \&in_from }, $order)
	  if $needs =~ /unique|whole|query/ && !$has_key
	  || $needs eq 'unique' && !$order->{unique};
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

sub random_filter
{
	my ($rel) = @_;
	my ($one, $two) = some_of(2, @{ $rel->{columns} });
	my ($a, $b, $id) = map { $_->{quoted} } $one, $two, $rel->{id};
	my $value = literal(random_value($one->{type}));
	my $cast = $one->{type}{cast};
	my $less = $one->{type}{less} // '<';

	return weighted(
		55 => undef,
		5 => "$id % 2 = 0",
		3 => "$a IS NULL",
		3 => "$a IS NOT NULL",
		4 => "$value\::$cast $less $a",
		4 => "NOT ($value\::$cast $less $a)",
		3 => "$a IS DISTINCT FROM $value\::$cast",

		# Two alternatives have to stay together when more is added.
		4 => "$a IS NULL OR $b IS NOT NULL",
		3 => "$id > 3 OR $a $less $value\::$cast",
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

	# chunked_iter_key takes a whole row.
	$kind = 'literal' if $kind eq 'row' && $walk->{rel}{narrow};
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
	  : 'ARRAY['
	  . join(', ', map { literal($_) } @values) . ']::'
	  . array_cast(map { $key->[ $_ - 1 ]{cast} } 1 .. $count);
	$walk->{bound_query}{$side} = '(SELECT ' . join(
		', ',
		map {
			literal($values[ $_ - 1 ]) . "::$key->[$_ - 1]{cast} AS _$side$_"
		} 1 .. $count) . ") AS _$side";
	return;
}

# The type of an array of such values: their own sometimes, where it is one.
sub array_cast
{
	my ($cast, @others) = @_;
	my $one = $cast =~ /^(int2|integer|int8|numeric|uuid|varchar)$/
	  && !grep { $_ ne $cast } @others;

	return $one && chance(70) ? "$cast\[]" : 'text[]';
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

1;
