#!/usr/bin/env python3
"""Measures ways to read a whole table: each in a process of its own, in turn.

    bench/clients.py [SIZES=100000,1000000] [ROUNDS=3] [RESULTS=bench/results]

The server is that which PGHOST, PGPORT and PGDATABASE lead to.  One line for
each run goes to RESULTS/clients.csv:

    seconds     for all rows, from the first query to the last row
    first_row   seconds until the first row is there
    client_kb   peak memory of the client over what it had when connected
    backend_kb  peak anonymous memory of its backend over the same (RssAnon:
                shared buffers do not count)
    temp_bytes  written to temporary files of the server

Ways that take minutes at a size are left out there.  What the file has about
other sizes, from runs before, stays in it.
"""

import csv
import json
import os
import platform
import subprocess
import sys
import threading
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = os.path.join(HERE, "clients")
sys.path.insert(0, CLIENTS)
from meter import status  # noqa: E402

PYTHON = [sys.executable]
RUBY = ["ruby"]

# group, way, the client's command, the most rows it is run for
WAYS = [
    ("server", "select", PYTHON, "sql_ways.py", None),
    ("server", "select-unordered", PYTHON, "sql_ways.py", None),
    ("server", "walk", PYTHON, "sql_ways.py", None),
    ("server", "walk-10", PYTHON, "sql_ways.py", None),
    ("server", "walk-ctid", PYTHON, "sql_ways.py", None),
    ("server", "cached-walk", PYTHON, "sql_ways.py", None),
    ("server", "for", PYTHON, "sql_ways.py", None),
    ("server", "return-query", PYTHON, "sql_ways.py", None),
    ("server", "keyset", PYTHON, "sql_ways.py", None),
    ("server", "offset", PYTHON, "sql_ways.py", 100000),
    ("server", "cursor", PYTHON, "sql_ways.py", None),
    ("server", "cursor-walk", PYTHON, "sql_ways.py", None),
    ("psql", "all", PYTHON, "psql_ways.py", None),
    ("psql", "fetch-count", PYTHON, "psql_ways.py", None),
    ("psql", "fetch-count-walk", PYTHON, "psql_ways.py", None),
    ("django", "cached", PYTHON, "django_ways.py", 1000000),
    ("django", "iterator-client", PYTHON, "django_ways.py", 1000000),
    ("django", "iterator-hold", PYTHON, "django_ways.py", None),
    ("django", "v1", PYTHON, "django_ways.py", None),
    ("django", "v1-debug", PYTHON, "django_ways.py", 1000000),
    ("django", "v1-10", PYTHON, "django_ways.py", 100000),
    ("django", "v1-10-debug", PYTHON, "django_ways.py", 100000),
    ("django", "v2", PYTHON, "django_ways.py", None),
    ("django", "v2-debug", PYTHON, "django_ways.py", 1000000),
    ("django", "v2-10", PYTHON, "django_ways.py", 100000),
    ("django", "v2-10-debug", PYTHON, "django_ways.py", 100000),
    ("django", "walk", PYTHON, "django_ways.py", None),
    ("django", "walk-debug", PYTHON, "django_ways.py", 1000000),
    ("django", "walk-10", PYTHON, "django_ways.py", 100000),
    ("django", "pages", PYTHON, "django_ways.py", None),
    ("django", "pages-debug", PYTHON, "django_ways.py", 1000000),
    ("rails", "all", RUBY, "rails_ways.rb", 1000000),
    ("rails", "find-each", RUBY, "rails_ways.rb", None),
    ("rails", "in-batches", RUBY, "rails_ways.rb", None),
    ("rails", "walk", RUBY, "rails_ways.rb", None),
    ("rails", "pages", RUBY, "rails_ways.rb", None),
]

FIELDS = [
    "rows", "round", "group", "way",
    "seconds", "first_row", "client_kb", "backend_kb", "temp_bytes",
]  # fmt: skip


def other_sizes(path, sizes):
    """Lines of an earlier run about other sizes."""
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return [line for line in csv.DictReader(file) if int(line["rows"]) not in sizes]


class Sampler(threading.Thread):
    """The peak of a backend's anonymous memory."""

    def __init__(self, backend):
        super().__init__(daemon=True)
        self.backend = backend
        self.start_kb = self.peak_kb = status("RssAnon", backend)
        self.running = True

    def run(self):
        while self.running:
            try:
                self.peak_kb = max(self.peak_kb, status("RssAnon", self.backend))
            except (OSError, KeyError):
                return  # it has ended
            time.sleep(0.01)

    def stop(self):
        self.running = False
        self.join()
        return self.peak_kb - self.start_kb


def available(command, script):
    if command == RUBY:
        probe = RUBY + ["-e", "require 'active_record'; require 'pg'"]
    elif script == "django_ways.py":
        probe = PYTHON + ["-c", "import django"]
    else:
        return True
    try:
        return subprocess.run(probe, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def temp_bytes(admin):
    with admin.cursor() as cursor:
        cursor.execute(
            "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def measure(admin, command, script, way):
    """One run: what the client says of itself, and what is seen of its backend."""
    temp_before = temp_bytes(admin)
    client = subprocess.Popen(
        command + [os.path.join(CLIENTS, script), way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    backend = int(client.stdout.readline().split()[1])
    sampler = Sampler(backend)
    sampler.start()
    client.stdin.write("go\n")
    client.stdin.flush()
    result = json.loads(client.stdout.readline())
    result["backend_kb"] = sampler.stop()
    client.stdin.close()
    if client.wait() != 0:
        raise SystemExit(f"{script} {way} failed")
    while os.path.exists(f"/proc/{backend}"):  # until its statistics are in
        time.sleep(0.01)
    result["temp_bytes"] = temp_bytes(admin) - temp_before
    return result


def fill(rows):
    subprocess.run(
        ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"rows={rows}"]
        + ["-f", os.path.join(HERE, "setup.sql")],
        check=True,
    )


def write_machine(admin, path):
    """What the figures come from, for docs/benchmarks.md."""
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    with open("/proc/meminfo") as lines:
        memory = int(lines.readline().split()[1]) // 1000000
    with admin.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        server = cursor.fetchone()[0]
        cursor.execute("SELECT current_setting('shared_buffers')")
        buffers = cursor.fetchone()[0]
    versions = {"PostgreSQL": server, "Python": platform.python_version()}
    versions["psycopg2"] = psycopg2.__version__.split()[0]
    for name, command in [
        ("Django", PYTHON + ["-c", "import django; print(django.__version__)"]),
        ("Ruby", RUBY + ["-e", "puts RUBY_VERSION"]),
        ("ActiveRecord", RUBY + ["-e", "require 'active_record'; puts ActiveRecord.version"]),
    ]:
        try:
            run = subprocess.run(command, capture_output=True, text=True)
            versions[name] = run.stdout.strip()
        except FileNotFoundError:
            pass
    with open(path, "w") as out:
        json.dump(
            {
                "cpu": models[0] if models else platform.machine(),
                "cores": os.cpu_count(),
                "memory_gb": memory,
                "kernel": platform.release(),
                "shared_buffers": buffers,
                "date": time.strftime("%Y-%m-%d"),
                "versions": {k: v for k, v in versions.items() if v},
            },
            out,
            indent=1,
        )


def main():
    options = {"SIZES": "100000,1000000", "ROUNDS": "3"}
    options["RESULTS"] = os.path.join(HERE, "results")
    options["WAYS"] = ""
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name not in options:
            raise SystemExit(f"unknown argument: {argument}")
        options[name] = value
    sizes = [int(size) for size in options["SIZES"].split(",")]
    rounds = int(options["ROUNDS"])
    results = options["RESULTS"]
    only = options["WAYS"].split()
    os.makedirs(results, exist_ok=True)
    os.environ["PGOPTIONS"] = (
        "-c search_path=chunked_iter_bench,public -c jit=off"
        " -c max_parallel_workers_per_gather=0"
    )
    admin = psycopg2.connect("")
    admin.autocommit = True
    write_machine(admin, os.path.join(results, "machine.json"))
    path = os.path.join(results, "clients.csv")
    kept = other_sizes(path, sizes)
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, FIELDS, extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        out.writerows(kept)
        for size in sizes:
            fill(size)
            expected = None
            for number in range(1, rounds + 1):
                for group, way, command, script, most in WAYS:
                    if most and size > most or only and f"{group}/{way}" not in only:
                        continue
                    if not available(command, script):
                        continue
                    result = measure(admin, command, script, way)
                    answer = (result["rows"], result["total"])
                    expected = expected or answer
                    if answer != expected:
                        raise SystemExit(f"{group}/{way}: {answer}, not {expected}")
                    out.writerow(
                        {**result, "rows": size, "round": number, "group": group, "way": way}
                    )
                    file.flush()
                    print(
                        f"{size:>9} rows, round {number}: {group + '/' + way:24}"
                        f" {result['seconds']:8.2f} s, {result['client_kb'] / 1024:8.1f} MB,"
                        f" backend {result['backend_kb'] / 1024:6.1f} MB",
                        flush=True,
                    )
    with admin.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning")
        cursor.execute("DROP SCHEMA chunked_iter_bench CASCADE")


main()
