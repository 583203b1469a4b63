
# debian/: dpkg-buildpackage makes a package, and what is in the package is an
# extension that can be created and works.
#
# The package is unpacked over a copy of the server from which everything of ours
# has been removed, so that nothing else is there to be used.

use strict;
use warnings;

use File::Basename;
use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$RealBin/..";
my $bindir = one_line('pg_config', '--bindir');

plan skip_all => 'there is no dpkg-buildpackage, no debhelper, or no dh_pgxs_test'
  if grep { !command_exists($_) } 'dpkg-buildpackage', 'dh', 'dh_pgxs_test';
plan skip_all => "the server of these tests is not of Debian's layout"
  unless $bindir =~ m!^(.*)/usr/lib/postgresql/(\d+)/bin$!;
my ($installation, $major) = ($1, $2);
plan skip_all => "PostgreSQL $major is not one that this Debian supports"
  unless grep { $_ eq $major } supported_versions();

my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $version = extension_version();
my $package = build();
contents_are_right();
it_works();
done_testing();

sub one_line
{
	my @command = @_;
	my $out = '';

	eval { IPC::Run::run(\@command, '>', \$out, '2>', \my $err) };
	chomp $out;
	return $out;
}

# The releases that packages are made for
sub supported_versions
{
	my $out = '';

	IPC::Run::run([ 'pg_buildext', 'supported-versions' ],
		'>', \$out, '2>', \my $err, init => sub { chdir $top or die $! });
	return split ' ', $out;
}

sub command_exists
{
	my ($name) = @_;

	return grep { -x "$_/$name" } split /:/, $ENV{PATH};
}

sub extension_version
{
	slurp_file("$top/chunked_iter.control") =~ /^default_version = '(.*)'$/m
	  or die 'no version';
	return $1;
}

sub run_or_die
{
	my ($where, @command) = @_;
	my $out = '';

	IPC::Run::run(\@command, '<', \undef, '>&', \$out, init => sub { chdir $where or die $! })
	  or die "@command: $out";
	return $out;
}

# The package's file, built from a copy of the source without what was built.
sub build
{
	my $source = "$directory/source";

	mkdir $source or die $!;
	run_or_die($top, 'sh', '-c',
		"tar -cf - --exclude='*.o' --exclude='*.so' --exclude='*.bc'"
		  . " --exclude=./tmp_check --exclude=./results --exclude=./.git . | tar -xf - -C $source");
	{
		# As on a machine of its own
		local $ENV{PATH} = '/usr/sbin:/usr/bin:/sbin:/bin';
		local %ENV = map { $_ => $ENV{$_} } grep { !/^(PG|MAKE|MFLAGS|TAP|REGRESS|ISOLATION)/ } keys %ENV;
		run_or_die($source, 'pg_buildext', 'updatecontrol');
		run_or_die($source, 'dpkg-buildpackage', '--build=binary', '--no-sign', '--no-check-builddeps');
	}
	my ($file) =
	  glob "$directory/postgresql-$major-chunked-iter_${version}_*.deb";
	ok($file, 'dpkg-buildpackage makes a package of the extension\'s version')
	  or BAIL_OUT('no package');
	return $file;
}

sub contents_are_right
{
	my $control = run_or_die($directory, 'dpkg-deb', '--field', $package);
	my $contents = run_or_die($directory, 'dpkg-deb', '--contents', $package);

	like($control, qr/^Depends: .*\bpostgresql-$major\b/m,
		'it needs the server');
	for my $file (
		"usr/lib/postgresql/$major/lib/chunked_iter.so",
		"usr/share/postgresql/$major/extension/chunked_iter.control",
		"usr/share/postgresql/$major/extension/chunked_iter--$version.sql",
		"usr/share/doc/postgresql-$major-chunked-iter/README.md",
		"usr/share/doc/postgresql-$major-chunked-iter/docs/jobs.md")
	{
		like($contents, qr!\./$file(\.gz)?$!m, "it has $file");
	}
	return;
}

sub it_works
{
	my $root = "$directory/root";

	mkdir $root or die $!;
	run_or_die($installation, 'sh', '-c',
		"tar -cf - --exclude='*chunked_iter*' usr/lib usr/share | tar -xf - -C $root");
	my $node = PostgreSQL::Test::Cluster->new('packaged',
		install_path => "$root/usr/lib/postgresql/$major");
	$node->init;
	$node->start;
	isnt($node->psql('postgres', 'CREATE EXTENSION chunked_iter'),
		0, 'without the package there is no extension');
	run_or_die($directory, 'dpkg-deb', '--extract', $package, $root);
	is($node->safe_psql('postgres', <<'SQL'), '1000|500500', 'with it, it works');
CREATE EXTENSION chunked_iter;
CREATE TABLE t AS SELECT generate_series(1, 1000) AS id;
ALTER TABLE t ADD PRIMARY KEY (id);
SELECT count(*), sum(id) FROM chunked_iter(NULL::t, 100)
SQL
	$node->stop;
	return;
}
