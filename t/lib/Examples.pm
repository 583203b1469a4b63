
=pod

=head1 NAME

Examples - runs what is in examples/ as its reader would

=head1 DESCRIPTION

  example_node(NAME, ROWS)     a server with the table "entry" in it; with
                               listen => 1 it can be reached at 127.0.0.1 too
  run_example(NODE, COMMAND)   what the command prints, with the environment
                               leading to that server; dies if it fails
  interpreter(PROBE, NAMES)    the first of these interpreters that runs the
                               probe, or nothing
  psql_file(FILE)              the command that runs a file of examples/

=cut

package Examples;

use strict;
use warnings;

use Exporter 'import';
use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT =
  qw($examples example_node point_to run_example interpreter psql_file);

our $examples = "$RealBin/../examples";

sub example_node
{
	my ($name, $rows, %init) = @_;
	my $listen = delete $init{listen};
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], %init);
	$node->append_conf('postgresql.conf', "TimeZone = 'UTC'");
	$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'") if $listen;
	$node->start;
	run_example($node, psql_file('entries.sql', "rows=$rows")) if $rows;
	return $node;
}

# Have clients started from now on connect to that server.
sub point_to
{
	my ($node) = @_;

	$ENV{PGHOST} = $node->host;
	$ENV{PGPORT} = $node->port;
	$ENV{PGDATABASE} = 'postgres';
	return;
}

sub run_example
{
	my ($node, @command) = @_;
	my ($out, $err);

	point_to($node);
	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err)
	  or die "@command:\n$err";
	return $out;
}

sub interpreter
{
	my ($probe, @names) = @_;

	for my $name (@names)
	{
		my ($out, $found);

		$found = eval {
			IPC::Run::run([ $name, '-e', $probe ], '<', \undef, '>&', \$out)
			  || IPC::Run::run([ $name, '-c', $probe ],
				'<', \undef, '>&', \$out);
		};
		return $name if $found;
	}
	return;
}

sub psql_file
{
	my ($file, @variables) = @_;

	return (
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
		map({ ('-v', $_) } @variables),
		'-f', "$examples/$file");
}

1;
