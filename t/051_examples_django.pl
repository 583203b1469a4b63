
# examples/django: a model's rows in bounded memory, and pages from a view.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $python =
  interpreter('import django, psycopg2', 'python3', '/usr/bin/python3');
plan skip_all => 'there is no Python with Django and psycopg2' unless $python;

my $rows = 50000;
my $node = example_node('django', $rows);

walks_in_bounded_memory();
follows_the_links();
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
