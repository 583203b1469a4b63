"""Jobs: a statement for each chunk of a model's table, one transaction a chunk."""

from typing import NamedTuple, Optional

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import TransactionManagementError

CASTS = {"rel": "regclass", "after": "text[]", "upto": "text[]"}


class Progress(NamedTuple):
    """A row of chunked_iter_progress."""

    state: str
    percent: float
    rows_done: int
    rows_changed: Optional[int]
    chunks_done: int
    last_error: Optional[str]


def run_job(job, model=None, statement=None, using=DEFAULT_DB_ALIAS, **options):
    """Runs a job, or continues it, and returns its progress.

    The model and the statement are needed the first time. The options are the
    arguments of chunked_iter_run, such as chunk_size=5000, filter="...".
    """
    connection = connections[using]
    if connection.in_atomic_block:
        raise TransactionManagementError(
            "run_job() commits after each chunk, and cannot be called in atomic(), with"
            " ATOMIC_REQUESTS or in a TestCase (use a TransactionTestCase)"
        )
    arguments = dict(options, statement=statement)
    if model is not None:
        arguments["rel"] = connection.ops.quote_name(model._meta.db_table)
    names = [name for name, value in arguments.items() if value is not None]
    passed = "".join(
        f", {connection.ops.quote_name(name)} => %s::{CASTS[name]}"
        if name in CASTS
        else f", {connection.ops.quote_name(name)} => %s"
        for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CALL chunked_iter_run(%s{passed})", [job, *(arguments[name] for name in names)])
    return progress(job, using)


def progress(job, using=DEFAULT_DB_ALIAS):
    """How far a job is; None if there is no such job."""
    columns = ", ".join(Progress._fields)
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM chunked_iter_progress WHERE job = %s", [job])
        row = cursor.fetchone()
    return row and Progress(*row)
