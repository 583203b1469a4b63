-- Copies the table "entry" into "entry_copy", which is a local table or a foreign
-- one. Stopped in the middle, run the CALL again.
--
--   psql -f examples/verified_copy/copy.sql

CALL chunked_iter_run('copy_entry', 'entry',
	'INSERT INTO entry_copy SELECT * FROM entry WHERE chunk_range(entry)',
	chunk_size => 10000);
