"""Whatever is walked comes as Django's own query has it.

    cd examples/django && PGHOST=... python3 -m django test --settings=tests.settings
"""

from datetime import date, timedelta
from itertools import islice

from chunked_iter_django import progress, run_job
from django.core.exceptions import FieldError
from django.db import NotSupportedError, connection, transaction
from django.db.models import Count, F
from django.db.models.functions import Lower
from django.db.transaction import TransactionManagementError
from django.db.utils import ProgrammingError
from django.test import TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext

from .models import Author, Entry, Note

ENTRIES = 200


def make_entries():
    authors = [Author.objects.create(name=f"author {n}") for n in range(3)]
    Entry.objects.bulk_create(
        Entry(author=authors[n % 3], rank=None if n % 10 == 0 else n % 7, slug=f"Entry {n * 7919 % 1000}")
        for n in range(ENTRIES)
    )


class Walks(TestCase):
    @classmethod
    def setUpTestData(cls):
        make_entries()
        first = date(2026, 1, 1)
        Note.objects.bulk_create(Note(code=f"n{n}", day=first + timedelta(n % 5)) for n in range(50))

    def assert_walked(self, queryset, *order, chunk_size=7):
        """walk(), page() and pages() give the rows of the queryset in its order, ended by the key."""
        expected = list(queryset.order_by(*order))
        self.assertGreater(len(expected), 0)
        by = [name for name in order if name != "pk"] or None
        self.assertEqual(list(queryset.walk(chunk_size, order_by=by)), expected)
        self.assertEqual([row for page in queryset.pages(7, order_by=by) for row in page], expected)
        page = queryset.page(5, order_by=by)
        self.assertEqual(page, expected[:5])
        self.assertEqual(list(queryset.walk(order_by=by, after=page.bookmark)), expected[5:])

    def test_primary_key(self):
        self.assert_walked(Entry.objects.all(), "pk")

    def test_any_order(self):
        self.assert_walked(Entry.objects.all(), "-rank", "pk")
        self.assert_walked(Entry.objects.all(), F("rank").desc(nulls_last=True), "-author", "pk")
        self.assert_walked(Entry.objects.all(), Lower("slug"), "pk")
        self.assert_walked(Entry.objects.all(), "-slug")

    def test_order_of_the_queryset(self):
        by_rank = Entry.objects.order_by("rank")
        self.assertEqual(list(by_rank.walk()), list(by_rank.order_by("rank", "pk")))
        self.assertEqual(list(by_rank.reverse().walk()), list(by_rank.order_by("rank", "pk").reverse()))
        self.assertEqual(list(Note.objects.walk(7)), list(Note.objects.order_by("-day", "pk")))
        self.assertEqual(list(Note.objects.order_by().walk(7)), list(Note.objects.order_by("pk")))

    def test_filters_and_joins(self):
        self.assert_walked(Entry.objects.filter(rank__gte=3).exclude(rank=5), "-rank", "pk")
        self.assert_walked(Entry.objects.filter(author__name="author 1"), "rank", "pk")
        with self.assertNumQueries(1):
            names = [entry.author.name for page in [Entry.objects.select_related().page(9)] for entry in page]
        self.assertEqual(names, list(Entry.objects.order_by("pk").values_list("author__name", flat=True)[:9]))

    def test_values(self):
        values = Entry.objects.order_by("-rank", "pk").values_list("rank", "author__name")
        self.assertEqual(list(values.walk(7, order_by=["-rank"])), list(values))
        self.assertEqual(
            [entry.get_deferred_fields() for entry in Entry.objects.only("slug").page(1)], [{"author_id", "rank"}]
        )

    def test_index_gives_order_and_condition(self):
        with CaptureQueriesContext(connection) as queries:
            list(Entry.objects.filter(rank=3).page(5, order_by=["-slug"]))
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + queries[0]["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        self.assertRegex(plan, r"Walk Order: slug DESC")
        self.assertRegex(plan, r"Walk Filter: .*rank = 3")
        self.assertNotRegex(plan, r"Sort")

    def test_going_back(self):
        second = Entry.objects.page(5, after=Entry.objects.page(5).bookmark)
        back = Entry.objects.order_by("pk").reverse().page(5, after=second[0].walk_key)
        self.assertEqual(back[::-1], Entry.objects.page(5))

    def test_after_values(self):
        """A key is a list of values as Python has them, of one type or of several."""
        entries = list(Entry.objects.order_by("pk"))
        self.assertEqual(list(Entry.objects.walk(after=[entries[9].pk])), entries[10:])
        notes = list(Note.objects.order_by("-day", "pk"))
        self.assertEqual(list(Note.objects.walk(after=[notes[9].day, notes[9].pk])), notes[10:])
        self.assertEqual(Note.objects.page(99, after=[notes[9].day]), [n for n in notes if n.day < notes[9].day])

    def test_last_page(self):
        self.assertEqual([len(page) for page in Entry.objects.pages(90)], [90, 90, 20])
        self.assertEqual([len(page) for page in Entry.objects.pages(100)], [100, 100])
        self.assertEqual(list(Entry.objects.none().pages(10)), [])
        self.assertIsNone(Entry.objects.page(ENTRIES + 1).bookmark)

    def test_what_cannot_be_walked(self):
        with self.assertRaisesMessage(NotSupportedError, "union"):
            list(Entry.objects.all().union(Entry.objects.all()).walk())
        with self.assertRaisesMessage(NotSupportedError, "groups"):
            list(Entry.objects.annotate(n=Count("author")).walk())
        with self.assertRaisesMessage(NotSupportedError, "lock_rows"):
            list(Entry.objects.select_for_update().walk())
        with self.assertRaisesMessage(NotSupportedError, "values()"):
            Entry.objects.values("rank").page(5)
        with self.assertRaises(FieldError):
            list(Entry.objects.walk(order_by=["nonsense"]))
        with self.assertRaisesMessage(ProgrammingError, "author"), transaction.atomic():
            list(Entry.objects.walk(order_by=["author__name"]))


class Transactions(TransactionTestCase):
    def setUp(self):
        make_entries()

    def test_what_the_loop_saves(self):
        """It is kept where the loop runs to its end, is left early, or fails."""
        for entry in Entry.objects.walk(10):
            Entry.objects.filter(pk=entry.pk).update(rank=100)
        self.assertEqual(Entry.objects.filter(rank=100).count(), ENTRIES)
        for entry in islice(Entry.objects.walk(10), 5):
            Entry.objects.filter(pk=entry.pk).update(rank=200)
        self.assertEqual(Entry.objects.filter(rank=200).count(), 5)
        try:
            for entry in Entry.objects.walk(10, order_by=["-slug"]):
                Entry.objects.filter(pk=entry.pk).update(rank=300)
                raise KeyError
        except KeyError:
            pass
        self.assertFalse(connection.in_atomic_block)
        self.assertEqual(Entry.objects.filter(rank=300).count(), 1)

    def test_one_snapshot(self):
        keys = []
        for entry in Entry.objects.walk(10):
            keys.append(entry.pk)
            Entry.objects.create(author=entry.author, slug=f"new {entry.pk}")
        self.assertEqual(len(keys), ENTRIES)

    def test_job(self):
        statement = 'UPDATE "an entry" AS e SET rank = 42 WHERE chunk_range(e)'
        first = run_job("fill", Entry, statement, chunk_size=10, max_chunks=3, after=[Entry.objects.page(10)[-1].pk])
        self.assertEqual((first.state, first.rows_done, first.rows_changed, first.chunks_done), ("paused", 30, 30, 3))
        self.assertEqual(run_job("fill").state, "succeeded")
        self.assertEqual(Entry.objects.filter(rank=42).count(), ENTRIES - 10)
        self.assertIsNone(progress("another"))

    def test_job_in_a_transaction(self):
        with self.assertRaisesMessage(TransactionManagementError, "ATOMIC_REQUESTS"), transaction.atomic():
            run_job("fill", Entry, "SELECT 1")
