
=pod

=head1 NAME

Batches - runs numbered psql scripts in several sessions, across crashes

=head1 DESCRIPTION

A script is a function of the seed and its number.  Many of them are one run of
psql, a batch, and several batches run at a time, each in a database of its own:
transactions that make schemas of the same name would wait for each other.

From the environment:

  CHUNKED_ITER_SEED   the seed (1), any number
  CHUNKED_ITER_JOBS   how many sessions share the work (2)

=cut

package Batches;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(run_batches make_databases wait_for_recovery write_file $seed);

our $seed = $ENV{CHUNKED_ITER_SEED} // 1;
my $jobs = $ENV{CHUNKED_ITER_JOBS} // 2;
my $scripts_per_batch = 250;
my $failures_at_most = 200;

# A database for each session, with what the SQL makes.
sub make_databases
{
	my ($node, $sql) = @_;

	$node->safe_psql('postgres', $sql);
	$node->safe_psql('postgres',
		"SET statement_timeout = 0; CREATE DATABASE job_$_ TEMPLATE postgres")
	  for 0 .. $jobs - 1;
	return;
}

# Runs scripts, until too many of them have failed:
#
#   node      the server
#   numbers   those of the scripts
#   make      function of numbers; returns psql input, and what is to be known
#             when it has run
#   judge     function of that and of psql's output; returns the numbers of the
#             scripts that a crash kept from being run
#   errors    whether the output is psql's messages alone
#   failures  function that returns how many scripts have failed so far
sub run_batches
{
	my (%test) = @_;
	my @numbers = @{ $test{numbers} };
	my $share = int((@numbers + $jobs - 1) / $jobs);
	my $size = $share < $scripts_per_batch ? $share : $scripts_per_batch;
	my @batches;

	while (my @some = splice(@numbers, 0, $size))
	{
		push @batches, \@some;
	}
	while (my @round = splice(@batches, 0, $jobs))
	{
		my @runs =
		  map { start_batch(\%test, "job_$_", @{ $round[$_] }) }
		  0 .. $#round;
		for my $run (@runs)
		{
			$run->{psql}->finish;
			my @left = $test{judge}->($run->{made}, slurp_file("$run->{file}.out"));
			unshift @batches, \@left if @left;
			unlink "$run->{file}.sql", "$run->{file}.out";
		}
		last if $test{failures}->() > $failures_at_most;
	}
	return;
}

# Start psql on some scripts in that database; its output goes to a file.
sub start_batch
{
	my ($test, $database, @some) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/batch_$some[0]";
	my ($script, $made) = $test->{make}->(@some);
	my @psql = (
		'psql', '-XAtq',
		'-d', $test->{node}->connstr($database),
		'-f', "$file.sql");
	my @output =
	  $test->{errors}
	  ? ('>', '/dev/null', '2>', "$file.out")
	  : ('>', "$file.out", '2>&1');

	write_file("$file.sql", $script);
	return {
		made => $made,
		file => $file,
		psql => IPC::Run::start(\@psql, '<', \undef, @output)
	};
}

# Wait until a server that lost a backend takes connections again; if it does
# not, there is no point in going on.
sub wait_for_recovery
{
	my ($node) = @_;

	for (1 .. 60)
	{
		return
		  if system("psql -X -d '"
			  . $node->connstr('postgres')
			  . "' -c 'SELECT 1' >/dev/null 2>&1") == 0;
		sleep 1;
	}
	BAIL_OUT('the server does not come back');
}

sub write_file
{
	my ($file, @parts) = @_;

	open my $handle, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $handle @parts;
	close $handle or die "$file: $!";
	return;
}

1;
