
=pod

=head1 NAME

Property::Remote - foreign tables, alone and among local ones

=head1 DESCRIPTION

random_remote() returns a relation, see Property::Relation, that has rows of
other sessions' tables: a foreign table, a partitioned table or an inheritance
parent some of whose children are foreign, or a view of one of these.  They are
in a database of the same cluster, over postgres_fdw.

Its text column has a collation here and perhaps another one there.  Then the
two do not agree on an order of texts, and C<differs> is true.  Then a plain SELECT may
have either order, and the rows between two texts are those of one or of the
other; so such walks have no bounds, and only what they return is compared, not
in which order.  An error is right, too.

The relation has one more key:

  truth   a local copy, which the oracle reads

=cut

package Property::Remote;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
use Property::Rows;
use Property::Types;

our @EXPORT = qw(random_remote make_remote_tables);

# Collations of the text column there, by the table's name; "other" is that of a
# database of its own.
my %collations = (c => 'text C', icu => 'text icu', ci => 'text ci');

# SQL that makes the tables of a database, with the collations it has
sub make_remote_tables
{
	my (%collation) = @_;
	my @statements;

	for my $name (sort keys %collation)
	{
		push @statements,
		  map {
				"CREATE TABLE far.$name$_ AS SELECT id, p, a,"
			  . " k$collation{$name} AS k, n, d FROM far.rows($_);\n"
			  . "CREATE INDEX ON far.$name$_ (k, id);"
			  . " CREATE INDEX ON far.$name$_ (a); ANALYZE far.$name$_;\n"
		  } 0 .. 5;
	}
	return join('', @statements);
}

# A relation for one case; @servers are those that there are.
sub random_remote
{
	my (@servers) = @_;
	my $here = one_of(sort keys %collations);
	my $alone = chance(30);
	my %columns = (
		id => 'int4',
		p => 'int4',
		a => 'int4',
		k => $collations{$here},
		n => 'numeric',
		d => 'timestamptz');
	my @columns =
	  map { new_column($_, type_named($columns{$_}), not_null => 0, few => undef) }
	  qw(id p a k n d);
	my $rel = {
		schema => 'near',
		setup => [ 'CREATE SCHEMA near', 'SELECT prop.make_servers()' ],
		columns => \@columns,
		id => $columns[0],
		name => 'near.t',
		truth => 'near.truth',
		here => $here,
		servers => \@servers,
		physical => undef,
		indexable => [],
		filter => \&some_rows,
	};

	$rel->{same} = chance(60);
	$columns[$_]{few} = [ map { $_ * 3 } 0 .. 9 ] for 0 .. 2;
	if ($alone)
	{
		push @{ $rel->{setup} }, foreign_table($rel, 'near.t', between(0, 5));
	}
	else
	{
		push @{ $rel->{setup} }, chance(70) ? partitions($rel) : children($rel);
	}
	push @{ $rel->{setup} }, a_view($rel) if chance(15);
	push @{ $rel->{setup} }, "CREATE TABLE near.truth AS SELECT * FROM $rel->{name}";
	return $rel;
}

# The columns as CREATE TABLE declares them
sub declared
{
	my ($rel) = @_;

	return join(', ', map { column_definition($_) } @{ $rel->{columns} });
}

# Statements that make a foreign table of some part, with further syntax
# between its name and the server
sub foreign_table
{
	my ($rel, $name, $part, $of) = @_;
	my $server = $rel->{same} ? 'loopback' : one_of(@{ $rel->{servers} });
	my $there =
		$server ne 'loopback' ? 'other'
	  : $rel->{same} ? $rel->{here}
	  :                one_of(sort keys %collations);

	$rel->{differs} = 1 if $there ne $rel->{here};
	$of //= '(' . declared($rel) . ')';
	return
		"CREATE FOREIGN TABLE $name $of SERVER $server OPTIONS"
	  . " (schema_name 'far', table_name '$there$part'"
	  . (chance(30) ? ", use_remote_estimate 'true'" : '')
	  . (chance(20) ? ", fetch_size '7'" : '')
	  . (chance(20) ? ", async_capable 'true'" : '') . ')';
}

# By what is different in each part, so that the foreign ones are right
sub partitions
{
	my ($rel) = @_;
	my @statements =
	  ('CREATE TABLE near.t (' . declared($rel) . ') PARTITION BY LIST (p)');

	for my $part (some_of(between(1, 4), 0 .. 5))
	{
		my $of = "PARTITION OF near.t FOR VALUES IN ($part)";
		if (chance(60))
		{
			push @statements, foreign_table($rel, "near.t$part", $part, $of);
			next;
		}
		push @statements, "CREATE TABLE near.t$part $of",
		  "INSERT INTO near.t$part SELECT * FROM far.rows($part)",
		  chance(50) ? "CREATE INDEX ON near.t$part (k)" : ();
	}
	return @statements;
}

sub children
{
	my ($rel) = @_;
	my @statements = (
		'CREATE TABLE near.t (' . declared($rel) . ')',
		'INSERT INTO near.t SELECT * FROM far.rows(0)');

	for my $part (some_of(between(1, 3), 1 .. 5))
	{
		push @statements,
		  chance(70)
		  ? foreign_table($rel, "near.t$part", $part, '() INHERITS (near.t)')
		  : ( "CREATE TABLE near.t$part () INHERITS (near.t)",
			"INSERT INTO near.t$part SELECT * FROM far.rows($part)");
	}
	return @statements;
}

sub a_view
{
	my ($rel) = @_;
	my $options = one_of('', ' WITH (security_barrier)');

	$rel->{name} = 'near.v';
	return "CREATE VIEW near.v$options AS SELECT * FROM near.t WHERE id % 10 > 0";
}

# A condition that does not compare texts
sub some_rows
{
	return one_of(
		undef, undef, undef,
		'id % 3 > 0',
		'a IS NULL',
		'k IS NOT NULL',
		'n > 2.5',
		'a IN (1, 2, 7) OR n < 1',
		'id % 2 = 0 AND d IS NOT NULL',
		'p <> 1');
}

1;
