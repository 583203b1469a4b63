
# README.md and the pages in docs/ tell the truth: every example in them prints
# what they say, and every link leads somewhere.
#
# All blocks marked "sql" are run, those of a page in their order and in one psql
# session, as a reader would type them; psql is told to be quiet, so that commands
# without a result print nothing.  The block marked "text" behind a block of SQL
# has to be exactly what that prints, messages included, but for blanks at the
# ends of lines and for how far a job says it is, which it does on a slow machine.
# SQL that prints nothing has the comment
#
#   <!-- prints nothing -->
#
# in front of it instead.  What needs more than a server with the extension is
# run by another test, which the comment in front of it names:
#
#   <!-- run by t/... -->
#
# Each page has a database of its own.  In all of them the block of README.md has
# been run that has the comment
#
#   <!-- every page begins with this -->
#
# in front of it.  Blocks of other kinds, but for "sh", need a test that runs
# them, too, so that no example can be forgotten.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$RealBin/..";
my $end_of_block = '== end of block';
my $lines_of_readme = 350;
my @complaints;
my @beginning;    # examples that every page begins with
my @pages = map { s!^\Q$top\E/!!r } "$top/README.md", sort glob "$top/docs/*.md";
my %examples = map { $_ => [ read_examples($_) ] } @pages;

is(join("\n", @complaints), '', 'each block is an example or its output');
is(scalar @beginning, 1, 'there is something to begin with');
cmp_ok(slurp_file("$top/README.md") =~ tr/\n//, '<=', $lines_of_readme, 'README.md is short');
is(join("\n", map { lost_links($_) } @pages, 'CONTRIBUTING.md', 'src/README.md'),
	'', 'each link leads to a file and a heading');

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE beginning');
is(join('', run_examples('beginning', @beginning)), '', 'the beginning prints nothing');
check_page($_) for grep { @{ $examples{$_} } } @pages;
$node->stop;
done_testing();

# The blocks of SQL: the line, the SQL and the output that is expected.
sub read_examples
{
	my ($page) = @_;
	my $text = slurp_file("$top/$page");
	my @found;
	my $example;    # the one right in front, if there is one
	my $fences = () = $text =~ /^ *```/mg;
	my $complain = sub { push @complaints, "$page, line $_[0]: $_[1]" };

	$complain->(1, 'there is a block without an end') if $fences % 2 > 0;
	while ($text =~ /\G(.*?)^ *```+ *(\S*)[^\n]*\n(.*?)^ *```+ *$/gms)
	{
		my ($before, $kind, $content) = ($1, $2, $3);
		my $line = substr($text, 0, $-[3]) =~ tr/\n//;

		if ($kind eq 'text')
		{
			$complain->($line, 'this output follows no example')
			  unless $example && $before =~ /\A\s*\z/;
			$example->{expected} = trimmed($content);
			undef $example;
			next;
		}
		$complain->($example->{line}, 'this example has no output')
		  if $example && !defined $example->{expected};
		undef $example;
		if ($before =~ /<!-- run by (t\/\S+) -->\s*\z/)
		{
			$complain->($line, "there is no $1") if !-e "$top/$1";
		}
		elsif ($kind eq 'sql' && $before =~ /<!-- every page begins with this -->\s*\z/)
		{
			push @beginning, { sql => $content };
		}
		elsif ($kind eq 'sql')
		{
			push @found, $example = { line => $line, sql => $content };
			$example->{expected} = ''
			  if $before =~ /<!-- prints nothing -->\s*\z/;
		}
		elsif ($kind ne 'sh')
		{
			$complain->($line, 'this block is neither sql, text nor sh');
		}
	}
	$complain->($example->{line}, 'this example has no output')
	  if $example && !defined $example->{expected};
	return @found;
}

# The links of a page that lead to no file, or to no heading in it
sub lost_links
{
	my ($page) = @_;
	my ($directory) = $page =~ m!^(.*/)?[^/]+$!;
	my $text = slurp_file("$top/$page") =~ s/^ *```.*?^ *```+ *$//gmsr;
	my @lost;

	for my $link ($text =~ /\]\(([^()\s]+)\)/g)
	{
		my ($file, $heading) = split /#/, $link, 2;
		my $path = $file eq '' ? "$top/$page" : "$top/" . ($directory // '') . $file;

		next if $link =~ /^https?:/;
		push @lost, "$page: $link"
		  if !-e $path || (defined $heading && !(headings($path))->{$heading});
	}
	return @lost;
}

# The headings of a file, as links spell them
sub headings
{
	my ($path) = @_;
	my $text = slurp_file($path) =~ s/^ *```.*?^ *```+ *$//gmsr;

	return { map { lc(s/[^\w\- ]//gr =~ tr/ /-/r) => 1 } $text =~ /^#+ +(.*?) *$/mg };
}

sub check_page
{
	my ($page) = @_;
	my @examples = @{ $examples{$page} };
	my $database = lc $page =~ s/\W/_/gr;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE beginning");
	my @outputs = run_examples($database, @examples);
	is(scalar @outputs, scalar @examples, "$page: all examples are run");
	foreach my $i (0 .. $#examples)
	{
	  SKIP:
		{
			skip 'EXPLAIN ANALYZE prints more from 18 on', 1
			  if $node->pg_version >= 18 && $examples[$i]{sql} =~ /EXPLAIN \(ANALYZE/;
			is($outputs[$i], $examples[$i]{expected}, "$page, line $examples[$i]{line}");
		}
	}
	return;
}

# Runs examples in one session; returns what each of them printed.
sub run_examples
{
	my ($database, @examples) = @_;
	my @psql = (
		'psql', '--no-psqlrc', '--quiet',
		'--dbname' => $node->connstr($database));
	my $script =
	  join('', map { "$_->{sql}\n\\echo $end_of_block\n" } @examples);
	my $output = '';

	ok(IPC::Run::run(\@psql, '<', \$script, '>', \$output, '2>&1'),
		"$database: psql runs to the end");
	$output =~ s/^NOTICE:  job "[^"\n]+"(?:, range \d+)?: \d+ %, \d+ rows\/s, \d+ \w+ left\n//mg;
	my @printed = split /^$end_of_block\n/m, $output, -1;
	is(pop @printed, '', 'and prints nothing behind the last example');
	return map { trimmed($_) } @printed;
}

# Without blanks at the ends of lines and empty lines at both ends.
sub trimmed
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+|\n+\z//g;
	return $text;
}
