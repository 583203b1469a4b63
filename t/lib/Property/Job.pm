
=pod

=head1 NAME

Property::Job - a random job, stopped and struck at random, and its oracle

=head1 DESCRIPTION

A job walks a random relation (see Property::Relation) as a random walk would
(see Property::Walk).  Each of its chunks has up to four effects, some of which
fail for some rows, and it is run in calls of a few chunks, in sessions that
are killed, and with the help of other sessions.  Some jobs may skip few rows at
first; rows that failed are tried again, once some of them are mended.  Some jobs
follow the relation, whose filter lets more and more of its rows through.

Some jobs do nothing but join the relation to "chunk" by columns that tell its rows
apart: the job is free to do that without "chunk".  A trigger notes which rows they
change.

In the end each effect must be that of one statement over the same rows: the
oracle is the ordered SELECT of the walk.

=cut

package Property::Job;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Call;
use Property::Dice;
use Property::Relation;
use Property::Settings;
use Property::Types;
use Property::Walk;

our @EXPORT = qw(job_case);

# The case of that number, of a random relation unless there is one
sub job_case
{
	my ($number, $relation) = @_;

	$relation //= random_relation(
		permanent => 1,
		wide => 1,
		type => type_for($number));
	my $walk = random_job_walk($relation, "$number.1");
	my $joins = $relation->{lockable} && !$relation->{large} && chance(35);

	# Most of these by a key that tells rows apart, whose elements are columns.
	for (1 .. $joins ? 8 : 0)
	{
		last if $walk->{order}{unique} && !grep { !$_->{column} } @{ $walk->{order}{key} };
		$walk = random_job_walk($relation, "$number.1");
	}
	my $job = {
		walk => $walk,
		rel => $relation,
		name => one_of("job $number", "it's \"job\" $number", "job\\$number"),
		parts => chance(25) && !$walk->{order}{physical} ? between(2, 5) : undef
	};

	# Where keys tie, the rows of a key fail together.
	$job->{fails} = $walk->{order}{unique} && chance(25);
	$job->{mended} = $job->{fails} && !$walk->{order}{physical} ? between(0, 3) : 0;
	$job->{by_bounds} = goes_by_bounds($job);
	$job->{by_range} = chance(60);
	$job->{follows} = !$job->{by_bounds} && grows($walk) && chance(60);
	$job->{by_update} = $relation->{lockable}
	  && !$relation->{large}
	  && !$walk->{order}{physical}
	  && chance(30);
	$job->{by_join} = [ joined_columns($job) ]
	  if $joins && !$walk->{order}{physical} && !$job->{by_bounds} && !$job->{follows};
	$job->{locks} = "'" . one_of('FOR UPDATE', 'FOR SHARE') . "'"
	  if $relation->{lockable} && !$job->{by_bounds} && chance(30);
	return {
		begin => [
			leave_nothing($relation->{large} ? () : $relation->{schema}),
			'BEGIN;',
			map({ "$_;" } @{ $relation->{setup} }),
			'COMMIT;',
			effects($job),
			"SELECT count(*) AS n FROM $relation->{name} \\gset"
		],
		parts => [
			{
				label => $walk->{label},
				compare => [ @{ $walk->{prepare} }, run($job), verdict($job) ],
				accept => $walk->{lossy} ? ['0A000'] : []
			}
		],
		end => [ leave_nothing($relation->{large} ? () : $relation->{schema}) ]
	};
}

# A case that was cut short may have left something to the next one.
sub leave_nothing
{
	my (@schemas) = @_;

	return (
		'RESET ALL;',
		'SET client_min_messages = error;',
		'SELECT chunked_iter_forget(job) FROM chunked_iter_jobs'
		  . ' \\g /dev/null',
		'DROP SCHEMA IF EXISTS ' . join(', ', 'effects', @schemas) . ' CASCADE;');
}

# Whether the job's rows are all those between two values of one column
sub goes_by_bounds
{
	my ($job) = @_;
	my ($walk, $id) = ($job->{walk}, $job->{rel}{id});
	my $key = $walk->{order}{key};

	return
		 @$key == 1
	  && $walk->{order}{known}
	  && ($key->[0]{column} // 0) == $id
	  && !$walk->{reverse}
	  && !$key->[0]{desc}
	  && !defined $walk->{filter}
	  && chance(60);
}

# Columns, quoted, that a row of the chunk has in common with itself alone, or with
# all rows of its key
sub joined_columns
{
	my ($job) = @_;
	my $order = $job->{walk}{order};
	my $id = $job->{rel}{id}{quoted};
	my @key = map { $_->{column} ? $_->{column}{quoted} : () } @{ $order->{key} };
	my %seen;

	push @key, $id
	  if @key < @{ $order->{key} }
	  || ($order->{unique} && !$order->{known})
	  || (!$order->{unique} && defined $job->{walk}{filter})
	  || chance(30);
	shift @key if chance(10) && grep { $_ eq $id } @key[ 1 .. $#key ];
	return grep { !$seen{$_}++ } shuffled(@key);
}

# Whether rows can come at the end of the walk only
sub grows
{
	my ($walk) = @_;
	my $order = $walk->{order};

	return
		 $order->{unique}
	  && $order->{known}
	  && !$order->{physical}
	  && !$walk->{reverse}
	  && !grep { $_->{desc} || $_->{less} ne '<' || !$_->{column} || !$_->{column}{not_null} }
	  @{ $order->{key} };
}

# What chunks have an effect on: rows to copy, to count up and to delete
sub effects
{
	my ($job) = @_;
	my $id = $job->{rel}{id}{quoted};
	my $rows = filtered($job->{walk}) . ' AS _rows';

	return (
		'CREATE SCHEMA effects;',
		"CREATE TABLE effects.copy AS SELECT * FROM $job->{rel}{name} LIMIT 0;",
		'ALTER TABLE effects.copy ADD COLUMN "when it was done" serial;',
		'CREATE TABLE effects.count (id integer PRIMARY KEY, n integer DEFAULT 0);',
		"INSERT INTO effects.count SELECT $id FROM $rows;",
		'CREATE TABLE effects.ranked (id integer, place bigint);',
		'CREATE TABLE effects.grown (id integer);',
		'CREATE TABLE effects.ranged (id integer);',
		'CREATE TABLE effects.mended AS SELECT 0 AS thirds;',
		"CREATE TABLE effects.victim AS SELECT $id AS id FROM $rows;",
		'CREATE INDEX ON effects.victim (id);',
		$job->{by_join}
		? (
			'CREATE FUNCTION effects.note() RETURNS trigger LANGUAGE plpgsql AS $note$'
			  . " BEGIN INSERT INTO effects.ranged VALUES (OLD.$id); RETURN NULL; END \$note\$;",
			"CREATE TRIGGER note AFTER UPDATE ON $job->{rel}{name}"
			  . ' FOR EACH ROW EXECUTE FUNCTION effects.note();')
		: ());
}

# Numbers the rows in the order of the walk.
sub rank
{
	my ($job) = @_;

	return
		"INSERT INTO effects.ranked SELECT split_part(_r, ' ', 2)::int, row_number() OVER () FROM ("
	  . oracle($job->{walk}, "_row.$job->{rel}{id}{quoted}::text")
	  . ') AS _a(_r);';
}

# Lets so many rows of a hundred through that the job follows, and all before these.
sub grow
{
	my ($percent) = @_;

	return
		'INSERT INTO effects.grown SELECT id FROM effects.ranked WHERE'
	  . " place <= $percent * (SELECT count(*) FROM effects.ranked) / 100"
	  . ' AND id NOT IN (SELECT id FROM effects.grown);';
}

# The statement of a chunk.  Rows of some numbers fail if the job is to.
sub statement
{
	my ($job) = @_;

	return $job->{by_join} ? join_statement($job) : several_statements($job);
}

# Every row becomes another version of itself.
sub join_statement
{
	my ($job) = @_;
	my $id = $job->{rel}{id}{quoted};
	my ($target, $chunk) = (one_of('o', '"c h"'), one_of('c', '"chunk "'));
	my $failing = failing("$chunk.$id", '(SELECT thirds FROM effects.mended)');
	my @conditions = map { one_of("$target.$_ = $chunk.$_", "$chunk.$_ = $target.$_") } @{ $job->{by_join} };

	push @conditions, "$chunk.$id IS NOT NULL" if chance(10);
	push @conditions, "($chunk.*) IS NOT DISTINCT FROM ($chunk.*)" if chance(5);
	push @conditions, "EXISTS (SELECT FROM chunk WHERE $id = $target.$id)" if chance(5);
	return
		"UPDATE $job->{rel}{name} AS $target SET $id = $target.$id"
	  . ($job->{fails} ? " + 1 / CASE WHEN $failing THEN 0 ELSE 2 END" : '')
	  . " FROM chunk AS $chunk WHERE "
	  . join("\nAND ", shuffled(@conditions))
	  . (chance(5) ? " RETURNING $target.$id" : '');
}

sub several_statements
{
	my ($job) = @_;
	my $id = $job->{rel}{id}{quoted};
	my $row = chance(50) ? 'c.*' : columns_of($job);
	my $fails =
	  $job->{fails}
	  ? ' WHERE 1 / CASE WHEN '
	  . failing("c.$id", '(SELECT thirds FROM effects.mended)')
	  . ' THEN 0 ELSE 1 END < 9'
	  : '';
	my @effects = (
		"INSERT INTO effects.copy SELECT $row FROM chunk AS c$fails",
		$job->{by_bounds}
		? "UPDATE effects.count SET n = n + 1 WHERE id BETWEEN \$1 AND \$2"
		: "UPDATE effects.count AS t SET n = t.n + 1 FROM chunk AS c WHERE t.id = c.$id",
		"DELETE FROM effects.victim AS v USING chunk AS c WHERE v.id = c.$id");

	push @effects,
		"INSERT INTO effects.ranged SELECT o.$id FROM $job->{rel}{name} AS o"
	  . one_of(' WHERE chunk_range(o)', ", chunk AS c WHERE c.$id = o.$id AND chunk_range(o)")
	  if $job->{by_range};

	# Every row becomes another version of itself.
	push @effects,
	  "UPDATE $job->{rel}{name} AS o SET $id = o.$id WHERE chunk_range(o)"
	  if $job->{by_update};
	return join(one_of('; ', ";\n"), @effects) . one_of('', ';', ' ; ');
}

# Whether a row fails, with so many thirds of such rows mended
sub failing
{
	my ($id, $mended) = @_;

	return "$id % 7 = 3 AND $id / 7 % 3 >= $mended";
}

sub columns_of
{
	my ($job) = @_;

	return join(', ', map { $_->{quoted} } @{ $job->{rel}{columns} });
}

# How the session that makes the job, and those that go on with it, are set
sub session_settings
{
	my ($job) = @_;

	return (
		random_formats(),
		random_plans($job->{rel}{large}),
		random_text_settings(unfit_settings($job->{walk})),
		settings(10,
			default_transaction_isolation =>
			  [ 'repeatable read', 'serializable' ]),
		settings(5, search_path => [ 'pg_catalog, public', 'prop, public' ]),
		settings(25, 'chunked_iter.chunk_memory' => ['64kB']));
}

# The first call as SQL
sub first_call
{
	my ($job) = @_;
	my ($walk, $rel) = @{$job}{ 'walk', 'rel' };
	my %arguments = arguments($walk);
	my %more = (
		rel => literal($rel->{name}),
		statement => literal(statement($job)),
		parts => $job->{parts},
		on_error => $job->{fails} ? "'skip'" : one_of(undef, "'stop'", "'skip'"),
		lock_rows => $job->{locks},
		max_chunks => one_of(undef, 1, 1, 2, 3, 10),
		target_ms => one_of(undef, undef, undef, 1),
		map { $_ => $arguments{$_} }
		  grep { !/snapshot/ && defined $arguments{$_} } @parameters);

	if ($job->{follows})
	{
		$more{follow} = 'true';
		$more{filter} = literal('(' . ($walk->{filter} // 'true')
			  . "\n) AND $rel->{id}{quoted} IN (SELECT _g.id FROM effects.grown AS _g)");
	}

	return 'CALL chunked_iter_run('
	  . literal($job->{name})
	  . join('', map { ", $_ => $more{$_}" } grep { defined $more{$_} } sort keys %more)
	  . ')';
}

# Calls, one after the other, until it has succeeded
sub run
{
	my ($job) = @_;
	my $walk = $job->{walk};
	my @settings = session_settings($job);
	my $name = literal($job->{name});
	my @lines = (
		@{ $walk->{before} },
		$job->{follows} ? (rank($job), grow(between(0, 40))) : (),
		quietly(set(1, @settings)),
		first_call($job) . ';',
		quietly(unset(1, @settings)));

	push @lines, some_more($job) for 1 .. between(0, 4);
	push @lines,
	  "SELECT prop.run_again('job', $name, "
	  . literal("CALL chunked_iter_run($name, max_chunks => NULL, chunk_size => "
		  . one_of(1, 3, 1000) . enough($job) . ')')
	  . ') AS outcome \gset';
	# Where it comes to a key that no text stands for, this is the error.
	push @lines, "CALL chunked_iter_run($name" . enough($job) . ');' if $walk->{lossy};
	push @lines, followed($job) if $job->{follows};
	push @lines, retried($job) if $job->{mended};
	return @lines;
}

# A call of some chunks, or one that is struck
sub some_more
{
	my ($job) = @_;
	my $name = literal($job->{name});
	my @settings = session_settings($job);

	return weighted(
		4 => [
			quietly(set(1, @settings)),
			"CALL chunked_iter_run($name, max_chunks => " . between(1, 4) . enough($job) . ');',
			quietly(unset(1, @settings))
		],
		3 => [ struck("CALL chunked_iter_run($name, chunk_size => " . one_of(1, 2, 5)
			  . too_few($job) . ')') ],
		2 => [ helped($job) ],
		$job->{mended} ? (2 => ["CALL chunked_iter_retry_failed($name);"]) : ())->@*;
}

# The rest of the rows, in some rounds, some of which are stopped
sub followed
{
	my ($job) = @_;
	my $name = literal($job->{name});
	my @lines;

	foreach my $percent (sort { $a <=> $b } map { between(40, 100) } 1 .. between(0, 3))
	{
		push @lines, grow($percent);
		push @lines, some_more($job) for 1 .. between(0, 2);
	}
	return @lines, grow(100), ("CALL chunked_iter_run($name" . enough($job) . ');') x 2;
}

# A job that may skip few rows fails; one that may skip more goes on.
sub too_few
{
	my ($job) = @_;

	return $job->{fails} && chance(30) ? ', max_failed => ' . between(0, 3) : enough($job);
}

sub enough
{
	my ($job) = @_;

	return $job->{fails} ? ', max_failed => 1000000' : '';
}

# The rows that failed, once some are mended, also in sessions that are struck
sub retried
{
	my ($job) = @_;
	my $call = 'CALL chunked_iter_retry_failed(' . literal($job->{name}) . ')';
	my @lines = ("UPDATE effects.mended SET thirds = $job->{mended};");

	push @lines, struck($call) for 1 .. between(0, 2);
	return @lines, "$call;";
}

# In a session that is killed after so many milliseconds
sub struck
{
	my ($call) = @_;

	return "SELECT prop.strike(prop.send('job', " . literal($call) . '), '
	  . one_of(0, 1, 2, 3, 5, 8) / 1000 . ", '"
	  . one_of('terminate', 'cancel')
	  . "'), prop.outcome('job') \\g /dev/null";
}

# With two more sessions, which come late if it has ended
sub helped
{
	my ($job) = @_;
	my $name = literal($job->{name});
	my $run = literal("CALL chunked_iter_run($name, max_chunks => "
		  . between(1, 9) . too_few($job) . ')');
	my $help = literal("CALL chunked_iter_work($name)");

	return
		"SELECT prop.send('job', $run), prop.send('one', $help), prop.send('two', $help)"
	  . " \\g /dev/null\nSELECT prop.outcome('job'), prop.outcome('one'),"
	  . " prop.outcome('two') \\g /dev/null";
}

# The copy in the order of the walk, unless ranges came in any order; each
# number counted once; the victims gone; rows that failed kept by themselves.
sub verdict
{
	my ($job) = @_;
	my ($walk, $rel) = @{$job}{ 'walk', 'rel' };
	my $id = $rel->{id}{quoted};
	my $fine = $job->{fails} ? 'NOT (' . failing($id, $job->{mended}) . ')' : undef;
	my $oracle = oracle($walk, undef, $fine);
	my $joined = $job->{by_join} ? join(' AND ', map { "$_ = $_" } @{ $job->{by_join} }) : undef;
	my $all = oracle($walk, "_row.$id\::text", $joined);
	my $done = "SELECT split_part(_r, ' ', 2)::int FROM ($all) AS _a(_r)";
	my $failed =
	  $job->{fails}
	  ? "SELECT count(*) FROM ($done) AS _d(id) WHERE " . failing('id', $job->{mended})
	  : 'SELECT 0';
	my $counted =
	  $job->{fails}
	  ? "$done WHERE NOT (" . failing("split_part(_r, ' ', 2)::int", $job->{mended}) . ')'
	  : $done;
	my $columns = columns_of($job);
	my $ordered = $job->{parts} || $rel->{differs} || $job->{mended} ? ', ordered => false' : '';

	my $begin = "SELECT prop.verdict('$walk->{label}', (SELECT count(*)::int FROM ($all) AS _a),"
	  . " nullif(concat_ws('; ', nullif(:'outcome', 'done'),\n\t";
	my $end = "(SELECT format('%s rows failed instead of %s', f, w)"
	  . " FROM (SELECT count(*) FROM chunked_iter_failed_rows) AS _f(f),"
	  . " ($failed) AS _w(w) WHERE f <> w)), ''));";

	return $begin . ranged_wrong($counted) . ",\n\t" . $end if $job->{by_join};
	return (
		"SELECT prop.compare('$walk->{label}',\n\tARRAY($oracle),\n"
		  . "\tARRAY(SELECT ROW($columns)::text FROM effects.copy"
		  . " ORDER BY \"when it was done\")$ordered);",
		$begin
		  . "(SELECT 'counted wrong: ' || min(id) FROM effects.count"
		  . " WHERE n <> CASE WHEN id IN ($counted) THEN 1 ELSE 0 END),\n\t"
		  . "(SELECT 'deleted wrong: ' || min($id) FROM "
		  . filtered($walk)
		  . " AS _rows WHERE ($id IN ($counted)) = ($id IN (SELECT id FROM effects.victim))),\n\t"
		  . ($job->{by_range} ? ranged_wrong($counted) . ",\n\t" : '')
		  . $end);
}

# Each of these numbers has to be there once.
sub ranged_wrong
{
	my ($ids) = @_;
	my $ranged = 'SELECT id FROM effects.ranged';

	return "(SELECT 'ranged wrong: ' || min(id) FROM (($ranged EXCEPT ALL $ids)"
	  . " UNION ALL ($ids EXCEPT ALL $ranged)) AS _u(id))";
}

1;
