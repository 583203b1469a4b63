
# META.json keeps the rules of the PGXN Meta Spec 1.0 as far as they can be
# checked here, and "make dist" makes a zip that PGXN would take.
# See https://pgxn.org/spec/

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$RealBin/..";
my $meta = JSON::PP->new->utf8->decode(slurp_file("$top/META.json"));
my $semver = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([A-Za-z][\dA-Za-z-]*)?$/;
my $term = qr!^[^\s/\\\p{Cntrl}]{2,}$!;
my %licenses = map { $_ => 1 } qw(
  agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2
  gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1
  openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted
  unrestricted unknown);
my %known = map { $_ => 1 } qw(
  name version abstract description maintainer license provides meta-spec
  generated_by no_index prereqs release_status resources tags);

has_required_fields();
provides_what_is_there();
optional_fields_are_right();
agrees_with_the_control_file();
makes_a_distribution();
done_testing();

sub is_string
{
	my ($value) = @_;

	return defined $value && !ref $value && length $value;
}

sub has_required_fields
{
	like($meta->{name}, $term, 'name is a term');
	like($meta->{version}, $semver, 'version is a semantic version');
	ok(is_string($meta->{abstract}), 'abstract');
	ok(!(grep { !is_string($_) } ref $meta->{maintainer} ? @{ $meta->{maintainer} } : $meta->{maintainer}),
		'maintainer');
	ok($licenses{ $meta->{license} }, 'license is one of the known');
	like($meta->{'meta-spec'}{version}, qr/^1\.0\.\d+$/, 'meta-spec');
	like($meta->{'meta-spec'}{url}, qr!^https?://pgxn\.org/meta/spec\.txt$!,
		'and its address');
	return;
}

sub provides_what_is_there
{
	cmp_ok(scalar keys %{ $meta->{provides} }, '>', 0, 'provides something');
	for my $name (sort keys %{ $meta->{provides} })
	{
		my $extension = $meta->{provides}{$name};

		like($name, $term, "provides $name, a term");
		like($extension->{version}, $semver, 'its version');
		ok(-f "$top/$extension->{file}", 'its file');
		ok(!defined $extension->{docfile} || -f "$top/$extension->{docfile}",
			'its documentation');
		ok(!defined $extension->{abstract} || is_string($extension->{abstract}),
			'its abstract');
	}
	return;
}

sub optional_fields_are_right
{
	my @unknown = grep { !$known{$_} && !/^[xX]_/ } sort keys %$meta;
	my %prereqs = %{ $meta->{prereqs} // {} };

	is("@unknown", '', 'there is no unknown field');
	ok( (ref $meta->{tags} eq 'ARRAY'
			  && !grep { !is_string($_) || length > 255 || m![/\\\p{Cntrl}]! } @{ $meta->{tags} }),
		'tags');
	ok(!defined $meta->{release_status} || $meta->{release_status} =~ /^(stable|testing|unstable)$/,
		'release status');
	for my $phase (sort keys %prereqs)
	{
		like($phase, qr/^(configure|build|test|runtime|develop|[xX]_.*)$/, "prereqs: $phase");
		for my $relation (sort keys %{ $prereqs{$phase} })
		{
			like($relation, qr/^(requires|recommends|suggests|conflicts|[xX]_.*)$/,
				"prereqs: $phase $relation");
			like($_, qr/^0$|^\d+\.\d+\.\d+/, 'prereqs: version')
			  for values %{ $prereqs{$phase}{$relation} };
		}
	}
	return;
}

# Which says what CREATE EXTENSION creates.
sub agrees_with_the_control_file
{
	my ($version) = slurp_file("$top/chunked_iter.control") =~
	  /^default_version = '(.*)'$/m;
	my $extension = $meta->{provides}{chunked_iter};

	like($extension->{version}, qr/^\Q$version\E(\.|$)/,
		'the version is the control file\'s');
	is($extension->{file}, "chunked_iter--$version.sql",
		'the file is the script of that version');
	like(slurp_file("$top/debian/changelog"), qr/^chunked-iter \(\Q$version\E\)/,
		'and so is that of the Debian package');
	return;
}

# From a repository of its own, made of these files.
sub makes_a_distribution
{
  SKIP:
	{
		skip 'there is no git, or no unzip', 3
		  if grep { my $name = $_; !grep { -x "$_/$name" } split /:/, $ENV{PATH} } 'git', 'unzip';
		my $directory = PostgreSQL::Test::Utils::tempdir();
		my $name = "$meta->{name}-$meta->{version}";
		my $said = '';

		IPC::Run::run([ 'sh', '-ec', <<"SH" ], '<', \undef, '>&', \$said) or die $said;
tar -cf - -C "$top" --exclude=./tmp_check --exclude=./results --exclude=./.git . | tar -xf - -C "$directory"
cd "$directory"
git init -q .
git add -A
git -c user.name=test -c user.email=test\@localhost commit -qm test
env -u MAKEFLAGS -u MAKELEVEL make dist
unzip -l $name.zip
SH
		my @members = $said =~ m!^ *\d+ +\S+ +\S+ +(\S+)$!mg;
		my %members = map { $_ => 1 } @members;
		my @outside = grep { $_ !~ m!^\Q$name\E/! } grep { m!/! } @members;

		like($said, qr/^\Q$name\E\.zip$/m, 'make dist says what it has made');
		is("@outside", '', 'all of it is in a directory of that name');
		is( join(' ', grep { !$members{"$name/$_"} } 'META.json', 'Makefile', 'README.md', 'docs/jobs.md', 'src/init.c', map { $_->{file} } values %{ $meta->{provides} }),
			'', 'and it has what PGXN looks for');
	}
	return;
}
