"""Decisions for many callers at once: every waiting request is decided, and made durable, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from sqlalchemy import Connection

from engine.choose import Live
from engine.decide import Decided, decide
from engine.errors import NextbestError, NotFoundError, StoreError
from engine.live import Lives
from engine.request import Request
from engine.store import Store, programs
from engine.store.savepoint import STORE_FAILURES, undoable
from engine.store.writer import Writer

Answers = Sequence[Decided | Exception]
Compute = Callable[[Callable[[], Answers]], Answers]


class Service:
    """The one writer of a store, deciding.

    Close it, or use it in a `with`, so that what waits is answered.

    Args:
        store: where decisions are logged.
        group: the most requests in one commit.
        watch: told how many requests each commit holds.
        here: computes; given, it may do so in another thread, as long as it waits for the end of it.
    """

    def __init__(
        self,
        store: Store,
        group: int = 256,
        watch: Callable[[int], object] = lambda size: None,
        here: Compute = lambda work: work(),
    ) -> None:
        self.store = store
        self._watch = watch
        self._here = here
        self._lives = Lives()
        self._writer: Writer[Request, Decided] = Writer(store, self._decide, max_group=group)

    def prepare(self) -> None:
        """Make every program of the store ready, so that no caller waits for it; call it before `submit`."""
        with self.store.read() as connection:
            self._current(connection, set(programs.program_names(connection)))

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
        self._watch(len(requests))
        current, lacking = self._current(connection, {request.program for request in requests})
        known = [one for one in requests if one.program in current]
        made = iter(self._here(lambda: _isolated(connection, known, current)))
        return [next(made) if one.program in current else lacking[one.program] for one in requests]

    def _current(
        self, connection: Connection, names: set[str]
    ) -> tuple[dict[str, Live], dict[str, NextbestError]]:
        current: dict[str, Live] = {}
        lacking: dict[str, NextbestError] = {}
        for name in names:
            try:
                current[name] = self._lives.get(connection, name)
            except NotFoundError as error:
                lacking[name] = error
            except NextbestError as error:
                lacking[name] = StoreError(f"program '{name}' of the store cannot be loaded: {error}")
        return current, lacking


def _isolated(connection: Connection, requests: Sequence[Request], current: dict[str, Live]) -> Answers:
    """Answers in order. If deciding breaks, each is decided alone, so that one cannot spoil the others."""
    try:
        with undoable(connection):
            return decide(connection, requests, current).answers
    except STORE_FAILURES:
        raise
    except Exception as error:
        if len(requests) == 1:
            return [error]
        return [_isolated(connection, [request], current)[0] for request in requests]
