
# Foreign servers that put text into another order than this one. A walk, a job or
# a split returns each row once, as one ordered SELECT does, or ends with one
# error; it never loses, repeats or goes on for ever. Where all collations are
# the same, or one server has all rows, it does not end with an error either.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $datasets = $ENV{CITER_DATASETS} || 3;
my $node = PostgreSQL::Test::Cluster->new('hub');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;
plan skip_all => 'there is no postgres_fdw, or no ICU'
  unless $node->safe_psql('postgres', <<'SQL') eq 't';
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw')
   AND EXISTS (SELECT FROM pg_collation WHERE collname = 'en-x-icu')
SQL

# What is walked, and whether all who compare its keys are sure to agree.
my %agree = (
	alone_same => 1, alone_other => 1, view_same => 1, view_other => 1,
	mixed_same => 1, mixed_other => 0, turns_same => 1, turns_other => 0,
	pair_same => 1, pair_other => 0, view_mixed => 0, numbers => 1);

make_servers();
make_judge();
my %outcomes;
walks($_) for 1 .. $datasets;
cmp_ok($outcomes{"$_ right"} // 0, '>', 0, "$_ is walked") for sort keys %agree;
cmp_ok($outcomes{"$_ error"} // 0, '>', 0, "$_ is refused where servers do not agree")
  for grep { !$agree{$_} } sort keys %agree;
equalities();
jobs();
foreign_locks();
$node->stop;
done_testing();

# Tables t_same and t_other are on the server's side, where the one has the hub's
# collation and the other "C".
sub make_servers
{
	my $port = $node->port;
	my $host = $node->host;

	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION chunked_iter;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
SQL
	for my $way ('same', 'other')
	{
		my $collation = $way eq 'same' ? 'en-x-icu' : 'C';

		for my $far ('alone', 'm1', 'm2', 't1', 't2', 'p1', 'p2')
		{
			# Of the pair, one server agrees with the hub.
			my $its = $far eq 'p1' ? 'en-x-icu' : $collation;

			$node->safe_psql('postgres', <<"SQL");
CREATE TABLE far_${far}_$way (id integer, k text COLLATE "$its", g integer);
CREATE INDEX ON far_${far}_$way (k);
CREATE INDEX ON far_${far}_$way (g, k);
SQL
		}
		$node->safe_psql('postgres', <<"SQL");
CREATE FOREIGN TABLE alone_$way (id integer, k text COLLATE "en-x-icu", g integer)
	SERVER far OPTIONS (table_name 'far_alone_$way');
CREATE VIEW view_$way AS SELECT * FROM alone_$way;
CREATE TABLE mixed_$way (id integer, k text COLLATE "en-x-icu", g integer) PARTITION BY HASH (id);
CREATE TABLE near_$way PARTITION OF mixed_$way FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE INDEX ON near_$way (k);
CREATE INDEX ON near_$way (g, k);
CREATE FOREIGN TABLE mixed1_$way PARTITION OF mixed_$way FOR VALUES WITH (MODULUS 3, REMAINDER 1)
	SERVER far OPTIONS (table_name 'far_m1_$way');
CREATE FOREIGN TABLE mixed2_$way PARTITION OF mixed_$way FOR VALUES WITH (MODULUS 3, REMAINDER 2)
	SERVER far OPTIONS (table_name 'far_m2_$way');
CREATE TABLE turns_$way (id integer, k text COLLATE "en-x-icu", g integer) PARTITION BY RANGE (k);
CREATE FOREIGN TABLE turns1_$way PARTITION OF turns_$way FOR VALUES FROM (MINVALUE) TO ('m')
	SERVER far OPTIONS (table_name 'far_t1_$way');
CREATE FOREIGN TABLE turns2_$way PARTITION OF turns_$way FOR VALUES FROM ('m') TO (MAXVALUE)
	SERVER far OPTIONS (table_name 'far_t2_$way');
CREATE TABLE pair_$way (id integer, k text COLLATE "en-x-icu", g integer) PARTITION BY HASH (id);
CREATE FOREIGN TABLE pair1_$way PARTITION OF pair_$way FOR VALUES WITH (MODULUS 2, REMAINDER 0)
	SERVER far OPTIONS (table_name 'far_p1_$way');
CREATE FOREIGN TABLE pair2_$way PARTITION OF pair_$way FOR VALUES WITH (MODULUS 2, REMAINDER 1)
	SERVER far OPTIONS (table_name 'far_p2_$way');
SQL
	}
	$node->safe_psql('postgres', <<'SQL');
CREATE VIEW view_mixed AS SELECT * FROM mixed_other;
CREATE VIEW numbers AS SELECT id, g * 1000 + id AS k, g FROM mixed_other;
SQL
	return;
}

# A server whose equality is not that of its order: keys that are equal there
# are sorted byte by byte, and are not equal here.
sub equalities
{
	$node->safe_psql('postgres', <<'SQL');
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE far_caseless (id integer, k text COLLATE caseless);
INSERT INTO far_caseless SELECT i, (ARRAY['a', 'A', 'b', 'B'])[i % 4 + 1] FROM generate_series(1, 40) i;
CREATE FOREIGN TABLE caseless (id integer, k text COLLATE "C") SERVER far OPTIONS (table_name 'far_caseless');
SQL
	for my $chunk (1, 3, 50)
	{
		for my $order ('k USING ~<~, id', 'k, id', 'id, k USING ~<~')
		{
			my $expected = $order =~ /^k USING/ && $chunk < 40 ? 'error' : 'right';
			my $walk = "SELECT id FROM chunked_iter_query('SELECT * FROM caseless', "
			  . quote($order) . ", $chunk) AS x(id integer, k text COLLATE \"C\")";

			is($node->safe_psql('postgres',
				"SET statement_timeout = '60s'; SELECT judge('caseless', " . quote($walk)
				  . ", 'SELECT id FROM caseless')"),
				$expected, "a query, ordered by $order, in chunks of $chunk");
		}
	}
	return;
}

# judge() compares a walk with one SELECT: "right", "error", or what is wrong.
sub make_judge
{
	$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION judge(rel text, walk text, reference text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	walked integer[];
	expected integer[];
BEGIN
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || reference || ') AS s' INTO expected;
	BEGIN
		EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || walk || ') AS s' INTO walked;
	EXCEPTION WHEN fdw_error THEN
		RETURN 'error';
	END;
	RETURN CASE WHEN walked IS NOT DISTINCT FROM expected THEN 'right'
		ELSE format('%s gives %s', walk, walked) END;
END
$$;
CREATE FUNCTION judge_ranges(rel text, key text, parts integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bounds text;
	range record;
BEGIN
	FOR range IN EXECUTE format('SELECT after, upto FROM chunked_iter_ranges(NULL::%I, %s, order_by => %L)', rel, parts, key)
	LOOP
		bounds := concat_ws(' UNION ALL ', bounds, format(
			'SELECT id FROM chunked_iter(NULL::%I, 3, order_by => %L, after => %L, upto => %L)',
			rel, key, range.after, range.upto));
	END LOOP;
	RETURN judge(rel, bounds, format('SELECT id FROM %I', rel));
EXCEPTION WHEN fdw_error THEN
	RETURN 'error';
END
$$;
SQL
	return;
}

# Random keys, of letters that are in the same order everywhere or are not, with
# ties and NULLs.
sub walks
{
	my ($set) = @_;
	my @alphabets = ('abc', 'aB', 'abcABC', 'mnMN', 'a_b', 'xyzXYZ109', 'lLmM', "a\xc3\xa4b");
	my $alphabet = $alphabets[ $set % @alphabets ];
	my $rows = (5, 40, 130)[ $set % 3 ];
	my @judged;

	$node->safe_psql('postgres', <<"SQL");
SELECT setseed($set / 1000.0);
CREATE TABLE fresh AS
	SELECT i AS id, CASE WHEN random() < 0.05 THEN NULL ELSE (
		SELECT string_agg(substr('$alphabet', 1 + floor(random() * length('$alphabet'))::int, 1), '')
		  FROM generate_series(1, 1 + (i % 3)) WHERE i > 0) END AS k, i % 4 AS g
	  FROM generate_series(1, $rows) i;
SQL
	for my $rel ('alone', 'mixed', 'turns', 'pair')
	{
		for my $way ('same', 'other')
		{
			my $null = $rel eq 'turns' ? 'WHERE k IS NOT NULL' : '';

			$node->safe_psql('postgres', <<"SQL");
DELETE FROM ${rel}_$way;
INSERT INTO ${rel}_$way SELECT * FROM fresh $null;
SQL
		}
	}
	for my $rel (sort keys %agree)
	{
		for my $key ('k', 'k DESC', 'g', 'g, k', 'k NULLS FIRST', 'k COLLATE "C"')
		{
			my $order = $rel eq 'numbers' && $key =~ /COLLATE/ ? 'k, id' : $key;
			my ($low, $high) = $rel eq 'numbers' ? (1000, 3000) : ('B', 'm');
			my $down = $key eq 'k DESC';
			my @bounds = ([ '', 'true' ]);
			push @bounds,
			  [ ", after => '{$low}', upto => '{$high}'", "k > '$low' AND k <= '$high'" ],
			  [ ", after => '{$high}', upto => '{$low}'", "k > '$high' AND k <= '$low'" ],
			  [ ", filter => 'g > 0', upto => '{$high}'", "g > 0 AND k <= '$high'" ]
			  if $order eq 'k';

			for my $bound (@bounds)
			{
				for my $how (
					($rows > 50 ? '2' : '1') . ", snapshot => 'chunk', ",
					"3, ", "7, reverse => true, snapshot => 'chunk', ", "50, ")
				{
					next if $how =~ /reverse/ && $bound->[0] ne '';
					push @judged,
					  "('$rel', " . quote("SELECT id FROM chunked_iter(NULL::$rel, $how order_by => "
						  . quote($order) . "$bound->[0])") . ', '
					  . quote("SELECT id FROM $rel WHERE $bound->[1]") . ')';
				}
			}
		}
	}
	my $result = $node->safe_psql('postgres', <<"SQL" . ';');
SET client_min_messages = error;
SET statement_timeout = '240s';
SELECT rel, judge(rel, walk, reference) AS verdict, count(*)
  FROM (VALUES @{[ join ",\n", @judged ]}) AS j(rel, walk, reference) GROUP BY 1, 2 ORDER BY 1, 2
SQL
	$result .= "\n" . $node->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
SET statement_timeout = '240s';
SELECT rel, judge_ranges(rel, 'k', parts) AS verdict, count(*)
  FROM unnest('{@{[ join ',', sort keys %agree ]}}'::text[]) AS rel, unnest('{1,3}'::int[]) AS parts GROUP BY 1, 2 ORDER BY 1, 2
SQL
	my @wrong;
	for (grep { /\S/ } split /\n/, $result)
	{
		my ($rel, $verdict, $count) = split /\|/;

		$outcomes{"$rel $verdict"} += $count;
		push @wrong, $_ unless $verdict eq 'right' || $verdict eq 'error' && !$agree{$rel};
	}
	is("@wrong", '', "dataset $set: $rows rows of '$alphabet', right or refused");
	$node->safe_psql('postgres', 'DROP TABLE fresh');
	return;
}

sub quote
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# The same for jobs, which hold a position between their transactions.
sub jobs
{
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE done (id integer);
CREATE TABLE fresh AS SELECT i AS id, chr(65 + (i * 7) % 26 + 32 * (i % 2)) || (i % 40) AS k, i % 4 AS g FROM generate_series(1, 200) i;
SQL
	for my $rel (grep { !/view|numbers/ } sort keys %agree)
	{
		$node->safe_psql('postgres', "DELETE FROM $rel; INSERT INTO $rel SELECT * FROM fresh");
	}
	for my $rel (sort keys %agree)
	{
		for my $parts (1, 3)
		{
			my ($status, $out, $err) = $node->psql('postgres', <<"SQL");
TRUNCATE done;
SET statement_timeout = '240s';
CALL chunked_iter_run('j', '$rel', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 7, order_by => 'k', parts => $parts, max_chunks => 5);
CALL chunked_iter_run('j');
SQL
			my $done = $node->safe_psql('postgres',
				'SELECT count(*), count(DISTINCT id) FROM done');
			my ($all, $distinct) = split /\|/, $done;

			if ($err =~ /a foreign server compares the keys of public\.$rel otherwise/)
			{
				ok(!$agree{$rel}, "a job on $rel in $parts parts is refused");
				is($all, $distinct, 'and has done nothing twice');
			}
			else
			{
				is($done, '200|200', "a job on $rel in $parts parts has done every row once");
			}
			$node->psql('postgres', "SELECT chunked_iter_forget('j')");
		}
	}
	return;
}

# Rows of foreign tables are locked on their server.
sub foreign_locks
{
	for my $rel ('alone_same', 'alone_other', 'mixed_same', 'view_other')
	{
		my ($status, $out, $err) = $node->psql('postgres', <<"SQL");
TRUNCATE done;
CALL chunked_iter_run('j', '$rel', 'INSERT INTO done SELECT id FROM chunk', chunk_size => 7, order_by => 'k', lock_rows => 'FOR UPDATE');
SELECT count(*), count(DISTINCT id) FROM done;
SELECT chunked_iter_forget('j');
SQL
		like($out, qr/^200\|200$/m, "a job that locks rows of $rel has done every row once")
		  or diag($err);
	}
	return;
}
