
=pod

=head1 NAME

CitusNodes - a coordinator and two workers of Citus

=head1 SYNOPSIS

  plan skip_all => 'Citus is not installed' unless citus_is_installed();
  my ($coordinator, @workers) = citus_nodes(entries => 5000, settings => 'fsync = on');

=head1 DESCRIPTION

The coordinator has the extension, the distributed tables "entry" (with so many
rows), "visit" and "keyless", and the reference table "country".

=cut

package CitusNodes;

use strict;
use warnings;

use Exporter 'import';
use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

use Examples;

our @EXPORT = qw(citus_is_installed citus_nodes allow_two_phases);

sub citus_is_installed
{
	my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);

	return -e "$libraries/citus.so";
}

sub citus_nodes
{
	my (%options) = @_;
	my ($coordinator, @workers) = map
	{
		example_node($_, $_ eq 'coordinator' ? $options{entries} : 0, listen => 1)
	} qw(coordinator worker1 worker2);

	_start_citus($_, $options{settings} // '') for $coordinator, @workers;
	$coordinator->safe_psql('postgres',
		"SELECT citus_set_coordinator_host('127.0.0.1', @{[ $coordinator->port ]})");
	$coordinator->safe_psql('postgres', "SELECT citus_add_node('127.0.0.1', @{[ $_->port ]})") for @workers;
	$coordinator->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
DROP EXTENSION IF EXISTS chunked_iter;
CREATE EXTENSION chunked_iter;
SELECT create_distributed_table('entry', 'id');
CREATE TABLE visit (tenant integer, id integer, n integer NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id));
SELECT create_distributed_table('visit', 'tenant');
INSERT INTO visit SELECT i % 3, i FROM generate_series(1, 6000) i;
CREATE TABLE keyless (a integer);
SELECT create_distributed_table('keyless', 'a');
CREATE TABLE country (id integer PRIMARY KEY);
SELECT create_reference_table('country');
INSERT INTO country SELECT generate_series(1, 500);
SQL
	return ($coordinator, @workers);
}

sub _start_citus
{
	my ($node, $settings) = @_;

	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'citus'
citus.enable_statistics_collection = off
citus.recover_2pc_interval = 1s
max_prepared_transactions = 100
max_connections = 150
$settings
CONF
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	return;
}

# What docs/jobs.md says that has to be done for jobs on the coordinator
sub allow_two_phases
{
	my ($coordinator) = @_;
	my ($commands) = slurp_file("$RealBin/../docs/jobs.md") =~ /<!-- run by t\/068_citus\.pl -->\n```sql\n(.*?)^```$/ms;

	$coordinator->safe_psql('postgres', $commands);
	return;
}

1;
