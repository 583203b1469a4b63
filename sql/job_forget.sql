-- A job that is forgotten leaves nothing behind, also where foreign keys do nothing.
CREATE ROLE job_team;
CREATE ROLE job_member IN ROLE job_team;
CREATE SCHEMA job_forget;
GRANT USAGE ON SCHEMA job_forget TO PUBLIC;
SET search_path = job_forget, public;

CREATE TABLE item (id integer PRIMARY KEY);
INSERT INTO item SELECT generate_series(1, 20);
GRANT SELECT ON item TO PUBLIC;
CREATE VIEW kept AS
SELECT (SELECT count(*) FROM chunked_iter_jobs WHERE job = 'job') AS jobs,
       (SELECT count(*) FROM chunked_iter_job_requests WHERE job = 'job') AS requests,
       (SELECT count(*) FROM chunked_iter_job_ranges WHERE job = 'job') AS ranges,
       (SELECT count(*) FROM chunked_iter_failed_rows WHERE job = 'job') AS failed_rows;

CALL chunked_iter_run('job', 'item', 'SELECT 1 / ($1 - 1)', chunk_size => 3, parts => 2, on_error => 'skip', max_chunks => 1);
SELECT chunked_iter_pause('job');
SELECT * FROM kept;
SET session_replication_role = replica;
SELECT chunked_iter_forget('job');
SELECT * FROM kept;
CALL chunked_iter_run('job', 'item', 'SELECT 1');
RESET session_replication_role;
SELECT chunked_iter_forget('job');

-- A member of the owning role may forget a job, but sees neither its ranges nor
-- its failed rows. The next job of that name drops what is left of them.
SET ROLE job_team;
CALL chunked_iter_run('job', 'item', 'SELECT 1 / ($1 - 1)', chunk_size => 3, parts => 2, on_error => 'skip', max_chunks => 1);
RESET ROLE;
SET session_replication_role = replica;
SET ROLE job_member;
SELECT chunked_iter_forget('job');
RESET ROLE;
RESET session_replication_role;
SELECT * FROM kept;
SET ROLE job_member;
CALL chunked_iter_run('job', 'item', 'SELECT 1', parts => 3);
SELECT job, state, parts, rows_done FROM chunked_iter_progress;
RESET ROLE;
SELECT * FROM kept;

-- With foreign keys nothing is left in the first place.
SELECT chunked_iter_forget('job');
SET ROLE job_team;
CALL chunked_iter_run('job', 'item', 'SELECT 1 / ($1 - 1)', chunk_size => 3, parts => 2, on_error => 'skip', max_chunks => 1);
SET ROLE job_member;
SELECT chunked_iter_forget('job');
RESET ROLE;
SELECT * FROM kept;

SET client_min_messages = warning;
DROP SCHEMA job_forget CASCADE;
DROP ROLE job_member, job_team;
