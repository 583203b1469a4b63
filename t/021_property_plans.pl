
# A walk and a job are the ordered SELECT they stand for whatever the planner is
# allowed to do: on relations large enough that plans differ, with filters that
# few rows pass, under settings at random (lib/Property/Large.pm, Settings.pm).
#
# To run this test alone, as long as you like, with another seed, or just one of
# its cases:
#
#   CHUNKED_ITER_CASES=20000 CHUNKED_ITER_SEED=7 \
#     make test REGRESS= ISOLATION= TAP=t/021_property_plans.pl
#   CHUNKED_ITER_SEED=7 CHUNKED_ITER_CASE=1234 \
#     make test REGRESS= ISOLATION= TAP=t/021_property_plans.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Property::Dice;
use Property::Job;
use Property::Large;
use Property::Runner;
use Property::Walk;

my $walks_per_case = 2;
my $node = property_node();
my $has_jobs = has_extension($node, 'dblink');

run_property(
	node => $node,
	name => 'plan',
	what => 'every walk equals its ordered SELECT, under all plans',
	prelude => join('',
		map { slurp_file("$RealBin/lib/Property/$_.sql") } 'large',
		$has_jobs ? 'jobs' : ()),
	cases => 60,
	case => \&plan_case);
$node->stop;
done_testing();

# Some walks in a transaction, or a job
sub plan_case
{
	my ($number) = @_;
	my $relation = random_large();
	my $isolation = one_of('', '', ' READ ONLY', ' ISOLATION LEVEL REPEATABLE READ',
		' ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE');

	return job_case($number, $relation) if $has_jobs && chance(20);
	return {
		begin => [
			"BEGIN$isolation;",
			'\set ON_ERROR_ROLLBACK on',
			"SELECT count(*) AS n FROM $relation->{name} \\gset"
		],
		parts => [
			map { random_walk($relation, "$number.$_") } 1 .. $walks_per_case
		],
		end => ['ROLLBACK;']
	};
}
