"""chunked_iter from psycopg 3: PGHOST=... python3 examples/psycopg/client.py WHAT

stream    reads every entry through a server-side cursor
pages     follows the pages of an author, each a statement of its own
job       runs a job and prints its messages and its progress
prepared  runs one prepared statement over and over, a changed table included
"""

import resource
import sys

import psycopg


def stream():
    """A named cursor fetches itersize rows at a time; the walk waits meanwhile."""
    with psycopg.connect() as connection:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        entries = titles = 0
        with connection.cursor(name="walk") as cursor:
            cursor.itersize = 1000
            cursor.execute("SELECT id, title FROM chunked_iter(NULL::entry, order_by => 'written DESC')")
            for _, title in cursor:
                entries += 1
                titles += len(title)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"{entries} entries, {titles} characters of titles, {grown} kB more memory")


PAGE = """
    SELECT id, chunked_iter_key(entry, 'written DESC')
      FROM chunked_iter(NULL::entry, %s, 'written DESC', after => %s) AS entry
     WHERE author = %s
     LIMIT 40
"""


def pages():
    """The key of a page's last row is the bookmark of the next: no cursor, no OFFSET."""
    with psycopg.connect(autocommit=True) as connection:
        after = None
        while True:
            page = connection.execute(PAGE, (100, after, "author 7")).fetchall()
            if not page:
                return
            print(*(entry for entry, _ in page))
            after = page[-1][1]


def job():
    """CALL commits, so the connection must not open a transaction: autocommit."""
    with psycopg.connect(autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: print(notice.message_primary))
        connection.execute(
            """CALL chunked_iter_run('shorten', 'entry',
                    'UPDATE entry SET body = left(body, 40) WHERE chunk_range(entry)',
                    chunk_size => %s)""",
            (5000,),
        )
        progress = connection.execute(
            "SELECT state, percent, rows_done FROM chunked_iter_progress WHERE job = 'shorten'"
        )
        print(*progress.fetchone())


def prepared():
    """psycopg prepares a statement by itself when it has been executed five times."""
    query = """SELECT count(*) FROM chunked_iter(NULL::entry, after => %s, filter => 'id > 100')
                WHERE author = %s"""
    with psycopg.connect(autocommit=True) as connection, psycopg.connect(autocommit=True) as other:
        for i in range(12):
            print(connection.execute(query, ([i * 1000], "author 7")).fetchone()[0])
        other.execute("ALTER TABLE entry ADD seen boolean")
        print(connection.execute(query, ([0], "author 7")).fetchone()[0])


{"stream": stream, "pages": pages, "job": job, "prepared": prepared}[sys.argv[1]]()
