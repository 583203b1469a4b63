
=pod

=head1 NAME

Property::Rows - columns, and the rows that fill them

=cut

package Property::Rows;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;
use Property::Types;

our @EXPORT = qw(new_column definitions inserts column_definition column_list);

# A column; its values are few, which makes ties, or many.
sub new_column
{
	my ($name, $type, %more) = @_;

	return {
		name => $name,
		quoted => identifier($name),
		type => $type,
		not_null => chance(30),
		few => chance(45)
		? [ map { random_value($type) } 1 .. between(1, 4) ]
		: undef,
		nulls => one_of(0, 10, 40),
		%more
	};
}

# A value for the column, undef for NULL.
sub column_value
{
	my ($column) = @_;

	return undef if !$column->{not_null} && chance($column->{nulls});
	return $column->{value}->() if $column->{value};
	return one_of(@{ $column->{few} }) if $column->{few};
	return random_value($column->{type});
}

# How CREATE TABLE declares the column.
sub column_definition
{
	my ($column) = @_;

	return
		"$column->{quoted} $column->{type}{define}"
	  . ($column->{not_null} ? ' NOT NULL' : '')
	  . ($column->{generated} // '');
}

# Definitions of the columns, with others in between that are dropped after.
# Returns the text for CREATE TABLE and the statements that drop.
sub definitions
{
	my ($table, @columns) = @_;
	my (@definitions, @drops);

	for my $i (0 .. @columns)
	{
		if (chance(15))
		{
			push @definitions,
			  qq("gone $i" )
			  . one_of('int8 DEFAULT 7', "text DEFAULT 'gone'", 'numeric');
			push @drops, qq(ALTER TABLE $table DROP COLUMN "gone $i");
		}
		push @definitions, column_definition($columns[$i]) if $i < @columns;
	}
	return (join(', ', @definitions), @drops);
}

# INSERTs of so many rows, the first with the number $first.  Rows that break a
# unique index are left out.
sub inserts
{
	my ($rel, $table, $columns, $first, $count) = @_;
	my @columns = grep { !$_->{generated} } @$columns;
	my @rows;
	my @statements;

	for my $id (shuffled($first .. $first + $count - 1))
	{
		push @rows,
		  '('
		  . join(', ',
			map { literal($_ == $rel->{id} ? $id : column_value($_)) }
			  @columns)
		  . ')';
	}
	while (my @some = splice(@rows, 0, 50))
	{
		push @statements,
			"INSERT INTO $table ("
		  . join(', ', map { $_->{quoted} } @columns)
		  . ") VALUES\n\t"
		  . join(",\n\t", @some)
		  . "\nON CONFLICT DO NOTHING";
	}
	return @statements;
}

sub column_list
{
	return join(', ', map { $_->{quoted} } @_);
}

1;
