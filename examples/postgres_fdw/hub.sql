-- One table on several machines: a partitioned table whose partitions are
-- foreign tables on other servers, for when one machine is not enough. The
-- other servers need nothing but the tables: no extension, and any version.
--
--   psql -v host1=... -v port1=... -v host2=... -v port2=... -f examples/postgres_fdw/hub.sql
--
-- The conditions of a chunk, its order and its LIMIT go to the servers, which
-- answer from their index. The LIMIT is one row more than the chunk has, to see
-- whether its last key is complete: with fetch_size that large, a chunk is one
-- batch.

CREATE EXTENSION IF NOT EXISTS chunked_iter;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;

CREATE SERVER low FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host :'host1', port :'port1', dbname 'postgres', fetch_size '1001');
CREATE SERVER high FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host :'host2', port :'port2', dbname 'postgres', fetch_size '1001');
CREATE USER MAPPING FOR CURRENT_USER SERVER low;
CREATE USER MAPPING FOR CURRENT_USER SERVER high;

CREATE TABLE entry (
	id      bigint NOT NULL,
	written timestamptz NOT NULL,
	author  text,
	title   text NOT NULL,
	body    text NOT NULL)
PARTITION BY RANGE (id);
CREATE FOREIGN TABLE entry_low PARTITION OF entry
	FOR VALUES FROM (MINVALUE) TO (150001) SERVER low OPTIONS (table_name 'entry');
CREATE FOREIGN TABLE entry_high PARTITION OF entry
	FOR VALUES FROM (150001) TO (MAXVALUE) SERVER high OPTIONS (table_name 'entry');
ANALYZE entry;

-- All entries of both servers, in order.
SELECT count(*), min(id), max(id)
  FROM chunked_iter(NULL::entry, order_by => 'id', filter => 'author IS NOT NULL');

-- A page that begins on the one server and ends on the other.
SELECT id, title
  FROM chunked_iter(NULL::entry, 4, order_by => 'id', after => '{149994}') LIMIT 4;
