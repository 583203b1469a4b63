
# examples/dump: files from several clients are together one consistent copy of
# a table that is written to all the while.

use strict;
use warnings;

use FindBin qw($RealBin);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $clients = 4;
my $node = example_node('dump', 50000);
my $directory = PostgreSQL::Test::Utils::tempdir();

# Each transaction of the writer moves two rows to other keys and something from
# the one balance to the other, so that the number of rows and the sum stay.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE account (name text PRIMARY KEY, balance integer NOT NULL);
INSERT INTO account SELECT md5(i::text) || E'|\n\\', 100 FROM generate_series(1, 40000) i;
CREATE PROCEDURE write_for_ever() LANGUAGE plpgsql AS $$
DECLARE
	one account;
	other account;
BEGIN
	LOOP
		SELECT * INTO one FROM account WHERE name >= md5(random()::text) ORDER BY name LIMIT 1;
		SELECT * INTO other FROM account WHERE name >= md5(random()::text) ORDER BY name LIMIT 1;
		CONTINUE WHEN one.name IS NULL OR other.name IS NULL OR one.name = other.name;
		DELETE FROM account WHERE name IN (one.name, other.name);
		INSERT INTO account VALUES (md5(random()::text), one.balance - 1), (md5(random()::text), other.balance + 1);
		COMMIT;
	END LOOP;
END
$$;
SQL
point_to($node);
my $writer = IPC::Run::start([ 'psql', '-Xq', '-c', 'CALL write_for_ever()' ],
	'<', \undef, '>&', \my $ignored);
$node->poll_query_until('postgres',
	q(SELECT count(*) > 10 FROM account WHERE name NOT LIKE '%|%'))
  or die 'nothing is written';

run_example($node, "$examples/dump/dump.sh", 'account', $clients, $directory);
my $later = $node->safe_psql('postgres',
	'SELECT md5(string_agg(a::text, chr(10) ORDER BY name)) FROM account AS a');
$node->safe_psql('postgres', <<'SQL');
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL write_for_ever%'
SQL
$writer->finish;

my @files = sort glob "$directory/*";
is(scalar @files, $clients, 'each client has written a file');
$node->safe_psql('postgres',
	'CREATE TABLE copied (LIKE account INCLUDING ALL)');
$node->safe_psql('postgres', "\\copy copied FROM '$_'") for @files;
is( $node->safe_psql('postgres', 'SELECT count(*), sum(balance) FROM copied'),
	'40000|4000000', 'together they are one state of the table');
isnt(
	$node->safe_psql('postgres', 'SELECT md5(string_agg(a::text, chr(10) ORDER BY name)) FROM copied AS a'),
	$later,
	'which was written to meanwhile');
my @sizes = map { -s } @files;
cmp_ok(
	(sort { $b <=> $a } @sizes)[0],
	'<',
	1.5 * eval { my $sum = 0; $sum += $_ for @sizes; $sum / @sizes },
	'the parts are about equal');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_activity WHERE backend_type = \'client backend\' AND pid <> pg_backend_pid()'),
	0, 'no session is left');
$node->stop;
done_testing();
