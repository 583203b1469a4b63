"""Rows that are used where they are: inside the server; and plain cursors.

    sql_ways.py WAY
"""

import sys
import time

import psycopg2
from meter import Meter

# What stands in FROM
IN_SERVER = {
    "select": "(SELECT * FROM t ORDER BY id OFFSET 0) AS s",
    "select-unordered": "(SELECT * FROM t OFFSET 0) AS s",
    "walk": "chunked_iter(NULL::t)",
    "walk-10": "chunked_iter(NULL::t, 10)",
    "walk-ctid": "chunked_iter(NULL::t, order_by => 'ctid')",
    "for": "for_loop()",
    "return-query": "return_query()",
    "keyset": "keyset_loop(1000)",
    "offset": "offset_loop(1000)",
}

# A result that is read twice
CACHED = (
    "WITH c AS MATERIALIZED (SELECT * FROM chunked_iter(NULL::t))"
    " SELECT a.n, b.total FROM (SELECT count(*) AS n FROM c) AS a,"
    " (SELECT sum(val) AS total FROM c) AS b"
)

CURSORS = {
    "cursor": "SELECT * FROM t ORDER BY id",
    "cursor-walk": "SELECT * FROM chunked_iter(NULL::t)",
}


def in_server(source):
    """The first row is a query of its own, before the one for all rows."""
    meter = Meter(backend)
    cursor.execute(f"SELECT val FROM {source} LIMIT 1")
    cursor.fetchone()
    meter.first()
    run(meter, f"SELECT count(*), sum(val) FROM {source}")


def run(meter, query):
    started = time.perf_counter()
    cursor.execute(query)
    count, total = cursor.fetchone()
    meter.end(count, total, time.perf_counter() - started)


def through_cursor(query):
    meter = Meter(backend)
    count = total = 0
    with connection.cursor("c") as rows:
        rows.execute(query)
        while chunk := rows.fetchmany(1000):
            meter.first()
            for row in chunk:
                count += 1
                total += row[3]
    meter.end(count, total)


connection = psycopg2.connect("")
backend = connection.get_backend_pid()
cursor = connection.cursor()
cursor.execute("SELECT count(*) FROM chunked_iter(NULL::t) LIMIT 0")
way = sys.argv[1]
if way in IN_SERVER:
    in_server(IN_SERVER[way])
elif way == "cached-walk":
    run(Meter(backend), CACHED)
else:
    through_cursor(CURSORS[way])
