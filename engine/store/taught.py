"""What decisions that stand in folds were learnt with: a number a place, and no row.

A fold is settled whole: each of its places whose row is not made was learnt with a reward, or is never to be
learnt. A row that is made later is made with what it was learnt with.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, exists, select, update

from engine.store.sqlite import among, ids, upsert
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

_taught, _fold = table("taught"), table("fold")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the decisions of a fold were learnt with; see `engine.store.rows.LearntRow`.

    Attributes:
        number: of the fold.
        reward: doubles by place, NaN for what was not learnt.
        rest: doubles by place, or empty where all of them are 0.
    """

    number: int
    learnt_us: int
    until_us: int
    seen: int
    reward: bytes
    rest: bytes

    @property
    def rewards(self) -> NDArray[np.float64]:
        """(n,) the doubles of `reward`."""
        return np.frombuffer(self.reward)

    @property
    def rests(self) -> NDArray[np.float64]:
        """(n,) the doubles of `rest`."""
        return np.frombuffer(self.rest) if self.rest else np.zeros(len(self.rewards))


_FIELDS = [one.name for one in fields(Lesson)]
_columns = [_taught.c[name] for name in _FIELDS]
_of_program = _taught.c.number.in_(select(_fold.c.number).where(_fold.c.program == bindparam("program")))
_PUT = prepare_insert(_taught, _FIELDS, upsert(_taught))
_OF = prepare(select(*_columns).where(_taught.c.number == bindparam("number")))
_OF_PROGRAM = prepare(select(*_columns).where(_of_program))
_UNTIL = prepare(select(_taught.c.number, _taught.c.until_us).where(among(_taught.c.number)))
_NONE = prepare(delete(_taught).where(_of_program))
_DROP = prepare(delete(_taught).where(_taught.c.number == bindparam("number")))
_FORGET = prepare(
    update(_taught).where(_taught.c.number == bindparam("its_number")).values(reward=bindparam("left"))
)
_WAITING = prepare(
    select(_fold.c.number)
    .where(
        _fold.c.program == bindparam("program"),
        ~exists(select(_taught.c.number).where(_taught.c.number == _fold.c.number)),
    )
    .order_by(_fold.c.number)
)


def waiting(c: Connection, program: str) -> list[int]:
    """The folds of a program that are not settled, the oldest first."""
    return [number for (number,) in run(c, _WAITING, program=program)]


def put(c: Connection, lesson: Lesson) -> None:
    """Settle a fold."""
    run_many(c, _PUT, [tuple(getattr(lesson, name) for name in _FIELDS)])


def lesson_of(c: Connection, number: int) -> Lesson | None:
    """What a fold was learnt with; None if it is not settled."""
    found = run(c, _OF, number=number)
    return Lesson(*found[0]) if found else None


def lessons(c: Connection, program: str) -> list[Lesson]:
    """What the folds of a program were learnt with."""
    return [Lesson(*one) for one in run(c, _OF_PROGRAM, program=program)]


def drop(c: Connection, number: int) -> None:
    """Forget what a fold was learnt with: all its rows are made."""
    execute(c, _DROP, number=number)


def forget(c: Connection, number: int, places: NDArray[np.bool_]) -> None:
    """Leave no reward at some (n,) places of a fold."""
    if (lesson := lesson_of(c, number)) is not None:
        left = np.where(places, np.nan, lesson.rewards)
        execute(c, _FORGET, its_number=number, left=left.tobytes())


def unlearn_all(c: Connection, program: str) -> None:
    """No fold of a program is settled any more."""
    execute(c, _NONE, program=program)


def until(c: Connection, numbers: Collection[int]) -> dict[int, int]:
    """Of those of some folds that are settled, the end of the attribution window of their decisions."""
    return dict(run(c, _UNTIL, wanted=ids(numbers)))
