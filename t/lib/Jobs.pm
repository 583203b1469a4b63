
=pod

=head1 NAME

Jobs - a job with three effects, and whether each of its chunks was done once

=head1 DESCRIPTION

The job walks the table "item" and in each chunk copies its rows to "copy",
counts them up where they are and deletes those of the same id from "victim".
After a run that nothing has interrupted "copy" has the rows of "item", each of
them is counted up once, and "victim" is empty.

=cut

package Jobs;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw($statement make_tables is_done_once wait_for_position wait_for_server verbose_errors);

our $statement = <<'SQL';
INSERT INTO copy SELECT id, body FROM chunk;
UPDATE item SET n = n + 1 WHERE id BETWEEN $1 AND $2;
DELETE FROM victim USING chunk WHERE victim.id = chunk.id;
SQL

# The tables, as if no job had run.  What is changed and deleted starts full.
sub make_tables
{
	my ($node, $rows) = @_;

	$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP TABLE IF EXISTS item, copy, victim;
CREATE TABLE item (id integer PRIMARY KEY, body text, n integer NOT NULL DEFAULT 0);
INSERT INTO item SELECT i, md5(i::text) FROM generate_series(1, $rows) i;
CREATE TABLE victim AS SELECT id FROM item;
ALTER TABLE victim ADD PRIMARY KEY (id);
CREATE TABLE copy (id integer, body text);
ANALYZE;
SQL
	return;
}

# The effects are those of one run: EXCEPT ALL is empty both ways.
sub is_done_once
{
	my ($node, $when, $database) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql($database // 'postgres', <<'SQL'), '0|0|0|0', "each row once, $when");
SELECT (SELECT count(*) FROM (SELECT id, body FROM item EXCEPT ALL TABLE copy) s),
	(SELECT count(*) FROM (TABLE copy EXCEPT ALL SELECT id, body FROM item) s),
	(SELECT count(*) FROM item WHERE n <> 1),
	(SELECT count(*) FROM victim)
SQL
	return;
}

# Wait until a chunk that ends at this key has been committed.
sub wait_for_position
{
	my ($node, $job, $position) = @_;

	$node->poll_query_until('postgres', <<"SQL") or die "$job did not come to $position";
SELECT count(*) = 1 FROM chunked_iter_job_ranges WHERE job = '$job' AND position = '$position'
SQL
	return;
}

# What a command reports, with SQLSTATEs
sub verbose_errors
{
	my ($node, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql,
		on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);

	return $err;
}

# It comes back by itself after a crash.  The query is an argument: psql may be gone
# before it has read its input, which ends the test.
sub wait_for_server
{
	my ($node) = @_;
	my @query = ('psql', '-Xqc', 'SELECT', '-d', $node->connstr('postgres'));

	for (1 .. 9000)
	{
		return if IPC::Run::run(\@query, '<', \undef, '>&', \my $out);
		usleep(20_000);
	}
	die 'the server did not come back';
}

1;
