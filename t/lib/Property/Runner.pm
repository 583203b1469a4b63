
=pod

=head1 NAME

Property::Runner - runs the cases of a property test and judges their output

=head1 DESCRIPTION

A case depends on nothing but the seed and its number.  It is a hash:

  begin    psql input that comes before its parts
  parts    list of hashes: label, prepare (psql input that stays for the parts
           after it), compare (psql input that prints lines of prop.verdict()
           under the label), and accept, the SQLSTATEs of errors that are as
           good as an answer (a list, mostly left out)
  end      psql input that comes last

An error in a part or a verdict "wrong" is a failure, as is a part without a
verdict.  A case that fails is printed as a psql script.  The whole script,
with the types and functions it needs, is left in tmp_check/log.

From the environment:

  CHUNKED_ITER_CASES  how many cases to run
  CHUNKED_ITER_CASE   run just the case of this number and show its SQL

and those of Batches.

=cut

package Property::Runner;

use strict;
use warnings;

use Exporter 'import';
use Batches;
use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Property::Dice;
use Test::More;

our @EXPORT = qw(property_node run_property has_extension together);

my $only = $ENV{CHUNKED_ITER_CASE};
my $failures_shown = 3;

# The test that runs, see run_property().
my $log_directory;
my ($node, $prelude, $name, $make);
my %totals;
my %lost;
my $failures = 0;

# A server that survives the crash of a backend, so that one bad case does not
# hide the others.
sub property_node
{
	my ($conf) = @_;
	my $new = PostgreSQL::Test::Cluster->new('property');

	$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$new->append_conf('postgresql.conf', <<'CONF' . ($conf // ''));
restart_after_crash = on
fsync = off
synchronous_commit = off
autovacuum = off
log_statement = none
log_min_messages = error
log_min_error_statement = panic
max_connections = 40
max_locks_per_transaction = 256
statement_timeout = '60s'
jit = off
CONF
	$new->start;
	return $new;
}

# Whether CREATE EXTENSION would find it
sub has_extension
{
	my ($server, $extension) = @_;

	return $server->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'"
	) eq '1';
}

# Run the cases that the environment asks for, and say what came of it:
#
#   node      the server
#   name      what a part of a case is called: 'walk', 'job'
#   what      what holds for all of them, the name of the test
#   prelude   further SQL that every case relies on
#   cases     how many cases to run unless the environment says
#   case      function that makes the case of a number; throws are made ready
sub run_property
{
	my (%test) = @_;
	my @numbers =
	  defined $only
	  ? ($only)
	  : (1 .. $ENV{CHUNKED_ITER_CASES} // $test{cases});

	# These are known once the test has begun.
	$log_directory = $PostgreSQL::Test::Utils::log_path;
	($node, $name, $make) = @test{ 'node', 'name', 'case' };
	$prelude = prelude() . ($test{prelude} // '');
	%totals = (parts => 0, rows => 0, empty => 0, refused => 0);
	diag(sprintf 'seed %s, %d cases', $seed, scalar @numbers);
	note(case_script(make_case($only))) if defined $only;
	make_databases($node, $prelude);
	run_batches(
		node => $node,
		numbers => \@numbers,
		make => \&make_batch,
		judge => \&judge_batch,
		failures => sub { $failures });
	is($failures, 0, $test{what});
	note("$totals{parts} ${name}s, $totals{rows} rows to find,"
		  . " $totals{empty} answers without a row, $totals{refused} refused");

	# An answer without rows proves little, nor does a refusal.
	cmp_ok($totals{empty} + $totals{refused},
		'<', $totals{parts} / 2, "most ${name}s have rows")
	  unless @numbers < 100;
	return;
}

# Statements for psql to send in one message, which saves time.
sub together
{
	return @_ ? join("\\;\n", @_) . ';' : ();
}

# SQL that every case relies on.
sub prelude
{
	my ($libc) = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT quote_ident(collname) FROM pg_collation
WHERE collprovider = 'c' AND collname NOT IN ('C', 'POSIX') AND collencoding = 6
ORDER BY collname LIKE 'C%', collname
SQL
	my $has_icu = $node->safe_psql('postgres',
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

# The case of that number
sub make_case
{
	my ($number) = @_;

	throw_for($seed, $number);
	return { number => $number, %{ $make->($number) } };
}

# The case as psql input.  With $last, up to that part, and of those before it
# only what they leave behind.
sub case_script
{
	my ($case, $last) = @_;
	my @parts = @{ $case->{parts} };
	my @lines = ("\\echo CASE $case->{number}", @{ $case->{begin} });

	$#parts = $last - 1 if $last;
	for my $i (0 .. $#parts)
	{
		push @lines, "\\echo PART $parts[$i]{label}",
		  @{ $parts[$i]{prepare} // [] };
		push @lines, @{ $parts[$i]{compare} } unless $last && $i < $#parts;
	}
	return join("\n", @lines, @{ $case->{end} }, '');
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

# The cases of those numbers: psql input, and the cases themselves.
sub make_batch
{
	my @cases = map { make_case($_) } @_;

	return (join('', session_start(), map { case_script($_) } @cases), \@cases);
}

# Judges the output of some cases.  Returns the numbers of those that a crash
# kept from being run.  A case that loses its connection gets a second try, for
# another one may have brought the server down.
sub judge_batch
{
	my ($made, $output) = @_;
	my %verdicts = read_output($output);
	my @cases = @$made;

	while (my $case = shift @cases)
	{
		my $is_lost = ($verdicts{lost} // -1) == $case->{number}
		  || ($verdicts{lost} // -1) == 0;

		if ($is_lost)
		{
			wait_for_recovery($node);
			unshift @cases, $case unless $lost{ $case->{number} }++;
		}
		judge($case, \%verdicts)
		  unless $is_lost && @cases && $cases[0] == $case;
		return map { $_->{number} } @cases if $is_lost;
	}
	return;
}

# psql's output as a hash from a part's label, or a case's number, to what was
# said of it: how many verdicts, rows, and what was wrong.  'lost' is the number
# of the case in which the connection was lost, 0 if there was none.
sub read_output
{
	my ($output) = @_;
	my %said;
	my $at = 0;
	my $case = 0;

	for my $line (split /\n/, $output)
	{
		if ($line =~ /^CASE (\d+)$/)
		{
			$at = $case = $1;
		}
		elsif ($line =~ /^PART (\S+)$/)
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
			$said{lost} = $case
			  if $line =~ /server closed|connection to server/;
		}
	}
	return %said;
}

# Count the case's parts, and report it if something is wrong.
sub judge
{
	my ($case, $said) = @_;
	my $number = $case->{number};
	my $at = 0;

	return report($case, undef, @{ $said->{$number}{wrong} })
	  if $said->{$number}{wrong};
	for my $part (@{ $case->{parts} })
	{
		my $answer = $said->{ $part->{label} } // {};

		$at++;
		$totals{parts}++;
		if (is_refused($part, $answer))
		{
			$totals{refused}++;
			next;
		}
		$totals{rows} += $answer->{rows} // 0;
		$totals{empty}++ unless $answer->{rows};
		return report($case, $at, @{ $answer->{wrong} }) if $answer->{wrong};
		return report($case, $at, 'no answer') unless $answer->{verdicts};
	}
	return;
}

# Whether the first thing that went wrong is an error that the part may have
sub is_refused
{
	my ($part, $answer) = @_;
	my ($first) = @{ $answer->{wrong} // [] };
	my $accepted = join '|', @{ $part->{accept} // [] };

	return $accepted && $first && $first =~ /ERROR:  (?:$accepted):/;
}

# Say what is wrong with a case and how to see it again.
sub report
{
	my ($case, $part, @wrong) = @_;
	my $label = $case->{number} . ($part ? ".$part" : '');
	my $script = case_script($case, $part);
	my $file = "$log_directory/${name}_case_$case->{number}.sql";

	$failures++;
	write_file($file, $prelude, "\n", session_start(), $script);
	$#wrong = 9 if @wrong > 10;
	diag(
		join("\n",
			"$name $label is wrong:",
			@wrong,
			"again: CHUNKED_ITER_SEED=$seed CHUNKED_ITER_CASE=$case->{number}",
			"with all it needs: psql -X -f $file"));
	diag($script) if $failures <= $failures_shown;
	return;
}

1;
