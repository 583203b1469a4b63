-- What the cases with large relations read, see Property::Large. The rows are
-- the same in all of them; they lie in an order of their own.

CREATE SCHEMA big;
CREATE TABLE big.plain (id integer, grp integer, amount integer, n bigint, k text, d date);
INSERT INTO big.plain
SELECT i, i % 500, i::bigint * 7919 % 100003,
	   CASE WHEN i % 11 > 0 THEN i::bigint * 31 % 9973 END,
	   CASE WHEN i % 13 > 0 THEN 'k' || i::bigint * 13 % 20000 END,
	   make_date(2000 + i % 20, i % 12 + 1, i % 28 + 1)
  FROM generate_series(1, 100000) AS i
 ORDER BY i::bigint * 48271 % 100019;

CREATE TABLE big.heap AS TABLE big.plain;
CREATE TABLE big.composite AS TABLE big.plain;
CREATE TABLE big.part (LIKE big.plain) PARTITION BY RANGE (id);
CREATE TABLE big.part1 PARTITION OF big.part FOR VALUES FROM (MINVALUE) TO (30000);
CREATE TABLE big.part2 PARTITION OF big.part FOR VALUES FROM (30000) TO (30100);
CREATE TABLE big.part3 PARTITION OF big.part DEFAULT PARTITION BY HASH (grp);
CREATE TABLE big.part4 PARTITION OF big.part3 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE big.part5 PARTITION OF big.part3 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO big.part SELECT * FROM big.plain WHERE id % 2 = 0;
CREATE TABLE big.spread (LIKE big.plain) PARTITION BY HASH (id);
CREATE TABLE big.spread1 PARTITION OF big.spread FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE big.spread2 PARTITION OF big.spread FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE big.spread3 PARTITION OF big.spread FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO big.spread SELECT * FROM big.plain WHERE id % 2 = 1;
CREATE TABLE big.parent (LIKE big.plain);
CREATE TABLE big.child1 () INHERITS (big.parent);
CREATE TABLE big.child2 (more text DEFAULT 'x') INHERITS (big.parent);
INSERT INTO big.parent SELECT * FROM big.plain WHERE id < 5000;
INSERT INTO big.child1 SELECT * FROM big.plain WHERE id BETWEEN 5000 AND 40000;
INSERT INTO big.child2 SELECT * FROM big.plain WHERE id > 60000;
CREATE MATERIALIZED VIEW big.mat AS SELECT * FROM big.plain WHERE grp < 200;

ALTER TABLE big.plain ADD PRIMARY KEY (id);
ALTER TABLE big.part ADD PRIMARY KEY (id, grp);
ALTER TABLE big.composite ADD PRIMARY KEY (grp, id);
DO $$
DECLARE
	relation text;
	columns text;
BEGIN
	FOREACH relation IN ARRAY '{plain,heap,composite,part,spread,parent,child1,child2,mat}'::text[] LOOP
		FOREACH columns IN ARRAY ARRAY['amount', 'grp, id', 'n, id', 'k', 'd DESC, id',
									   '(amount % 1000)'] LOOP
			CONTINUE WHEN hashtext(relation || columns) % 4 = 0 AND columns <> 'amount';
			EXECUTE format('CREATE INDEX ON big.%I (%s)', relation, columns);
		END LOOP;
	END LOOP;
END
$$;
VACUUM ANALYZE;
