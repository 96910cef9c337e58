"""What the log has yet to be told: callers who were answered with nothing before it could be written."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.request import Request
from engine.service import Service
from engine.store.rows import DecisionRow
from engine.unsent import withdraw

GOES = 3  # at writing one, before it is given up
AT_MOST = 10_000  # kept; beyond it the oldest is given up


@dataclass(slots=True)
class _One:
    """A request answered with nothing, or a decision to be withdrawn, and how often that has failed."""

    what: Request | DecisionRow
    failed: int = 0


class Owed:
    """Kept in memory until it is on disk; a process that ends first leaves it off the record."""

    def __init__(self) -> None:
        self._waiting: deque[_One] = deque(maxlen=AT_MOST)
        self._under_way: list[_One] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> set[tuple[str, str]]:
        """The program and the key of each."""
        return {(one.what.program, one.what.key) for one in (*self._waiting, *self._under_way)}

    def add(self, what: Request | DecisionRow) -> None:
        """One more."""
        self._waiting.append(_One(what))

    def write(self, connection: Connection, service: Service) -> None:
        """Write all of it in the open transaction; `end` says how that went."""
        self._under_way = list(self._waiting)
        self._waiting.clear()
        rows = [one.what for one in self._under_way if isinstance(one.what, DecisionRow)]
        requests = [one.what for one in self._under_way if isinstance(one.what, Request)]
        if rows:
            withdraw(connection, rows)
        if requests:
            service.record(connection, requests)

    def end(self, durable: bool) -> None:
        """The transaction has ended; what it did not make durable is kept for another go."""
        if not durable:
            for one in self._under_way:
                one.failed += 1
            self._waiting.extendleft(one for one in reversed(self._under_way) if one.failed < GOES)
        self._under_way = []
