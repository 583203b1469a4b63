
# A job does each row whose key does not change once, whatever other sessions
# lock, move, delete and insert while it runs: see lib/Property/Lock.pm.
#
# To run this test alone, as long as you like, with another seed, or just one of
# its cases:
#
#   CHUNKED_ITER_CASES=20000 CHUNKED_ITER_SEED=7 \
#     make test REGRESS= ISOLATION= TAP=t/023_property_locks.pl
#   CHUNKED_ITER_SEED=7 CHUNKED_ITER_CASE=1234 \
#     make test REGRESS= ISOLATION= TAP=t/023_property_locks.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Property::Lock;
use Property::Runner;

my $node = property_node();
plan skip_all => 'there is no dblink' unless has_extension($node, 'dblink');

run_property(
	node => $node,
	name => 'lock',
	what => 'every row is done once while others change the table',
	prelude => slurp_file("$RealBin/lib/Property/jobs.sql"),
	cases => 150,
	case => \&lock_case);
$node->stop;
done_testing();
