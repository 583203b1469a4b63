#!/usr/bin/env python3
"""Writes docs/benchmarks.md and its plots from what is in bench/results.

    bench/report.py [RESULTS=bench/results] [DOCS=docs]

Nothing is measured here.  Medians over the rounds of a run, with the smallest
and the largest of them; gnuplot, if there is one, draws from two CSV files with
the medians, which are left beside the others.
"""

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = {
    "RESULTS": os.path.join(HERE, "results"),
    "DOCS": os.path.join(HERE, "../docs"),
}
OPTIONS.update(argument.split("=", 1) for argument in sys.argv[1:])
RESULTS = OPTIONS["RESULTS"]
DOCS = OPTIONS["DOCS"]
BASE = "server/select"

# What each way is called, and whether it is one of chunked_iter's
LABELS = {
    "server/select": ("`SELECT ... ORDER BY id`", False),
    "server/select-unordered": ("`SELECT ...`, unordered", False),
    "server/walk": ("a walk in FROM", True),
    "server/walk-10": ("a walk in FROM, chunks of 10", True),
    "server/walk-ctid": ("a walk by `ctid`", True),
    "server/cached-walk": ("a walk in `WITH ... AS MATERIALIZED`, read twice", True),
    "server/for": ("PL/pgSQL `FOR ... RETURN NEXT`", False),
    "server/return-query": ("PL/pgSQL `RETURN QUERY`", False),
    "server/keyset": ("PL/pgSQL keyset loop", False),
    "server/offset": ("PL/pgSQL pages by `OFFSET`", False),
    "server/cursor": ("psycopg2, `DECLARE CURSOR` for a `SELECT`", False),
    "server/cursor-walk": ("psycopg2, `DECLARE CURSOR` for a walk", True),
    "psql/all": ("psql, `SELECT`", False),
    "psql/fetch-count": ("psql, `SELECT`, FETCH_COUNT", False),
    "psql/fetch-count-walk": ("psql, a walk, FETCH_COUNT", True),
    "django/cached": ("Django, a cached queryset, read twice", False),
    "django/iterator-client": ("Django, `.iterator()`, no server-side cursors", False),
    "django/iterator-hold": ("Django, `.iterator()`, a server-side cursor", False),
    "django/v1": ("Django, `queryset_iterator` 1", False),
    "django/v1-debug": ("Django, `queryset_iterator` 1, DEBUG", False),
    "django/v1-10": ("Django, `queryset_iterator` 1, chunks of 10", False),
    "django/v1-10-debug": ("Django, `queryset_iterator` 1, chunks of 10, DEBUG", False),
    "django/v2": ("Django, `queryset_iterator` 2", False),
    "django/v2-debug": ("Django, `queryset_iterator` 2, DEBUG", False),
    "django/v2-10": ("Django, `queryset_iterator` 2, chunks of 10", False),
    "django/v2-10-debug": ("Django, `queryset_iterator` 2, chunks of 10, DEBUG", False),
    "django/walk": ("Django, a walk through a cursor", True),
    "django/walk-debug": ("Django, a walk through a cursor, DEBUG", True),
    "django/walk-10": ("Django, a walk, chunks of 10", True),
    "django/pages": ("Django, pages of 1000 by bookmark", True),
    "django/pages-debug": ("Django, pages of 1000 by bookmark, DEBUG", True),
    "rails/all": ("Rails, `order(:id).each`", False),
    "rails/find-each": ("Rails, `find_each`", False),
    "rails/in-batches": ("Rails, `in_batches`", False),
    "rails/walk": ("Rails, a walk through a cursor", True),
    "rails/pages": ("Rails, pages of 1000 by bookmark", True),
}

# Each system of the article, and what stands beside it
ARTICLE = [
    (["django/cached"], ["server/cached-walk"], "Rows cached, read twice"),
    (
        ["django/iterator-client", "django/iterator-hold"],
        ["django/walk", "server/walk"],
        "Not cached",
    ),
    (
        ["django/v1", "django/v2"],
        ["django/pages", "django/walk", "server/walk"],
        "Keyset chunks of 1000",
    ),
    (
        ["django/v1-10", "django/v2-10"],
        ["django/walk-10", "server/walk-10"],
        "Keyset chunks of 10",
    ),
    (
        ["django/v1-debug", "django/v2-debug"],
        ["django/walk-debug", "django/pages-debug"],
        "Every query is remembered, chunks of 1000",
    ),
    (
        ["django/v1-10", "django/v1-10-debug", "django/v2-10", "django/v2-10-debug"],
        ["django/walk", "django/walk-debug"],
        "Every query is remembered, chunks of 10",
    ),
]

OTHERS = [
    ("Inside the server", "server/"),
    ("psql, which prints all rows", "psql/"),
    ("Rails", "rails/"),
]

# Those of chunked_iter first: plots.gp counts on it
MEMORY_PLOT = [
    "django/walk", "rails/walk", "psql/fetch-count-walk",
    "django/cached", "django/iterator-client", "django/v2",
    "rails/all", "rails/find-each", "psql/all",
]  # fmt: skip

TIME_PLOT = [
    "server/select", "server/walk", "server/walk-ctid", "server/return-query",
    "server/for", "server/keyset", "server/cursor", "server/cursor-walk",
    "psql/all", "psql/fetch-count", "psql/fetch-count-walk",
    "django/cached", "django/iterator-client", "django/iterator-hold", "django/v1",
    "django/v2", "django/walk", "django/pages",
    "rails/all", "rails/find-each", "rails/in-batches", "rails/walk", "rails/pages",
]  # fmt: skip


def read(name):
    path = os.path.join(RESULTS, name)
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Figures:
    """The medians of one way at one size."""

    def __init__(self, lines):
        def median(field, scale=1.0):
            values = [float(line[field]) for line in lines if line[field]]
            return statistics.median(values) / scale if values else None

        seconds = [float(line["seconds"]) for line in lines]
        self.rounds = len(lines)
        self.seconds = statistics.median(seconds)
        self.low, self.high = min(seconds), max(seconds)
        self.first_ms = median("first_row", 0.001)
        self.client_mb = median("client_kb", 1024)
        self.backend_mb = median("backend_kb", 1024)
        self.temp_mb = median("temp_bytes", 1e6)


def figures():
    grouped = {}
    for line in read("clients.csv"):
        key = (int(line["rows"]), f"{line['group']}/{line['way']}")
        grouped.setdefault(key, []).append(line)
    return {key: Figures(lines) for key, lines in grouped.items()}


def number(value):
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


HEADER = (
    "| | seconds | spread | times the `SELECT` | first row, ms"
    " | client, MB | backend, MB | temporary files, MB |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|\n"
)


def line(found, size, way):
    f = found.get((size, way))
    label, ours = LABELS[way]
    if ours:
        label = f"**{label}**"
    if f is None:
        return f"| {label} | | | | | | | |\n"
    ratio = f.seconds / found[(size, BASE)].seconds
    return (
        f"| {label} | {f.seconds:.2f} | {f.low:.2f} - {f.high:.2f} | {number(ratio)}"
        f" | {number(f.first_ms)} | {number(f.client_mb)} | {number(f.backend_mb)}"
        f" | {number(f.temp_mb)} |\n"
    )


def article(found, sizes, size):
    """A table for each of the article's systems, at the usual size if it was run there."""
    out = ""
    for theirs, ours, title in ARTICLE:
        at = size if any((size, way) in found for way in theirs) else sizes[0]
        ways = [BASE] + theirs + ours
        if any((at, way) in found for way in theirs):
            out += f"### {title}: {at:,} rows\n\n" + HEADER
            out += "".join(line(found, at, way) for way in ways if (at, way) in found) + "\n"
    return out


def others(found, size):
    out = ""
    for title, prefix in OTHERS:
        ways = [way for way in LABELS if way.startswith(prefix) and (size, way) in found]
        if ways:
            out += f"### {title}: {size:,} rows\n\n" + HEADER
            out += "".join(line(found, size, way) for way in ways) + "\n"
    return out


def growth(found, sizes):
    out = "| | " + " | ".join(f"{size:,} rows" for size in sizes) + " |\n"
    out += "|---" + "|---:" * len(sizes) + "|\n"
    for way, (label, ours) in LABELS.items():
        here = [found.get((size, way)) for size in sizes]
        if sum(f is not None for f in here) < 2:
            continue
        cells = [
            f"{number(f.seconds)} s, {number(f.client_mb)} + {number(f.backend_mb)} MB"
            if f
            else ""
            for f in here
        ]
        out += f"| {'**' + label + '**' if ours else label} | " + " | ".join(cells) + " |\n"
    return out


def pairs():
    lines = read("times.csv")
    out = "| A | B | A, ms | B, ms | A / B | spread |\n|---|---|---:|---:|---:|---:|\n"
    grouped = {}
    for entry in lines:
        pair = grouped.setdefault(int(entry["pair"]), {"A": {}, "B": {}, "names": None})
        pair[entry["side"]][entry["round"]] = float(entry["ms"])
        pair["names"] = (entry["a"], entry["b"])
    for key in sorted(grouped):
        pair = grouped[key]
        a = statistics.median(pair["A"].values())
        b = statistics.median(pair["B"].values())
        ratios = [pair["A"][r] / pair["B"][r] for r in pair["A"]]
        out += (
            f"| {pair['names'][0]} | {pair['names'][1]} | {a:.3f} | {b:.3f} | {a / b:.2f}"
            f" | {min(ratios):.2f} - {max(ratios):.2f} |\n"
        )
    return out if lines else ""


def cold():
    grouped = {}
    for entry in read("cold.csv"):
        grouped.setdefault(entry["way"], []).append(float(entry["seconds"]))
        rows = int(entry["rows"])
    if not grouped:
        return ""
    out = (
        f"A table of {rows:,} rows with a random UUID for a primary key. Before each run the"
        " server was restarted and its files were dropped from the operating system's"
        " cache, or for the last line read into it.\n\n| | seconds | spread |\n|---|---:|---:|\n"
    )
    for way, seconds in grouped.items():
        out += (
            f"| {way} | {statistics.median(seconds):.2f}"
            f" | {min(seconds):.2f} - {max(seconds):.2f} |\n"
        )
    return out


def machine():
    path = os.path.join(RESULTS, "machine.json")
    with open(path) as file:
        m = json.load(file)
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    return (
        f"Measured on {m['date']} on a virtual machine with {m['cores']} cores ({m['cpu']}),"
        f" {m['memory_gb']} GB of memory, Linux {m['kernel']}, with {versions};"
        f" `shared_buffers` {m['shared_buffers']}, no JIT, no parallel queries."
    )


def write_csv(name, lines):
    with open(os.path.join(RESULTS, name), "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def plain(way):
    return LABELS[way][0].replace("`", "").replace(", ", ": ", 1).replace(", ", "; ")


def plots(found, sizes, size):
    ways = [way for way in MEMORY_PLOT if any((s, way) in found for s in sizes)]
    table = [["rows"] + [plain(way) for way in ways]]
    for s in sizes:
        # a logarithmic axis has no 0
        table.append(
            [s]
            + [max(found[s, way].client_mb, 0.1) if (s, way) in found else "" for way in ways]
        )
    write_csv("plot_memory.csv", table)
    table = [["way", "others", "chunked_iter"]]
    for way in TIME_PLOT:
        if (size, way) not in found:
            continue
        ratio = found[size, way].seconds / found[size, BASE].seconds
        ours = LABELS[way][1]
        table.append([plain(way), "" if ours else ratio, ratio if ours else ""])
    write_csv("plot_time.csv", table)
    if shutil.which("gnuplot"):
        subprocess.run(
            [
                "gnuplot",
                "-e",
                f"results='{RESULTS}'; docs='{DOCS}'; columns={len(ways) + 1}",
                os.path.join(HERE, "plots.gp"),
            ],
            check=True,
        )


def rounds(found):
    counts = {}
    for (size, _), f in found.items():
        counts.setdefault(size, set()).add(f.rounds)
    return "; ".join(
        f"{'-'.join(str(n) for n in sorted(counts[size]))} at {size:,} rows" for size in sorted(counts)
    )


def main():
    found = figures()
    if not found:
        raise SystemExit("there is no bench/results/clients.csv: make bench first")
    sizes = sorted({size for size, _ in found})
    size = 1000000 if 1000000 in sizes else sizes[-1]
    os.makedirs(DOCS, exist_ok=True)
    plots(found, sizes, size)
    shutil.copyfile(os.path.join(RESULTS, "clients.csv"), os.path.join(DOCS, "benchmarks.csv"))
    with open(os.path.join(DOCS, "benchmarks.md"), "w") as out:
        out.write(
            "# Benchmarks\n\n"
            "Written by `make bench`; all of it is from one machine, and the ratios mean more than"
            f" the seconds.\n\n{machine()}\n\n"
            "Each way to read a whole table of 190-byte rows runs in a process of its own, all of"
            f" them in turn, round after round ({rounds(found)}). The figures are medians; the"
            " spread is from the fastest to the slowest round. [benchmarks.csv](benchmarks.csv) has each"
            " run.\n\n"
            "* *Times the `SELECT`*: compared with `SELECT ... ORDER BY id` that is counted in the"
            " server.\n"
            "* *First row*: until the first row is there; for the ways inside the server, with"
            " `LIMIT 1`.\n"
            "* *Client*: peak memory of the client's process over what it had when connected.\n"
            "* *Backend*: peak anonymous memory (`RssAnon`) of its backend, likewise. Shared buffers"
            " do not count.\n"
            "* **Bold**: through `chunked_iter`.\n\n"
            "![Memory of the client](bench_memory.svg)\n\n"
            "![Time](bench_time.svg)\n\n"
            "## The article's systems, and beside them the same rows through chunked_iter\n\n"
            + article(found, sizes, size)
            + "## What people use instead\n\n"
            + others(found, size)
            + others_small(found, sizes, size)
            + "## Growth\n\nSeconds, memory of the client + memory of the backend.\n\n"
            + growth(found, sizes)
        )
        if pairs():
            out.write("\n## Inside one session\n\n" + pairs())
        if cold():
            out.write("\n## Cold cache\n\n" + cold())


def others_small(found, sizes, size):
    """Ways that take minutes at the size of the other tables."""
    ways = ["server/select", "server/walk", "server/offset"]
    if (size, "server/offset") in found or (sizes[0], "server/offset") not in found:
        return ""
    return (
        f"### Pages by OFFSET: {sizes[0]:,} rows\n\n"
        + HEADER
        + "".join(line(found, sizes[0], way) for way in ways)
        + "\n"
    )


main()
