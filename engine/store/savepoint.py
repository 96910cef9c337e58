"""A part of a write transaction that can be undone alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pysqlite3 import dbapi2
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

STORE_FAILURES = (DBAPIError, dbapi2.Error)  # not a request's fault: disk full, locked, damaged


@contextmanager
def undoable(c: Connection) -> Iterator[None]:
    """Keep what the block writes for the transaction's commit, or undo just that if it raises."""
    run = c.connection.cursor().execute
    run("SAVEPOINT part")
    try:
        yield
    except STORE_FAILURES:  # the whole transaction is lost, and SQLite may have ended it
        raise
    except BaseException:
        run("ROLLBACK TO part")
        run("RELEASE part")
        raise
    run("RELEASE part")
