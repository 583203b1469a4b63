"""The ways to read a table that the article is about, and chunked_iter's.

    django_ways.py WAY
"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../examples/django"))

import project  # noqa: E402, F401  # sets Django up
from chunked_iter_django import ChunkedManager  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection, models  # noqa: E402
from meter import Meter  # noqa: E402


class Row(models.Model):
    id = models.BigIntegerField(primary_key=True)
    grp = models.IntegerField()
    rank = models.IntegerField()
    val = models.IntegerField()
    changed = models.DateTimeField()
    note = models.TextField()

    objects = ChunkedManager()

    class Meta:
        app_label = "bench"
        db_table = "t"
        managed = False


def cached_queryset():
    """Twice over the same queryset: the second time from its cache."""
    rows = Row.objects.order_by("pk")
    for row in rows:
        pass
    yield from rows


def iterator(server_side):
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = not server_side
    return Row.objects.order_by("pk").iterator()


def queryset_iterator_1(queryset, chunksize):
    """The article's first version: numbers only, up to the last key at the start."""
    at = 0
    end = queryset.order_by("-pk")[0].pk
    queryset = queryset.order_by("pk")
    while at < end:
        for row in queryset.filter(pk__gt=at)[:chunksize]:
            at = row.pk
            yield row


def queryset_iterator_2(queryset, chunksize, reverse=False):
    """Its second: any key, either direction, until nothing comes."""
    queryset = queryset.order_by("-pk" if reverse else "pk")
    comparison = "pk__lt" if reverse else "pk__gt"
    chunk = queryset[:chunksize]
    while True:
        row = None
        for row in chunk:
            yield row
        if row is None:
            return
        chunk = queryset.filter(**{comparison: row.pk})[:chunksize]


def debug(rows):
    settings.DEBUG = True
    return rows


def pages(size):
    for page in Row.objects.pages(size):
        yield from page


WAYS = {
    "cached": cached_queryset,
    "iterator-hold": lambda: iterator(True),
    "iterator-client": lambda: iterator(False),
    "v1": lambda: queryset_iterator_1(Row.objects, 1000),
    "v1-debug": lambda: debug(queryset_iterator_1(Row.objects, 1000)),
    "v1-10": lambda: queryset_iterator_1(Row.objects, 10),
    "v1-10-debug": lambda: debug(queryset_iterator_1(Row.objects, 10)),
    "v2": lambda: queryset_iterator_2(Row.objects, 1000),
    "v2-debug": lambda: debug(queryset_iterator_2(Row.objects, 1000)),
    "v2-10": lambda: queryset_iterator_2(Row.objects, 10),
    "v2-10-debug": lambda: debug(queryset_iterator_2(Row.objects, 10)),
    "walk": lambda: Row.objects.walk(),
    "walk-debug": lambda: debug(Row.objects.walk()),
    "walk-10": lambda: Row.objects.walk(10),
    "pages": lambda: pages(1000),
    "pages-debug": lambda: debug(pages(1000)),
}

with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    backend = cursor.fetchone()[0]
Row.objects.first()  # loads what the first query needs

meter = Meter(backend)
count = total = 0
for row in WAYS[sys.argv[1]]():
    meter.first()
    count += 1
    total += row.val
meter.end(count, total)
