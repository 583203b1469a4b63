-- The extension, and what the other tests share.
CREATE EXTENSION chunked_iter;

-- Every SQL object has a comment.
SELECT p.oid::regprocedure
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'chunked_iter')
  AND d.classid = 'pg_proc'::regclass
  AND obj_description(p.oid, 'pg_proc') IS NULL;

-- Do two queries of one column give the same rows in the same order?
CREATE FUNCTION same_rows(a text, b text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	rows_a text[];
	rows_b text[];
BEGIN
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) s(r)', a) INTO rows_a;
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) s(r)', b) INTO rows_b;
	RETURN rows_a IS NOT DISTINCT FROM rows_b;
END
$$;

-- What a statement fails with: SQLSTATE, message, detail and hint.
CREATE FUNCTION failure(statement text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT state || ': ' || message;
	IF detail <> '' THEN RETURN NEXT 'DETAIL: ' || detail; END IF;
	IF hint <> '' THEN RETURN NEXT 'HINT: ' || hint; END IF;
END
$$;

-- For plans that are not those of walks: has the planner's settings be the server's defaults,
-- whatever this session was started with; until a rollback, or for good.
CREATE FUNCTION planner_defaults() RETURNS void LANGUAGE sql AS
$$SELECT set_config(name, boot_val, false) FROM pg_settings
  WHERE name ~ '^enable_' OR name IN ('plan_cache_mode', 'force_parallel_mode', 'debug_parallel_query')$$;
