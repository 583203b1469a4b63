
# Four sessions at one job do each row once: without ranges one of them runs it
# and the others are told so; with ranges they share these.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Jobs;
use Session;

my $rows = 6000;
my $node = PostgreSQL::Test::Cluster->new('job_sessions');

$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
$node->start;

make_tables($node, $rows);
my @sessions = map { Session->new($node) } 1 .. 4;

# Of four that run it one does.
$_->start(
	"CALL chunked_iter_run('four', 'item', '$statement', chunk_size => 20, pause_ms => 1)"
) for @sessions;
$_->answer for @sessions;
is(scalar(grep { $_->reported =~ /ERROR:  55P03/ } @sessions),
	3, 'three of four sessions are told that the job is being run');
is(scalar(grep { $_->reported =~ /has succeeded: $rows rows/ } @sessions),
	1, 'one of them has run it');
is_done_once($node, 'by one of four sessions');

# One has none to give away when it has but one range.
make_tables($node, $rows);
$sessions[0]->start(
	"CALL chunked_iter_run('helped', 'item', '$statement', chunk_size => 20, pause_ms => 1)"
);
wait_for_job('helped');
$_->start("CALL chunked_iter_work('helped')") for @sessions[ 1 .. 3 ];
$_->answer for @sessions;
is_deeply([ map { errors($_) } @sessions ], [], 'three sessions help with a job of one range');
is_deeply([ sort { $a <=> $b } map { share($_) } @sessions ],
	[ 0, 0, 0, $rows ], 'one session has done it');
is_done_once($node, 'of one range');

# Of eight ranges each takes some.
make_tables($node, $rows);
$sessions[0]->start(
	"CALL chunked_iter_run('parts', 'item', '$statement', chunk_size => 20, pause_ms => 1, parts => 8)"
);
wait_for_job('parts');
$_->start("CALL chunked_iter_work('parts')") for @sessions[ 1 .. 3 ];
$_->answer for @sessions;
my @shares = map { share($_) } @sessions;
is_deeply([ map { errors($_) } @sessions ], [], 'four sessions at eight ranges');
is($shares[0] + $shares[1] + $shares[2] + $shares[3],
	$rows, 'each row was one session\'s');
is(scalar(grep { $_ > 0 } @shares), 4, "each had some: @shares");
is_done_once($node, 'by four sessions');

is($sessions[0]->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\''),
	'0', 'no guard is left');
$_->close for @sessions;
$node->stop;
done_testing();

sub wait_for_job
{
	my ($job) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM chunked_iter_jobs WHERE job = '$job'")
	  or die "job $job was not made";
	return;
}

sub errors
{
	my ($session) = @_;
	return $session->reported =~ /(ERROR.*)/g;
}

# How many rows the session says it has done
sub share
{
	my ($session) = @_;
	return $session->reported =~ /: (\d+) rows/ ? $1 : 0;
}
