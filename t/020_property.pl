
# A walk is the ordered SELECT it stands for, whatever the table, the order,
# the bounds, the size of the chunks and the way in.
#
# Each case makes a random relation and compares three random walks of it with
# an oracle: one ordered SELECT over the same rows, whose order and bounds are
# spelled out in plain comparisons (lib/Property/Order.pm).  They must be equal
# row for row and in order; only where keys tie and nothing breaks the tie, rows
# of equal keys may change places.
#
# A case depends on nothing but the seed and its number.  From the environment:
#
#   CHUNKED_ITER_CASES  how many cases to run (2000)
#   CHUNKED_ITER_SEED   the seed (1), any number
#   CHUNKED_ITER_CASE   run just the case of this number and show its SQL
#   CHUNKED_ITER_JOBS   how many sessions share the work (2)
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
#
# A case that fails is printed as a psql script.  The whole script, with the
# types and functions it needs, is left in tmp_check/log.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Property::Dice;
use Property::Relation;
use Property::Walk;

my $walks_per_case = 3;
my $cases_per_batch = 250;
my $failures_shown = 3;

my $seed = $ENV{CHUNKED_ITER_SEED} // 1;
my $jobs = $ENV{CHUNKED_ITER_JOBS} // 2;
my $only = $ENV{CHUNKED_ITER_CASE};
my @numbers =
  defined $only ? ($only) : (1 .. $ENV{CHUNKED_ITER_CASES} // 2000);

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $log_directory = $PostgreSQL::Test::Utils::log_path;
my $node = start_node();
my $prelude = prelude($node);
my %totals = (walks => 0, rows => 0, empty => 0);
my $failures = 0;

diag(
	sprintf 'seed %s, %d cases of %d walks',
	$seed, scalar @numbers,
	$walks_per_case);
note(case_script(property_case($only))) if defined $only;
make_databases();
run_all(@numbers);
is($failures, 0, 'every walk equals its ordered SELECT');
note(   "$totals{walks} walks, $totals{rows} rows to find,"
	  . " $totals{empty} answers without a row");

# An answer without rows proves little.
cmp_ok($totals{empty}, '<', $totals{walks} / 2, 'most walks have rows')
  unless @numbers < 100;
$node->stop;
done_testing();

# A server that survives the crash of a backend, so that one bad case does not
# hide the others.
sub start_node
{
	my $new = PostgreSQL::Test::Cluster->new('property');

	$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$new->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
log_statement = none
log_min_messages = error
log_min_error_statement = panic
max_locks_per_transaction = 256
statement_timeout = '60s'
jit = off
CONF
	$new->start;
	return $new;
}

# One database for each job: transactions that make schemas of the same name
# would wait for each other.
sub make_databases
{
	$node->safe_psql('postgres', $prelude);
	$node->safe_psql('postgres', "CREATE DATABASE job_$_ TEMPLATE postgres")
	  for 0 .. $jobs - 1;
	return;
}

# SQL that every case relies on.
sub prelude
{
	my ($server) = @_;
	my ($libc) = split /\n/, $server->safe_psql('postgres', <<'SQL');
SELECT quote_ident(collname) FROM pg_collation
WHERE collprovider = 'c' AND collname NOT IN ('C', 'POSIX') AND collencoding = 6
ORDER BY collname LIKE 'C%', collname
SQL
	my $has_icu = $server->safe_psql('postgres',
		q(SELECT count(*) > 0 FROM pg_collation WHERE collprovider = 'i'));
	my $collation = 'CREATE COLLATION prop';
	my $icu = $has_icu eq 't';
	$libc //= '"C"';
	note('without ICU') unless $icu;

	return join(
		"\n",
		'CREATE EXTENSION chunked_iter;',
		'CREATE SCHEMA prop;',
		"$collation.libc FROM $libc;",
		$icu
		? ( "$collation.icu (provider = icu, locale = 'und');",
			"$collation.ci (provider = icu, locale = 'und-u-ks-level2',"
			  . ' deterministic = false);')
		: ("$collation.icu FROM \"C\";", "$collation.ci FROM \"C\";"),
		slurp_file("$RealBin/lib/Property/prelude.sql"));
}

# The case of that number: a relation and walks of it.
sub property_case
{
	my ($number) = @_;

	throw_for($seed, $number);
	my $isolation = weighted(
		90 => '',
		7 => ' ISOLATION LEVEL REPEATABLE READ',
		3 => ' ISOLATION LEVEL SERIALIZABLE');
	my $relation = random_relation();
	return {
		number => $number,
		begin => "BEGIN$isolation",
		relation => $relation,
		walks => [
			map { random_walk($relation, "$number.$_") } 1 .. $walks_per_case
		]
	};
}

# The case as psql input.  With $last, up to that walk, and of those before it
# only what they leave behind.
sub case_script
{
	my ($case, $last) = @_;
	my @walks = @{ $case->{walks} };
	my @lines = (
		"\\echo CASE $case->{number}",
		'\set ON_ERROR_ROLLBACK off',
		map({ "$_;" } $case->{begin}, @{ $case->{relation}{setup} }),
		'\set ON_ERROR_ROLLBACK on',
		"SELECT count(*) AS n FROM $case->{relation}{name} \\gset");

	$#walks = $last - 1 if $last;
	for my $i (0 .. $#walks)
	{
		push @lines, "\\echo WALK $walks[$i]{label}",
		  @{ $walks[$i]{prepare} };
		push @lines, @{ $walks[$i]{compare} } unless $last && $i < $#walks;
	}
	return join("\n", @lines, 'ROLLBACK;', '');
}

# The settings of psql and of the session that scripts are made for.
sub session_start
{
	return join("\n",
		'\set VERBOSITY verbose',
		"SET client_encoding = 'UTF8';",
		'SET client_min_messages = error;',
		'');
}

# Run the cases, batch by batch, several batches at a time.
sub run_all
{
	my $share = int((@_ + $jobs - 1) / $jobs);
	my $size = $share < $cases_per_batch ? $share : $cases_per_batch;
	my @batches;

	while (my @some = splice(@_, 0, $size))
	{
		push @batches, \@some;
	}
	while (my @round = splice(@batches, 0, $jobs))
	{
		my @runs =
		  map { start_batch("job_$_", @{ $round[$_] }) } 0 .. $#round;
		for my $run (@runs)
		{
			my $unfinished = finish_batch($run);
			unshift @batches, $unfinished if $unfinished;
		}
		last if $failures > 200;
	}
	return;
}

# Start psql on some cases in that database; its output goes to a file.
sub start_batch
{
	my ($database, @some) = @_;
	my @cases = map { property_case($_) } @some;
	my $file = "$directory/batch_$some[0]";

	write_file("$file.sql", session_start(), map { case_script($_) } @cases);
	my $psql = IPC::Run::start(
		[
			'psql', '-XAtq',
			'-d', $node->connstr($database),
			'-f', "$file.sql"
		],
		'<',
		\undef,
		'>',
		"$file.out",
		'2>&1');
	return {
		cases => \@cases,
		file => $file,
		psql => $psql
	};
}

# Wait for a batch and judge its output.  Returns the numbers of the cases that
# a crash kept from being run, or undef.
sub finish_batch
{
	my ($run) = @_;

	$run->{psql}->finish;
	my %verdicts = read_output("$run->{file}.out");
	my @cases = @{ $run->{cases} };
	while (my $case = shift @cases)
	{
		judge($case, \%verdicts);
		if ($verdicts{crash} && $verdicts{crash} == $case->{number})
		{
			wait_for_recovery();
			return @cases ? [ map { $_->{number} } @cases ] : undef;
		}
	}
	unlink "$run->{file}.sql", "$run->{file}.out";
	return undef;
}

# Wait until a server that lost a backend takes connections again; if it does
# not, there is no point in going on.
sub wait_for_recovery
{
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

# psql's output as a hash from a walk's label, or a case's number, to what was
# said of it: how many verdicts, rows, and what was wrong.  'crash' is the
# number of the case in which the connection was lost.
sub read_output
{
	my ($file) = @_;
	my %said;
	my $at = 0;
	my $case = 0;

	for my $line (split /\n/, slurp_file($file))
	{
		if ($line =~ /^CASE (\d+)$/)
		{
			$at = $case = $1;
		}
		elsif ($line =~ /^WALK (\S+)$/)
		{
			$at = $1;
		}
		elsif ($line =~ /^PROPERTY\|([^|]*)\|(ok|wrong)\|(\d+)\|?(.*)/)
		{
			$said{$1}{verdicts}++;
			$said{$1}{rows} = $3;
			push @{ $said{$1}{wrong} }, $4 if $2 eq 'wrong';
		}
		elsif ($line =~
			/(ERROR|FATAL|PANIC|server closed|connection to server|Assert)/
			|| $said{$at}{wrong})
		{
			$line =~ s/^psql:\S*: //;
			push @{ $said{$at}{wrong} }, $line;
			$said{crash} = $case
			  if $line =~ /server closed|connection to server/;
		}
	}
	return %said;
}

# Count the case's walks, and report it if something is wrong.
sub judge
{
	my ($case, $said) = @_;
	my $number = $case->{number};

	return report($case, undef, @{ $said->{$number}{wrong} })
	  if $said->{$number}{wrong};
	for my $i (1 .. $walks_per_case)
	{
		my $walk = $said->{"$number.$i"} // {};

		$totals{walks}++;
		$totals{rows} += $walk->{rows} // 0;
		$totals{empty}++ unless $walk->{rows};
		return report($case, $i, @{ $walk->{wrong} }) if $walk->{wrong};
		return report($case, $i, 'no answer') unless $walk->{verdicts};
	}
	return;
}

# Say what is wrong with a case and how to see it again.
sub report
{
	my ($case, $walk, @wrong) = @_;
	my $label = $case->{number} . ($walk ? ".$walk" : '');
	my $script = case_script($case, $walk);
	my $file = "$log_directory/property_case_$case->{number}.sql";

	$failures++;
	write_file($file, $prelude, "\n", session_start(), $script);
	$#wrong = 9 if @wrong > 10;
	diag(
		join("\n",
			"walk $label is wrong:",
			@wrong,
			"again: CHUNKED_ITER_SEED=$seed CHUNKED_ITER_CASE=$case->{number}",
			"with all it needs: psql -X -f $file"));
	diag($script) if $failures <= $failures_shown;
	return;
}

sub write_file
{
	my ($file, @parts) = @_;

	open my $handle, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $handle @parts;
	close $handle or die "$file: $!";
	return;
}
