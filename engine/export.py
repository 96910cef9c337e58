"""What a program has decided and what followed, as tables for analysis, a part at a time.

The table of decisions is what `nextbest evaluate` reads: context, action, propensity and reward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.domain import Program
from engine.outgoing import INSTANT, Outgoing
from engine.store import entries, exports

PART = 10_000
_OUTCOMES: dict[str, Any] = {
    "event": pl.String,
    "decision": pl.String,
    "customer": pl.String,
    "kind": pl.String,
    "value": pl.Float64,
    "at": INSTANT,
    "received_at": INSTANT,
}
_ASSIGNMENTS: dict[str, Any] = {
    "customer": pl.String,
    "arm": pl.String,
    "salt": pl.String,
    "assigned_at": INSTANT,
}
Tables = Iterator[pl.DataFrame]


def decision_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Decisions dated `since` or later in the order of the log; the first table is empty.

    `reward` is None until the attribution window has passed by `at`; `feasible` names the actions there were
    to choose from, with blanks between them; `explore` is False where the caller wanted the best alone.
    """
    going = Outgoing(connection, program, microseconds(at))
    yield pl.DataFrame(schema=going.schema)
    listed = entries.since(connection, program.name, microseconds(since))
    for start in range(0, len(listed), PART):
        yield going.table(listed.only(slice(start, start + PART)))


def outcome_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Outcomes dated `since` or later of customers with an arm in the program, in the order of arrival."""
    yield pl.DataFrame(schema=_OUTCOMES)
    for found in exports.outcomes(connection, program.name, microseconds(since), PART):
        if found.height:
            yield found.select(
                pl.col(name).cast(kind).alias(shown)
                for name, (shown, kind) in zip(exports.OUTCOME, _OUTCOMES.items(), strict=True)
            )


def assignment_tables(connection: Connection, program: Program, since: datetime, at: datetime) -> Tables:
    """Arms given at `since` or later, in order of the customer."""
    yield pl.DataFrame(schema=_ASSIGNMENTS)
    every = exports.arms(connection, program.name).filter(pl.col("assigned_us") >= microseconds(since))
    for part in every.rename({"assigned_us": "assigned_at"}).iter_slices(PART):
        yield part.with_columns(pl.col("assigned_at").cast(INSTANT))


EXPORTS: Mapping[str, Callable[[Connection, Program, datetime, datetime], Tables]] = {
    "decisions": decision_tables,
    "outcomes": outcome_tables,
    "assignments": assignment_tables,
}
