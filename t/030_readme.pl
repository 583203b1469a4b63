
# README.md tells the truth: every example in it prints what it says.
#
# All blocks marked "sql" are run, in their order and in one psql session, as
# a reader would type them; psql is told to be quiet, so that commands without
# a result print nothing.  The block marked "text" behind a block of SQL has
# to be exactly what that prints, messages included, but for blanks at the
# ends of lines.  SQL that prints nothing has the comment
#
#   <!-- prints nothing -->
#
# in front of it instead.  What needs more than a server with the extension is
# run by another test, which the comment in front of it names:
#
#   <!-- run by t/... -->
#
# There is no block of any other kind but "sh", so that no example can be
# forgotten.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $end_of_block = '== end of block';
my @complaints;
my @examples = read_examples("$RealBin/../README.md");

is(join("\n", @complaints), '', 'each block is an example or its output');
cmp_ok(scalar @examples, '>', 0, 'there are examples');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;
my @outputs = run_examples();
$node->stop;

is(scalar @outputs, scalar @examples, 'all examples are run');
foreach my $i (0 .. $#examples)
{
  SKIP:
	{
		skip 'EXPLAIN ANALYZE prints more from 18 on', 1
		  if $node->pg_version >= 18 && $examples[$i]{sql} =~ /EXPLAIN \(ANALYZE/;
		is($outputs[$i], $examples[$i]{expected}, "line $examples[$i]{line}");
	}
}

done_testing();

# The blocks of SQL: the line, the SQL and the output that is expected.
sub read_examples
{
	my ($file) = @_;
	my $text = slurp_file($file);
	my @found;
	my $example;    # the one right in front, if there is one
	my $fences = () = $text =~ /^ *```/mg;

	complain(1, 'there is a block without an end') if $fences % 2 > 0;
	while ($text =~ /\G(.*?)^ *```+ *(\S*)[^\n]*\n(.*?)^ *```+ *$/gms)
	{
		my ($before, $kind, $content) = ($1, $2, $3);
		my $line = substr($text, 0, $-[3]) =~ tr/\n//;

		if ($kind eq 'text')
		{
			complain($line, 'this output follows no example')
			  unless $example && $before =~ /\A\s*\z/;
			$example->{expected} = trimmed($content);
			undef $example;
			next;
		}
		complain($example->{line}, 'this example has no output')
		  if $example && !defined $example->{expected};
		undef $example;
		if ($kind eq 'sql' && $before =~ /<!-- run by (t\/\S+) -->\s*\z/)
		{
			complain($line, "there is no $1") if !-e "$RealBin/../$1";
		}
		elsif ($kind eq 'sql')
		{
			push @found, $example = { line => $line, sql => $content };
			$example->{expected} = ''
			  if $before =~ /<!-- prints nothing -->\s*\z/;
		}
		elsif ($kind ne 'sh')
		{
			complain($line, "this block is neither sql, text nor sh");
		}
	}
	complain($example->{line}, 'this example has no output')
	  if $example && !defined $example->{expected};
	return @found;
}

sub complain
{
	my ($line, $what) = @_;

	push @complaints, "line $line: $what";
	return;
}

# Runs the examples in one session; returns what each of them printed.
sub run_examples
{
	my @psql = (
		'psql', '--no-psqlrc', '--quiet',
		'--dbname' => $node->connstr('postgres'));
	my $script =
	  join('', map { "$_->{sql}\n\\echo $end_of_block\n" } @examples);
	my $output = '';

	ok(IPC::Run::run(\@psql, '<', \$script, '>', \$output, '2>&1'),
		'psql runs to the end');

	# A job that takes long on a slow machine says now and then how far it is.
	$output =~ s/^NOTICE:  job "\w+", range \d+: \d+ of about \d+ rows\n//mg;
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
