"""Decisions for many callers at once: every waiting request is decided, and made durable, in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from sqlalchemy import Connection

from engine.choose import Live
from engine.decide import Decided, Request, decide
from engine.errors import NextbestError, NotFoundError
from engine.live import Lives
from engine.store import Store
from engine.store.writer import Writer


class Service:
    """The one writer of a store, deciding.

    Close it, or use it in a `with`, so that what waits is answered.
    """

    def __init__(self, store: Store, group: int = 256) -> None:
        self.store = store
        self._lives = Lives()
        self._writer: Writer[Request, Decided] = Writer(store, self._decide, max_group=group)

    def submit(self, request: Request) -> Future[Decided]:
        """Ask for a decision. The result is there once it is on disk; errors are `NextbestError`s."""
        return self._writer.submit(request)

    def close(self) -> None:
        """Answer what waits, then stop."""
        self._writer.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _decide(self, connection: Connection, requests: Sequence[Request]) -> list[Decided | Exception]:
        current, unknown = self._current(connection, {request.program for request in requests})
        known = [request for request in requests if request.program in current]
        made = iter(decide(connection, known, current).answers)
        return [
            next(made) if request.program in current else unknown[request.program] for request in requests
        ]

    def _current(
        self, connection: Connection, names: set[str]
    ) -> tuple[dict[str, Live], dict[str, NextbestError]]:
        current: dict[str, Live] = {}
        unknown: dict[str, NextbestError] = {}
        for name in names:
            try:
                current[name] = self._lives.get(connection, name)
            except NotFoundError as error:
                unknown[name] = error
        return current, unknown
