
=pod

=head1 NAME

Property::Settings - parameters of the server that must not change an answer

=head1 DESCRIPTION

Settings are lists of [name, value].  set() and unset() make statements of
them, for one transaction or for the session; they leave out what the release
does not have.

=cut

package Property::Settings;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
use Property::Types;

our @EXPORT = qw(%formats settings random_formats random_plans random_text_settings
  set unset);

# How the text of values is written and read
our %formats = (
	DateStyle => [
		'ISO, MDY',
		'ISO, DMY',
		'SQL, DMY',
		'SQL, MDY',
		'German, DMY',
		'Postgres, MDY',
		'ISO, YMD'
	],
	TimeZone =>
	  [ 'UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham' ],
	IntervalStyle =>
	  [ 'postgres', 'sql_standard', 'iso_8601', 'postgres_verbose' ],
	extra_float_digits => [ 1, 0, -3, -15, 3 ],
	bytea_output => [ 'hex', 'escape' ]);

# How SQL and names are written and read
my %texts = (
	quote_all_identifiers => ['on'],
	standard_conforming_strings => ['off'],
	array_nulls => ['off'],
	row_security => ['off']);

# What the planner may do
my @switches = map { "enable_$_" } qw(async_append bitmapscan gathermerge
  hashagg hashjoin incremental_sort indexonlyscan indexscan material memoize
  mergejoin nestloop parallel_append parallel_hash partition_pruning
  presorted_aggregate seqscan sort tidscan group_by_reordering distinct_reordering
  self_join_elimination);
my %plans = (
	plan_cache_mode =>
	  [ 'force_generic_plan', 'force_custom_plan', 'force_custom_plan' ],
	cursor_tuple_fraction => [ 1, 0.0001 ],
	enable_partitionwise_join => ['on'],
	enable_partitionwise_aggregate => ['on'],
	from_collapse_limit => [1],
	join_collapse_limit => [1],
	geqo_threshold => [2],
	random_page_cost => [ 0, 1.1, 1000 ],
	seq_page_cost => [ 0, 1000 ],
	cpu_tuple_cost => [ 0, 10 ],
	cpu_index_tuple_cost => [ 0, 10 ],
	cpu_operator_cost => [ 0, 10 ],
	effective_cache_size => [ '8kB', '64GB' ],
	constraint_exclusion => [ 'on', 'off' ],
	work_mem => [ '64kB', '1GB' ],
	map { $_ => ['off'] } @switches);

# Several that have no effect alone
my @parallel = (
	[ max_parallel_workers_per_gather => 2 ],
	[ parallel_setup_cost => 0 ],
	[ parallel_tuple_cost => 0 ],
	[ min_parallel_table_scan_size => 0 ],
	[ min_parallel_index_scan_size => 0 ]);
my @jit = (
	[ jit => 'on' ],
	map { [ $_ => 0 ] }
	  qw(jit_above_cost jit_inline_above_cost jit_optimize_above_cost));

# Some of the settings, each with a chance of so many percent.
sub settings
{
	my ($percent, %choices) = @_;

	return map { [ $_, one_of(@{ $choices{$_} }) ] }
	  grep { chance($percent) } sort keys %choices;
}

sub random_formats
{
	return settings(35, %formats);
}

# With $more, as often those that cost much time
sub random_plans
{
	my ($more) = @_;
	my $forced = one_of('on', 'regress');

	return (
		settings(one_of(0, 3, 3, 10, 30), %plans),
		$more ? settings(30, plan_cache_mode => ['force_custom_plan']) : (),
		chance($more ? 15 : 1) ? @parallel : (),
		chance($more ? 5 : 0.5)
		? map { [ $_ => $forced ] }
		  qw(debug_parallel_query force_parallel_mode)
		: (),
		chance($more ? 5 : 0.5) ? @jit : ());
}

# Those that texts in the same statement are read under are left out, by name.
sub random_text_settings
{
	my (%without) = @_;

	return grep { !$without{ $_->[0] } } settings(8, %texts);
}

# Statements that set them, for the transaction, or with $session for longer
sub set
{
	my ($session, @settings) = @_;
	my $local = $session ? 'false' : 'true';

	return
	  map { "SELECT prop.set('$_->[0]', " . literal($_->[1]) . ", $local)" }
	  @settings;
}

sub unset
{
	my ($session, @settings) = @_;
	my $local = $session ? 'false' : 'true';

	return map { "SELECT prop.unset('$_->[0]', $local)" } @settings;
}

1;
