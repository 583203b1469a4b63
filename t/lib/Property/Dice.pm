
=pod

=head1 NAME

Property::Dice - the one source of randomness of the property test

=head1 DESCRIPTION

A case is a function of (seed, case number) alone, so that it can be made
again by itself.  Everything random in it is thrown here, in a fixed order;
nothing may depend on the order of a hash or on the server's answers.

=cut

package Property::Dice;

use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw(throw_for between chance one_of weighted shuffled some_of);

# Start the sequence of case $number under $seed.
sub throw_for
{
	my ($seed, $number) = @_;

	srand((($seed % 1_000_003) * 2_654_435 + $number * 40_503) % 2**32);
	rand() for 1 .. 3;
	return;
}

# An integer from $low to $high, both included.
sub between
{
	my ($low, $high) = @_;

	return $low + int(rand($high - $low + 1));
}

# True in $percent of 100 throws.
sub chance
{
	my ($percent) = @_;

	return rand(100) < $percent;
}

# One of the arguments.
sub one_of
{
	return $_[ int(rand(@_)) ];
}

# One of (weight => value, ...), each as likely as its weight says.
sub weighted
{
	my @pairs = @_;
	my $total = 0;

	$total += $pairs[ 2 * $_ ] for 0 .. $#pairs / 2;
	my $point = rand($total);
	while (@pairs > 2)
	{
		my ($weight, $value) = splice(@pairs, 0, 2);
		return $value if $point < $weight;
		$point -= $weight;
	}
	return $pairs[1];
}

# The arguments in a random order.
sub shuffled
{
	my @list = @_;

	for my $i (reverse 1 .. $#list)
	{
		my $j = int(rand($i + 1));
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

# $count different ones of the list, or all of them, in a random order.
sub some_of
{
	my ($count, @list) = @_;

	@list = shuffled(@list);
	$#list = $count - 1 if $count < @list;
	return @list;
}

1;
