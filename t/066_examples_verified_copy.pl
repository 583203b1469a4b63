
# examples/verified_copy: a table that is copied by a job, into a local table and
# over postgres_fdw, and a check that finds the one byte that differs in the copy.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $rows = 1000000;
my $node = example_node('original', $rows);

$node->safe_psql('postgres', 'CREATE TABLE entry_copy (LIKE entry INCLUDING ALL)');
run_example($node, psql_file('verified_copy/copy.sql'));
is(check(), '', 'a copy is a copy');

# One byte of a body, from the middle of the table.
change("UPDATE entry_copy SET body = overlay(body PLACING '!' FROM 100) WHERE id = 1500000");
is(check(), <<'FOUND', 'one byte in a million rows');
50|{1470000}|{1500000}|10000|10000
1500000|differs
FOUND

# Rows that the original does not have, before, between and behind its own; and a
# NULL that was an empty text
change('DELETE FROM entry_copy WHERE id = 1500000');
change('INSERT INTO entry_copy SELECT id + 1, written, author, title, body FROM entry WHERE id = 30000');
change('INSERT INTO entry_copy SELECT -1, written, author, title, body FROM entry WHERE id = 3');
change('INSERT INTO entry_copy SELECT 9000000, written, author, title, body FROM entry WHERE id = 3');
change("UPDATE entry_copy SET author = '' WHERE id = 90");
is(check(), <<'FOUND', 'rows too many, one missing, a NULL that is none');
1||{30000}|10000|10001
2|{30000}|{60000}|10000|10001
50|{1470000}|{1500000}|10000|9999
100|{2970000}||10000|10001
-1|is too many
90|differs
30001|is too many
1500000|is missing
9000000|is too many
FOUND

SKIP:
{
	skip 'there is no postgres_fdw', 2
	  unless $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'");
	copies_to_another_server();
}
$node->stop;
done_testing();

# What the check finds; it leaves nothing behind.
sub check
{
	my $found = run_example($node, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
		'-f', "$examples/verified_copy/check.sql");

	change(q(SELECT chunked_iter_forget('check_entry')));
	change('DROP TABLE entry_ranges, entry_differs');
	return $found;
}

sub change
{
	my ($sql) = @_;

	$node->safe_psql('postgres', $sql);
	return;
}

sub copies_to_another_server
{
	my $other = example_node('copy');
	my ($host, $port) = ($other->host, $other->port);

	$other->safe_psql('postgres', <<'SQL');
DROP EXTENSION IF EXISTS chunked_iter;
CREATE TABLE entry_copy (id bigint PRIMARY KEY, written timestamptz NOT NULL,
	author text, title text NOT NULL, body text NOT NULL);
SQL
	change(<<"SQL");
DELETE FROM entry WHERE id > 150000;
SELECT chunked_iter_forget('copy_entry');
DROP TABLE entry_copy;
CREATE EXTENSION postgres_fdw;
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '$host', port '$port', dbname 'postgres', fetch_size '1001', batch_size '100');
CREATE USER MAPPING FOR CURRENT_USER SERVER other;
CREATE FOREIGN TABLE entry_copy (id bigint NOT NULL, written timestamptz NOT NULL,
	author text, title text NOT NULL, body text NOT NULL) SERVER other;
SQL
	run_example($node, psql_file('verified_copy/copy.sql'));
	is(check(), '', 'a copy on another server');
	$other->safe_psql('postgres', "UPDATE entry_copy SET title = replace(title, '7', '8') WHERE id = 51");
	is(check(), <<'FOUND', 'and what differs there');
1||{30000}|10000|10000
51|differs
FOUND
	$other->stop;
	return;
}
