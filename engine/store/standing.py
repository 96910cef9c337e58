"""What the store has of many customers, as columns of truth values: who may be decided for by the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, column, exists, func, or_, select

from engine.store.sqlite import ids as as_ids
from engine.store.statement import Statement, prepare, run
from engine.store.tables import table

_wanted = func.json_each(bindparam("wanted")).table_valued(column("key"), column("value"), name="wanted")
_TRACES = {"customer": "id"} | dict.fromkeys(("prediction", "decision", "outcome", "merge"), "customer")
_FEW = 8  # rows are read in order this much quicker than customers are looked up one by one


@cache
def _looked_up(names: tuple[str, ...]) -> Statement:
    """Which of some customers have a row in any of those tables, and in which."""
    there = [
        exists().where(table(name).c[_TRACES[name]] == _wanted.c.value).correlate(_wanted).label(name)
        for name in names
    ]
    return prepare(select(_wanted.c.key, *there).where(or_(*there)))


def _in_order(name: str) -> Statement:
    """The customers of a table between two, as many as may be asked for."""
    of = table(name).c[_TRACES[name]]
    return prepare(
        select(of).where(of.between(bindparam("first"), bindparam("last"))).limit(bindparam("most"))
    )


_IN_ORDER = {name: _in_order(name) for name in _TRACES}


@dataclass(frozen=True, slots=True)
class Standing:
    """Of n customers, which have a row of each kind; folds are not looked into.

    Attributes:
        profile, scores, decisions, outcomes: (n,) whether there is one at all.
        merged: (n,) whether the id is somebody else's by now.
    """

    profile: NDArray[np.bool_]
    scores: NDArray[np.bool_]
    decisions: NDArray[np.bool_]
    outcomes: NDArray[np.bool_]
    merged: NDArray[np.bool_]

    def any(self) -> NDArray[np.bool_]:
        """(n,) of whom there is anything."""
        return self.profile | self.scores | self.decisions | self.outcomes | self.merged

    def only(self, some: NDArray[np.bool_]) -> Standing:
        """Of some of the customers."""
        return Standing(*(getattr(self, name)[some] for name in self.__slots__))


def standing(c: Connection, ids: Sequence[str]) -> Standing:
    """What there is of each of some customers.

    Where a table has but few rows between the first and the last of them, these are read; elsewhere each
    customer is looked up.
    """
    made = np.zeros((len(_TRACES), len(ids)), dtype=np.bool_)
    if not ids:
        return Standing(*made)
    asked, many = pl.Series(ids, dtype=pl.String), list[str]()
    most, ends = len(ids) // _FEW, {"first": min(ids), "last": max(ids)}
    for row, name in zip(made, _TRACES, strict=True):
        found = run(c, _IN_ORDER[name], **ends, most=most + 1)
        if len(found) > most:
            many.append(name)
        elif found:
            row[:] = asked.is_in([one for (one,) in found])
    if many and (found := run(c, _looked_up(tuple(many)), wanted=as_ids(ids))):
        rows = np.array(found, dtype=np.int64)
        for at, name in enumerate(many):
            made[list(_TRACES).index(name), rows[:, 0]] = rows[:, 1 + at]
    return Standing(*made)
