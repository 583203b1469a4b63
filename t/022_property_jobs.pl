
# A job does each row once, in order, whatever it walks, however it is stopped,
# killed and helped, and under whatever settings: see lib/Property/Job.pm.
#
# To run this test alone, as long as you like, with another seed, or just one of
# its cases:
#
#   CHUNKED_ITER_CASES=20000 CHUNKED_ITER_SEED=7 \
#     make test REGRESS= ISOLATION= TAP=t/022_property_jobs.pl
#   CHUNKED_ITER_SEED=7 CHUNKED_ITER_CASE=1234 \
#     make test REGRESS= ISOLATION= TAP=t/022_property_jobs.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Property::Job;
use Property::Runner;
use Property::Types;

my $node = property_node();
plan skip_all => 'there is no dblink' unless has_extension($node, 'dblink');

my @contrib = grep { has_extension($node, $_) } contrib_types();
use_contrib(@contrib);

run_property(
	node => $node,
	name => 'job',
	what => 'every job has the effects of one statement',
	prelude => join('', map { "CREATE EXTENSION $_;\n" } @contrib)
	  . slurp_file("$RealBin/lib/Property/jobs.sql"),
	cases => 120,
	case => \&job_case);
$node->stop;
done_testing();
