"""A list that goes on for ever, from a view that remembers nothing.

Each page costs the same, and the last as little as the first.  The bookmark
in the link is all that is needed, so any server process can answer, through
any connection.

    PGHOST=... python3 examples/django/view.py

prints the pages that a browser would show which follows the links.
"""

import json
from urllib.parse import urlencode

from chunked import Entry, page
from django.http import JsonResponse
from django.test import Client
from django.urls import path

PAGE = 40


def entries(request):
    after = json.loads(request.GET.get("after", "null"))
    rows, bookmark = page(
        Entry, PAGE, after, order_by="written DESC", filter="author = 'author 7'"
    )
    more = urlencode({"after": json.dumps(bookmark)})
    return JsonResponse(
        {
            "entries": [{"id": row.id, "title": row.title} for row in rows],
            "next": f"/entries?{more}" if len(rows) == PAGE else None,
        }
    )


urlpatterns = [path("entries", entries)]

if __name__ == "__main__":
    link = "/entries"
    while link:
        answer = Client().get(link).json()
        print(*(entry["id"] for entry in answer["entries"]))
        link = answer["next"]
