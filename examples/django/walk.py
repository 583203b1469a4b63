"""Reads every entry, the latest first, in memory that stays small.

    PGHOST=... python3 examples/django/walk.py
"""

import resource

from project import Entry

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
entries = 0
titles = 0
for entry in Entry.objects.walk(order_by=["-written"]):
    entries += 1
    titles += len(entry.title)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(f"{entries} entries, {titles} characters of titles, {grown} kB more memory")
