"""What every client says of itself; bench/clients.py listens.

A client connects, says which backend it has, waits for a line that tells it to
go, reads all rows, and says what that took.
"""

import json
import sys
import time


def status(field, pid="self"):
    """A field of /proc/PID/status, in kB."""
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise KeyError(field)


class Meter:
    def __init__(self, backend, pid="self"):
        self.pid = pid
        self.first_row = None
        print(f"backend {backend}", flush=True)
        sys.stdin.readline()
        with open(f"/proc/{pid}/clear_refs", "w") as refs:
            refs.write("5")  # forget the peak so far
        self.memory = status("VmRSS", pid)
        self.started = time.perf_counter()

    def first(self):
        """The first row is there."""
        if self.first_row is None:
            self.first_row = time.perf_counter() - self.started

    def end(self, rows, total, seconds=None):
        """All rows are there: how many, and the sum of their val."""
        if seconds is None:
            seconds = time.perf_counter() - self.started
        print(
            json.dumps(
                {
                    "rows": rows,
                    "total": int(total),
                    "seconds": seconds,
                    "first_row": self.first_row,
                    "client_kb": max(status("VmHWM", self.pid) - self.memory, 0),
                }
            ),
            flush=True,
        )
