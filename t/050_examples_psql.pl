
# examples/psql: FETCH_COUNT, COPY to a file and \watch, as they are shown.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $rows = 50000;
my $node = example_node('psql', $rows);
my $directory = PostgreSQL::Test::Utils::tempdir();

reads_through_a_cursor();
copies_to_a_file();
works_in_small_transactions();
$node->stop;
done_testing();

# All rows come, and psql's memory does not depend on how many.
sub reads_through_a_cursor
{
	my $all = run_example($node, psql_file('psql/fetch_count.sql'));
	my $expected =
	  $node->safe_psql('postgres', 'SELECT id, title FROM entry ORDER BY id');

	is($all, "$expected\n", 'FETCH_COUNT: all rows in order');
  SKIP:
	{
		skip 'no memory is told without /proc', 1 unless -e '/proc/self/status';
		cmp_ok(peak_memory('fetch_count.sql', ''),
			'<', peak_memory('fetch_count.sql', '\unset FETCH_COUNT') - 2000,
			'and less memory of psql than without it');
	}
	return;
}

# The peak memory of psql, in kB, that runs the file with a line before its query.
sub peak_memory
{
	my ($file, $line) = @_;
	my $script = slurp_file("$examples/psql/$file");

	$script =~ s/^SELECT/$line\nSELECT/m or die "no query in $file";
	$script .= "\n\\! grep VmHWM /proc/\$PPID/status\n";
	IPC::Run::run([ 'psql', '-Xq' ], '<', \$script, '>', \my $out) or die;
	return $out =~ /VmHWM:\s+(\d+) kB/ ? $1 : die 'no memory is told';
}

sub copies_to_a_file
{
	my $here = `pwd`;
	chomp $here;

	chdir $directory or die $!;
	run_example($node, psql_file('psql/copy.sql'));
	chdir $here or die $!;
	is( slurp_file("$directory/entries.csv"),
		$node->safe_psql('postgres', <<'SQL') . "\n", 'COPY: the file has all rows in order');
COPY (SELECT id, written, author, title FROM entry
	   WHERE author IS NOT NULL ORDER BY written DESC, id) TO STDOUT (FORMAT csv, HEADER)
SQL
	return;
}

# Stopped in the middle and started again, it does each row once.
sub works_in_small_transactions
{
	my $watching = start_watching();

	$node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM title_length')
	  or die 'nothing is done';
	stop_watching($watching);
	my $first = $node->safe_psql('postgres',
		'SELECT count(*), count(*) % 1000 FROM title_length');
	like($first, qr/^\d+\|0$/, '\watch: whole pages are done');

	$watching = start_watching();
	$node->poll_query_until('postgres',
		"SELECT count(*) = $rows FROM title_length")
	  or die 'it does not get to the end';
	stop_watching($watching);
	is( $node->safe_psql('postgres', <<'SQL'), "$rows|0", 'all rows are done, as they should be');
SELECT count(*), count(*) FILTER (WHERE l.length IS DISTINCT FROM length(e.title))
  FROM entry AS e FULL JOIN title_length AS l USING (id)
SQL
	return;
}

sub start_watching
{
	point_to($node);
	return IPC::Run::start([ psql_file('psql/watch.sql') ],
		'<', \undef, '>', \my $out, '2>', \my $err);
}

# As Ctrl-C does.
sub stop_watching
{
	my ($watching) = @_;

	$watching->signal('INT');
	$watching->finish;
	return;
}
