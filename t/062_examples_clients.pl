
# examples/psycopg, sqlalchemy, node, jdbc and go: each client streams in bounded
# memory, follows pages, runs a job outside of a transaction and goes on with a
# prepared statement after the table was altered.  What has become of a job whose
# client is killed depends on client_connection_check_interval.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;
use Session;

my $rows = 50000;
my $scratch = PostgreSQL::Test::Utils::tempdir();
my %clients = (
	psycopg => scalar(python_client('psycopg', 'import psycopg')),
	sqlalchemy => scalar(python_client('sqlalchemy', 'import sqlalchemy, psycopg2')),
	node => scalar(node_client()),
	go => scalar(go_client()),
	jdbc => scalar(jdbc_client()));
my @names = grep { $clients{$_} } sort keys %clients;

plan skip_all => 'there is none of the clients' unless @names;
diag("not installed: $_") for grep { !$clients{$_} } sort keys %clients;

my $node = example_node('clients', $rows, listen => 1);
$ENV{PGUSER} = user();    # which Node and JDBC do not find out by themselves
my $entries = $node->safe_psql('postgres',
	'SELECT count(*), sum(length(title)) FROM entry');
my $pages = $node->safe_psql('postgres', <<'SQL');
SELECT id FROM entry WHERE author = 'author 7' ORDER BY written DESC, id
SQL
my @counts = map { count_after($_ * 1000) } 0 .. 11, 0;

for my $name (@names)
{
	subtest $name => sub {
		streams($clients{$name});
		follows_pages($clients{$name});
		runs_a_job($clients{$name});
		leaves_its_job('0', $clients{$name}, 'succeeded');
		leaves_its_job('100ms', $clients{$name}, 'interrupted');
		survives_a_new_column($clients{$name});
	};
}
$node->stop;
done_testing();

sub python_client
{
	my ($name, $probe) = @_;
	my $python = interpreter($probe, 'python3', '/usr/bin/python3');

	return $python && [ $python, "$examples/$name/client.py" ];
}

# The driver comes from npm's registry.
sub node_client
{
	my $out;

	return unless interpreter('1', 'node');
	IPC::Run::run([ 'cp', '-R', "$examples/node", "$scratch/node" ]) or return;
	return unless eval {
		IPC::Run::run([ 'npm', 'install', '--no-audit', '--no-fund', '--cache', "$scratch/npm" ],
			'<', \undef, '>&', \$out, init => sub { chdir "$scratch/node" or die $! },
			IPC::Run::timeout(120));
	};
	return [ 'node', "$scratch/node/client.js" ];
}

sub go_client
{
	my $out;

	local %ENV = (%ENV, GO111MODULE => 'off', GOPATH => '/usr/share/gocode',
		GOCACHE => "$scratch/go-build");
	my $built = eval {
		IPC::Run::run([ 'go', 'build', '-o', "$scratch/client", "$examples/go/client.go" ],
			'<', \undef, '>&', \$out);
	};
	return $built && ["$scratch/client"];
}

sub jdbc_client
{
	my $driver = '/usr/share/java/postgresql.jar';
	my $out;

	return unless -e $driver;
	my $built = eval {
		IPC::Run::run([ 'javac', '-d', $scratch, "$examples/jdbc/Client.java" ],
			'<', \undef, '>&', \$out);
	};
	return $built && [ 'java', '-cp', "$driver:$scratch", 'Client', 'URL' ];
}

# What a client prints; JDBC is told where the server is by a URL.
sub client
{
	my ($command, $what) = @_;

	return run_example($node, with_url(@$command), $what);
}

sub with_url
{
	my (@command) = @_;
	my $url = 'jdbc:postgresql://127.0.0.1:' . $node->port . "/postgres?user=$ENV{PGUSER}";

	return map { $_ eq 'URL' ? $url : $_ } @command;
}

sub user
{
	return scalar getpwuid($<);
}

sub count_after
{
	my ($after) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM entry WHERE author = 'author 7' AND id > greatest($after, 100)");
}

sub streams
{
	my ($command) = @_;
	my ($count, $titles, $grown) =
	  client($command, 'stream') =~ /^(\d+) entries, (\d+) characters of titles, (-?\d+) kB/;

	is("$count|$titles", $entries, 'all rows are there');
	cmp_ok($grown, '<', 30 * 1024, 'in less than 30 MB');
	return;
}

sub follows_pages
{
	my ($command) = @_;
	my $said = client($command, 'pages');
	my ($first) = split /\n/, $said;

	is(join("\n", split ' ', $said), $pages, 'the pages are the whole list, in order');
	is(scalar(split ' ', $first), 40, 'of 40 rows each');
	return;
}

sub runs_a_job
{
	my ($command) = @_;
	my $said = client($command, 'job');

	like($said, qr/job "shorten" has succeeded: $rows rows read, $rows changed, in 10 chunks/,
		'the job tells how it ended');
	like($said, qr/^succeeded 100\.0 $rows$/m, 'and its progress can be read');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM entry WHERE length(body) > 40'),
		0, 'it has changed all rows');
	forget();
	return;
}

# A client is killed while its job waits for a row that is locked.
sub leaves_its_job
{
	my ($interval, $command, $state) = @_;
	my $lock = Session->new($node);
	my $is_so = "SELECT state = '$state' FROM chunked_iter_progress";
	my ($job, $out);

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET client_connection_check_interval = '$interval'");
	$node->reload;
	$lock->query('BEGIN; SELECT FROM entry WHERE id = 75000 FOR UPDATE');
	point_to($node);
	$job = IPC::Run::start([ with_url(@$command), 'job' ], '<', \undef, '>&', \$out);
	$node->poll_query_until('postgres',
		q(SELECT count(*) > 0 FROM chunked_iter_progress WHERE waiting_for LIKE 'lock%'))
	  or die 'the job did not start';
	$job->signal('KILL');
	$job->finish;
	$node->poll_query_until('postgres', $is_so) if $state eq 'interrupted';
	$lock->query('COMMIT');
	$lock->close;
	ok($node->poll_query_until('postgres', $is_so),
		"a job without its client: $state, where the server looks for clients every $interval");
	forget();
	return;
}

sub forget
{
	$node->safe_psql('postgres', <<'SQL');
SELECT chunked_iter_forget('shorten');
UPDATE entry SET body = rpad(body, 120, '.')
SQL
	return;
}

sub survives_a_new_column
{
	my ($command) = @_;

	is_deeply([ split ' ', client($command, 'prepared') ],
		\@counts, 'a prepared statement counts right, every time');
	$node->safe_psql('postgres', 'ALTER TABLE entry DROP COLUMN seen');
	return;
}
