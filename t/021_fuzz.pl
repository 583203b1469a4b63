
# No call of the extension, however strange, crashes the server, fails with an
# internal error (class XX), or with an SQLSTATE of the extension's own that
# docs/errors.md does not name.
#
# Random calls of each function and procedure that the extension has, as the
# catalog lists them (lib/Fuzz/Call.pm), under random settings and roles, in
# transactions, cursors, DO blocks and so on, on relations of all kinds
# (lib/Fuzz/prelude.sql).  What is in error is user's SQL most of the time, and
# then the server's own error passes through, of whatever class but XX.  Errors
# raised in a file of ours are recognized by the place that VERBOSITY verbose
# shows.
#
# A call depends on nothing but the seed and its number, and on what jobs before
# it have written to the tables.  From the environment:
#
#   CHUNKED_ITER_CALLS  how many calls to make (1500)
#   CHUNKED_ITER_CALL   make just the call of this number and show its SQL
#
# and those of lib/Batches.pm.
#
#   CHUNKED_ITER_CALLS=10000 make test REGRESS= ISOLATION= TAP=t/021_fuzz.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Batches;
use Fuzz::Call;
use Property::Dice;

my $failures_shown = 20;

my $only = $ENV{CHUNKED_ITER_CALL};
my @numbers =
  defined $only ? ($only) : (1 .. $ENV{CHUNKED_ITER_CALLS} // 1500);

my $log_directory = $PostgreSQL::Test::Utils::log_path;
my %ours = functions_by_file();
my %documented = map { $_ => 1 } documented_errors();
my $prelude = slurp_file("$RealBin/lib/Fuzz/prelude.sql");
my $node = start_node();
my @signatures = signatures();
my (%outcomes, %raised);
my $failures = 0;

diag(sprintf 'seed %s, %d calls', $seed, scalar @numbers);
cmp_ok(scalar keys %documented, '>', 15, 'docs/errors.md names errors');
cmp_ok(scalar @signatures, '>', 10, 'there is something to call');
note(call_script($only)) if defined $only;
run_batches(
	node => $node,
	numbers => \@numbers,
	make => \&make_batch,
	judge => \&judge_batch,
	errors => 1,
	failures => sub { $failures });
is($failures, 0, 'every call ends with a result or a proper error');
note('errors of ours: '
	  . join(', ', map { "$_ $raised{$_}" } sort keys %raised));
note(
	"$_: $outcomes{$_}{fine} without an error, $outcomes{$_}{failed} with one"
) for sort keys %outcomes;

unless (@numbers < 500)
{
	ok($outcomes{$_}{fine} > 0, "some calls of $_ succeed")
	  for sort keys %outcomes;
}
$node->stop;
done_testing();

sub start_node
{
	my $new = PostgreSQL::Test::Cluster->new('fuzz');

	$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$new->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
log_statement = none
log_min_messages = error
log_min_error_statement = panic
jit = off
statement_timeout = '500ms'
max_stack_depth = 1MB
CONF
	$new->start;
	make_databases($new, $prelude);
	return $new;
}

# What there is to call: see Fuzz::Call.
sub signatures
{
	my @found;

	for my $line (split /\n/, $node->safe_psql('postgres', <<'SQL'))
SELECT p.proname, p.prokind, pg_get_function_result(p.oid), p.pronargs - p.pronargdefaults,
       (SELECT string_agg(p.proargnames[n] || '=' || format_type(p.proargtypes[n - 1], NULL), ',' ORDER BY n)
          FROM generate_series(1, p.pronargs) AS n)
  FROM pg_depend AS d
  JOIN pg_proc AS p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND p.prorettype <> 'internal'::regtype
   AND 'chunked_iter_table_name'::regtype::oid <> ALL (p.proargtypes::oid[] || p.prorettype)
   AND p.proname NOT LIKE 'chunked\_iter\_bookmark\_%'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'chunked_iter')
 ORDER BY p.oid::regprocedure::text
SQL
	{
		my ($name, $kind, $returns, $required, $list) = split /\|/, $line;
		my @arguments =
		  map { my ($n, $type) = split /=/; { name => $n, type => $type } }
		  split /,/, $list // '';

		$arguments[$_]{has_default} = $_ >= $required for 0 .. $#arguments;
		$outcomes{$name} = { fine => 0, failed => 0 };
		push @found,
		  {
			name => $name,
			kind => $kind,
			returns => $returns || '',
			arguments => \@arguments
		  };
	}
	return @found;
}

# The functions that our C files define: a file's name may be the server's, too.
sub functions_by_file
{
	my %found;

	for my $path (glob("$RealBin/../src/*.c $RealBin/../src/*/*.c"))
	{
		my ($file) = $path =~ m!([^/]+)$!;
		$found{$file}{$_} = 1 for slurp_file($path) =~ /^(\w+)\(/mg;
	}
	return %found;
}

# The SQLSTATEs in the tables of docs/errors.md.
sub documented_errors
{
	my @states;

	for my $row (grep { /^\|/ } split /\n/, slurp_file("$RealBin/../docs/errors.md"))
	{
		my ($cell) = $row =~ /^\|([^|]*)\|/;
		push @states, $cell =~ /\b([0-9A-Z]{5})\b/g;
	}
	return @states;
}

sub random_call_of
{
	my ($number) = @_;

	throw_for($seed, $number);
	return random_call(@signatures);
}

# A call as psql input, whatever the ones before it have left behind.
sub call_script
{
	my ($number) = @_;
	my $call = random_call_of($number);

	return join("\n",
		'ROLLBACK;',
		'RESET SESSION AUTHORIZATION;',
		'RESET ROLE;',
		'RESET ALL;',
		'DEALLOCATE ALL;',
		'CLOSE ALL;',
		'SELECT pg_advisory_unlock_all();',
		$number % 10 ? () : 'DISCARD ALL;',
		'SET client_min_messages = error;',
		'SET search_path = fuzz, public;',
		'DELETE FROM public.chunked_iter_job_ranges;',
		'DELETE FROM public.chunked_iter_jobs;',
		"\\warn CALL $number",
		@{ $call->{lines} },
		"\\warn END $number",
		'');
}

# The calls of those numbers: psql input, and the numbers.
sub make_batch
{
	return (join('', "\\set VERBOSITY verbose\n", map { call_script($_) } @_), [@_]);
}

# Judges each call.  Returns the numbers of those that a crash kept from being
# made.
sub judge_batch
{
	my ($made, $output) = @_;
	my %reports = read_reports($output);
	my @numbers = @$made;

	while (defined(my $number = shift @numbers))
	{
		my $report = $reports{$number} // '';

		if ($report =~ /^END$/m)
		{
			judge($number, $report);
			next;
		}
		fail_call($number, "the session ended: $report");
		wait_for_recovery($node);
		return @numbers;
	}
	return;
}

# From a call's number to what psql has reported of it.
sub read_reports
{
	my ($output) = @_;
	my %reports;
	my $number = 0;

	for my $line (split /\n/, $output)
	{
		$line =~ s/^psql:\S+:\d+: //;
		$number = $1 if $line =~ /^CALL (\d+)$/;
		$line =~ s/^END \d+$/END/;
		$reports{$number} .= "$line\n";
	}
	return %reports;
}

# Whether the errors of a call are proper ones.
sub judge
{
	my ($number, $report) = @_;
	my $name = random_call_of($number)->{name};
	my @errors =
	  $report =~ /^(?:ERROR|FATAL|PANIC):  \w{5}: .*?^LOCATION:  [^\n]*$/msg;

	$outcomes{$name}{ @errors ? 'failed' : 'fine' }++;
	for my $error (@errors)
	{
		my ($level, $state) = $error =~ /^(\w+):  (\w{5})/;
		my ($function, $file) = $error =~ /^LOCATION:  (\w+), ([^:]+):\d+$/m;
		my $ours = $ours{ $file // '' }{ $function // '' };

		$raised{$state}++ if $ours;
		return fail_call($number, $error)
		  if $level ne 'ERROR'
		  || $state =~ /^XX/
		  || ($ours && !$documented{$state});
	}
	return;
}

# Say what is wrong with a call and how to see it again.
sub fail_call
{
	my ($number, $wrong) = @_;
	my $script = "\\set VERBOSITY verbose\n" . call_script($number);
	my $file = "$log_directory/fuzz_call_$number.sql";

	$failures++;
	write_file($file, $prelude, "\n", $script);
	$wrong = substr($wrong, 0, 1000);
	diag(
		"call $number: $wrong\nagain: CHUNKED_ITER_SEED=$seed CHUNKED_ITER_CALL=$number\nwith all it needs: psql -X -f $file"
	);
	diag(substr($script, 0, 4000)) if $failures <= $failures_shown;
	return;
}
