#!/usr/bin/env python3
"""A table with a random UUID for a key, read from a cold cache.

"disk read before" is the least that a reader can take which needs no disk: the files
are in the operating system's cache, and nothing is in the server's.

    BENCH_DATA=... bench/cold.py [ROWS=4000000] [ROUNDS=3] [RESULTS=bench/results]

Before each run the server is stopped, its files are dropped from the operating
system's cache (all of it, where that is allowed, else by posix_fadvise, which needs
no privileges and leaves other files alone), and it is started again.  So BENCH_DATA
has to be the data directory of a server of one's own.  One line for each run goes
to RESULTS/cold.csv.
"""

import csv
import os
import statistics
import subprocess
import sys
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))

# What is read, and effective_io_concurrency, if it is not the server's default. "n" is
# a number of rows that are as many as a twentieth of the table.
WAYS = {
    "walk by key": ("chunked_iter(NULL::u)", None),
    "walk by ctid": ("chunked_iter(NULL::u, order_by => 'ctid')", None),
    "SELECT by key": ("(SELECT * FROM u ORDER BY id OFFSET 0) AS s", None),
    "SELECT, unordered": ("(SELECT * FROM u OFFSET 0) AS s", None),
    "walk by key, the first rows": ("(SELECT * FROM chunked_iter(NULL::u) LIMIT {n}) AS s", None),
    "the same, io concurrency 256": ("(SELECT * FROM chunked_iter(NULL::u) LIMIT {n}) AS s", 256),
    "SELECT by key, the first rows": ("(SELECT * FROM u ORDER BY id LIMIT {n}) AS s", None),
    "the same, disk read before": ("(SELECT * FROM u ORDER BY id LIMIT {n}) AS s", None),
}
READ_BEFORE = "the same, disk read before"

# Two ways, and the part of the one's time that is wanted of the other's.
GOALS = [("walk by key, the first rows", "SELECT by key, the first rows", 0.33)]

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
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            os.sync()
            file.write("3")
        return
    except OSError:
        pass
    for parent, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fill_cache(directory):
    for parent, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                while file.read(1 << 20):
                    pass


def measure(data, source, concurrency, prepare):
    pg_ctl(data, "--mode=fast", "stop")
    prepare(os.path.join(data, "base"))
    pg_ctl(data, "start")
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        if concurrency is not None:
            cursor.execute(f"SET effective_io_concurrency = {concurrency}")
        cursor.execute("SELECT count(*) FROM pg_class")
        started = time.perf_counter()
        cursor.execute(f"SELECT count(*), sum(val) FROM {source}")
        answer = cursor.fetchone()
        seconds = time.perf_counter() - started
    connection.close()
    return answer, seconds


def main():
    options = {"ROWS": "4000000", "ROUNDS": "3"}
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
    expected = {}
    times = {way: [] for way in WAYS}
    with open(os.path.join(options["RESULTS"], "cold.csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["rows", "round", "way", "seconds"])
        for number in range(1, int(options["ROUNDS"]) + 1):
            for way, (source, concurrency) in WAYS.items():
                prepare = fill_cache if way == READ_BEFORE else drop_cache
                answer, seconds = measure(data, source.format(n=rows // 20), concurrency, prepare)
                if answer != expected.setdefault(answer[0], answer):
                    raise SystemExit(f"{way}: {answer}, not {expected[answer[0]]}")
                times[way].append(seconds)
                out.writerow([rows, number, way, seconds])
                print(f"{rows:>9} rows, round {number}: cold {way:29} {seconds:8.2f} s", flush=True)
    for a, b, goal in GOALS:
        ratio = statistics.median(times[a]) / statistics.median(times[b])
        print(f"{a} / {b}: {ratio:.2f}, goal {goal}: {'met' if ratio <= goal else 'missed'}")
    subprocess.run(["psql", "-Xqc", "DROP TABLE u"], check=True)


main()
