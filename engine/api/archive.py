"""Logged decisions told again, under the program and snapshot they were made with."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from sqlalchemy import Connection

from engine.applied import stored_program
from engine.choose import Live, choose
from engine.domain import Program
from engine.errors import NotFoundError
from engine.explain import Explanation, explain, funnel_of, reasons
from engine.live import live
from engine.reply import Decision, reply
from engine.situation import columns, decode
from engine.store import Store, decisions
from engine.store.rows import DecisionRow
from engine.unsent import explain_nothing, told_nothing

KEPT = 4  # programs with a snapshot each, which may take many megabytes


class Archive:
    """Tells decisions of the log; keeps the programs asked for last. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, int, int | None, str | None], Live] = OrderedDict()
        self._programs: dict[tuple[str, int], Program] = {}

    def decision(self, id: str) -> Decision:
        """A decision by its id. Raises `NotFoundError`."""
        with self._store.read() as connection:
            return self._told(connection, _row(connection, id))

    def explanation(self, id: str) -> Explanation:
        """Why a decision was made as it was. Raises `NotFoundError`."""
        with self._store.read() as connection:
            row = _row(connection, id)
            if told_nothing(row):
                return explain_nothing(row)
            as_it_was = self._as_it_was(connection, row)
        return explain(as_it_was, decode(row.situation))

    def again(self, row: DecisionRow, why: bool, counts: bool) -> Decision:
        """The reply to a repeated key: what it was the first time, with reasons and funnel if asked for."""
        with self._store.read() as connection:
            if told_nothing(row) or not (why or counts):
                return self._told(connection, row)
            as_it_was = self._as_it_was(connection, row)
        choices = choose(as_it_was, columns(as_it_was.program, [decode(row.situation)]))
        said = reasons(as_it_was, choices, 0) if why else []
        return reply(row, as_it_was.program, True, said, funnel_of(choices, 0) if counts else None)

    def _told(self, connection: Connection, row: DecisionRow) -> Decision:
        named = (row.program, row.program_version)
        if named not in self._programs:
            self._programs[named] = stored_program(connection, *named)
        return reply(row, self._programs[named], True)

    def _as_it_was(self, connection: Connection, row: DecisionRow) -> Live:
        named = (row.program, row.program_version, row.snapshot_version, row.fallback)
        with self._lock:
            if named not in self._kept:
                self._kept[named] = live(connection, *named)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(named)
            return self._kept[named]


def _row(connection: Connection, id: str) -> DecisionRow:
    row = decisions.decision(connection, id)
    if row is None:
        raise NotFoundError(f"decision {id[:40]!r} is not in the store; copy the id from a reply.")
    return row
