"""What a program has decided and what followed, as tables for analysis, a part at a time.

The table of decisions is what `nextbest evaluate` reads: context, action, propensity and reward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.arbitrate import cost
from engine.calendar import MICROSECOND, instant, microseconds
from engine.domain import AttributeType, Program
from engine.reward import rewards
from engine.situation import columns, decode
from engine.store import assignments, decisions, exports, outcomes
from engine.store.rows import DecisionRow
from engine.values import fits, types

PART = 10_000
CONTEXT = "context."  # before the names of attributes and predictions, which may be any
_DTYPES: Mapping[AttributeType, Any] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
    "timestamp": pl.Datetime("us", "UTC"),
}
_INSTANT = pl.Datetime("us", "UTC")
_DECISIONS: dict[str, Any] = {
    "id": pl.String,
    "key": pl.String,
    "customer": pl.String,
    "at": _INSTANT,
    "arm": pl.String,
    "action": pl.String,
    "offer": pl.String,
    "channel": pl.String,
    "slot": pl.String,
    "send_at": _INSTANT,
    "contact": pl.Boolean,
    "withheld": pl.String,
    "propensity": pl.Float64,
    "explored": pl.Boolean,
    "explore": pl.Boolean,
    "fallback": pl.String,
    "value": pl.Float64,
    "reward": pl.Float64,
    "program_version": pl.Int64,
    "snapshot_version": pl.Int64,
    "feasible": pl.String,
}
_OUTCOMES: dict[str, Any] = {
    "event": pl.String,
    "decision": pl.String,
    "customer": pl.String,
    "kind": pl.String,
    "value": pl.Float64,
    "at": _INSTANT,
    "received_at": _INSTANT,
}
_ASSIGNMENTS: dict[str, Any] = {
    "customer": pl.String,
    "arm": pl.String,
    "salt": pl.String,
    "assigned_at": _INSTANT,
}
Tables = Iterator[pl.DataFrame]


def decision_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Decisions dated `since` or later in the order of the log; the first table is empty.

    `reward` is None until the attribution window has passed by `at`; `feasible` names the actions there were
    to choose from, with blanks between them; `explore` is False where the caller wanted the best alone.
    """
    kinds = types(program)
    schema = {**_DECISIONS, **{f"{CONTEXT}{name}": _DTYPES[kind] for name, kind in kinds.items()}}
    yield pl.DataFrame(schema=schema)
    since_us, versions = microseconds(since), _Versions(connection, program)
    after = exports.first_decision(connection, program.name, since_us) - 1
    while after >= 0 and (rows := decisions.decisions_iter(connection, program.name, after, PART)):
        after = rows[-1].seq
        dated = [row for row in rows if row.at_us >= since_us]
        made = {**_plain(dated), **_context(program, dated)}
        made["reward"] = _rewards(connection, versions, dated, microseconds(at))
        made["feasible"] = [_feasible(versions(row.program_version), row.feasible) for row in dated]
        yield pl.DataFrame(made, schema=schema)


def outcome_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Outcomes dated `since` or later of customers with an arm in the program, in the order of arrival."""
    yield pl.DataFrame(schema=_OUTCOMES)
    after, since_us = 0, microseconds(since)
    while found := exports.outcomes_since(connection, program.name, since_us, after, PART):
        after = found[-1][0]
        rows = [
            (
                one.event,
                one.decision,
                one.customer,
                one.kind,
                one.value,
                instant(one.at_us),
                instant(one.received_us),
            )
            for _, one in found
        ]
        yield pl.DataFrame(rows, schema=_OUTCOMES, orient="row")


def assignment_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Arms given at `since` or later, in order of the customer."""
    yield pl.DataFrame(schema=_ASSIGNMENTS)
    since_us, waiting = microseconds(since), list[tuple[Any, ...]]()
    for one in assignments.assignments_iter(connection, program.name):
        if one.assigned_us >= since_us:
            waiting.append((one.customer, one.arm, one.salt, instant(one.assigned_us)))
        if len(waiting) == PART:
            yield pl.DataFrame(waiting, schema=_ASSIGNMENTS, orient="row")
            waiting = []
    if waiting:
        yield pl.DataFrame(waiting, schema=_ASSIGNMENTS, orient="row")


EXPORTS: Mapping[str, Callable[[Connection, Program, datetime, datetime], Tables]] = {
    "decisions": decision_tables,
    "outcomes": outcome_tables,
    "assignments": assignment_tables,
}


class _Versions:
    """The versions of a program, each read once."""

    def __init__(self, connection: Connection, program: Program) -> None:
        self._connection, self._name = connection, program.name
        self._read = {program.version: program}

    def __call__(self, version: int) -> Program:
        if version not in self._read:
            self._read[version] = stored_program(self._connection, self._name, version)
        return self._read[version]


def _plain(rows: Sequence[DecisionRow]) -> dict[str, list[Any]]:
    """The columns that stand in the log as they are."""
    renamed = {"action": "action_name"}
    same = [name for name in _DECISIONS if name not in ("at", "send_at", "explore", "reward", "feasible")]
    made: dict[str, list[Any]] = {
        name: [getattr(row, renamed.get(name, name)) for row in rows] for name in same
    }
    made["at"] = [instant(row.at_us) for row in rows]
    made["send_at"] = [None if row.send_at_us is None else instant(row.send_at_us) for row in rows]
    return made


def _context(program: Program, rows: Sequence[DecisionRow]) -> dict[str, list[Any]]:
    """What was known, in the types of the program; a value of another type, by an older version, is None."""
    situations = columns(program, [decode(row.situation) for row in rows])
    values = situations.values
    known = {
        f"{CONTEXT}{name}": [one if one is None or fits(kind, one) else None for one in values[name]]
        for name, kind in types(program).items()
    }
    return {"explore": list(situations.explore), **known}


def _feasible(program: Program, packed: bytes) -> str:
    mask = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=len(program.actions))
    return " ".join(program.actions[j].name for j in np.flatnonzero(mask))


def _rewards(
    connection: Connection, versions: _Versions, rows: Sequence[DecisionRow], at_us: int
) -> list[float | None]:
    """The reward of each decision by the goal it was made under, None where outcomes may still come."""
    made: list[float | None] = [None] * len(rows)
    for version in {row.program_version for row in rows}:
        program = versions(version)
        window_us = program.goal.window // MICROSECOND
        own = [i for i, row in enumerate(rows) if row.program_version == version]
        ripe = [i for i in own if rows[i].at_us + window_us < at_us]
        found = outcomes.outcomes_of(connection, [rows[i].seq for i in ripe], window_us)
        spent = cost(program)[[rows[i].action for i in ripe]]
        earned = rewards(program.goal, spent, [found.get(rows[i].seq, []) for i in ripe])
        for i, one in zip(ripe, earned.tolist(), strict=True):
            made[i] = one
    return made
