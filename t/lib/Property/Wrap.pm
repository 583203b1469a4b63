
=pod

=head1 NAME

Property::Wrap - random queries around a walk

=head1 DESCRIPTION

wrapped() compares a query over the walk with the same query over the rows
that its filter lets through.  The query is made of items, each with two
columns, C<_i>, an integer, and C<_a>, of the type of some column: the walk
itself, and joins, set operations, CTEs and so on of other items, with
conditions at each level.  What stands on top makes one text of each row.

In a query the walk is $source, which stands for two different texts.

=cut

package Property::Wrap;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Call;
use Property::Dice;
use Property::Types;

our @EXPORT = qw(wrapped wrapped_prepared inserted);

# The release of the server, for SQL that others do not have
our $release = 14;

my $source = "\x01";

# psql input that compares a random query over the walk
sub wrapped
{
	my ($walk) = @_;
	my $wrap = new_wrap($walk);
	my $query = query($wrap);
	my $call = call($walk);
	my ($theirs, $ours) = map { in_place_of($query, $_) } filtered($walk),
	  $call;

	return through_a_view($wrap, $query, $call)
	  if chance(12) && !$walk->{rel}{large} && !$wrap->{type}{unstored};
	return (
		chance(30) ? explained($ours) : (),
		same($walk->{label}, $theirs, $ours) . ';');
}

# As a prepared statement that is run often enough for a generic plan.  Its
# first parameter is in the conditions, the second is where the walk starts.
sub wrapped_prepared
{
	my ($walk) = @_;
	my $wrap = new_wrap($walk);
	my $id = $walk->{rel}{id}{quoted};

	$wrap->{parameter} = '$1';
	$walk->{order} = { text => $id };
	my $query = query($wrap);
	my $call = call($walk, reverse => undef, after => 'ARRAY[$2]::text[]');
	my ($theirs, $ours) =
	  map { in_place_of($query, $_) } filtered($walk, "$id > \$2::integer"),
	  $call;
	my @runs = map {
		sprintf 'EXECUTE w(%d, %s);', between(-2, 40),
		  literal(between(-9, 30))
	} 1 .. 8;

	return (
		'PREPARE w(integer, text) AS '
		  . same($walk->{label}, $theirs, $ours) . ';',
		chance(50) ? (set_cache_mode(), @runs, unset_cache_mode()) : @runs,
		'DEALLOCATE w;');
}

# As what is inserted into a table that has more columns, which a trigger sets
# in the row that the walk's plan has returned.
sub inserted
{
	my ($walk) = @_;
	my $id = "_x.$walk->{rel}{id}{quoted}";
	my ($theirs, $ours) = (filtered($walk), call($walk));

	return (
		'DELETE FROM prop.sink;',
		"INSERT INTO prop.sink (i) SELECT $id FROM $ours AS _x;",
		same(
			$walk->{label},
			"SELECT concat_ws('~', $id, 'note of ' || coalesce($id, 0)) AS _line"
			  . " FROM $theirs AS _x",
			"SELECT concat_ws('~', i, note) AS _line FROM prop.sink")
		  . ';');
}

sub set_cache_mode
{
	return "SET LOCAL plan_cache_mode = "
	  . one_of('force_generic_plan', 'force_custom_plan') . ';';
}

sub unset_cache_mode
{
	return 'SET LOCAL plan_cache_mode TO DEFAULT;';
}

sub new_wrap
{
	my ($walk) = @_;
	my $column = one_of(@{ $walk->{rel}{columns} });

	return {
		walk => $walk,
		id => $walk->{rel}{id}{quoted},
		column => $column,
		type => $column->{type},
		names => 0,
	};
}

# The query with an item of FROM in place of each walk
sub in_place_of
{
	my ($query, $item) = @_;

	$query =~ s/\Q$source\E/$item/g;
	return $query;
}

# The statement that compares the lines of two queries as sets
sub same
{
	my ($label, $theirs, $ours) = @_;

	return "SELECT prop.same('$label',\n\tARRAY($theirs),\n\tARRAY($ours))";
}

# EXPLAIN, whose output nobody looks at.
sub explained
{
	my ($query) = @_;
	my $options = one_of('COSTS OFF', 'VERBOSE', 'ANALYZE, TIMING OFF',
		'FORMAT JSON', 'ANALYZE, VERBOSE, BUFFERS');

	return "EXPLAIN ($options) $query \\g /dev/null";
}

# The query in a view of its own, which is read in the query around it.
sub through_a_view
{
	my ($wrap, $query, $call) = @_;
	my $walk = $wrap->{walk};
	my $barrier = one_of('', ' WITH (security_barrier)');
	my $view = "$walk->{rel}{schema}.\"a view of a walk\"";
	my $condition = one_of("_line > '3'", "length(_line) > 3", 'true');

	$view = 'pg_temp."a view of a walk"' if $walk->{rel}{temporary};
	return (
		"CREATE VIEW $view$barrier AS "
		  . in_place_of($query, $call) . ';',
		same(
			$walk->{label},
			'SELECT _line FROM ('
			  . in_place_of($query, filtered($walk))
			  . ") AS _v WHERE $condition",
			"SELECT _line FROM $view WHERE $condition")
		  . ';',
		"DROP VIEW $view;");
}

sub new_name
{
	my ($wrap) = @_;

	return '_t' . ++$wrap->{names};
}

# What stands on top: a query of lines.
sub query
{
	my ($wrap) = @_;
	my $depth = between(0, 3);
	my $name = new_name($wrap);
	my $item = item($wrap, $depth) . " AS $name";
	my $where = where($wrap, $name);
	my $line = "concat_ws('~', $name._i, $name._a) AS _line";

	return weighted(
		30 => "SELECT $line FROM $item$where",
		6 => "SELECT $line FROM $item$where ORDER BY $name._i, 1 LIMIT "
		  . between(0, 20),
		5 => "SELECT $name\::text AS _line FROM $item$where",
		12 => grouped($wrap, $name, $item),
		5 => windowed($wrap, $name, $item),
		5 => "SELECT DISTINCT ON ($name._i % 5) concat($name._i) AS _line"
		  . " FROM $item$where ORDER BY $name._i % 5, $name._i",
		5 => "SELECT concat_ws('~', _n.i, (SELECT count(*) FROM $item$where"
		  . and_also($where, "$name._i > _n.i")
		  . ')) AS _line FROM prop.numbers AS _n WHERE i < 40',
		5 => 'SELECT concat(_n.i) AS _line FROM prop.numbers AS _n WHERE'
		  . one_of('', ' NOT')
		  . " EXISTS (SELECT FROM $item$where"
		  . and_also($where, "$name._i = _n.i") . ')',
		4 => "SELECT concat(_n.i) AS _line FROM prop.numbers AS _n"
		  . " WHERE i IN (SELECT $name._i FROM $item$where)");
}

sub and_also
{
	my ($where, $condition) = @_;

	return ($where ? ' AND ' : ' WHERE ') . $condition;
}

sub grouped
{
	my ($wrap, $name, $item) = @_;
	my $where = where($wrap, $name);
	my $filter = condition($wrap, $name, 1);
	my $group = one_of(
		"GROUPING SETS (($name._i % 3), ())",
		"ROLLUP ($name._i % 3, $name._i % 2)",
		"CUBE ($name._i % 3, $name._i % 2)",
		"$name._i % 3, $name._i % 2");
	my $having = one_of('', ' HAVING count(*) > 1',
		" HAVING count(*) FILTER (WHERE $filter) > 0",
		" HAVING $name._i % 3 IS NULL OR count(*) > 2");

	return
		"SELECT concat_ws('~', $name._i % 3, count(*),"
	  . " count(*) FILTER (WHERE $filter), sum($name._i),"
	  . " count(DISTINCT $name._a), min($name._i)) AS _line"
	  . " FROM $item$where GROUP BY $group, $name._i % 3$having"
	  if chance(70);
	return
		"SELECT concat_ws('~', count(*), max($name._i),"
	  . " string_agg($name._i::text, ',' ORDER BY $name._i)"
	  . " FILTER (WHERE $filter)) AS _line FROM $item$where";
}

sub windowed
{
	my ($wrap, $name, $item) = @_;
	my $where = where($wrap, $name);
	my $condition = condition($wrap, '_w', 1);
	my $window = one_of("(ORDER BY $name._i)",
		"(PARTITION BY $name._i % 4 ORDER BY $name._i)");

	return "SELECT concat_ws('~', _i, _n, _s) AS _line FROM (SELECT $name._i,"
	  . " $name._a, rank() OVER $window AS _n, sum($name._i) OVER $window AS _s"
	  . " FROM $item$where) AS _w WHERE "
	  . one_of($condition, '_n < 5', '_i % 4 = 1');
}

# A WHERE clause, mostly
sub where
{
	my ($wrap, $name) = @_;

	return chance(75) ? ' WHERE ' . condition($wrap, $name, 2) : '';
}

# An item of FROM, without its name.
sub item
{
	my ($wrap, $depth) = @_;

	return leaf($wrap) if $depth <= 0 || chance(20);
	my $make = weighted(
		8 => \&computed,
		8 => \&joined_to_numbers,
		4 => \&joined_to_itself,
		6 => \&united,
		3 => \&intersected,
		3 => \&in_a_cte,
		4 => \&correlated,
		2 => \&limited);
	return '(' . $make->($wrap, $depth - 1) . ')';
}

# The walk by itself
sub leaf
{
	my ($wrap) = @_;
	my $name = new_name($wrap);
	my $where =
	  chance(40) ? ' WHERE ' . condition($wrap, '_u', 1) : '';
	my $leaf = "SELECT $name.$wrap->{id} AS _i, $name.$wrap->{column}{quoted}"
	  . " AS _a FROM $source AS $name";

	return $where ? "(SELECT * FROM ($leaf) AS _u$where)" : "($leaf)";
}

# Its columns computed, so that a join above has something to make NULL
sub computed
{
	my ($wrap, $depth) = @_;
	my $name = new_name($wrap);
	my $value = value($wrap);
	my $i = one_of(
		"coalesce($name._i, 0)",
		"CASE WHEN $name._i > 5 THEN $name._i END",
		"nullif($name._i, 7)",
		"(ARRAY[$name._i, 4])[1 + $name._i % 2]");
	my $a = one_of("$name._a",
		"coalesce($name._a, $value)",
		"CASE WHEN $name._i % 2 = 0 THEN $name._a END");

	return "SELECT $i AS _i, $a AS _a FROM "
	  . item($wrap, $depth)
	  . " AS $name"
	  . where($wrap, $name);
}

sub joined_to_numbers
{
	my ($wrap, $depth) = @_;
	my ($one, $two) = map { new_name($wrap) } 1 .. 2;
	my $item = item($wrap, $depth) . " AS $one";
	my $numbers = "(SELECT DISTINCT i FROM prop.numbers WHERE i < 60) AS $two";
	my ($left, $right) = shuffled($item, $numbers);
	my $on = "$one._i = $two.i";
	my $kind = one_of('LEFT', 'RIGHT', 'FULL', 'INNER');

	$on .= ' AND ' . condition($wrap, $one, 1)
	  if $kind ne 'FULL' && chance(30);
	return "SELECT "
	  . one_of("$one._i", "coalesce($one._i, $two.i)")
	  . " AS _i, $one._a FROM $left $kind JOIN $right ON $on"
	  . where($wrap, $one);
}

sub joined_to_itself
{
	my ($wrap, $depth) = @_;
	my ($one, $two) = map { new_name($wrap) } 1 .. 2;
	my $kind = one_of('LEFT', 'RIGHT', 'FULL', 'INNER');

	return "SELECT coalesce($one._i, $two._i) AS _i, $two._a FROM "
	  . item($wrap, $depth)
	  . " AS $one $kind JOIN "
	  . item($wrap, $depth)
	  . " AS $two ON $one._i = $two._i"
	  . where($wrap, $one);
}

sub united
{
	my ($wrap, $depth) = @_;
	my ($one, $two, $both) = map { new_name($wrap) } 1 .. 3;
	my $other =
	  chance(50)
	  ? "SELECT i, NULL::$wrap->{type}{cast} FROM prop.numbers WHERE i < 30"
	  : "SELECT _i, _a FROM " . item($wrap, $depth) . " AS $two";

	return "SELECT _i, _a FROM (SELECT _i, _a FROM "
	  . item($wrap, $depth)
	  . " AS $one UNION ALL $other) AS $both"
	  . where($wrap, $both);
}

# By the number alone: which of two values that are equal is kept, nobody says.
sub intersected
{
	my ($wrap, $depth) = @_;
	my ($one, $two, $both) = map { new_name($wrap) } 1 .. 3;
	my $operation =
	  one_of('INTERSECT', 'EXCEPT', 'UNION', 'INTERSECT ALL', 'EXCEPT ALL');

	return
		"SELECT _i, NULL::$wrap->{type}{cast} AS _a FROM (SELECT _i FROM "
	  . item($wrap, $depth)
	  . " AS $one $operation "
	  . one_of('SELECT i FROM prop.numbers',
		'SELECT _i FROM ' . item($wrap, $depth) . " AS $two")
	  . ") AS $both"
	  . (chance(50) ? " WHERE $both._i > 3" : '');
}

sub in_a_cte
{
	my ($wrap, $depth) = @_;
	my $name = new_name($wrap);
	my $how = one_of('', 'MATERIALIZED ', 'NOT MATERIALIZED ');

	return "WITH $name AS $how("
	  . "SELECT _i, _a FROM " . item($wrap, $depth) . " AS _c)"
	  . " SELECT _i, _a FROM $name" . where($wrap, $name);
}

sub correlated
{
	my ($wrap, $depth) = @_;
	my ($one, $two) = map { new_name($wrap) } 1 .. 2;
	my $kind = one_of('CROSS JOIN LATERAL', 'LEFT JOIN LATERAL');

	return
		"SELECT $one.n AS _i, $two._a FROM generate_series(1, 6) AS $one(n)"
	  . " $kind (SELECT * FROM "
	  . item($wrap, $depth)
	  . " AS _l WHERE _l._i % 7 = $one.n"
	  . (chance(40) ? ' AND ' . condition($wrap, '_l', 1) : '')
	  . ") AS $two"
	  . ($kind =~ /LEFT/ ? ' ON true' : '');
}

sub limited
{
	my ($wrap, $depth) = @_;
	my $name = new_name($wrap);

	# The last column to sort by only matters if a join has made _i repeat.
	return "SELECT _i, NULL::$wrap->{type}{cast} AS _a FROM "
	  . item($wrap, $depth)
	  . " AS $name ORDER BY _i LIMIT "
	  . between(0, 30)
	  . one_of('', ' OFFSET 2');
}

# A value of the column's type, as SQL
sub value
{
	my ($wrap) = @_;

	return literal(random_value($wrap->{type})) . "::$wrap->{type}{cast}";
}

# A condition on the columns of that item, at most so deep.
sub condition
{
	my ($wrap, $name, $depth) = @_;

	return simple_condition($wrap, $name) if $depth <= 0 || chance(40);
	my ($one, $two) =
	  map { condition($wrap, $name, $depth - 1) } 1 .. 2;
	return one_of(
		"($one AND $two)",
		"($one OR $two)",
		"NOT ($one)",
		"($one) IS TRUE",
		"($one) IS NOT FALSE",
		"($one) IS UNKNOWN",
		"coalesce($one, $two)",
		"CASE ($one) WHEN true THEN $two ELSE false END",
		"CASE WHEN $one THEN $two ELSE $name._i % 2 = 0 END",
		"CASE $name._i % 3 WHEN 0 THEN $one WHEN 1 THEN $two END",
		"(SELECT $one)",
		"($one) = ($two)");
}

sub simple_condition
{
	my ($wrap, $name) = @_;
	my ($i, $a) = ("$name._i", "$name._a");
	my ($value, $other) = map { value($wrap) } 1 .. 2;
	my $number = $wrap->{parameter} // between(-2, 30);
	my $less = $wrap->{type}{less} // '<';
	my @of_a = (
		"$a IS NULL",
		"$a IS NOT NULL",
		"$a $less $value",
		"NOT $value $less $a",
		"$a IS DISTINCT FROM $value",
		"$a IN ($value, $other)",
		"coalesce($a, $value) = $other",
		"nullif($a, $value) IS NULL",
		"greatest($a, $value) = $a",
		"($i, $a) IS DISTINCT FROM ($number, $value)",
		"ROW($i, $a) = ROW($number, $value)",
		"num_nulls($i, $a) = 0",
		"length($a\::text) > 3",
		"$a\::text <> 'x'");

	push @of_a, "$a BETWEEN $value AND $other",
	  "($i, $a) > ($number, $value)" unless $wrap->{type}{less};
	push @of_a, "$a = ANY (ARRAY[$value, $other])"
	  unless $wrap->{type}{define} =~ /\[\]|prop.few/;

	return one_of(@of_a) if chance(45);
	return one_of(
		"$i > $number",
		"$i = $number",
		"$i % 2 = 0",
		"$i IS NULL",
		"$i < ALL (SELECT max(i) FROM prop.numbers)",
		"EXISTS (SELECT FROM prop.numbers AS _e WHERE _e.i = $i)",
		"$i IN (SELECT i FROM prop.numbers WHERE i % 2 = 0)",
		"$i = (SELECT min(_e.i) FROM prop.numbers AS _e WHERE _e.i > $i - 3)",
		"(ARRAY[$i, 3, $number])[1] > $number",
		"('{5,6,7}'::int[])[$i % 3 + 1] = 6",
		"(string_to_array($i\::text, '1'))[1] = ''",
		"$name IS NOT NULL",
		"$name IS NULL",
		"to_jsonb($i) \@> '5' IS NOT TRUE",
		"jsonb_path_exists(to_jsonb($i), '\$ ? (@ > 4)')",
		"(jsonb_build_object('i', $i))['i'] = '5'",
		$release >= 16
		? ( "to_jsonb($i) IS JSON SCALAR",
			"JSON_ARRAY($i, 1)::text <> '[3, 1]'",
			"JSON_OBJECT('i': $i)::text <> ''")
		: (),
		$release >= 17
		? ( "JSON_VALUE(to_jsonb($i), '\$' RETURNING int) > 4",
			"JSON_EXISTS(to_jsonb($i), '\$ ? (@ > 4)')",
			"JSON_QUERY(to_jsonb($i), '\$') IS NOT NULL")
		: ());
}

1;
