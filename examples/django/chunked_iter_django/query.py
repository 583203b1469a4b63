"""A queryset that is read through chunked_iter.

The table of the queryset is replaced in FROM by a call of chunked_iter. All else
is Django's: filters, joins, select_related(), only(), values(), annotate().
PostgreSQL gives the conditions on the table's own columns to the walk.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import NotSupportedError, connections, models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.query import ModelIterable
from django.db.models.sql.datastructures import BaseTable


class Walk(BaseTable):
    """Stands for the table in FROM, under the table's own name."""

    def __init__(self, table, chunk_size, order_by, after):
        super().__init__(table, table)
        # As text, because psycopg 3 sends no list of a date and a number.
        if isinstance(after, (list, tuple)):
            after = [None if value is None else str(value) for value in after]
        self.arguments = [chunk_size, order_by, after]

    def as_sql(self, compiler, connection):
        table = connection.ops.quote_name(self.table_name)
        return f"chunked_iter(NULL::{table}, %s, %s, after => %s::text[]) AS {table}", self.arguments

    def relabeled_clone(self, change_map):
        raise NotSupportedError("a walk cannot be a part of another query")


class Page(list):
    """The rows of a page.

    bookmark is what to pass as "after" for the next page, None if this is the
    last one. Each row has its own in row.walk_key.
    """

    def __init__(self, rows, size):
        super().__init__(rows)
        self.bookmark = self[-1].walk_key if len(self) == size else None


class ChunkedQuerySet(models.QuerySet):
    """Adds walk(), page() and pages() to a queryset.

    Each takes the order like order_by(), which is not needed if the queryset
    has one, and begins behind the key "after", a list with a value for each
    column of the order. The primary key ends the order, unless it is unique
    without.
    """

    def walk(self, chunk_size=1000, order_by=None, after=None):
        """Yields all rows, in bounded memory of server and client, from one snapshot.

        The rows come through a cursor, in a transaction that lasts as long as
        the loop; what the loop saves is committed with its end.
        """
        rows, _ = self._walked(chunk_size, order_by, after)
        # Outside of a transaction Django declares the cursor WITH HOLD, and the
        # server collects all rows first.
        with transaction.atomic(using=self.db):
            try:
                yield from rows.iterator(chunk_size)
            except GeneratorExit:
                return  # the loop was left early: that is no reason to roll back

    def page(self, size, order_by=None, after=None):
        """The next rows as a Page: one query, and nothing is kept in the server."""
        if not issubclass(self._iterable_class, ModelIterable):
            raise NotSupportedError("a page has instances of the model; walk() takes values() as well")
        rows, order = self._walked(size, order_by, after)
        table = connections[self.db].ops.quote_name(self.model._meta.db_table)
        key = RawSQL(f"chunked_iter_key({table}, %s)", [order], ArrayField(models.TextField()))
        return Page(rows.annotate(walk_key=key)[:size], size)

    def pages(self, size, order_by=None, after=None):
        """Yields all rows, page after page."""
        while True:
            page = self.page(size, order_by, after)
            if page:
                yield page
            after = page.bookmark
            if after is None:
                return

    def _walked(self, chunk_size, order_by, after):
        """A copy of this queryset that walks, and the order as SQL."""
        self._check()
        rows = self.all() if order_by is None else self.order_by(*order_by)
        rows = rows.order_by(*self._total(rows))
        order = self._as_sql(rows)
        table = rows.query.get_initial_alias()
        rows.query.alias_map[table] = Walk(table, chunk_size, order, after)
        return rows, order

    def _check(self):
        """Whether all that the queryset asks for holds for a walk, too."""
        if self.query.combinator:
            raise NotSupportedError("a union of querysets cannot be walked; walk each of them")
        if self.query.group_by is not None:
            raise NotSupportedError("groups cannot be walked; aggregate in a subquery")
        if self.query.select_for_update:
            raise NotSupportedError('a walk locks no rows; run a job with lock_rows="FOR UPDATE"')

    def _total(self, rows):
        """The order of the rows, ended by the primary key unless a column is unique."""
        query, options = rows.query, self.model._meta
        names = list(query.order_by or (query.default_ordering and options.ordering) or ())
        for name in names:
            if isinstance(name, str) and self._is_unique(name.lstrip("-")):
                return names
        return names + ["pk"]

    def _is_unique(self, name):
        options = self.model._meta
        fields = {name: field for field in options.concrete_fields for name in (field.name, field.attname)}
        field = options.pk if name == "pk" else fields.get(name)
        return field is not None and field.unique and not field.null

    def _as_sql(self, rows):
        """What Django writes behind ORDER BY."""
        _, order_by, _ = rows.query.get_compiler(self.db).pre_sql_setup()
        if any(params for _, (_, params, _) in order_by):
            raise NotSupportedError("an order with values in it cannot be walked")
        return ", ".join(sql for _, (sql, _, _) in order_by)


ChunkedManager = models.Manager.from_queryset(ChunkedQuerySet, "ChunkedManager")
