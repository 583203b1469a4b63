"""psql, which prints all rows.

    psql_ways.py WAY
"""

import subprocess
import sys

from meter import Meter

WAYS = {
    "all": (0, "SELECT * FROM t ORDER BY id"),
    "fetch-count": (1000, "SELECT * FROM t ORDER BY id"),
    "fetch-count-walk": (1000, "SELECT * FROM chunked_iter(NULL::t)"),
}

fetch_count, query = WAYS[sys.argv[1]]
psql = subprocess.Popen(
    ["psql", "-XAtq", "-F", "|"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
psql.stdin.write(b"SELECT pg_backend_pid();\n")
psql.stdin.flush()
meter = Meter(int(psql.stdout.readline()), psql.pid)
psql.stdin.write(f"\\set FETCH_COUNT {fetch_count}\n{query};\n\\echo end\n".encode())
psql.stdin.flush()
count = total = 0
for line in psql.stdout:
    if line == b"end\n":
        break
    meter.first()
    count += 1
    total += int(line.split(b"|", 4)[3])
meter.end(count, total)
psql.stdin.close()
psql.wait()
