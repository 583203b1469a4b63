from django.contrib.postgres.operations import CreateExtension
from django.db import migrations


class Migration(migrations.Migration):
    """CREATE EXTENSION takes a superuser, unless one has done it before."""

    operations = [CreateExtension("chunked_iter")]
