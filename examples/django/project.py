"""A Django project in one file: where the database is, and a model of its table "entry"."""

import os

import django
from chunked_iter_django import ChunkedManager
from django.conf import settings
from django.db import models

settings.configure(
    INSTALLED_APPS=["chunked_iter_django"],
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

    objects = ChunkedManager()

    class Meta:
        app_label = "examples"
        db_table = "entry"
        managed = False
