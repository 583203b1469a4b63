"""A list that goes on for ever, from a view that remembers nothing.

Each page costs the same, and the last as little as the first.  The bookmark
in the link is all that is needed, so any server process can answer, through
any connection.

    PGHOST=... python3 examples/django/view.py

prints the pages that a browser would show which follows the links.
"""

import json
from urllib.parse import urlencode

from django.http import JsonResponse
from django.test import Client
from django.urls import path
from project import Entry


def entries(request):
    after = json.loads(request.GET.get("after", "null"))
    page = Entry.objects.filter(author="author 7").page(40, order_by=["-written"], after=after)
    more = urlencode({"after": json.dumps(page.bookmark)})
    return JsonResponse(
        {
            "entries": [{"id": entry.id, "title": entry.title} for entry in page],
            "next": f"/entries?{more}" if page.bookmark else None,
        }
    )


urlpatterns = [path("entries", entries)]

if __name__ == "__main__":
    link = "/entries"
    while link:
        answer = Client().get(link).json()
        print(*(entry["id"] for entry in answer["entries"]))
        link = answer["next"]
