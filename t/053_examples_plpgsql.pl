
# examples/plpgsql: a procedure that commits after each chunk, and goes on
# where it was stopped.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $node = example_node('plpgsql', 20000);

# A row that the procedure's work fails for.
$node->safe_psql('postgres', <<'SQL');
UPDATE entry SET written = 'infinity' WHERE id = 30000;
CREATE TABLE author_day (
	author  text,
	day     date CHECK (day < 'infinity'),
	entries bigint NOT NULL,
	UNIQUE (author, day));
SQL
eval { run_example($node, psql_file('plpgsql/etl.sql')) };
like($@, qr/author_day_day_check/, 'it stops at a row that fails');
is( $node->safe_psql('postgres', 'SELECT bookmark FROM etl_progress'),
	'{27000}', 'what was done before is kept');
is($node->safe_psql('postgres', 'SELECT sum(entries) FROM author_day'),
	9000, 'exactly that');

$node->safe_psql('postgres',
	"UPDATE entry SET written = '2026-01-01' WHERE id = 30000");
run_example($node, psql_file('plpgsql/etl.sql'));
is( $node->safe_psql('postgres', <<'SQL'), "0|20000", 'run again, it has done each row once');
SELECT count(*) FILTER (WHERE d.entries IS DISTINCT FROM e.entries), sum(d.entries)
  FROM author_day AS d
  FULL JOIN (SELECT coalesce(author, 'nobody') AS author, written::date AS day, count(*) AS entries
			   FROM entry GROUP BY 1, 2) AS e USING (author, day)
SQL
run_example($node, psql_file('plpgsql/etl.sql'));
is($node->safe_psql('postgres', 'SELECT sum(entries) FROM author_day'),
	20000, 'and nothing is left to do');
$node->stop;
done_testing();
