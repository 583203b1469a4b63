
=pod

=head1 NAME

Property::Relation - a random relation with random rows

=head1 DESCRIPTION

random_relation() returns a hash:

  name       as SQL names it: quoted, with its schema
  setup      list of SQL statements that make and fill it
  columns    list of columns in their order, dropped ones left out; each a hash
             of name, quoted, type (see Property::Types), not_null, and late:
             added when there were rows
  id         the column that is different in every row, an integer.  It makes
             the text of a row unique; keys and indexes may leave it out.
  unique     list of the columns the tie-breaker must be made of, or undef
  guess      true if several unique indexes could be the tie-breaker, so that
             nobody can say which order equal keys come in
  physical   what ORDER BY NULL means without a tie-breaker: 'ctid', 'any'
             (more than one table) or undef (not possible: a view)
  narrow     true if it has further columns that cannot be read: computing them
             raises an error
  filter     function that makes the filter of a walk, chunk_size one for the
             size of its chunks, large true, if it is shared by all cases
  truth      name of a relation of the same rows for the oracle, or undef
  lockable   true if its rows can be locked
  indexable  list of names of the relations an index can be made on

=cut

package Property::Relation;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;
use Property::Rows;
use Property::Types;

our @EXPORT = qw(random_relation);

my @odd_names = (
	't', 'r', 's', 'x',
	'chunk', 'k1', 'key', 'order',
	'select', 'user', 'we;ird "s', 'Ctid',
	'CTID', 'a,b', 'a b', '日本語',
	'col;--', '%s', '%1$s', '$1',
	"it's", 'back\\slash', 'n' x 63, 'ä' x 31,
	'語' x 21, 'desc', 'nulls', 'value',
	'row', 'last', 'q', 'lower',
	'"', '/*', 'ORDER BY', 'a DESC',
	'1', '2 DESC', 'null', 'tid',
	'rel', 'filter', 'position', 'int4',
	'coalesce', '.', 'a.b', ' ');

# A relation for one case.  With permanent => 1, one that other sessions see and
# that a crash does not empty; with wide => 1, one whose columns can all be read;
# with type => ..., one that has a column of that type, which orders prefer.
sub random_relation
{
	my (%wanted) = @_;
	my $make = weighted(
		60 => \&plain_table,
		13 => \&partitioned_table,
		9 => \&inheritance_parent,
		8 => \&materialized_view,
		10 => \&view);
	my $rel = { %{ blank_relation($wanted{type}) }, %wanted };

	$rel = $make->($rel);
	$rel->{lockable} = $make == \&plain_table || $make == \&partitioned_table;
	return $rel;
}

# Schema and names, columns, and the values of the rows; nothing made yet.
sub blank_relation
{
	my ($type) = @_;
	my $odd = chance(40);
	my @names = $odd ? shuffled(@odd_names) : ('a' .. 'k');
	my $schema = identifier($odd ? shift @names : 'property');
	my $rel = { setup => ["CREATE SCHEMA $schema"], schema => $schema };

	push @{ $rel->{setup} }, "SET LOCAL search_path = $schema, public"
	  if chance(20);
	$rel->{table_names} =
	  [ $odd ? splice(@names, 0, 8) : ('t', 't1' .. 't7') ];
	$rel->{id} =
	  new_column(shift @names, type_named('int4'), not_null => chance(70));
	$rel->{columns} = [
		shuffled(
			$rel->{id},
			map { new_column($_, random_type()) }
			  splice(@names, 0, between(1, 4)))
	];
	if ($type)
	{
		$rel->{preferred} = new_column(shift @names, $type);
		push @{ $rel->{columns} }, $rel->{preferred};
	}
	$rel->{spare_names} = \@names;
	$rel->{count} = weighted(
		3 => 0,
		4 => 1,
		6 => 2,
		15 => 5,
		40 => 20,
		22 => 100,
		10 => 300);
	return $rel;
}

# The name of one more table, quoted and with its schema.
sub table_name
{
	my ($rel, $schema) = @_;

	return ($schema // $rel->{schema}) . '.'
	  . identifier(shift @{ $rel->{table_names} });
}

sub add
{
	my ($rel, @statements) = @_;

	push @{ $rel->{setup} }, @statements;
	return;
}

# One to three columns for a unique key, @must among them.
sub key_columns
{
	my ($rel, @must) = @_;
	my @others =
	  grep {
		my $column = $_;
		!grep { $_ == $column } @must
	  } grep { !$_->{wide} } @{ $rel->{columns} };
	my $count = weighted(5 => 1, 3 => 2, 2 => 3) - @must;
	@others = grep { !$_->{type}{no_index} } @others if $count > 1 || @must;
	my @key = shuffled(@must, some_of($count > 0 ? $count : 0, @others));

	# With few values most rows would be refused.
	$key[ between(0, $#key) ]{few} = undef;
	return @key;
}

# Choose the keys of a table and return the statements to make before any row
# is there.  Sets unique and guess, and which columns are NOT NULL.
sub add_keys
{
	my ($rel, $table, @must) = @_;
	my @key = key_columns($rel, @must);
	my $kind = weighted(
		40 => 'primary',
		18 => 'unique',
		8 => 'nullable',
		6 => 'both',
		28 => 'none');

	return if $kind eq 'none';
	$rel->{keyed} = [@key];
	if ($kind eq 'nullable')
	{
		return if !grep { !$_->{not_null} } @key;
		return "CREATE UNIQUE INDEX ON $table (" . column_list(@key) . ')';
	}
	$_->{not_null} = 1 for @key;
	$rel->{unique} = \@key;
	my $primary =
	  "ALTER TABLE $table ADD PRIMARY KEY (" . column_list(@key) . ')';
	my $unique = "CREATE UNIQUE INDEX ON $table ("
	  . join(', ',
		map { $_->{quoted} . one_of('', '', ' DESC', ' NULLS FIRST') } @key)
	  . ')'
	  . (
		chance(20) && !$rel->{partitioned}
		? " INCLUDE ($rel->{id}{quoted})"
		: '');
	return $primary if $kind eq 'primary';
	return $unique if $kind eq 'unique';

	# The primary key goes first; two others would be a guess.
	my @other = key_columns($rel, @must);
	$_->{not_null} = 1 for @other;
	push @{ $rel->{keyed} }, @other;
	my $second =
	  "CREATE UNIQUE INDEX ON $table (" . column_list(@other) . ')';
	return ($second, $primary) if chance(60);
	$rel->{guess} = 1;
	return ($unique, $second);
}

# Indexes that look unique and must not be relied on; for a filled table.
sub distractors
{
	my ($rel, $table) = @_;
	my $id = $rel->{id}{quoted};

	return if $rel->{temporary} || !chance(25);
	my $statements = weighted(
		2 => ["CREATE UNIQUE INDEX ON $table ($id) WHERE $id > 2"],
		2 => ["CREATE UNIQUE INDEX ON $table (($id * 2))"],
		2 => [
			"ALTER TABLE $table ADD UNIQUE ($id) DEFERRABLE"
			  . one_of('', ' INITIALLY DEFERRED')
		],
		2 => [
			"CREATE UNIQUE INDEX invalid ON $table ($id)",
			"UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
			  . literal("$rel->{schema}.invalid")
			  . '::regclass'
		],
		1 => ["CREATE INDEX ON $table USING hash ($id)"],
		1 => ["CREATE INDEX ON $table USING brin ($id)"]);
	return @$statements;
}

# Updates and deletes that leave holes and reorder the rows.
sub churn
{
	my ($rel, $table) = @_;
	my $id = $rel->{id}{quoted};
	my @statements;

	push @statements, "UPDATE $table SET $id = $id WHERE $id % 3 = 0"
	  if chance(15);
	push @statements, "DELETE FROM $table WHERE $id % 5 = 1" if chance(10);
	return @statements;
}

# Sometimes a column of up to 3 kB, in the row, compressed or toasted.
sub add_wide_column
{
	my ($rel) = @_;

	return unless chance(15);
	my $wide = new_column(
		shift @{ $rel->{spare_names} },
		type_named('text'),
		few => undef,
		wide => 1);
	my $longest = one_of(10, 30, 60, 95);
	$wide->{value} = sub {
		my $times = between(0, $longest);
		my $seed = between(1, 99);
		return \"repeat(md5('$seed'), $times)";
	};
	push @{ $rel->{columns} }, $wide;
	return;
}

sub storage
{
	my ($rel, $table) = @_;
	my ($wide) =
	  grep { $_->{wide} && !$_->{generated} } @{ $rel->{columns} };

	return () unless $wide;
	return "ALTER TABLE $table ALTER COLUMN $wide->{quoted} SET STORAGE "
	  . one_of('EXTERNAL', 'EXTENDED', 'MAIN');
}

# An ordinary table: permanent, unlogged or temporary, with dropped columns
# and columns that were added when there were rows already.
sub plain_table
{
	my ($rel) = @_;
	my $persistence =
	  $rel->{permanent}
	  ? ''
	  : weighted(80 => '', 10 => 'UNLOGGED', 10 => 'TEMPORARY');
	$rel->{temporary} = $persistence eq 'TEMPORARY';
	my $table = table_name($rel, $rel->{temporary} ? 'pg_temp' : undef);

	add_wide_column($rel);
	add_generated_column($rel);
	my @keys = add_keys($rel, $table);
	my @late = late_columns($rel);
	my @early = others($rel->{columns}, @late);
	my ($definitions, @drops) = definitions($table, @early);
	my @drops_after = chance(50) ? splice(@drops) : ();

	$rel->{columns} = [ @early, @late ];
	add($rel,
		"CREATE $persistence TABLE $table ($definitions)",
		@drops,
		@keys,
		storage($rel, $table),
		growing_inserts($rel, $table, \@late, 1, $rel->{count}),
		@drops_after,
		churn($rel, $table),
		distractors($rel, $table));
	return finished($rel, $table, 'ctid', $table);
}

sub add_generated_column
{
	my ($rel) = @_;

	return unless chance(5);
	push @{ $rel->{columns} },
	  new_column(
		shift @{ $rel->{spare_names} },
		type_named('int8'),
		not_null => 0,
		few => undef,
		wide => 1,
		generated =>
		  " GENERATED ALWAYS AS (- $rel->{id}{quoted}::int8) STORED");
	return;
}

# The columns to add when the first rows are in.
sub late_columns
{
	my ($rel) = @_;
	my @free = grep {
		my $column = $_;
		$column != $rel->{id}
		  && !$column->{generated}
		  && !$column->{wide}
		  && !$column->{type}{unstored}
		  && !grep { $_ == $column }
		  @{ $rel->{keyed} // [] }
	} @{ $rel->{columns} };

	return () unless chance(30);
	my @late = some_of(between(1, 3), @free);
	$_->{late} = 1 for @late;
	return @late;
}

# The columns of a list that are none of these.
sub others
{
	my ($columns, @these) = @_;

	return grep {
		my $column = $_;
		!grep { $_ == $column } @these
	} @$columns;
}

# Insert rows, some of them before these columns are added: then they have no value in
# them, or one that is in the catalog only.
sub growing_inserts
{
	my ($rel, $table, $late, $first, $count) = @_;
	my @early = others($rel->{columns}, @$late);
	my $before = @$late ? between(0, $count) : $count;
	my $defaults = one_of(0, 50, 100);

	return (
		inserts($rel, $table, \@early, $first, $before),
		map({ addition($table, $_, $_->{not_null} || chance($defaults)) }
			@$late),
		inserts(
			$rel, $table, $rel->{columns},
			$first + $before, $count - $before));
}

# The statement that adds a column.
sub addition
{
	my ($table, $column, $has_default) = @_;
	my $default =
	  $has_default ? ' DEFAULT ' . literal(random_value($column->{type})) : '';

	return
	  "ALTER TABLE $table ADD COLUMN " . column_definition($column) . $default;
}

# What all relations share at the end.
sub finished
{
	my ($rel, $name, $physical, @indexable) = @_;

	$rel->{name} = $name;
	$rel->{physical} = $physical;
	$rel->{indexable} = \@indexable;
	add($rel, map { "ANALYZE $_" } @indexable) if chance(20);
	return $rel;
}

# A table with partitions, some with columns in another order, one perhaps
# partitioned again.  Orders often begin with what they are ranges or lists of.
sub partitioned_table
{
	my ($rel) = @_;
	my $table = table_name($rel);
	my $by = one_of('RANGE', 'LIST', 'HASH');
	my $column = new_column(shift @{ $rel->{spare_names} },
		type_named(one_of(qw(int4 int4 int8 numeric text))),
		few => [ 0, 1, 2, 3 ]);

	$rel->{partitioned} = 1;
	$rel->{preferred} = $column if chance(60);
	splice @{ $rel->{columns} }, between(0, scalar @{ $rel->{columns} }), 0,
	  $column;
	my @keys = add_keys($rel, $table, $column);
	$column->{few} = [ 0, 1, 2, 3 ];
	my ($definitions, @drops) = definitions($table, @{ $rel->{columns} });
	add($rel,
		"CREATE TABLE $table ($definitions) PARTITION BY $by"
		  . " ($column->{quoted})",
		@drops);
	my @bounds =
	  $by eq 'RANGE'
	  ? (
		"FROM (MINVALUE) TO ('0')",
		"FROM ('0') TO ('1')",
		"FROM ('1') TO ('2')",
		"FROM ('3') TO ('4')", 'DEFAULT')
	  : $by eq 'LIST'
	  ? ("IN ('2', '0')", one_of("IN ('1')", "IN ('1', NULL)"), 'DEFAULT')
	  :                 map { "WITH (MODULUS 3, REMAINDER $_)" } 0 .. 2;
	my $split_again = chance(15) && !@keys;

	for my $bound (shuffled(@bounds))
	{
		my $for = $bound eq 'DEFAULT' ? $bound : "FOR VALUES $bound";
		add($rel, partition($rel, $table, $for, $split_again));
		$split_again = 0;
	}
	add($rel, @keys,
		inserts($rel, $table, $rel->{columns}, 1, $rel->{count}),
		churn($rel, $table));
	return finished($rel, $table, 'any', $table);
}

# Statements that make one partition.
sub partition
{
	my ($rel, $table, $for, $split) = @_;
	my $name = table_name($rel);

	if ($split)
	{
		return (
			"CREATE TABLE $name PARTITION OF $table $for"
			  . " PARTITION BY HASH ($rel->{id}{quoted})",
			map {
					"CREATE TABLE "
				  . table_name($rel)
				  . " PARTITION OF $name FOR VALUES"
				  . " WITH (MODULUS 2, REMAINDER $_)"
			} 0 .. 1);
	}
	return "CREATE TABLE $name PARTITION OF $table $for" if chance(50);
	my ($definitions, @drops) =
	  definitions($name, shuffled(@{ $rel->{columns} }));
	return ("CREATE TABLE $name ($definitions)",
		@drops, "ALTER TABLE $table ATTACH PARTITION $name $for");
}

# A table others inherit from.  Keys of the parent say nothing of the children,
# unless it has none.
sub inheritance_parent
{
	my ($rel) = @_;
	my ($table, @children) = map { table_name($rel) } 1 .. 4;
	my @keys = add_keys($rel, $table);
	my @late = late_columns($rel);
	my @early = others($rel->{columns}, @late);
	my ($definitions, @drops) = definitions($table, @early);
	my $share = int($rel->{count} / 3);

	$#children = between(0, 3) - 1;
	$rel->{columns} = [ @early, @late ];
	add($rel,
		"CREATE TABLE $table ($definitions)",
		@drops, @keys,
		growing_inserts(
			$rel, $table, \@late, 1, $rel->{count} - $share * @children));
	for my $i (0 .. $#children)
	{
		my $grandchild = $i > 1;
		my $parent = $grandchild ? $children[0] : $table;
		my @rows = ($rel->{count} - $share * ($i + 1) + 1, $share);
		add($rel,
			$grandchild || chance(50)
			? heir($rel, $children[$i], $parent, @rows)
			: stranger($rel, $children[$i], $parent, \@late, @rows));
	}
	if (@children)
	{
		$rel->{unique} = $rel->{guess} = undef;
		return finished($rel, $table, 'any', $table, @children);
	}
	return finished($rel, $table, 'ctid', $table);
}

# Statements that make and fill one child with a column of its own.
sub heir
{
	my ($rel, $name, $parent, $first, $count) = @_;

	return (
		"CREATE TABLE $name (\"own ]\" text DEFAULT 'x') INHERITS ($parent)",
		inserts($rel, $name, $rel->{columns}, $first, $count));
}

# The same of a table that starts to inherit when it has rows: of another shape, or of
# the parent's, but with other values in the columns that both were given late.
sub stranger
{
	my ($rel, $name, $parent, $parents_late, $first, $count) = @_;
	my $alike = chance(60);
	my @late = $alike ? @$parents_late : late_columns($rel);
	my @early = others($rel->{columns}, @late);
	my ($definitions, @drops) =
	  $alike
	  ? join(', ', map { column_definition($_) } @early)
	  : definitions(
		$name,
		shuffled(
			@early, new_column('own ]', type_named('text'), not_null => 0)));

	return (
		"CREATE TABLE $name ($definitions)", @drops,
		growing_inserts($rel, $name, \@late, $first, $count),
		"ALTER TABLE $name INHERIT $parent");
}

# A populated materialized view; its unique index cannot be NOT NULL.
sub materialized_view
{
	my ($rel) = @_;
	my $name = table_name($rel);
	my $id = $rel->{id}{quoted};

	$rel->{permanent} = 1;
	plain_table($rel);
	$rel->{unique} = $rel->{guess} = undef;
	add($rel,
			"CREATE MATERIALIZED VIEW $name AS"
		  . " SELECT * FROM $rel->{name} ORDER BY $id % 7, $id");
	add($rel, "CREATE UNIQUE INDEX ON $name ($id)") if chance(50);
	return finished($rel, $name, 'ctid', $name);
}

# A view: of some columns, of a join, or of a union.
sub view
{
	my ($rel) = @_;
	my $name = table_name($rel);
	my $options = one_of('', ' WITH (security_barrier)');

	$rel->{permanent} = 1;
	plain_table($rel);
	my @columns = shuffled(@{ $rel->{columns} });
	my $list = column_list(@columns);
	my $id = $rel->{id}{quoted};
	my $query = weighted(
		3 => "SELECT $list FROM $rel->{name} WHERE $id % 5 <> 0",
		1 => "SELECT $list FROM $rel->{name} WHERE $id % 2 = 0"
		  . " UNION ALL SELECT $list FROM $rel->{name} WHERE $id % 2 = 1",
		1 => 'SELECT '
		  . join(', ',
			map { $_ == $rel->{id} ? "$id * 2 + n AS $id" : $_->{quoted} }
			  @columns)
		  . " FROM $rel->{name} CROSS JOIN generate_series(0, 1) AS n_(n)");

	# A column called n hides the other one.
	$query = "SELECT $list FROM $rel->{name}"
	  if grep { $_->{name} eq 'n' } @columns;
	if (chance(25) && !$rel->{wide})
	{
		$rel->{narrow} = 1;
		$query = "SELECT 1 / ($id - $id) AS \"raises this\", $list,"
		  . " ('no number' || $id)::int AS \"raises that\" FROM $rel->{name}";
	}
	add($rel, "CREATE VIEW $name$options AS $query");
	my @base = @{ $rel->{indexable} };
	$rel->{unique} = $rel->{guess} = undef;
	$rel->{columns} = \@columns;
	return finished($rel, $name, undef, @base);
}

1;
