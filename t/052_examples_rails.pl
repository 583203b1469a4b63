
# examples/rails: a model's rows in bounded memory, and pages by bookmark.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $ruby =
  interpreter(q(require 'active_record'; require 'pg'), 'ruby', '/usr/bin/ruby');
plan skip_all => 'there is no Ruby with ActiveRecord and pg' unless $ruby;

my $rows = 50000;
my $node = example_node('rails', $rows);

walks_in_bounded_memory();
follows_the_bookmarks();
$node->stop;
done_testing();

sub walks_in_bounded_memory
{
	my $said = run_example($node, $ruby, "$examples/rails/walk.rb");
	my $expected = $node->safe_psql('postgres',
		'SELECT count(*), sum(length(title)) FROM entry');
	my ($entries, $titles, $grown) =
	  $said =~ /^(\d+) entries, (\d+) characters of titles, (\d+) kB/;

	is("$entries|$titles", $expected, 'all rows are there');
	cmp_ok($grown, '<', 15 * 1024, 'in less than 15 MB');
	return;
}

# What the bookmarks lead to, one after the other, is the whole list.
sub follows_the_bookmarks
{
	my $said = run_example($node, $ruby, "$examples/rails/pages.rb");
	my @pages = split /\n/, $said;
	my $expected = $node->safe_psql('postgres', <<'SQL');
SELECT id FROM entry WHERE author = 'author 7' ORDER BY written DESC, id
SQL

	is(join("\n", split ' ', $said), $expected, 'all rows in order');
	is(scalar(split ' ', $pages[0]), 40, 'in pages of 40');
	return;
}
