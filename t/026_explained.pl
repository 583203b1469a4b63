
# What explains a walk changes nothing. auto_explain looks at a cursor when it is
# closed, which may be after its table or its index was dropped: that must not
# undo the transaction, nor crash. Indexes that hypopg makes up or hides are
# seen by EXPLAIN alone.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('explained');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION chunked_iter');

cursors();
hypothetical();
$node->stop;
done_testing();

# Whether a transaction commits that drops something under a cursor.
sub commits
{
	my ($cursor, $drop) = @_;

	$node->psql('postgres', <<"SQL");
DROP TABLE IF EXISTS walked, done CASCADE;
CREATE TABLE walked (id integer PRIMARY KEY, a integer);
CREATE INDEX walked_a ON walked (a, id);
INSERT INTO walked SELECT i, i FROM generate_series(1, 10) i;
CREATE VIEW seen AS SELECT * FROM walked;
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_verbose = on;
BEGIN;
CREATE TABLE done ();
DECLARE c CURSOR FOR $cursor;
$drop;
COMMIT;
SQL
	return $node->safe_psql('postgres', q{SELECT to_regclass('done') IS NOT NULL}) eq 't';
}

sub cursors
{
	my $walk = q{SELECT * FROM chunked_iter(NULL::walked, order_by => 'a', chunk_size => 2) WHERE id > 0};

	for my $fetch ('SELECT 1', 'FETCH 3 FROM c')
	{
		ok(commits($walk, "$fetch; DROP INDEX walked_a"), "the index is dropped, $fetch");
		ok(commits($walk, "$fetch; ALTER TABLE walked DROP CONSTRAINT walked_pkey"), "the key is dropped, $fetch");
		ok(commits($walk, "$fetch; ALTER TABLE walked RENAME a TO b"), "the column is renamed, $fetch");
	  SKIP:
		{
			skip 'this server cannot explain a query of a view that was dropped', 1
			  unless commits('SELECT * FROM seen', 'DROP VIEW seen');
			ok(commits($walk, "$fetch; DROP TABLE walked CASCADE"), "the table is dropped, $fetch");
		}
	}
	like($node->safe_psql('postgres', 'SELECT count(*) FROM pg_class'), qr/^\d+$/, 'the server is there');
	return;
}

# All in one session, which keeps plans.
sub hypothetical
{
  SKIP:
	{
		skip 'hypopg is not installed; Debian has it in postgresql-NN-hypopg', 1
		  unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'});
		$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION hypopg;
CREATE TABLE entry (id integer PRIMARY KEY, a integer, b integer);
INSERT INTO entry SELECT i, i % 100, i FROM generate_series(1, 5000) i;
CREATE INDEX entry_b ON entry (b, id);
SQL
		my $walk = q{SELECT count(*) FROM chunked_iter(NULL::entry, order_by => 'a')};
		my $hide = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE proname = 'hypopg_hide_index'})
		  ? q{hypopg_hide_index('entry_b'::regclass)} : '';
		my $result = $node->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
EXPLAIN $walk;
SELECT count(*) FROM hypopg_create_index('CREATE INDEX ON entry (a, id)');
\\echo == made up
EXPLAIN $walk;
DO \$\$ BEGIN EXECUTE \$q\$EXPLAIN $walk\$q\$; END \$\$;
\\echo == run
$walk;
SELECT 'explained', string_agg(line, ' ') FROM chunked_iter_explain(NULL::entry, order_by => 'a') AS line;
\\echo == hidden
SELECT hypopg_reset() IS NULL;
SELECT $hide;
EXPLAIN SELECT count(*) FROM chunked_iter(NULL::entry, order_by => 'b');
\\echo == found
EXPLAIN (ANALYZE) SELECT count(*) FROM chunked_iter(NULL::entry, order_by => 'b');
SQL
		my (undef, $made_up, $run, $hidden, $found) = split /^== .*\n/m, $result;

		like($made_up, qr/Walk Index: "<\d+>btree_entry_a_id"/, 'EXPLAIN shows an index that was made up');
		like($run, qr/^5000$/m, 'the walk runs without it');
		like($run, qr/Index: none, every chunk sorts/, 'and knows that it does');
		unlike($hidden, qr/Walk Index/, 'EXPLAIN does not show an index that is hidden') if $hide;
		like($found, qr/Walk Index: entry_b/, 'the walk has it');
	}
	return;
}
