
=pod

=head1 NAME

Property::Lock - a job whose rows another session locks and changes meanwhile

=head1 DESCRIPTION

The job runs in a session of its own.  In each chunk its statement comes to a
gate, an advisory lock that the case's session holds until it has had its turn:
it moves keys forward or back, locks, changes, deletes and inserts rows, and
commits at once or when the job has come to wait for it.  So every interleaving
can be made again.

What must hold in the end is one query over the table of what was done, the
table of what was touched, and the rows themselves:

  missed    a row whose key has not changed is done, unless it was locked
            under SKIP LOCKED and the job does not revisit such rows
  twice     and no row is done twice under the same key
  moved     a row moved ahead of the job once, to a key further ahead, is done
            once, where the job waits for rows
  order     keys of a later chunk come after those of an earlier one
  invented  nothing is done that was not there

=cut

package Property::Lock;

use strict;
use warnings;

use Exporter 'import';
use Property::Dice;
use Property::Types;

our @EXPORT = qw(lock_case);

# Gates that are closed; who comes later passes.
my $gates = 160;

# The orders of a walk: the argument, the columns of the primary key, whether
# two rows may share a key that is not of the primary key, and, if it can be
# written, the condition that a done row _two comes before a row _one.
my @orders = (
	{
		primary => 'k',
		before => '_two.k < _one.k'
	},
	{
		primary => 'k',
		text => 'k DESC',
		before => '_two.k > _one.k'
	},
	{
		primary => 'id',
		text => 'k',
		ties => 1,
		before => '(_two.k, _two.id) < (_one.k, _one.id)'
	},
	{
		primary => 'id',
		text => 'k DESC, id DESC',
		ties => 1,
		before => '(_two.k, _two.id) > (_one.k, _one.id)'
	},
	{ primary => 'id', text => 'g, k DESC', ties => 1 },
	{ primary => 'id', text => 'k NULLS FIRST', ties => 1, nullable => 1 },
	{ primary => 'id', text => 'k DESC NULLS LAST', ties => 1, nullable => 1 },
	{ primary => 'id', text => 'k + g', ties => 1 },
	{ primary => '', text => 'k', ties => 1, alone => 1 },
	{ primary => 'id', text => 'ctid', ties => 1, physical => 1 });

# The case of that number
sub lock_case
{
	my ($number) = @_;
	my $job = {
		label => "$number.1",
		name => "lock $number",
		order => one_of(@orders),
		count => between(5, 45),
		chunk_size => one_of(1, 2, 2, 3, 3, 5, 8, 1000),
		reverse => 0,
		filter => one_of(undef, undef, 'g <> 0', 'id % 3 <> 1'),
		lock => one_of('FOR UPDATE', 'FOR UPDATE', 'FOR NO KEY UPDATE',
			'FOR SHARE', 'FOR KEY SHARE', ''),
		wait => '',
		fails => 0,
		counts => chance(40),
		parts => chance(12) ? between(2, 4) : undef
	};
	my $order = $job->{order};

	# Where keys tie, the rows of a key may fail together.
	$job->{fails} = 1 if !$order->{alone} && chance(20);
	$job->{reverse} = 1 if !$order->{physical} && chance(25);
	$job->{parts} = undef if $order->{physical};
	$job->{counts} = 0 if $order->{physical} || $order->{alone};
	$job->{wait} = one_of('', '', ' SKIP LOCKED', ' SKIP LOCKED', ' NOWAIT')
	  if $job->{lock};
	$job->{wait} =~ s/ SKIP LOCKED// if $order->{alone};
	$job->{revisits} = $job->{wait} =~ /SKIP/ && !$order->{physical} && chance(60);
	$job->{skips} = $job->{wait} =~ /SKIP/ && !$job->{revisits} ? 1 : 0;
	return {
		begin => [ leave_nothing(), setup($job) ],
		parts => [ { label => $job->{label}, compare => [ run($job), verdict($job) ] } ],
		end => [ leave_nothing() ]
	};
}

# A case that was cut short may have left something to the next one.
sub leave_nothing
{
	return 'SELECT chunked_iter_forget(job) FROM chunked_iter_jobs'
	  . ' \g /dev/null', 'DROP SCHEMA IF EXISTS locks CASCADE;';
}

# The table with two rows that nobody touches, one at each end; every filter
# lets them through, so that the end of the job is known.
sub setup
{
	my ($job) = @_;
	my $order = $job->{order};
	my $not_null = $order->{nullable} ? '' : ' NOT NULL';
	my $primary = $order->{primary} ? ", PRIMARY KEY ($order->{primary})" : '';
	my $index = $order->{text} // 'k';
	my @rows = ('(0, 0, -1)', '(999, 999, 99)');

	for my $id (1 .. $job->{count})
	{
		my $k = $order->{ties} ? between(1, 20) * 20 : $id * 10;

		$k = 'NULL' if $order->{nullable} && chance(15);
		push @rows, "($id, $k, " . between(0, 2) . ')';
	}
	$index = "(k + g)" if $index eq 'k + g';
	return (
		'CREATE SCHEMA locks;',
		"CREATE TABLE locks.t (id integer, k numeric$not_null, g integer,"
		  . " v text DEFAULT '', n integer DEFAULT 0$primary);",
		$order->{physical} || chance(25)
		? ()
		: "CREATE INDEX ON locks.t ($index"
		  . ($index =~ /id/ || !$order->{primary} ? '' : ', id') . ');',
		'INSERT INTO locks.t (id, k, g) VALUES '
		  . join(', ', shuffled(@rows)) . ';',
		'CREATE TABLE locks.first AS SELECT id, k FROM locks.t;',
		'CREATE TABLE locks.touched (gate integer, id integer, old numeric,'
		  . ' new numeric, how text);',
		'CREATE TABLE locks.done (gate integer, id integer, k numeric);');
}

# The job in its session, the interference in this one, and the job again
# until it has succeeded.
sub run
{
	my ($job) = @_;
	my $text = $job->{order}{text};
	my @commands = map { chance(70) ? command($job, $_) : 'NULL' } 1 .. 14;

	# What stays locked until the job has given up takes three seconds.
	my $waits = $job->{revisits} ? 15 : 50;
	my @at_once = map { chance($waits) ? 'false' : 'true' } @commands;
	my $isolation = weighted(
		85 => 'read committed',
		10 => 'repeatable read',
		5 => 'serializable');
	my %arguments = (
		rel => "'locks.t'",
		statement => literal(statement($job)),
		chunk_size => $job->{chunk_size},
		order_by => defined $text ? literal($text) : undef,
		reverse => $job->{reverse} ? 'true' : undef,
		filter => defined $job->{filter} ? literal($job->{filter}) : undef,
		lock_rows => $job->{lock} ? "'$job->{lock}$job->{wait}'" : undef,
		revisit => $job->{revisits} ? 'true' : undef,
		on_error => $job->{fails} ? "'skip'" : undef,
		parts => $job->{parts},
		retries => one_of(undef, 0, 5));
	my $call = "CALL chunked_iter_run('$job->{name}'"
	  . join('', map { ", $_ => $arguments{$_}" }
		  grep { defined $arguments{$_} } sort keys %arguments)
	  . ')';
	my $again = literal("CALL chunked_iter_run('$job->{name}')");

	return (
		"SELECT prop.close_gates($gates) \\g /dev/null",
		"SELECT prop.session('job'), dblink_exec('job',"
		  . " 'SET default_transaction_isolation = ''$isolation''')"
		  . " \\g /dev/null",
		"SELECT prop.send('job', " . literal($call) . ') AS pid \gset',
		"CALL prop.interfere('job', :pid, ARRAY["
		  . join(",\n\t", @commands)
		  . "]::text[],\n\tARRAY["
		  . join(', ', @at_once) . ']);',
		"SELECT prop.run_again('job', '$job->{name}', $again) AS outcome \\gset",
		$job->{revisits} ? ("CALL chunked_iter_run('$job->{name}');") : ());
}

# What is done for each chunk: its rows are noted, counted up, or fail.
sub statement
{
	my ($job) = @_;
	my $fails = $job->{fails} ? ' WHERE 1 / (chunk.id % 9 - 4) < 9' : '';
	my $counts =
	  $job->{counts}
	  ? '; UPDATE locks.t SET n = t.n + 1 FROM chunk WHERE t.id = chunk.id'
	  : '';

	return
		'WITH g AS MATERIALIZED (SELECT prop.gate() AS gate)'
	  . ' INSERT INTO locks.done SELECT g.gate, chunk.id, chunk.k FROM g, chunk'
	  . $fails
	  . $counts;
}

# One of the things to do at a gate, as SQL for format(); rows that the job has
# locked, and those at the ends, are left out.
sub command
{
	my ($job, $gate) = @_;
	my $ids = chance(40) ? some_ids($job) : ids_ahead($job, $gate);
	my $rows =
		"SELECT id, k FROM locks.t WHERE id = ANY ($ids)"
	  . ' AND id NOT IN (0, 999) FOR UPDATE SKIP LOCKED';
	my $change = weighted(
		5 => move($job, between(1, 60)),
		4 => move($job, between(120, 400)),
		4 => move($job, -between(1, 120)),
		$job->{order}{nullable} ? (2 => 'k = NULL') : (),
		3 => "v = t.v || 'x'",
		2 => 'DELETE',
		2 => 'INSERT',
		2 => 'SELECT');
	my $note = 'INSERT INTO locks.touched SELECT %1$s,';

	return literal("WITH old AS ($rows) $note id, k, k, 'locked' FROM old")
	  if $change eq 'SELECT';
	return literal("WITH old AS ($rows), gone AS (DELETE FROM locks.t USING old"
		  . " WHERE t.id = old.id RETURNING t.id, t.k)"
		  . " $note id, k, NULL, 'deleted' FROM gone")
	  if $change eq 'DELETE';
	return literal(
		sprintf 'WITH new AS (INSERT INTO locks.t (id, k, g) SELECT'
		  . ' 1000 + %d * 10 + i, %d + i * 30 + %d / 1000.0, 1'
		  . ' FROM generate_series(1, 3) AS i RETURNING id, k)'
		  . " $note id, NULL, k, 'inserted' FROM new",
		$gate, between(1, 300), $gate)
	  if $change eq 'INSERT';
	return literal("WITH old AS ($rows), new AS (UPDATE locks.t SET $change"
		  . " FROM old WHERE t.id = old.id RETURNING t.id, old.k AS old, t.k AS new)"
		  . " $note id, old, new, "
		  . ($change =~ /^k/ ? "'moved'" : "'changed'")
		  . ' FROM new');
}

# Some rows anywhere, as an array
sub some_ids
{
	my ($job) = @_;

	return "'{"
	  . join(',', some_of(between(1, 4), 1 .. $job->{count})) . "}'";
}

# Some rows that the job has about come to
sub ids_ahead
{
	my ($job, $gate) = @_;
	my $order = $job->{order}{text} // 'k';
	my $at = $gate * $job->{chunk_size} + between(-1, 2);
	my $backward = $job->{reverse} != ($order =~ /DESC/ ? 1 : 0);

	$order = $order =~ /ctid/ ? 'ctid' : $backward ? 'k DESC' : 'k';
	return 'ARRAY(SELECT id FROM locks.t'
	  . (defined $job->{filter} ? " WHERE " . ($job->{filter} =~ s,%,%%,gr) : '')
	  . " ORDER BY $order OFFSET "
	  . ($at < 0 ? 0 : $at)
	  . ' LIMIT '
	  . between(1, 3) . ')';
}

# The key moved by so much, but not past the ends, to where no other row is.
sub move
{
	my ($job, $distance) = @_;

	return
		"k = least(900, greatest(1, trunc(old.k) + $distance))"
	  . ' + %1$s / 1000.0 + t.id / 1000000.0';
}

# The query that says what is wrong.
sub verdict
{
	my ($job) = @_;
	my $order = $job->{order};
	my $filter = $job->{filter} // 'true';
	my $fine = $job->{fails} ? 'id % 9 <> 4' : 'true';
	my $untouched =
	  $job->{skips} || $order->{physical}
	  ? "id NOT IN (SELECT id FROM locks.touched)"
	  : "id NOT IN (SELECT id FROM locks.touched"
	  . " WHERE how NOT IN ('locked', 'changed'))";
	my @rules = (
		"SELECT 'missed', id, k FROM locks.t WHERE ($filter) AND $fine"
		  . " AND $untouched AND id NOT IN (SELECT id FROM locks.done)",
		"SELECT 'twice', id, k FROM locks.done"
		  . ($order->{physical} ? " WHERE $untouched" : '')
		  . ' GROUP BY id, k HAVING count(*) > 1',
		"SELECT 'invented', id, k FROM locks.done WHERE NOT ($fine) OR NOT EXISTS ("
		  . 'SELECT FROM locks.first WHERE (first.id, first.k) IS NOT DISTINCT FROM (done.id, done.k)'
		  . ' UNION ALL SELECT FROM locks.touched AS u WHERE'
		  . ' (u.id, u.new) IS NOT DISTINCT FROM (done.id, done.k))');

	push @rules, moved_rule($job, $filter, $fine)
	  if $job->{lock} =~ /UPDATE|FOR SHARE/
	  && !$job->{skips}
	  && !$job->{revisits}
	  && $order->{before}
	  && !$job->{parts};
	push @rules,
		"SELECT 'order', _two.id, _two.k FROM locks.done AS _one"
	  . ' JOIN locks.done AS _two ON _two.gate > _one.gate AND '
	  . ($job->{reverse} ? flipped($order->{before}) : $order->{before})
	  if $order->{before} && !$job->{parts} && !$job->{revisits};
	push @rules,
	  "SELECT 'counted', id, k FROM locks.t WHERE n <>"
	  . ' (SELECT count(*) FROM locks.done WHERE done.id = t.id)'
	  if $job->{counts};
	push @rules,
		"SELECT 'failed', id, k FROM locks.t WHERE ($filter) AND NOT ($fine)"
	  . " AND $untouched AND 1 <> (SELECT count(*) FROM chunked_iter_failed_rows AS f"
	  . " WHERE job = '$job->{name}' AND (f.row ->> 'id')::int = t.id)"
	  if $job->{fails};
	return
		"SELECT prop.verdict('$job->{label}', (SELECT count(*) FROM locks.done)::int,"
	  . " nullif(concat_ws('; ', nullif(:'outcome', 'done'),\n\t"
	  . "(SELECT string_agg(format('%s: id %s, k %s', what, id, k), '; ')"
	  . " FROM (\n\t"
	  . join("\n\tUNION ALL ", @rules)
	  . "\n\tLIMIT 8) AS _r(what, id, k))), ''));";
}

# A row that was ahead of everything done by then, and went further ahead.
sub moved_rule
{
	my ($job, $filter, $fine) = @_;
	my $before = $job->{order}{before};

	$before = flipped($before) if $job->{reverse};
	my $ahead = $before =~ s/_two\.k/u.old/r =~ s/_two\.id/u.id/r;
	my $further = $before =~ s/_two\.k/u.old/r =~ s/_two\.id/u.id/r
	  =~ s/_one\.k/u.new/r =~ s/_one\.id/u.id/r;

	return
		"SELECT 'moved', u.id, u.new FROM locks.touched AS u"
	  . " WHERE EXISTS (SELECT FROM locks.t WHERE t.id = u.id AND ($filter) AND $fine)"
	  . " AND how = 'moved' AND 1 = (SELECT count(*) FROM locks.touched AS o"
	  . " WHERE o.id = u.id AND o.how NOT IN ('locked', 'changed'))"
	  . " AND $further"
	  . ' AND NOT EXISTS (SELECT FROM locks.done AS _one WHERE _one.gate <= u.gate'
	  . " AND NOT (" . flipped($ahead) . '))'
	  . ' AND 1 <> (SELECT count(*) FROM locks.done WHERE done.id = u.id)';
}

sub flipped
{
	my ($condition) = @_;

	return $condition =~ tr/<>/></r;
}

1;
