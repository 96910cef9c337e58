"""Decisions and outcomes of one program since a moment, a part at a time, for analysis elsewhere."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection, bindparam, func, select

from engine.store import folds
from engine.store.rows import OutcomeRow
from engine.store.statement import prepare, run
from engine.store.tables import table

_decision, _outcome, _assignment = table("decision"), table("outcome"), table("assignment")
_FIRST = prepare(
    select(func.coalesce(func.min(_decision.c.seq), 0)).where(
        _decision.c.program == bindparam("program"), _decision.c.at_us >= bindparam("since_us")
    )
)
_OUTCOMES = prepare(
    select(_outcome.c.seq, *(_outcome.c[one.name] for one in fields(OutcomeRow)))
    .where(
        _outcome.c.seq > bindparam("after_seq"),
        _outcome.c.at_us >= bindparam("since_us"),
        select(_assignment.c.arm)
        .where(_assignment.c.program == bindparam("program"), _assignment.c.customer == _outcome.c.customer)
        .exists(),
    )
    .order_by(_outcome.c.seq)
    .limit(bindparam("limit"))
)


def first_decision(c: Connection, program: str, since_us: int) -> int:
    """Number of the first decision of a program dated `since_us` or later, 0 if there is none.

    Those after it may still be dated earlier: the log is in the order of arrival.
    """
    folds.program(c, program)
    return int(run(c, _FIRST, program=program, since_us=since_us)[0][0])


def outcomes_since(
    c: Connection, program: str, since_us: int, after_seq: int, limit: int
) -> list[tuple[int, OutcomeRow]]:
    """At most `limit` (number, outcome) of customers with an arm in the program. Empty at the end."""
    folds.program(c, program)
    found = run(c, _OUTCOMES, program=program, since_us=since_us, after_seq=after_seq, limit=limit)
    return [(seq, OutcomeRow(*values)) for seq, *values in found]
