#!/usr/bin/env python3
"""A table with a random UUID for a key, read from a cold cache.

    BENCH_DATA=... bench/cold.py [ROWS=1000000] [ROUNDS=3] [RESULTS=bench/results]

Before each run the server is stopped, its files are dropped from the operating
system's cache (posix_fadvise, which needs no privileges and leaves other files
alone), and it is started again.  So BENCH_DATA has to be the data directory of a
server of one's own.  One line for each run goes to RESULTS/cold.csv.
"""

import csv
import os
import subprocess
import sys
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))

WAYS = {
    "walk by key": "chunked_iter(NULL::u)",
    "walk by ctid": "chunked_iter(NULL::u, order_by => 'ctid')",
    "SELECT by key": "(SELECT * FROM u ORDER BY id OFFSET 0) AS s",
    "SELECT, unordered": "(SELECT * FROM u OFFSET 0) AS s",
}

FILL = """
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS chunked_iter;
DROP TABLE IF EXISTS u;
CREATE TABLE u (id uuid PRIMARY KEY, val integer NOT NULL, note text NOT NULL);
INSERT INTO u SELECT gen_random_uuid(), i % 1000, rpad(md5(i::text), 124, '.')
  FROM generate_series(1, {rows}) AS i;
VACUUM (ANALYZE) u;
CHECKPOINT;
"""


def pg_ctl(data, *action):
    subprocess.run(
        ["pg_ctl", "--pgdata", data, "--silent", "--wait", "--log", data + ".log", *action],
        check=True,
    )


def drop_cache(directory):
    for parent, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(data, source):
    pg_ctl(data, "--mode=fast", "stop")
    drop_cache(os.path.join(data, "base"))
    pg_ctl(data, "start")
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT count(*) FROM pg_class")
        started = time.perf_counter()
        cursor.execute(f"SELECT count(*), sum(val) FROM {source}")
        answer = cursor.fetchone()
        seconds = time.perf_counter() - started
    connection.close()
    return answer, seconds


def main():
    options = {"ROWS": "1000000", "ROUNDS": "3"}
    options["RESULTS"] = os.path.join(HERE, "results")
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name not in options:
            raise SystemExit(f"unknown argument: {argument}")
        options[name] = value
    data = os.environ.get("BENCH_DATA")
    if not data:
        raise SystemExit("BENCH_DATA is not set: no server to restart")
    rows = int(options["ROWS"])
    os.makedirs(options["RESULTS"], exist_ok=True)
    subprocess.run(["psql", "-Xq"], input=FILL.format(rows=rows), text=True, check=True)
    expected = None
    with open(os.path.join(options["RESULTS"], "cold.csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["rows", "round", "way", "seconds"])
        for number in range(1, int(options["ROUNDS"]) + 1):
            for way, source in WAYS.items():
                answer, seconds = measure(data, source)
                expected = expected or answer
                if answer != expected:
                    raise SystemExit(f"{way}: {answer}, not {expected}")
                out.writerow([rows, number, way, seconds])
                print(f"{rows:>9} rows, round {number}: cold {way:19} {seconds:8.2f} s", flush=True)
    subprocess.run(["psql", "-Xqc", "DROP TABLE u"], check=True)


main()
