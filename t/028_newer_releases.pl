
# What newer releases of PostgreSQL have, and a walk or a job meets there: each is
# tried where the server has it.  Virtual generated columns are in
# 025_virtual_columns.pl, and hypothetical indexes in 026_explained.pl.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Session;

my $node = PostgreSQL::Test::Cluster->new('newer');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
shared_buffers = 1MB
max_worker_processes = 12
client_min_messages = warning
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION chunked_iter;
CREATE TABLE item (id integer PRIMARY KEY, a integer NOT NULL, n integer NOT NULL DEFAULT 0, note text);
INSERT INTO item (id, a, note) SELECT i, i % 7, repeat('x', 200) FROM generate_series(1, 5000) i;
CREATE INDEX item_a ON item (a, id);
CREATE TABLE copy (id integer PRIMARY KEY, n integer);
VACUUM ANALYZE item;
SQL

my @news = (
	[ 'uuidv7()', 'SELECT uuidv7()', \&uuids_in_order_of_time ],
	[ 'constraints that are not enforced', 'CREATE TEMP TABLE x (a integer CHECK (a > 0) NOT ENFORCED)', \&constraints_not_enforced ],
	[ 'the collation provider builtin', q{SELECT 'a' < 'b' COLLATE pg_c_utf8}, \&builtin_collations ],
	[ 'nondeterministic collations', q{CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)}, \&nondeterministic_collations ],
	[ 'MERGE with RETURNING', 'MERGE INTO copy USING item ON false WHEN MATCHED THEN DELETE RETURNING copy.id', \&merge_returning ],
	[ 'transaction_timeout', q{SET transaction_timeout = '1min'}, \&transaction_timeout ],
	[ 'EXPLAIN (GENERIC_PLAN)', 'EXPLAIN (GENERIC_PLAN) SELECT $1', \&explain_generic_plan ],
	[ 'EXPLAIN (MEMORY, SERIALIZE)', 'EXPLAIN (ANALYZE, MEMORY, SERIALIZE) SELECT 1', \&explain_memory ],
	[ 'skip scan', q{SELECT 1 / count(*) FROM pg_settings WHERE name = 'io_method'}, \&skip_scan ],
	[ 'wait events of extensions', 'SELECT FROM pg_wait_events', \&wait_events ],
	[ 'event triggers on login', 'CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER t ON login EXECUTE FUNCTION f(); DROP EVENT TRIGGER t', \&login_triggers ],
	[ 'pg_plan_advice', q{LOAD 'pg_plan_advice'}, \&plan_advice ],
	[ 'asynchronous input and output', 'SHOW io_method', \&io_methods ]);

for my $new (@news)
{
	my ($name, $probe, $test) = @$new;

  SKIP:
	{
		skip "this server does not have $name", 1 unless $node->psql('postgres', $probe) == 0;
		subtest $name => $test;
	}
}
$node->stop;
done_testing();

sub query
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database // 'postgres', "SET client_min_messages = error; $sql");
}

# Whether a walk gives the ids that an ordered SELECT does.
sub is_walked
{
	my ($table, $order, $arguments, $database) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(query(<<"SQL", $database), 't', "$table by $order$arguments");
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::$table, 7, order_by => '$order'$arguments) AS w)
	= (SELECT array_agg(id) FROM (SELECT id FROM $table ORDER BY $order) AS s)
SQL
	return;
}

# Whether the ranges of a table have each of its rows once.
sub is_split
{
	my ($table, $order, $rows, $database) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(query(<<"SQL", $database), "$rows|$rows", "ranges of $table by $order");
SELECT count(*), count(DISTINCT w.id) FROM chunked_iter_ranges(NULL::$table, parts => 4, order_by => '$order') AS r,
	LATERAL chunked_iter(NULL::$table, 7, order_by => '$order', after => r.after, upto => r.upto) AS w
SQL
	return;
}

# Whether a job counts each row up once.
sub is_worked_on
{
	my ($arguments, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query(<<"SQL");
UPDATE item SET n = 0;
CALL chunked_iter_run('work', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', $arguments);
SELECT chunked_iter_forget('work');
SQL
	is(query('SELECT min(n), max(n), count(*) FROM item'), '1|1|5000', $name);
	return;
}

sub uuids_in_order_of_time
{
	query(<<'SQL');
CREATE TABLE event (id uuid PRIMARY KEY DEFAULT uuidv7(), n integer);
INSERT INTO event (n) SELECT generate_series(1, 2000);
CREATE TABLE seen (n integer);
CALL chunked_iter_run('follow', 'event', 'INSERT INTO seen SELECT n FROM event WHERE chunk_range(event)', follow => true, chunk_size => 70);
INSERT INTO event (n) SELECT generate_series(2001, 2500);
CALL chunked_iter_run('follow');
SQL
	is_walked('event', 'id', '');
	is_walked('event', 'n', '');
	is_split('event', 'id', 2500);
	is(query('SELECT count(*), count(DISTINCT n) FROM seen'), '2500|2500', 'a job that follows has each row once');
	return;
}

# What such a constraint says need not be true, of no row and of no child.
sub constraints_not_enforced
{
	query(<<'SQL');
CREATE TABLE target (id integer PRIMARY KEY);
CREATE TABLE loose (id integer PRIMARY KEY, v integer CHECK (v > 0) NOT ENFORCED,
	CONSTRAINT far FOREIGN KEY (v) REFERENCES target NOT ENFORCED);
INSERT INTO loose SELECT i, -i FROM generate_series(1, 50) i;
CREATE TABLE parent (id integer, v integer);
CREATE TABLE child (CHECK (v < 10) NOT ENFORCED) INHERITS (parent);
INSERT INTO child SELECT i, 50 + i FROM generate_series(1, 50) i;
CREATE TABLE nullable (id integer UNIQUE, v integer, CHECK (id IS NOT NULL) NOT ENFORCED);
INSERT INTO nullable VALUES (NULL, 1), (NULL, 2), (1, 3);
SQL
	is_walked('loose', 'v, id', q{, filter => 'v < 0'});
	is_walked('child', 'v', q{, filter => 'v > 20'});
	is_walked('parent', 'v', q{, filter => 'v > 20'});
	is(query('SELECT count(*) FROM chunked_iter(NULL::parent, 7) WHERE v > 60'), 40, 'a condition of the query');
	like(query(q{SELECT chunked_iter_explain(NULL::nullable, order_by => 'v')}), qr/^Tie-breaker: none/m, 'nor does it make a tie-breaker');
	query(q{CALL chunked_iter_run('loose', 'loose', 'UPDATE loose SET v = v - 100 WHERE chunk_range(loose)', chunk_size => 7)});
	is(query('SELECT max(v), count(*) FROM loose'), '-101|50', 'a job');
	return;
}

# As the database's own provider, and of a column
sub builtin_collations
{
	my $unicode = query(q{SELECT count(*) FROM pg_collation WHERE collname = 'pg_unicode_fast'});
	my $other = $unicode ? 'pg_unicode_fast' : 'pg_c_utf8';

	for my $locale ('C', 'C.UTF-8', $unicode ? 'PG_UNICODE_FAST' : ())
	{
		my $database = lc "builtin_$locale";

		query(qq{CREATE DATABASE "$database" TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE '$locale'});
		query(<<"SQL", $database);
CREATE EXTENSION chunked_iter;
CREATE TABLE word (id integer PRIMARY KEY, k text, c text COLLATE $other);
INSERT INTO word SELECT i, chr(64 + i * 7 % 60) || chr(225 + i % 9), CASE WHEN i % 5 > 0 THEN chr(223 + i % 40) || i % 3 END
  FROM generate_series(1, 300) i;
CREATE INDEX word_c ON word (c DESC, id);
CREATE INDEX ON word (upper(c), id);
ANALYZE word;
CREATE TABLE done (id integer);
CALL chunked_iter_run('j', 'word', 'INSERT INTO done SELECT id FROM chunk', order_by => 'k', chunk_size => 9, max_chunks => 10);
CALL chunked_iter_run('j');
SQL
		is_walked('word', $_, '', $database) for 'k, id', 'c DESC, id', 'upper(c), id', 'k COLLATE "C", id', 'lower(k), id';
		is_split('word', $_, 300, $database) for 'k', 'c';
		like(query(q{SELECT chunked_iter_explain(NULL::word, order_by => 'c DESC')}, $database), qr/^Index: word_c$/m, 'an index');
		is(query('SELECT count(*), count(DISTINCT id) FROM done', $database), '300|300', "a job, in a database of $locale");
	}
	return;
}

# Keys are equal whose bytes are not.
sub nondeterministic_collations
{
	query(<<'SQL');
CREATE TABLE caseless_word (id integer PRIMARY KEY, k text COLLATE caseless);
INSERT INTO caseless_word SELECT i, (ARRAY['a', 'A', 'b', 'B', 'ab', 'AB', NULL, 'Ab'])[i % 8 + 1] FROM generate_series(1, 400) i;
CREATE TABLE keyless AS TABLE caseless_word;
CREATE TABLE once (k text COLLATE caseless PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO once (k) SELECT k || id % 50 FROM caseless_word WHERE k IS NOT NULL ON CONFLICT DO NOTHING;
CALL chunked_iter_run('names', 'once', 'UPDATE once SET n = n + 1 WHERE chunk_range(once)', chunk_size => 5);
CALL chunked_iter_run('joined', 'once', 'UPDATE once SET n = once.n + 1 FROM chunk WHERE chunk.k = once.k', chunk_size => 5);
SQL
	is_walked('caseless_word', 'k, id', '');
	is_walked('caseless_word', 'k DESC, id', '');
	is_split('caseless_word', 'k', 400);
	is(query("SELECT count(DISTINCT id), count(*) FROM chunked_iter(NULL::keyless, 3, order_by => 'k'$_)"), '400|400', "ties are kept together$_")
	  for '', q{, snapshot => 'chunk', reverse => true};
	is(query(q{SELECT count(*) FROM chunked_iter(NULL::caseless_word, 3, order_by => 'k', after => '{A}')}),
		query(q{SELECT count(*) FROM caseless_word WHERE k > 'a' OR k IS NULL}), 'a bookmark stands for all that equal it');
	is(query(q{SELECT count(*) FROM chunked_iter(NULL::caseless_word, 3, order_by => 'k') WHERE k = 'a'}), 100, 'a condition');
	is(query('SELECT min(n), max(n) FROM once'), '2|2', 'jobs');
	return;
}

sub merge_returning
{
	query(<<'SQL');
CALL chunked_iter_run('merge', 'item', 'MERGE INTO copy USING chunk ON copy.id = chunk.id
	WHEN NOT MATCHED THEN INSERT VALUES (chunk.id, 0) RETURNING merge_action(), copy.id', chunk_size => 700);
CALL chunked_iter_run('merge again', 'item', 'WITH done AS (MERGE INTO copy
	USING (SELECT * FROM item WHERE chunk_range(item)) AS i ON copy.id = i.id WHEN MATCHED THEN UPDATE SET n = copy.n + 1 RETURNING copy.id)
	UPDATE item SET n = -1 FROM done WHERE item.id = done.id AND chunk_range(item)', chunk_size => 700);
SQL
	is(query('SELECT min(n), max(n), count(*) FROM copy'), '1|1|5000', 'in jobs');
	is(query('SELECT max(n) FROM item'), '-1', 'and what it returns');
	is(query(q{WITH m AS (MERGE INTO copy USING chunked_iter(NULL::item, 70) AS w ON copy.id = w.id
		WHEN MATCHED THEN UPDATE SET n = copy.n + 1 RETURNING copy.id, copy.n) SELECT count(*), min(n), max(n) FROM m}), '5000|2|2', 'by a walk');
	my ($status, $out, $err) = $node->psql('postgres', q{SELECT FROM chunked_iter_query('WITH m AS (MERGE INTO copy USING item ON copy.id = item.id
		WHEN MATCHED THEN DELETE RETURNING copy.id) SELECT * FROM m', 'id') AS t(id integer)});
	like($err, qr/argument "query" must be one SELECT that does not write/, 'a query that writes is refused');
	query('UPDATE item SET n = 0');
	return;
}

# It ends the session; the job is interrupted, and goes on.
sub transaction_timeout
{
	my ($status, $out, $err) = $node->psql('postgres', <<'SQL');
SET transaction_timeout = '3s';
CALL chunked_iter_run('slow', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item) AND
	CASE WHEN id = 2500 AND current_setting(''transaction_timeout'') <> ''0'' THEN pg_sleep(60) IS NOT NULL ELSE true END', chunk_size => 100);
SQL
	like($err, qr/terminating connection due to transaction timeout/, 'a chunk takes too long');
	is(query(q{SELECT state, rows_done FROM chunked_iter_progress WHERE job = 'slow'}), 'interrupted|2400', 'the job is interrupted');
	query(q{CALL chunked_iter_run('slow')});
	is(query('SELECT min(n), max(n), count(*) FROM item'), '1|1|5000', 'it goes on');
	($status, $out, $err) = $node->psql('postgres', q{SET transaction_timeout = '100ms'; SELECT count(pg_sleep(0.01)) FROM chunked_iter(NULL::item, 10)});
	like($err, qr/terminating connection due to transaction timeout/, 'a walk takes too long');
	return;
}

sub explain_generic_plan
{
	my $plan = query(<<'SQL');
EXPLAIN (GENERIC_PLAN, COSTS OFF) SELECT * FROM chunked_iter(NULL::item, $1, order_by => 'a', after => $2, filter => 'id > 5') WHERE n = $3 LIMIT $4
SQL
	like($plan, qr/Walk Order: a, id\n.*Walk Index: item_a\n/s, 'order and index');
	like($plan, qr/Walk Filter: .*id > 5.* AND .*n = \$1/, 'conditions');
	like($plan, qr/Walk After: \$2\n/, 'parameters');
	like(query('EXPLAIN (GENERIC_PLAN, COSTS OFF) SELECT * FROM chunked_iter(NULL::item, order_by => $1)'), qr/ChunkedIter/, 'no order is known');
	return;
}

sub explain_memory
{
	for my $walk (q{SELECT * FROM chunked_iter(NULL::item, 100) WHERE a = 3},
		q{SELECT * FROM chunked_iter_query('SELECT id, note FROM item', 'id') AS t(id integer, note text)})
	{
		like(query("EXPLAIN (MEMORY, COSTS OFF) $walk"), qr/Memory: used=\d+kB/, 'MEMORY');
		like(query("EXPLAIN (ANALYZE, MEMORY, SERIALIZE BINARY, WAL, SETTINGS, VERBOSE) $walk"),
			qr/Rows per Chunk: \d+\n.*Serialization:.*output=\d+kB/s, 'SERIALIZE');
	}
	return;
}

# A condition on the second column is an index condition of each chunk.
sub skip_scan
{
	query(<<'SQL');
CREATE TABLE pair (a integer NOT NULL, b integer NOT NULL, id integer NOT NULL);
INSERT INTO pair SELECT i % 5, i % 1000, i FROM generate_series(1, 100000) i;
CREATE UNIQUE INDEX ON pair (a, b, id);
VACUUM ANALYZE pair;
SQL
	my $plan = query(q{EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM chunked_iter(NULL::pair, 30, order_by => 'a, b, id') WHERE b = 7});
	my ($hit, $read) = $plan =~ /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/;

	like($plan, qr/Rows Examined: 100\n/, 'no row is read that is not returned');
	cmp_ok(($hit // 0) + ($read // 0), '<', 100, 'nor the index from one end to the other');
	is(query(<<"SQL"), 't', "the rows by $_") for 'a, b, id', 'a DESC, b, id', 'b DESC, a, id';
SELECT (SELECT array_agg(w.id) FROM chunked_iter(NULL::pair, 30, order_by => '$_', filter => 'b IN (7, 9)') AS w)
	= (SELECT array_agg(id ORDER BY $_) FROM pair WHERE b IN (7, 9))
SQL
	return;
}

sub wait_events
{
	my $job = Session->new($node);

	for my $wait ([ 'ChunkedIterPause', 'pause_ms => 60000' ], [ 'ChunkedIterThrottle', q{throttle_query => 'SELECT true'} ])
	{
		my ($event, $argument) = @$wait;

		$job->start("CALL chunked_iter_run('$event', 'item', 'SELECT FROM chunk', $argument)");
		ok($node->poll_query_until('postgres',
			"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND wait_event = '$event')"), "pg_stat_activity shows $event");
		query("SELECT pg_cancel_backend(@{[ $job->pid ]})");
		$job->answer;
		is(query("SELECT count(*) FROM pg_wait_events WHERE type = 'Extension' AND name = '$event'"), 1, 'pg_wait_events, too');
	}
	$job->close;
	return;
}

# They may walk, and run in sessions of clients, not in workers.
sub login_triggers
{
	query(<<'SQL');
CREATE TABLE login (role text, kind text);
CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO login SELECT session_user, backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid();
	PERFORM count(*) FROM chunked_iter(NULL::item, 2000);
END
$$;
CREATE EVENT TRIGGER note_login ON login EXECUTE FUNCTION note_login();
ALTER EVENT TRIGGER note_login ENABLE ALWAYS;
SQL
	is_worked_on('workers => 3, chunk_size => 100', 'a job with workers');
	query(q{SELECT chunked_iter_start('alone', 'item', 'UPDATE item SET n = n + 1 WHERE chunk_range(item)', chunk_size => 500)});
	is(query(q{SELECT chunked_iter_wait('alone')}), 'succeeded', 'a job in the background');
	is(query('SELECT DISTINCT kind FROM login'), 'client backend', 'who logs in');
	query('DROP EVENT TRIGGER note_login');
	return;
}

# Where advice is loaded and none is asked for, walks are as ever.
sub plan_advice
{
	is(query(q{LOAD 'pg_plan_advice'; SELECT count(*) FROM chunked_iter(NULL::item, 70) AS w JOIN item USING (id)}), 5000, 'a join');
	is(query(q{LOAD 'pg_plan_advice'; SET pg_plan_advice.advice = 'SEQ_SCAN(item)';
		SELECT array_agg(w.id) = (SELECT array_agg(id ORDER BY id) FROM item) FROM chunked_iter(NULL::item, 70) AS w}), 't', 'under advice');
	return;
}

# Under each method: by an index in the order of the heap and at random, in physical
# order, and by a job with workers, in few buffers.
sub io_methods
{
	query(<<'SQL');
CREATE TABLE random (id uuid PRIMARY KEY, note text);
INSERT INTO random SELECT md5(i::text)::uuid, repeat('x', 200) FROM generate_series(1, 10000) i;
VACUUM ANALYZE random;
SQL
	for my $method (split /,/, query(q{SELECT array_to_string(enumvals, ',') FROM pg_settings WHERE name = 'io_method'}))
	{
		$node->append_conf('postgresql.conf', "io_method = $method");
		$node->stop;
	  SKIP:
		{
			skip "the system does not have $method", 1 unless $node->start(fail_ok => 1);
			is(query('SHOW io_method'), $method, "io_method = $method");
			is_walked('item', 'id', '');
			is_walked('random', 'id', $_) for '', q{, snapshot => 'chunk'};
			is(query(q{SELECT count(*), count(DISTINCT w.id) FROM chunked_iter(NULL::random, 70, order_by => 'ctid') AS w}), '10000|10000', 'in physical order');
			is_worked_on('workers => 3, chunk_size => 100', 'a job');
		}
	}
	return;
}
