-- chunked_iter_key gives the key that chunked_iter has now, in one loop of
-- PL/pgSQL too, which keeps what its functions have kept.
SET client_min_messages = warning;
CREATE SCHEMA key_function;
CREATE SCHEMA key_function_b;
SET search_path = key_function, public;
CREATE TABLE item (id integer PRIMARY KEY, b text NOT NULL);
INSERT INTO item SELECT i, 'b' || i FROM generate_series(1, 5) AS i;

-- A column of another type.
CREATE FUNCTION keys_while(change text, read_again boolean, order_by text) RETURNS SETOF text[]
LANGUAGE plpgsql AS $$
DECLARE
	r item;
BEGIN
	SELECT * INTO r FROM item WHERE b = 'b2';
	FOR i IN 1..3 LOOP
		IF read_again THEN SELECT * INTO r FROM item WHERE b = 'b2'; END IF;
		RETURN NEXT chunked_iter_key(r, order_by);
		IF i = 1 THEN EXECUTE change; END IF;
	END LOOP;
END
$$;
SELECT keys_while('ALTER TABLE item ALTER id TYPE text', true, NULL);
SELECT keys_while('ALTER TABLE item ALTER id TYPE integer USING id::integer', true, NULL);
-- In the row at hand, the column is what it was.
SELECT failure($$SELECT keys_while('ALTER TABLE item ALTER id TYPE text', false, NULL)$$);
SELECT failure($$SELECT keys_while('ALTER TABLE item DROP id', false, 'b')$$);
SELECT keys_while('CREATE INDEX ON item (b)', false, NULL);

-- Another primary key.
SELECT keys_while('ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (b, id)', false, NULL);

-- Another search path, with another function of the name in it; another role.
CREATE FUNCTION f(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION key_function_b.f(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT -$1';
SELECT keys_while('SET search_path = key_function_b, key_function, public', false, 'f(id)');
SET search_path = key_function, public;
CREATE ROLE regress_citer_key;
GRANT USAGE ON SCHEMA key_function TO regress_citer_key;
REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC;
SELECT failure($$SELECT keys_while('SET ROLE regress_citer_key', false, 'f(id) / 2')$$);

-- The order by turns.
SELECT chunked_iter_key(t, o.order_by) FROM item AS t, (VALUES ('b'), (NULL), ('id'), ('id')) AS o (order_by) WHERE t.id = 2;

-- As many columns as a table can have.
SET statement_timeout = '20s';
SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s integer', i), ', ')) AS create_wide,
       string_agg(i::text, ', ') AS every_value, string_agg('c' || i, ', ') AS every_column
  FROM generate_series(1, 1599) AS i \gset
:create_wide;
INSERT INTO wide VALUES (:every_value);
SELECT k[1], k[1599], cardinality(k) FROM wide AS w, chunked_iter_key(w, :'every_column') AS k;
RESET statement_timeout;

DROP SCHEMA key_function, key_function_b CASCADE;
DROP ROLE regress_citer_key;
