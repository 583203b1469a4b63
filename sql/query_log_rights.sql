-- Who sees which entries of the query log, and what empties it.
CREATE SCHEMA query_log_rights;
SET search_path = query_log_rights, public;
SET client_min_messages = warning;

CREATE ROLE regress_citer_anne;
CREATE ROLE regress_citer_ben;
CREATE ROLE regress_citer_boss IN ROLE regress_citer_anne;
CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 3);
GRANT USAGE ON SCHEMA query_log_rights TO PUBLIC;
GRANT SELECT ON item TO PUBLIC;
CREATE FUNCTION walk(tag text) RETURNS bigint LANGUAGE sql AS
$$SELECT count(*) FROM public.chunked_iter(NULL::query_log_rights.item, filter => quote_literal(tag) || ' <> ''''')$$;
-- The tags of the entries that the current role sees.
CREATE FUNCTION seen() RETURNS text LANGUAGE sql AS
$$SELECT string_agg(substring(sql FROM '''(\w+)''::text'), ' ' ORDER BY query_no) FROM public.chunked_iter_queries()$$;
-- Run as its owner, who is a superuser.
CREATE FUNCTION walk_as_owner(tag text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
$$SELECT query_log_rights.walk(tag)$$;
SELECT chunked_iter_reset_queries();
SET chunked_iter.debug = chunks;

-- Entries belong to who ran the query: roles of the session, and owners of functions.
SELECT walk('superuser');
SET ROLE regress_citer_anne;
SELECT walk('anne');
SELECT walk_as_owner('definer');
SET ROLE regress_citer_ben;
SELECT walk('ben');
SELECT seen();
SET ROLE regress_citer_anne;
SELECT seen();
SET ROLE regress_citer_boss;
SELECT seen();
RESET ROLE;
SELECT seen();
-- Sizes are those of the whole log, for everybody.
SET ROLE regress_citer_ben;
SELECT queries FROM chunked_iter_query_log_growth() ORDER BY queries DESC LIMIT 1;
RESET ROLE;
-- A role that is gone.
SET ROLE regress_citer_boss;
SELECT walk('boss');
RESET ROLE;
DROP ROLE regress_citer_boss;
SELECT seen();
SET ROLE regress_citer_ben;
SELECT seen();
RESET ROLE;

-- A new session authorization empties the log, there and back.
SET SESSION AUTHORIZATION regress_citer_anne;
SELECT seen();
SELECT queries, memory_bytes FROM chunked_iter_query_log_growth();
SELECT walk('anne');
SELECT seen();
RESET SESSION AUTHORIZATION;
SELECT seen();
SELECT walk('superuser');
SET SESSION AUTHORIZATION regress_citer_anne;
RESET SESSION AUTHORIZATION;
SELECT seen();
SELECT walk('superuser');
BEGIN;
SELECT set_config('session_authorization', 'regress_citer_anne', true);
SELECT seen();
SELECT walk('anne');
ROLLBACK;
SELECT seen();
-- To oneself it is a new one, too.
SELECT walk('superuser');
RESET SESSION AUTHORIZATION;
SELECT seen();

-- DISCARD ALL empties it, and what it says is not the next client's; others discard no queries.
SELECT walk('superuser');
DISCARD PLANS;
DISCARD TEMP;
SELECT seen();
DISCARD ALL;
SHOW chunked_iter.debug;
SET search_path = query_log_rights, public;
SELECT seen();
SET chunked_iter.debug = 'all';
SELECT 1 AS one;
DISCARD ALL;
SELECT count(*) FROM chunked_iter_queries();
SET chunked_iter.debug = 'all';
SELECT 1 AS one;
SET SESSION AUTHORIZATION regress_citer_ben;
RESET chunked_iter.debug;
SELECT sql FROM chunked_iter_queries();
RESET SESSION AUTHORIZATION;
-- One that fails discards nothing.
SET chunked_iter.debug = 'all';
BEGIN;
DISCARD ALL;
ROLLBACK;
RESET chunked_iter.debug;
SELECT sql FROM chunked_iter_queries();

DROP OWNED BY regress_citer_anne, regress_citer_ben;
DROP ROLE regress_citer_anne, regress_citer_ben;
