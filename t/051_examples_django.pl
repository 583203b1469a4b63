
# examples/django: the app's own tests and its package, a model's rows in bounded
# memory, pages from a view, and the Python in docs/django.md.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $python =
  interpreter('import django, psycopg2', 'python3', '/usr/bin/python3');
plan skip_all => 'there is no Python with Django and psycopg2' unless $python;

my $rows = 50000;
my $node = example_node('django', $rows);
my $app = PostgreSQL::Test::Utils::tempdir() . '/django';

$ENV{PYTHONDONTWRITEBYTECODE} = 1;
walks_in_bounded_memory();
follows_the_links();
passes_its_own_tests();
runs_what_the_docs_show();
makes_a_package();
$node->stop;
done_testing();

sub walks_in_bounded_memory
{
	my $said = run_example($node, $python, "$examples/django/walk.py");
	my $expected = $node->safe_psql('postgres',
		'SELECT count(*), sum(length(title)) FROM entry');
	my ($entries, $titles, $grown) =
	  $said =~ /^(\d+) entries, (\d+) characters of titles, (\d+) kB/;

	is("$entries|$titles", $expected, 'all rows are there');
	cmp_ok($grown, '<', 15 * 1024, 'in less than 15 MB');
	return;
}

# What the links lead to, one after the other, is the whole list.
sub follows_the_links
{
	my $said = run_example($node, $python, "$examples/django/view.py");
	my @pages = split /\n/, $said;
	my $expected = $node->safe_psql('postgres', <<'SQL');
SELECT id FROM entry WHERE author = 'author 7' ORDER BY written DESC, id
SQL

	is(join("\n", split ' ', $said), $expected, 'all rows in order');
	is(scalar(split ' ', $pages[0]), 40, 'in pages of 40');
	return;
}

sub passes_its_own_tests
{
	my ($out, $passed);

	point_to($node);
	$passed = IPC::Run::run(
		[ $python, '-m', 'django', 'test', '--settings=tests.settings' ],
		'<', \undef, '>&', \$out,
		init => sub { chdir "$examples/django" or die $! });
	ok($passed, 'the app passes its own tests');
	diag($out) unless $passed;
	like($out, qr/^Ran [1-9]\d* tests/m, 'it has some');
	return;
}

# All blocks of Python, one after the other.
sub runs_what_the_docs_show
{
	my $docs = slurp_file("$RealBin/../docs/django.md");
	my @blocks = $docs =~ /^```python\n(.*?)^```$/gms;
	my $others = () = $docs =~ /^```(?!python$|$)/gm;
	my $script = join("\n", 'import sys', "sys.path.insert(0, '$examples/django')",
		'from project import Entry', @blocks);

	cmp_ok(scalar @blocks, '>', 0, 'docs/django.md shows some Python');
	is($others, 0, 'and nothing else');
	is(run_example($node, $python, '-c', $script),
		"first: Entry number 50000\n", 'which runs');
	return;
}

sub makes_a_package
{
	my ($out, $built);

  SKIP:
	{
		skip 'there is no setuptools of 61 or later', 1
		  unless interpreter(
			"import setuptools as s; assert int(s.__version__.split('.')[0]) >= 61", $python);
		IPC::Run::run([ 'cp', '-R', "$examples/django", $app ]) or die 'cp failed';
		$built = IPC::Run::run(
			[
				$python, '-c',
				'from setuptools.build_meta import build_wheel; print(build_wheel("."))'
			],
			'<', \undef, '>', \$out, '2>', \my $err,
			init => sub { chdir $app or die $! });
		diag($err) unless $built;
		IPC::Run::run([ $python, '-m', 'zipfile', '-l', glob("$app/*.whl") ], '>', \$out);
		is_deeply(
			[ sort $out =~ /^(chunked_iter_django\/\S+)/mg ],
			[ map { "chunked_iter_django/$_.py" } qw(__init__ jobs migrations/0001_initial migrations/__init__ query) ],
			'the package has the whole app and nothing else');
	}
	return;
}
