"""What seldom changes, read once: it holds until anybody has written but a group of decisions.

A group of decisions writes decisions and what belongs to them, never programs, snapshots, folds, merges or
the global holdout. Whatever else writes does so through `Store.write`, or in another process, which SQLite
tells (`PRAGMA data_version`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

T = TypeVar("T")
_OPTION = "unchanged"


class Unchanged:
    """What the connection that writes has read since anything but decisions was written."""

    def __init__(self) -> None:
        self.known: dict[Hashable, Any] = {}
        self._seen: tuple[object, int] | None = None
        self._transaction: object = None

    def begin(self, connection: Connection) -> None:
        """A transaction of a group of decisions has begun."""
        driver = connection.connection.dbapi_connection
        assert driver is not None
        seen = driver, driver.execute("PRAGMA data_version").fetchone()[0]
        if seen != self._seen:
            self.known, self._seen = {}, seen
        self._transaction = connection.get_transaction()

    def forget(self) -> None:
        """Something else is being written."""
        self._seen = self._transaction = None

    def holds(self, connection: Connection) -> bool:
        """Whether the open transaction is the one of a group of decisions."""
        return self._transaction is not None and connection.get_transaction() is self._transaction


def unchanged(connection: Connection, what: Hashable, read: Callable[[], T]) -> T:
    """What `read` reads, or has read before where it cannot have changed since.

    Args:
        what: tells it apart from all else that is read so.
    """
    kept: Unchanged | None = connection.get_execution_options().get(_OPTION)
    if kept is None or not kept.holds(connection):
        return read()
    if what not in kept.known:
        kept.known[what] = read()
    return cast(T, kept.known[what])
