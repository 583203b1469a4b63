
# bench/: the clients that are compared all read the same rows, and what they
# report becomes docs/benchmarks.md.  Two figures are far enough from where they
# must not be to be tested at any size and on any machine.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $bench = "$RealBin/../bench";
my $python =
  interpreter('import django, psycopg2', 'python3', '/usr/bin/python3');
plan skip_all => 'there is no Python with Django and psycopg2' unless $python;
plan skip_all => 'memory is read from /proc' unless -e '/proc/self/status';

my $node = example_node('bench');
$node->append_conf('postgresql.conf', 'max_locks_per_transaction = 512');
$node->restart;
my $directory = PostgreSQL::Test::Utils::tempdir();

# It ends with an error if one of the ways misses a row.
run_example($node, $python, "$bench/clients.py",
	'SIZES=20000,30000', 'ROUNDS=1', "RESULTS=$directory");
my %figures = read_figures("$directory/clients.csv");
my $walk = $figures{'20000 django/walk'};

cmp_ok($walk->{client_kb}, '<', 15 * 1024,
	'a walk from Django takes less than 15 MB');
cmp_ok(
	$figures{'20000 django/v2'}{seconds},
	'>',
	3 * $figures{'20000 server/walk'}{seconds},
	'and one in the server a third of the time of queryset_iterator');
is($figures{'20000 server/walk'}{temp_bytes}, 0, 'without temporary files');

run_example($node, $python, "$bench/report.py", "RESULTS=$directory",
	"DOCS=$directory/docs");
my $report = slurp_file("$directory/docs/benchmarks.md");
like($report, qr/^## \Q$_\E/m, "the report has: $_")
  for "The article's systems", 'What people use instead', 'Growth';
like($report, qr/^\| \*\*Django, a walk through a cursor\*\* \| \d+\.\d\d \|/m,
	'and the figures');
$node->stop;
done_testing();

# By rows and way
sub read_figures
{
	my ($file) = @_;
	my ($header, @lines) = split /\n/, slurp_file($file);
	my @fields = split /,/, $header;
	my %found;

	for my $line (@lines)
	{
		my %run;

		@run{@fields} = split /,/, $line, -1;
		$found{"$run{rows} $run{group}/$run{way}"} = \%run;
	}
	return %found;
}
