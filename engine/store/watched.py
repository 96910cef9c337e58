"""What the watch on a program's predictions remembers from lesson to lesson: sums, and the time they span."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select

from engine.store.sqlite import insert_new
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

Span = tuple[int, int, bytes]  # the first and the last decision's moment, and the sums over them

_watched, _decision = table("watched"), table("decision")
_INSERT = prepare_insert(_watched, ["program", "number", "first_us", "last_us", "sums"], insert_new(_watched))
_CLEAR = prepare(delete(_watched).where(_watched.c.program == bindparam("program")))
_OF = prepare(
    select(_watched.c.first_us, _watched.c.last_us, _watched.c.sums)
    .where(_watched.c.program == bindparam("program"))
    .order_by(_watched.c.number)
)
_SPANNING = prepare(
    delete(_watched).where(
        select(_decision.c.seq)
        .where(
            _decision.c.customer == bindparam("person"),
            _decision.c.program == _watched.c.program,
            _decision.c.at_us.between(_watched.c.first_us, _watched.c.last_us),
        )
        .exists()
    )
)


def spans(c: Connection, program: str) -> list[Span]:
    """What is remembered, oldest first."""
    return [(first, last, sums) for first, last, sums in run(c, _OF, program=program)]


def remember(c: Connection, program: str, kept: Iterable[Span]) -> None:
    """Remember this and nothing else of a program."""
    execute(c, _CLEAR, program=program)
    run_many(c, _INSERT, [(program, number, *one) for number, one in enumerate(kept)])


def forget(c: Connection, customer: str) -> None:
    """Drop all sums that may have a customer in them; while the customer's decisions are still there."""
    execute(c, _SPANNING, person=customer)
