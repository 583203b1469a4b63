
# Jobs that follow a table have each of its rows once, whoever writes to it meanwhile.
#
# Eight sessions insert rows, keep their transactions open for a while, roll some
# back, in whole or to a savepoint, and change keys that they have just drawn; a ninth
# prepares its transactions.  Three jobs follow the table, by a sequence, by a time and
# by the sequence in ranges, in sessions that are killed now and then.
#
# To let them write for a minute:
#
#   CHUNKED_ITER_SECONDS=60 make test REGRESS= ISOLATION= TAP=t/064_job_follow.pl

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use lib "$RealBin/lib";
use Session;

my $seconds = $ENV{CHUNKED_ITER_SECONDS} || 12;
my $seed    = $ENV{CHUNKED_ITER_SEED} || int time;
my $node    = PostgreSQL::Test::Cluster->new('job_follow');
my %jobs    = (
	id    => "order_by => 'id', chunk_size => 50",
	at    => "order_by => 'at', chunk_size => 7",
	parts => "order_by => 'id', chunk_size => 20, parts => 3, pause_ms => 1");
srand $seed;
note "CHUNKED_ITER_SEED=$seed";

$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum_naptime = 1
fsync = off
jit = off
max_prepared_transactions = 5
CONF
$node->start;
make_table();
prepared_is_waited_for();
cancelled_while_it_waits();
many_writers();
is_deeply([ grep { /\b(PANIC|TRAP)\b/ } split /\n/, slurp_file($node->logfile) ],
	[], 'the server had nothing to complain of');
$node->stop;
done_testing();

sub make_table
{
	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE event (id bigserial, at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE event_0 PARTITION OF event FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE event_1 PARTITION OF event FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON event (at, id);
CREATE TABLE copy (job text, id bigint);

CREATE PROCEDURE write(until timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	drawn bigint;
BEGIN
	WHILE clock_timestamp() < until LOOP
		INSERT INTO event DEFAULT VALUES;
		INSERT INTO event DEFAULT VALUES RETURNING id INTO drawn;
		IF random() < 0.3 THEN
			PERFORM pg_sleep(random() * 0.03);
		END IF;
		IF random() < 0.2 THEN
			BEGIN
				INSERT INTO event DEFAULT VALUES;
				PERFORM 1 / (random() * 2)::int;
			EXCEPTION WHEN division_by_zero THEN
			END;
		END IF;
		IF random() < 0.2 THEN
			UPDATE event SET id = nextval('event_id_seq'), at = clock_timestamp() WHERE id = drawn;
		END IF;
		IF random() < 0.1 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
		PERFORM pg_sleep(random() * 0.01);
	END LOOP;
END $$;
SQL
	return;
}

sub call
{
	my ($job) = @_;

	return "CALL chunked_iter_run('$job', 'event',"
	  . " \$\$INSERT INTO copy SELECT '$job', id FROM event WHERE chunk_range(event)\$\$,"
	  . " follow => true, $jobs{$job})";
}

sub prepared_is_waited_for
{
	my $session = Session->new($node);

	$node->safe_psql('postgres', call('id'));
	$node->safe_psql('postgres', <<'SQL');
BEGIN;
INSERT INTO event DEFAULT VALUES;
PREPARE TRANSACTION 'late';
INSERT INTO event DEFAULT VALUES;
SQL
	# From now on it belongs to no session that was.
	$session->close;
	$node->restart;
	$session = Session->new($node);
	$session->start(call('id'));
	$node->poll_query_until('postgres',
		"SELECT waiting_for LIKE 'lock: %' FROM chunked_iter_progress WHERE job = 'id'")
	  or die 'it does not wait';
	$node->safe_psql('postgres', q{COMMIT PREPARED 'late'});
	$session->answer;
	is($node->safe_psql('postgres', 'SELECT id FROM copy ORDER BY id'), "1\n2",
		'a prepared transaction is waited for');
	$session->close;
	return;
}

sub cancelled_while_it_waits
{
	my $writer  = Session->new($node);
	my $session = Session->new($node);

	$writer->query('BEGIN; INSERT INTO event DEFAULT VALUES');
	$node->safe_psql('postgres', 'INSERT INTO event DEFAULT VALUES');
	$session->start(call('id'));
	$node->poll_query_until('postgres',
		"SELECT waiting_for LIKE 'lock: %' FROM chunked_iter_progress WHERE job = 'id'")
	  or die 'it does not wait';
	is($node->safe_psql('postgres',
			'SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = ' . $session->pid),
		't', 'it has no snapshot while it waits');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	$session->answer;
	like($session->reported, qr/ERROR: +57014/, 'it can be cancelled');
	is($node->safe_psql('postgres', q{SELECT state FROM chunked_iter_progress WHERE job = 'id'}),
		'interrupted', 'and is shown as interrupted');
	$writer->query('COMMIT');
	$node->safe_psql('postgres', call('id'));
	is($node->safe_psql('postgres', 'SELECT id FROM copy ORDER BY id'), "1\n2\n3\n4",
		'the next call has what came late');
	$_->close foreach $writer, $session;
	return;
}

sub many_writers
{
	my $until   = $node->safe_psql('postgres', "SELECT clock_timestamp() + '$seconds s'");
	my $end     = time + $seconds;
	my @writers = map { Session->new($node) } 1 .. 8;
	my %sessions;
	my ($kills, $rounds, $prepared) = (0, 0, 0);

	$_->start("CALL write('$until')") foreach @writers;
	while (time < $end)
	{
		foreach my $job (keys %jobs)
		{
			next if $sessions{$job} && !$sessions{$job}->ended;
			$rounds++;
			$sessions{$job} //= Session->new($node);
			$sessions{$job}->start(call($job));
		}
		if (rand() < 0.05)
		{
			my $job = (keys %jobs)[ rand keys %jobs ];

			$node->safe_psql('postgres',
				'SELECT pg_terminate_backend(' . $sessions{$job}->pid . ', 10000)');
			$sessions{$job}->kill;
			delete $sessions{$job};
			$kills++;
		}
		if (rand() < 0.1)
		{
			$prepared++;
			$node->safe_psql('postgres', <<"SQL");
BEGIN; INSERT INTO event DEFAULT VALUES; PREPARE TRANSACTION 'p'; SELECT pg_sleep(0.01); COMMIT PREPARED 'p';
SQL
		}
		usleep(20_000);
	}
	$_->answer foreach @writers, values %sessions;
	is(join('', map { $_->reported } @writers), '', 'all have written to the end');
	$_->close foreach @writers, values %sessions;
	note "$kills kills, $rounds calls, $prepared prepared transactions, "
	  . $node->safe_psql('postgres', 'SELECT count(*) FROM event') . ' rows';
	cmp_ok($kills, '>', 0, 'sessions were killed');
	foreach my $job (sort keys %jobs)
	{
		$node->safe_psql('postgres', call($job));
		is($node->safe_psql('postgres', <<"SQL"), '0|0|t', "each row once, $job");
SELECT (SELECT count(*) FROM (SELECT id FROM event EXCEPT ALL SELECT id FROM copy WHERE job = '$job') s),
	(SELECT count(*) FROM (SELECT id FROM copy WHERE job = '$job' EXCEPT ALL SELECT id FROM event) s),
	(SELECT sum(rows_done) FROM chunked_iter_job_ranges WHERE job = '$job') = (SELECT count(*) FROM event)
SQL
	}
	return;
}
