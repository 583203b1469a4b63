
# A walk and a job are the ordered SELECT they stand for where rows come from
# foreign tables, alone and among local ones.  Where the other server orders by
# another collation, an error is right, too; another answer is not.  See
# lib/Property/Remote.pm.
#
# To run this test alone, as long as you like, with another seed, or just one of
# its cases:
#
#   CHUNKED_ITER_CASES=20000 CHUNKED_ITER_SEED=7 \
#     make test REGRESS= ISOLATION= TAP=t/024_property_remote.pl
#   CHUNKED_ITER_SEED=7 CHUNKED_ITER_CASE=1234 \
#     make test REGRESS= ISOLATION= TAP=t/024_property_remote.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Property::Dice;
use Property::Job;
use Property::Remote;
use Property::Runner;
use Property::Walk;

my $walks_per_case = 2;
my $node = property_node();
plan skip_all => 'there is no postgres_fdw or no dblink'
  if grep { !has_extension($node, $_) } 'postgres_fdw', 'dblink';

my $remote = slurp_file("$RealBin/lib/Property/remote.sql");
my @servers = ('loopback', make_other_database() ? 'other' : ());

run_property(
	node => $node,
	name => 'remote',
	what => 'every walk over foreign tables equals its ordered SELECT',
	prelude => slurp_file("$RealBin/lib/Property/jobs.sql")
	  . $remote
	  . make_remote_tables(
		c => ' COLLATE "C"',
		icu => ' COLLATE prop.icu',
		ci => ' COLLATE prop.ci')
	  . servers(),
	cases => 80,
	case => \&remote_case);
$node->stop;
done_testing();

# A database whose own collation is another one.  Returns whether it is there.
sub make_other_database
{
	my ($status) = $node->psql('postgres',
		"CREATE DATABASE other TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
	);

	return 0 if $status != 0;
	$node->safe_psql('other', $remote . make_remote_tables(other => ''));
	return 1;
}

# The function that makes a server of each database; the statements are found
# in each case, so that it can be shown as a script.
sub servers
{
	my $servers = join ', ', map { "('$_')" } @servers;

	return <<"SQL";
CREATE FUNCTION prop.make_servers()
RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT s FROM (VALUES $servers) AS v(s) LOOP
		EXECUTE format('CREATE SERVER IF NOT EXISTS %I FOREIGN DATA WRAPPER postgres_fdw'
			' OPTIONS (host %L, port %L, dbname %L)', name,
			split_part(current_setting('unix_socket_directories'), ',', 1),
			current_setting('port'),
			CASE name WHEN 'loopback' THEN current_database() ELSE name END);
		EXECUTE format('CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER %I'
			' OPTIONS (user %L)', name, current_user);
	END LOOP;
END
\$\$;
SQL
}

# Some walks in a transaction, or a job
sub remote_case
{
	my ($number) = @_;
	my $relation = random_remote(@servers);
	my $case = chance(20) ? job_case($number, $relation) : {
		begin => [
			'\set ON_ERROR_ROLLBACK off',
			map({ "$_;" } 'BEGIN', @{ $relation->{setup} }),
			'\set ON_ERROR_ROLLBACK on',
			"SELECT count(*) AS n FROM $relation->{name} \\gset"
		],
		parts => [
			map { random_walk($relation, "$number.$_") } 1 .. $walks_per_case
		],
		end => ['ROLLBACK;']
	};

	# Which order the other server means is found out, or is the same.
	if ($relation->{differs})
	{
		push @{ $_->{accept} }, 'HV\w+', '55000', 'XX002' for @{ $case->{parts} };
	}
	return $case;
}
