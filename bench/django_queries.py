#!/usr/bin/env python3
"""What Django's own list of queries takes, its limit lifted.

Usage: django_queries.py QUERY QUERIES

Sends a query with one parameter, %s, the last key read, as often as asked for,
through a Django connection in debug mode, on the server that PGHOST, PGPORT,
PGUSER and PGDATABASE lead to.  Prints "queries,bytes" lines: how much anonymous
memory the process has taken since the beginning.
"""

import collections
import os
import re
import sys

import django
from django.conf import settings


def rss_anon():
    """Anonymous memory that is resident, in bytes."""
    with open("/proc/self/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1]) * 1024


def main(query, queries):
    settings.configure(
        DEBUG=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": os.environ["PGDATABASE"],
            }
        },
    )
    django.setup()
    from django.db import connection

    connection.queries_log = collections.deque()
    key = 0
    before = None
    for sent in range(queries + 1):
        with connection.cursor() as cursor:
            cursor.execute(query, [key])
            key = cursor.fetchall()[-1][0]
        if before is None:  # what only the first query needs
            connection.queries_log.clear()
            before = rss_anon()
            key = 0
        elif sent % (queries // 20) == 0:
            print(f"{sent},{rss_anon() - before}")
    assert len(connection.queries_log) == queries


main(sys.argv[1], int(sys.argv[2]))
