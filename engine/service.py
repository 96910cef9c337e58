"""Decisions for many callers at once, in one write transaction, so that one cannot spoil the others."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from engine.choose import Live
from engine.decide import Decided, Log, decide
from engine.domain import Program
from engine.errors import NextbestError, NotFoundError, StoreError
from engine.ready import Ready
from engine.request import Request
from engine.store import Store, programs
from engine.store.savepoint import STORE_FAILURES, undoable
from engine.unsent import record
from policies import kernel

Answers = Sequence[Decided | Exception]


class Service:
    """The programs of one store, ready to decide.

    Args:
        store: where decisions are logged.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._ready = Ready(store)

    def prepare(self) -> None:
        """Make every program of the store, and the kernels, ready, so that no caller waits for them."""
        with self.store.read() as connection:
            self._current(connection, set(programs.program_names(connection)))
        kernel.prepare()

    def programs(self, connection: Connection) -> list[Program]:
        """The programs of the store that can be decided by, in their current versions."""
        current, _ = self._current(connection, set(programs.program_names(connection)))
        return [one.program for one in current.values()]

    def close(self) -> None:
        """Finish what is being loaded."""
        self._ready.close()

    def answer(
        self, connection: Connection, requests: Sequence[Request], log: Log | None = None
    ) -> list[Decided | Exception]:
        """Decide in the open write transaction; a request that cannot be decided gets its own error.

        Args:
            log: where to leave decisions for the caller to write before the commit; written here if None.

        Raises:
            DBAPIError, dbapi2.Error: the store failed, and with it the whole transaction.
        """
        current, lacking = self._current(connection, {request.program for request in requests})
        known = [one for one in requests if one.program in current]
        made = iter(_isolated(connection, known, current, log))
        return [next(made) if one.program in current else lacking[one.program] for one in requests]

    def record(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Log that these requests were answered with nothing to send, as far as their programs are known."""
        current, _ = self._current(connection, {request.program for request in requests})
        record(connection, requests, current)

    def _current(
        self, connection: Connection, names: set[str]
    ) -> tuple[dict[str, Live], dict[str, NextbestError]]:
        current: dict[str, Live] = {}
        lacking: dict[str, NextbestError] = {}
        for name in names:
            try:
                current[name] = self._ready.get(connection, name)
            except NotFoundError as error:
                lacking[name] = error
            except NextbestError as error:
                lacking[name] = StoreError(f"program '{name}' of the store cannot be loaded: {error}")
        return current, lacking


def _isolated(
    connection: Connection, requests: Sequence[Request], current: dict[str, Live], log: Log | None = None
) -> Answers:
    """Answers in order. If deciding breaks, each is decided alone, so that one cannot spoil the others."""
    try:
        with undoable(connection):
            return decide(connection, requests, current, log=log).answers
    except STORE_FAILURES:
        raise
    except Exception as error:
        if log is not None:
            log.drop()
        elif len(requests) == 1:
            return [error]
        return [_isolated(connection, [request], current)[0] for request in requests]
