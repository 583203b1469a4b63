-- What the cases with jobs share: sessions of their own for the jobs, and
-- sessions in their way.  Needs dblink, and the rest of prelude.sql.

CREATE EXTENSION dblink;

-- A session of that name, if there is none yet.  Returns its backend.
CREATE FUNCTION prop.session(name text)
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	IF name = ANY (dblink_get_connections()) THEN
		BEGIN
			RETURN (SELECT pid FROM dblink(name, 'SELECT pg_backend_pid()') AS s(pid integer));
		EXCEPTION WHEN OTHERS OR query_canceled THEN
			PERFORM dblink_disconnect(name);
		END;
	END IF;
	PERFORM dblink_connect(name,
		format('host=%s port=%s dbname=%s user=%s',
			   split_part(current_setting('unix_socket_directories'), ',', 1),
			   current_setting('port'), current_database(), current_user));
	PERFORM dblink_exec(name, 'SET client_min_messages = error');
	RETURN (SELECT pid FROM dblink(name, 'SELECT pg_backend_pid()') AS s(pid integer));
END
$$;

-- Let that session run some SQL, and do not wait.  Returns its backend.
CREATE FUNCTION prop.send(name text, command text)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	pid integer := prop.session(name);
BEGIN
	PERFORM dblink_send_query(name, command);
	RETURN pid;
END
$$;

-- Wait for the end of what that session runs: 'done', the SQLSTATE and the
-- message of an error, or 'hangs'.  A session that was lost is forgotten.
CREATE FUNCTION prop.outcome(name text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + '20 s';
	answer text := 'done';
BEGIN
	IF (name = ANY (dblink_get_connections())) IS NOT TRUE THEN
		RETURN 'nothing';
	END IF;
	WHILE dblink_is_busy(name) = 1 LOOP
		IF clock_timestamp() > deadline THEN
			PERFORM dblink_disconnect(name);
			RETURN 'hangs';
		END IF;
		PERFORM pg_sleep(0.0005);
	END LOOP;
	BEGIN
		WHILE (SELECT count(*) FROM dblink_get_result(name) AS r(status text)) > 0 LOOP
		END LOOP;
	EXCEPTION WHEN OTHERS OR query_canceled THEN
		answer := SQLSTATE || ' ' || SQLERRM;
	END;
	BEGIN
		PERFORM FROM dblink_get_result(name) AS r(status text);
	EXCEPTION WHEN OTHERS OR query_canceled THEN
		PERFORM dblink_disconnect(name);
	END;
	RETURN answer;
END
$$;

-- After so many seconds end that backend, or cancel what it runs.
CREATE FUNCTION prop.strike(pid integer, seconds float8, how text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(seconds);
	IF how = 'terminate' THEN
		PERFORM pg_terminate_backend(pid, 10000);
	ELSE
		PERFORM pg_cancel_backend(pid);
	END IF;
END
$$;

-- Wait until the session waits for a lock, or has ended what it runs.  Returns
-- the number of the gate that it stands at, 0 for some other lock, NULL for
-- its end.  A gate is an advisory lock of the class that the database has.
CREATE FUNCTION prop.await(name text, pid integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + '10 s';
	gate integer;
BEGIN
	LOOP
		IF clock_timestamp() > deadline THEN
			RAISE EXCEPTION 'the job does not come to its next gate';
		END IF;
		SELECT CASE WHEN locktype = 'advisory' AND classid = 77 THEN objid::integer ELSE 0 END
		  INTO gate FROM pg_locks AS l WHERE l.pid = await.pid AND NOT granted;
		IF FOUND OR dblink_is_busy(name) = 0 THEN
			RETURN gate;
		END IF;
		PERFORM pg_sleep(0.0003);
	END LOOP;
END
$$;

-- The gates, one for each chunk: closed by the session that is in the way, and
-- passed by the statement of the job, which stands at one until it is opened.
CREATE SEQUENCE prop.gates;
CREATE FUNCTION prop.close_gates(count integer)
RETURNS void LANGUAGE sql AS $$
	SELECT setval('prop.gates', 1, false);
	SELECT pg_advisory_lock(77, gate) FROM generate_series(1, count) AS gate;
$$;

CREATE FUNCTION prop.gate()
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	gate integer := nextval('prop.gates');
BEGIN
	PERFORM pg_advisory_xact_lock(77, gate);
	RETURN gate;
END
$$;

-- Be in the way of a job: at each of its gates run one of the commands, in a
-- transaction that stays open until the job waits for it, or commits at once
-- as "at_once" says for each.  In the command %1$s is the number of the gate.
CREATE PROCEDURE prop.interfere(name text, pid integer, commands text[], at_once boolean[])
LANGUAGE plpgsql AS $$
DECLARE
	gate integer;
	waited integer := 0;
BEGIN
	LOOP
		gate := prop.await(name, pid);
		EXIT WHEN gate IS NULL OR waited > 500;
		IF gate > 0 THEN
			IF commands[gate] IS NOT NULL THEN
				EXECUTE format(commands[gate], gate);
			END IF;
			IF at_once[gate] IS NOT FALSE THEN
				COMMIT;
			END IF;
			PERFORM pg_advisory_unlock(77, gate);
		ELSE
			COMMIT;
			waited := waited + 1;
			PERFORM pg_sleep(0.0003);
		END IF;
	END LOOP;
	PERFORM pg_advisory_unlock_all();
	COMMIT;
END
$$;

-- Wait for the end of a job that was sent, and run it again by that command
-- until it has succeeded: 'done', or what keeps it from that.
CREATE FUNCTION prop.run_again(name text, job text, command text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text := prop.outcome(name);
	first text := outcome;
	state text;
BEGIN
	FOR i IN 1 .. 4 LOOP
		SELECT p.state INTO state FROM chunked_iter_progress AS p WHERE p.job = run_again.job;
		IF state = 'succeeded' THEN
			RETURN 'done';
		END IF;
		PERFORM prop.send(name, command);
		outcome := prop.outcome(name);
	END LOOP;
	RETURN format('state %s, %s, first %s', state, outcome, first);
END
$$;
