from chunked_iter_django import ChunkedManager
from django.db import models


class Author(models.Model):
    name = models.TextField()


class Entry(models.Model):
    author = models.ForeignKey(Author, models.CASCADE)
    rank = models.IntegerField(null=True)
    slug = models.TextField(unique=True)

    objects = ChunkedManager()

    class Meta:
        db_table = "an entry"


class Note(models.Model):
    """Its order is that of its Meta, and its key is no number."""

    code = models.TextField(primary_key=True)
    day = models.DateField()

    objects = ChunkedManager()

    class Meta:
        ordering = ["-day"]
