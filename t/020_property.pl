
# A walk is the ordered SELECT it stands for, whatever the table, the order,
# the bounds, the size of the chunks, the settings of the session, the query
# around it, and the way in.
#
# Each case makes a random relation and compares three random walks of it with
# an oracle: one ordered SELECT over the same rows, whose order and bounds are
# spelled out in plain comparisons (lib/Property/Order.pm).  They must be equal
# row for row and in order; only where keys tie and nothing breaks the tie, rows
# of equal keys may change places.
#
# To run this test alone, ten times as long, with another seed:
#
#   CHUNKED_ITER_CASES=20000 CHUNKED_ITER_SEED=7 \
#     make test REGRESS= ISOLATION= TAP=t/020_property.pl
#
# and one of its cases:
#
#   CHUNKED_ITER_SEED=7 CHUNKED_ITER_CASE=1234 \
#     make test REGRESS= ISOLATION= TAP=t/020_property.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use Test::More;

use lib "$RealBin/lib";
use Property::Dice;
use Property::Relation;
use Property::Runner;
use Property::Types;
use Property::Walk;

my $walks_per_case = 3;
my $node = property_node();
my @contrib = grep { has_extension($node, $_) } contrib_types();

use_contrib(@contrib);
$Property::Wrap::release = $node->pg_version =~ s/^(\d+).*/$1/r;

note_missing_types();
run_property(
	node => $node,
	name => 'walk',
	what => 'every walk equals its ordered SELECT',
	prelude => join('',
		map { "CREATE EXTENSION $_;\n" } @contrib),
	cases => 2000,
	case => \&walk_case);
$node->stop;
done_testing();

# Say which types could be keys and are none here.
sub note_missing_types
{
	my $known = join ', ', map { "'$_->{cast}'" } every_type();
	my $missing = $node->safe_psql('postgres', <<"SQL");
SELECT string_agg(t.oid::regtype::text, ', ')
  FROM pg_opclass AS c JOIN pg_am AS a ON a.oid = c.opcmethod AND amname = 'btree'
  JOIN pg_type AS t ON t.oid = opcintype AND typtype <> 'p'
 WHERE opcdefault AND t.oid NOT IN (SELECT to_regtype(k) FROM unnest(ARRAY[$known]) AS k
									 WHERE to_regtype(k) IS NOT NULL)
SQL

	note("types of keys that are not tried: $missing") if $missing;
	return;
}

# A relation and walks of it, all in one transaction
sub walk_case
{
	my ($number) = @_;
	my $isolation = weighted(
		90 => '',
		7 => ' ISOLATION LEVEL REPEATABLE READ',
		3 => ' ISOLATION LEVEL SERIALIZABLE');
	my $relation = random_relation(type => type_for($number));

	return {
		begin => [
			'\set ON_ERROR_ROLLBACK off',
			map({ "$_;" } "BEGIN$isolation", @{ $relation->{setup} }),
			'\set ON_ERROR_ROLLBACK on',
			"SELECT count(*) AS n FROM $relation->{name} \\gset"
		],
		parts => [
			map { random_walk($relation, "$number.$_") } 1 .. $walks_per_case
		],
		end => ['ROLLBACK;']
	};
}
