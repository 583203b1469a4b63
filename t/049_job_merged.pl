
# A statement that joins the job's table to "chunk" and uses nothing of it but the
# key is done as one with chunk_range(), where the rows of the range are those of
# the chunk for sure; dry_run says which, and its plan shows it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('job_merged');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, grp integer, n integer);
INSERT INTO item SELECT i, i % 3, 0 FROM generate_series(1, 100) i;
CREATE TABLE other (id integer);
CREATE TABLE tied (LIKE item);
INSERT INTO tied SELECT * FROM item;
CREATE TABLE ruled (LIKE item INCLUDING ALL);
INSERT INTO ruled SELECT * FROM item;
CREATE RULE note AS ON DELETE TO ruled DO ALSO INSERT INTO other VALUES (old.id);
CREATE TABLE hidden (LIKE item INCLUDING ALL);
INSERT INTO hidden SELECT * FROM item;
CREATE POLICY seen ON hidden USING (grp > 0);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
CREATE ROLE worker;
GRANT ALL ON ALL TABLES IN SCHEMA public TO worker;
CREATE TABLE parent (LIKE item INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE child_1 PARTITION OF parent FOR VALUES FROM (0) TO (50);
CREATE TABLE child_2 PARTITION OF parent DEFAULT;
INSERT INTO parent SELECT * FROM item;
SQL

# Each with what is done: the range, or the rows
my @cases = (
	[ range => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id' ],
	[ range => item => 'UPDATE item AS i SET n = c.id FROM other, chunk AS c WHERE c.id = i.id AND other.id = c.id' ],
	[ range => item => 'UPDATE item SET n = (SELECT count(*) FROM other WHERE id < chunk.id) FROM chunk WHERE item.id = chunk.id' ],
	[
		range => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id AND item.grp = chunk.grp',
		"order_by => 'grp DESC'"
	],
	[ range => parent => 'DELETE FROM parent USING chunk WHERE parent.id = chunk.id' ],
	[ range => item => 'DELETE FROM ONLY item USING chunk WHERE item.id = chunk.id' ],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id AND item.n = chunk.n' ],
	[ rows => item => 'UPDATE item SET n = length(chunk::text) FROM chunk WHERE item.id = chunk.id' ],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id AND EXISTS (SELECT FROM chunk AS c WHERE c.id > item.id)' ],
	[ rows => item => 'DELETE FROM item USING chunk LEFT JOIN other USING (id) WHERE item.id = chunk.id' ],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id RETURNING item.id' ],
	[
		rows => item => 'INSERT INTO other SELECT id FROM chunk; DELETE FROM item USING chunk WHERE item.id = chunk.id'
	],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id', "filter => 'grp = 1'" ],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id', "lock_rows => 'FOR UPDATE'" ],
	[ rows => item => 'DELETE FROM item USING chunk WHERE item.id = chunk.id', "order_by => 'id + 0'" ],
	[ rows => item => 'DELETE FROM other USING chunk WHERE other.id = chunk.id' ],
	[ rows => item => 'DELETE FROM child_1 USING chunk WHERE child_1.id = chunk.id' ],
	[ rows => tied => 'DELETE FROM tied USING chunk WHERE tied.id = chunk.id', "order_by => 'id'" ],
	[ rows => ruled => 'DELETE FROM ruled USING chunk WHERE ruled.id = chunk.id' ],
	[ rows => hidden => 'SET ROLE worker', 'DELETE FROM hidden USING chunk WHERE hidden.id = chunk.id' ]);

foreach my $case (@cases)
{
	my ($expected, $rel, @more) = @$case;
	my $set = $more[0] =~ /^SET/ ? shift @more : '';
	my ($statement, $argument) = @more;
	my ($out, $err);

	$node->psql(
		'postgres',
		"$set;\nCALL chunked_iter_run('dry', '$rel', '$statement', dry_run => true"
		  . ($argument ? ", $argument" : '') . ')',
		stdout => \$out,
		stderr => \$err);
	my ($said) = $err =~ /^Statement, reading the (\w+) of the chunk/m;
	my $scans = $err =~ /Named Tuplestore Scan/ ? 'rows' : 'range';
	is($said, $expected, "$rel: $statement" . ($argument ? ", $argument" : '')) or diag($err);
	is($scans, $expected, '... by its plan, too');
}
$node->stop;
done_testing();
