"""Reading a model's table through chunked_iter: what a project needs of it.

walk() is for jobs: one statement, one snapshot, bounded memory in the server
and here.  page() is for views: it keeps nothing between two requests.
"""

import os

import django
from django.conf import settings
from django.db import connection, models, transaction

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("PGDATABASE", "postgres"),
            "HOST": os.environ.get("PGHOST", ""),
            "PORT": os.environ.get("PGPORT", ""),
            "USER": os.environ.get("PGUSER", ""),
        }
    },
    ROOT_URLCONF="view",
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of the examples",
    USE_TZ=True,
)
django.setup()


class Entry(models.Model):
    id = models.BigIntegerField(primary_key=True)
    written = models.DateTimeField()
    author = models.TextField(null=True)
    title = models.TextField()
    body = models.TextField()

    class Meta:
        app_label = "examples"
        db_table = "entry"
        managed = False


def walk(model, chunk_size=1000, order_by=None, filter=None):
    """All rows of a model, as instances, in any order."""
    names, columns, table = described(model)
    database = connection.alias
    sql = (
        f"SELECT {columns} FROM chunked_iter(NULL::{table}, %s,"
        " order_by => %s, filter => %s)"
    )
    # In a transaction the cursor lives in the server; outside of one Django
    # declares it WITH HOLD, and the server collects its rows first.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(sql, [chunk_size, order_by, filter])
        while rows := cursor.fetchmany(chunk_size):
            for row in rows:
                yield model.from_db(database, names, row)


def page(model, size, after=None, order_by=None, filter=None):
    """The next rows after a bookmark, and the bookmark of the last of them."""
    names, columns, table = described(model)
    sql = (
        f"SELECT {columns}, chunked_iter_key(t, %s)"
        f" FROM chunked_iter(NULL::{table}, %s, order_by => %s, filter => %s,"
        " after => %s::text[]) AS t LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [order_by, size, order_by, filter, after, size])
        rows = cursor.fetchall()
    database = connection.alias
    instances = [model.from_db(database, names, row[:-1]) for row in rows]
    return instances, rows[-1][-1] if rows else None


def described(model):
    """The names of a model's fields, its columns and its table in SQL."""
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    return (
        [field.attname for field in fields],
        ", ".join(quote(field.column) for field in fields),
        quote(model._meta.db_table),
    )
