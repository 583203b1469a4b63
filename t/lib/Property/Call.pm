
=pod

=head1 NAME

Property::Call - a walk as a call of chunked_iter, and its oracle

=head1 DESCRIPTION

A walk is a hash of what random_walk() has thrown: rel, order, reverse, filter,
chunk_size, snapshot; after and upto (SQL of the arguments), bounds and
bound_query (the same for the oracle, by side).

=cut

package Property::Call;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;
use Property::Order;
use Property::Types;

our @EXPORT = qw(@parameters oracle arguments call compare filtered);
our @parameters =
  qw(chunk_size order_by reverse filter after upto snapshot);

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
	  . ' FROM ' . ($rel->{truth} // $rel->{name}) . ' AS _row'
	  . (@filters ? ' WHERE ' . join(' AND ', @filters) : '')
	  . ") AS _o"
	  . join('',
		map { "\n\tCROSS JOIN $walk->{bound_query}{$_}" }
		sort keys %{ $walk->{bounds} // {} })
	  . (@bounds ? "\n\tWHERE " . join("\n\tAND ", @bounds) : '')
	  . "\n\tORDER BY $ordering";
}

# The rows that the walk's filter lets through, in no order, as an item in FROM.
# $condition is one more filter.
sub filtered
{
	my ($walk, $condition) = @_;
	my @filters = map { "($_\n)" } grep { defined } $walk->{filter},
	  $condition;

	my $rows = $walk->{rel}{truth} // $walk->{rel}{name};

	return "(SELECT * FROM $rows"
	  . (@filters ? ' WHERE ' . join(' AND ', @filters) : '') . ')';
}

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

	$more //= '';
	$more .= ', ordered => false'
	  if $walk->{rel}{differs} && $more !~ /ordered/;
	return
		"SELECT prop.compare('$walk->{label}',\n\tARRAY($oracle),\n"
	  . "\tARRAY($query)$more)";
}

1;
