
# examples/pgbouncer: pages work where a client has no session of its own, and
# cursors do not.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my ($pgbouncer) =
  grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'there is no pgbouncer' unless $pgbouncer;
plan skip_all => 'pgbouncer does not run as root' if $> == 0;

my $node = example_node('pgbouncer', 3000);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $running = start_pgbouncer();

reads_pages();
loses_cursors();
$running->signal('INT');
$running->finish;
$node->stop;
done_testing();

# With the settings of the example, but for where things are.
sub start_pgbouncer
{
	my $ini = slurp_file("$examples/pgbouncer/pgbouncer.ini");
	my $user = $node->safe_psql('postgres', 'SELECT current_user');

	$ini =~ s/^\* = .*/* = host=@{[$node->host]} port=@{[$node->port]} user=$user/m
	  or die;
	$ini =~ s/^unix_socket_dir = .*/unix_socket_dir = $directory/m or die;
	$ini =~ s/^listen_port = .*/listen_port = $port/m or die;
	PostgreSQL::Test::Utils::append_to_file("$directory/pgbouncer.ini", $ini);
	my $started = IPC::Run::start(
		[ $pgbouncer, '-q', "$directory/pgbouncer.ini" ],
		'<', \undef, '>', "$directory/log", '2>&1');
	for (1 .. 100)
	{
		last if -S "$directory/.s.PGSQL.$port";
		select undef, undef, undef, 0.1;
	}
	return $started;
}

sub behind_pgbouncer
{
	point_to($node);
	$ENV{PGHOST} = $directory;
	$ENV{PGPORT} = $port;
	return;
}

# Two clients at once, on the one server connection there is.
sub reads_pages
{
	my $expected = $node->safe_psql('postgres',
		'SELECT id FROM entry ORDER BY written DESC, id');
	my @outs = ('', '');
	my @clients;

	behind_pgbouncer();
	for my $i (0, 1)
	{
		push @clients,
		  IPC::Run::start([ "$examples/pgbouncer/pages.sh", 250 - $i * 50 ],
			'<', \undef, '>', \$outs[$i], '2>&1');
	}
	$_->finish for @clients;
	is(join("\n", split ' ', $outs[$_]),
		$expected, 'client ' . ($_ + 1) . ' reads all pages in order')
	  for 0, 1;
	is(scalar(split /\n/, $outs[0]), 12, 'as so many transactions');
	return;
}

# A cursor belongs to the server connection, which others use as well.
sub loses_cursors
{
	my $mine = IPC::Run::start(
		[ 'psql', '-XAtq' ],
		'<', \my $in, '>', \my $out, '2>', \my $err,
		IPC::Run::timeout(60));

	$in =
	  "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM entry ORDER BY id;\nFETCH c;\n";
	$mine->pump until $out =~ /\n/;
	system('psql', '-Xq', '-c', 'CLOSE ALL') == 0 or die;
	$in = "FETCH c;\n\\q\n";
	$mine->finish;
	is($out, "3\n", 'a cursor works at first');
	like($err, qr/cursor "c" does not exist/, 'and is gone later');
	return;
}
