"""chunked_iter from SQLAlchemy: PGHOST=... python3 examples/sqlalchemy/client.py WHAT

stream    reads every entry, yield_per rows at a time
pages     follows the pages of an author, each a statement of its own
job       runs a job and prints its messages and its progress
prepared  runs one statement over and over, a changed table included
"""

import logging
import resource
import sys

from sqlalchemy import BigInteger, Column, Text, create_engine, select, text
from sqlalchemy.orm import Session, declarative_base

engine = create_engine("postgresql+psycopg2://")
Base = declarative_base()


class Entry(Base):
    __tablename__ = "entry"

    id = Column(BigInteger, primary_key=True)
    title = Column(Text)


def stream():
    """yield_per makes a server-side cursor, and objects a few at a time."""
    walk = text("SELECT id, title FROM chunked_iter(NULL::entry, order_by => 'written DESC')")
    with Session(engine) as session:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        entries = titles = 0
        query = select(Entry).from_statement(walk.columns(Entry.id, Entry.title))
        options = {"yield_per": 1000, "stream_results": True}
        for entry in session.execute(query, execution_options=options).scalars():
            entries += 1
            titles += len(entry.title)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"{entries} entries, {titles} characters of titles, {grown} kB more memory")


PAGE = text(
    """
    SELECT id, chunked_iter_key(entry, 'written DESC')
      FROM chunked_iter(NULL::entry, :size, 'written DESC', after => :after) AS entry
     WHERE author = :author
     LIMIT 40
    """
)


def pages():
    """The key of a page's last row is the bookmark of the next: no cursor, no OFFSET."""
    after = None
    while True:
        with engine.connect() as connection:
            page = connection.execute(PAGE, {"size": 100, "after": after, "author": "author 7"}).all()
        if not page:
            return
        print(*(entry for entry, _ in page))
        after = page[-1][1]


def job():
    """CALL commits, so the connection must not open a transaction: AUTOCOMMIT.

    SQLAlchemy takes the server's messages and hands them to a logger.
    """
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("sqlalchemy.dialects.postgresql").setLevel(logging.INFO)
    run = text(
        """CALL chunked_iter_run('shorten', 'entry',
                'UPDATE entry SET body = left(body, 40) WHERE chunk_range(entry)',
                chunk_size => :size)"""
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(run, {"size": 5000})
        progress = connection.execute(
            text("SELECT state, percent, rows_done FROM chunked_iter_progress WHERE job = 'shorten'")
        )
        print(*progress.one())


def prepared():
    """psycopg2 prepares nothing; here it is done by hand, as a driver or pooler would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                """PREPARE entries(bigint[], text) AS
                   SELECT count(*) FROM chunked_iter(NULL::entry, after => $1, filter => 'id > 100')
                    WHERE author = $2"""
            )
        )
        execute = text("EXECUTE entries(:after, :author)")
        for i in range(12):
            print(connection.execute(execute, {"after": [i * 1000], "author": "author 7"}).scalar())
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(text("ALTER TABLE entry ADD seen boolean"))
        print(connection.execute(execute, {"after": [0], "author": "author 7"}).scalar())


{"stream": stream, "pages": pages, "job": job, "prepared": prepared}[sys.argv[1]]()
