#!/usr/bin/env bash
# Measures jobs against loops by hand and single statements, on the server that
# PGHOST, PGPORT and PGDATABASE lead to; prints two tables. A job commits, so
# each run is a session of its own; before each the table is filled anew,
# vacuumed, and a checkpoint made.
#
#   ROWS     rows of the table (1000000)
#   ROUNDS   how often each way is run, in turns; the medians count (3)
#   KINDS    which of UPDATE, INSERT, DELETE, WORKERS, SNAPSHOT and QUEUE (all of them)
#   RESULTS  directory for jobs.csv and jobs.txt (bench/results)
#
# "rows locked" needs track_commit_timestamp = on.

set -euo pipefail
cd "$(dirname "$0")"

ROWS=${ROWS:-1000000}
ROUNDS=${ROUNDS:-3}
KINDS=${KINDS:-UPDATE INSERT DELETE WORKERS SNAPSHOT QUEUE}
RESULTS=${RESULTS:-results}
for argument in "$@"; do
	case $argument in
		ROWS=* | ROUNDS=* | KINDS=* | RESULTS=*) declare "$argument" ;;
		*) echo "unknown argument: $argument" >&2; exit 1 ;;
	esac
done
mkdir -p "$RESULTS"
psql=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off --pset=footer=off)
export PGOPTIONS="-c client_min_messages=warning -c search_path=chunked_iter_jobs,public"

# sql_of KIND WAY: what is to be run
sql_of()
{
	case "$1, $2" in
		"UPDATE, one statement") echo "UPDATE t SET val = val + 1" ;;
		"INSERT, one statement") echo "INSERT INTO other SELECT * FROM t" ;;
		"DELETE, one statement") echo "DELETE FROM t" ;;
		*", loop") echo "CALL ${1,,}_loop()" ;;
		"UPDATE, job, FROM chunk") job_of 'UPDATE t SET val = t.val + 1 FROM chunk WHERE t.id = chunk.id' ;;
		"INSERT, job, FROM chunk") job_of 'INSERT INTO other SELECT * FROM chunk' ;;
		"DELETE, job, FROM chunk") job_of 'DELETE FROM t USING chunk WHERE t.id = chunk.id' ;;
		"INSERT, job, "*) job_of 'INSERT INTO other SELECT * FROM t WHERE chunk_range(t)' ;;
		"DELETE, job, "*) job_of 'DELETE FROM t WHERE chunk_range(t)' ;;
		"UPDATE, job, "*) job_of 'UPDATE t SET val = val + 1 WHERE chunk_range(t)' ;;
		"WORKERS, "*) job_of 'UPDATE t SET val = val + 1 WHERE chunk_range(t)' "parts => 8, $way" ;;
	esac
}

# job_of STATEMENT [ARGUMENT]
job_of()
{
	echo "CALL chunked_iter_run('bench', 't', '$1'${2:+, $2})"
}

ways_of()
{
	case $1 in
		WORKERS) printf '%s\n' 'workers => 1' 'workers => 2' ;;
		*) printf '%s\n' 'one statement' 'loop' 'job, chunk_range' 'job, FROM chunk' ;;
	esac
}

# The table as it was, in memory and on disk
reset_tables()
{
	"${psql[@]}" <<-'SQL' >/dev/null
		SELECT chunked_iter_forget(job) FROM chunked_iter_jobs WHERE job = 'bench';
		DROP TRIGGER IF EXISTS note_lock ON t;
		DROP TRIGGER IF EXISTS note_lock ON other;
		TRUNCATE t, other;
		INSERT INTO t SELECT * FROM origin ORDER BY id;
		VACUUM (ANALYZE, FREEZE) t;
		CHECKPOINT;
	SQL
}

# run_way KIND WAY ROUND: round 0 is the one in which locks are looked at
run_way()
{
	local kind=$1 way=$2 round=$3 changed=t

	[ "$kind" != INSERT ] || changed=other
	reset_tables
	if [ "$round" = 0 ]; then
		"${psql[@]}" --command="CREATE TRIGGER note_lock BEFORE INSERT OR UPDATE OR DELETE ON $changed
								EXECUTE FUNCTION note_lock()"
	fi
	"${psql[@]}" --set=kind="$kind" --set=way="$way" --set=round="$round" <<-SQL
		SELECT clock_timestamp() AS started, pg_current_wal_insert_lsn() AS lsn \gset
		$(sql_of "$kind" "$way");
		INSERT INTO runs
		SELECT :'kind', :'way', :round, extract(epoch FROM clock_timestamp() - :'started') * 1000,
			   pg_current_wal_insert_lsn() - :'lsn'::pg_lsn;
		UPDATE locked SET way = :'kind' || ' ' || :'way' WHERE way IS NULL;
		UPDATE runs SET answer = (SELECT concat(count(*), ' ', sum(val)) FROM $changed)
		 WHERE kind = :'kind' AND way = :'way' AND round = :round;
	SQL
	"${psql[@]}" --set=kind="$kind" --set=way="$way" --set=round="$round" <<-SQL >/dev/null
		-- until the counters are there
		SELECT pg_sleep(0.6) WHERE current_setting('server_version_num')::integer < 150000;
		UPDATE runs SET dead_rows = pg_stat_get_dead_tuples('$changed'::regclass)
		 WHERE kind = :'kind' AND way = :'way' AND round = :round;
	SQL
}

# time_way KIND WAY ROUND SQL: how long it takes, and no more
time_way()
{
	"${psql[@]}" --set=kind="$1" --set=way="$2" --set=round="$3" <<-SQL >/dev/null
		SELECT clock_timestamp() AS started \gset
		$4;
		INSERT INTO runs
		SELECT :'kind', :'way', :round, extract(epoch FROM clock_timestamp() - :'started') * 1000, 0, 0;
	SQL
}

# Chunks of a row while another session holds a snapshot that is older: the
# first eighth of them, and the last one
run_snapshot()
{
	local round=$1 eighth=$(((ROWS < 16000 ? ROWS : 16000) / 8)) holder

	reset_tables
	PGAPPNAME=chunked_iter_old "${psql[@]}" --command='BEGIN ISOLATION LEVEL REPEATABLE READ' \
		--command='SELECT count(*) FROM t' --command='SELECT pg_sleep(3600)' >/dev/null 2>&1 &
	holder=$!
	until [ "$("${psql[@]}" -At --command="SELECT count(*) FROM pg_stat_activity
			   WHERE application_name = 'chunked_iter_old' AND wait_event = 'PgSleep'")" = 1 ]; do sleep 0.1; done
	time_way SNAPSHOT 'first chunks' "$round" \
		"$(job_of 'UPDATE t SET val = val + 1 WHERE chunk_range(t)' "chunk_size => 1, max_chunks => $eighth")"
	"${psql[@]}" --command="CALL chunked_iter_run('bench', max_chunks => $((6 * eighth)))"
	time_way SNAPSHOT 'last chunks' "$round" "CALL chunked_iter_run('bench', max_chunks => $eighth)"
	"${psql[@]}" --command="SELECT pg_terminate_backend(pid) FROM pg_stat_activity
							WHERE application_name = 'chunked_iter_old'" >/dev/null
	wait $holder || true
}

# Where nine tenths of the rows, at the head of the order, have been deleted and
# not been vacuumed
run_queue()
{
	local round=$1 done=$((ROWS / 10 * 9)) first='SELECT count(*) FROM (SELECT FROM chunked_iter(NULL::t, 100'

	reset_tables
	"${psql[@]}" --command="$(job_of 'DELETE FROM t WHERE chunk_range(t)' "chunk_size => 1000, max_chunks => $((done / 1000))")"
	time_way QUEUE 'job, continued' "$round" "CALL chunked_iter_run('bench', chunk_size => 100, max_chunks => 1)"
	time_way QUEUE 'walk, with after' "$round" "$first, after => '{$((done + 100))}') LIMIT 100) AS s"
	time_way QUEUE 'walk, from the beginning' "$round" "$first) LIMIT 100) AS s"
	time_way QUEUE 'walk, once more' "$round" "$first) LIMIT 100) AS s"
	time_way QUEUE 'SELECT min(id)' "$round" 'SELECT min(id) FROM t'
}

"${psql[@]}" --set=rows="$ROWS" --file=jobs.sql
for kind in $KINDS; do
	case $kind in
		SNAPSHOT | QUEUE)
			for ((round = 1; round <= ROUNDS; round++)); do "run_${kind,,}" "$round"; done
			echo "Measured: $kind"
			continue ;;
	esac
	mapfile -t ways < <(ways_of "$kind")
	for ((round = 0; round <= ROUNDS; round++)); do
		for ((i = 0; i < ${#ways[@]}; i++)); do
			# Who is first changes from round to round.
			run_way "$kind" "${ways[(i + round) % ${#ways[@]}]}" "$round"
		done
	done
	echo "Measured: $kind"
done
[ "$("${psql[@]}" -At --command="SELECT count(*) FROM (SELECT kind FROM runs GROUP BY kind HAVING min(answer) <> max(answer)) AS s")" = 0 ] ||
	{ "${psql[@]}" --command="SELECT DISTINCT kind, way, answer FROM runs"; echo "Not all ways gave the same" >&2; exit 1; }
"${psql[@]}" --file=jobs_report.sql | tee "$RESULTS/jobs.txt"
"${psql[@]}" --command="COPY (SELECT kind, way, round, ms, wal_bytes, dead_rows FROM runs
						WHERE round > 0 ORDER BY kind, way, round) TO STDOUT (FORMAT csv, HEADER)" >"$RESULTS/jobs.csv"
"${psql[@]}" --command="SELECT chunked_iter_forget('bench')" >/dev/null
"${psql[@]}" --command="DROP SCHEMA chunked_iter_jobs CASCADE"
