"""The store: one file, one writer at a time, readers that never wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pysqlite3 import dbapi2
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from engine.errors import StoreError
from engine.store import sqlite
from engine.store.folds import Known
from engine.store.migrations import migrate
from engine.store.unchanged import Unchanged


class Store:
    """An open store. Safe to use from several threads; other processes may have the same file open.

    Attributes:
        path: where it lies.

    One connection writes for as long as the store is open: taking it from a pool and giving it back costs
    several times what beginning and committing does.
    """

    def __init__(self, path: Path, writing: Engine, reading: Engine) -> None:
        self.path = path
        known, self._unchanged = Known(), Unchanged()
        self._writing = writing.execution_options(folds=known, unchanged=self._unchanged)
        self._reading = reading.execution_options(folds=known, pen=self.write)
        self._pen: Connection | None = None
        self._patience_ms: int | None = None
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._closed = False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The one write transaction: durable when the block ends, undone if it raises.

        Raises:
            StoreError: the store cannot write, is closed, or this thread is writing already.
        """
        with self._turn(), self._speaking():
            pen = self._taken_up(sqlite.BUSY_MS)
            self._unchanged.forget()
            try:
                with pen.begin():
                    yield pen
            except BaseException:
                self._put_away()
                raise

    def begin(self) -> Connection | None:
        """Begin the one write transaction at once; None if somebody else is writing. `end` ends it.

        It is for a group of decisions (`engine.store.unchanged`).

        Raises:
            StoreError: the store cannot write, or is closed.
        """
        if not self._lock.acquire(blocking=False):
            return None
        begun = False
        try:
            self._check_open()
            with self._speaking():
                pen = self._taken_up(0)
                begun = sqlite.begin_at_once(pen)
                if begun:
                    self._unchanged.begin(pen)
            return pen if begun else None
        finally:
            if not begun:
                self._put_away()
                self._lock.release()

    def end(self, error: BaseException | None = None) -> None:
        """Make durable what was written since `begin`, or undo it and raise the error; any thread may.

        Raises:
            StoreError: it could not be made durable, and is undone.
        """
        try:
            transaction = None if self._pen is None else self._pen.get_transaction()
            with self._speaking():
                if error is not None or transaction is None:
                    raise error or StoreError(f"{self.path}: no transaction has begun.")
                transaction.commit()
        except BaseException:
            self._put_away()
            raise
        finally:
            self._lock.release()

    def _taken_up(self, patience_ms: int) -> Connection:
        """The connection that writes, which waits so long for other processes."""
        if self._pen is None:
            self._pen, self._patience_ms = self._writing.connect(), None
        if self._patience_ms != patience_ms:
            sqlite.wait_for_others(self._pen, patience_ms)
            self._patience_ms = patience_ms
        return self._pen

    def _put_away(self) -> None:
        """Give the connection back, which undoes what a commit that failed has left open."""
        if self._pen is not None:
            self._pen.close()
            self._pen = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the store as it was at its first query, and cannot write."""
        self._check_open()
        with self._speaking(), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Wait for the write under way, then close every connection. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            self._put_away()
            self._writing.dispose()
            self._reading.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._owner == threading.get_ident():
            raise StoreError(f"{self.path}: this thread is writing already, use the connection it has.")
        with self._lock:
            self._check_open()
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, dbapi2.Error) as error:
            raise sqlite.in_words(self.path, error) from error

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed. Open it again.")


def open_store(path_or_url: str | Path) -> Store:
    """Open the store, making it if it is not there and bringing it to this version's tables.

    Args:
        path_or_url: a path, or `sqlite:///path`.

    Raises:
        StoreError: it cannot be opened, is newer than this code, is not a store, or SQLite is too old.
    """
    sqlite.check_version(dbapi2.sqlite_version_info)
    path = _path(path_or_url)
    if not path.parent.is_dir():
        raise StoreError(f"{path}: there is no folder '{path.parent}'. Create it, or name another path.")
    writing = sqlite.engine(path, "BEGIN IMMEDIATE")
    reading = sqlite.engine(path, "BEGIN", ("PRAGMA query_only = ON",))
    store = Store(path, writing, reading)
    try:
        with store.write() as connection:
            migrate(connection, str(path))
    except BaseException:
        store.close()
        raise
    return store


def _path(path_or_url: str | Path) -> Path:
    text = str(path_or_url)
    name = text.removeprefix("sqlite:///")
    if name and name != ":memory:" and "://" not in name:
        return Path(name).absolute()
    raise StoreError(f"store == '{text}', must be the path of a file or sqlite:///PATH: the log has to last.")
