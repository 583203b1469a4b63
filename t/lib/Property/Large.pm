
=pod

=head1 NAME

Property::Large - relations large enough that plans differ

=head1 DESCRIPTION

They are made once, by large.sql, and only read: a table, one without a key,
partitions, children and a materialized view of 100,000 rows in all but one,
with indexes on what walks filter and sort by.  random_large() returns one of
them as a relation, see Property::Relation, whose walks have filters that few
rows pass.

=cut

package Property::Large;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
use Property::Types;

our @EXPORT = qw(random_large);

# A column whose values go up to $most in all of the tables
sub column
{
	my ($name, $type, $value, %more) = @_;

	return {
		name => $name,
		quoted => $name,
		type => {
			%{ type_named($type) },
			values => [ map { $value->($_) } 0, 1, 17, 5000, 99_999 ],
			fresh => sub { $value->(between(1, 99_999)) },
		},
		not_null => 0,
		%more
	};
}

# As large.sql computes them from the number of the row
my %columns = map { $_->{name} => $_ } (
	column('id', 'int4', sub { $_[0] }),
	column('grp', 'int4', sub { $_[0] % 500 }),
	column('amount', 'int4', sub { $_[0] * 7919 % 100_003 }),
	column('n', 'int8', sub { $_[0] * 31 % 9973 }),
	column('k', 'text', sub { 'k' . $_[0] * 13 % 20_000 }),
	column('d', 'date',
		sub { sprintf '20%02d-%02d-%02d', $_[0] % 20, $_[0] % 12 + 1, $_[0] % 28 + 1 }));

my @relations = (
	[ plain => unique => ['id'], physical => 'ctid', lockable => 1 ],
	[ heap => physical => 'ctid', lockable => 1 ],
	[ part => unique => [ 'id', 'grp' ], physical => 'any', lockable => 1 ],
	[ spread => physical => 'any', lockable => 1 ],
	[ parent => physical => 'any', lockable => 1 ],
	[ mat => physical => 'ctid' ],
	[ composite => unique => [ 'grp', 'id' ], physical => 'ctid', lockable => 1 ]);

sub random_large
{
	my ($name, %more) = @{ one_of(@relations) };

	$more{unique} = [ map { $columns{$_} } @{ $more{unique} } ]
	  if $more{unique};
	return {
		name => "big.$name",
		schema => 'big',
		setup => [],
		columns => [ @columns{qw(id grp amount n k d)} ],
		id => $columns{id},
		physical => undef,
		indexable => [],
		large => 1,
		filter => \&few_rows,
		chunk_size => sub { one_of(3, 10, 10, 33, 100, 1000, undef) },
		%more
	};
}

# A condition that at most some hundred rows pass, by an index or not
sub few_rows
{
	my $low = between(-50, 99_990);
	my $some = one_of(5, 40, 150);
	my $few = between(0, 9000);
	my $narrow = one_of(
		"amount BETWEEN $low AND " . ($low + $some),
		"amount > $low AND amount < " . ($low + $some),
		"amount IN ($low, " . ($low + 1) . ', 17, 7919)',
		'grp = ' . between(-1, 500),
		'grp = ANY (\'{' . between(0, 499) . ',' . between(0, 499) . "}')",
		"n BETWEEN $few AND " . ($few + between(0, 20)),
		'n = ' . between(0, 9972),
		"k = 'k" . between(0, 19_999) . "'",
		"k LIKE 'k" . between(100, 999) . "%'",
		"amount % 1000 = " . between(0, 999),
		"id BETWEEN $low AND " . ($low + $some),
		"d = '2003-04-04' AND grp < 40",
		"ctid BETWEEN '(3,1)' AND '(4,90)'");

	return weighted(
		12 => $narrow,
		2 => "$narrow AND n IS NULL",
		2 => "($narrow) OR amount = $low",
		2 => "$narrow AND id % 2 = 0",
		2 => "$narrow AND EXISTS (SELECT FROM prop.numbers WHERE i = grp)",
		1 => "$narrow AND grp IN (SELECT i FROM prop.numbers)",
		1 => "$narrow AND k || 'x' <> 'k1x'",
		1 => 'n IS NULL AND grp % 50 = 7');
}

1;
