"""What the store has of many customers, as columns of truth values: who may be decided for by the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, column, exists, func, or_, select

from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, run
from engine.store.tables import table

_wanted = func.json_each(bindparam("wanted")).table_valued(column("key"), column("value"), name="wanted")
_traces = {"customer": "id"} | dict.fromkeys(("prediction", "decision", "outcome", "merge"), "customer")
_there = [
    exists().where(table(name).c[of] == _wanted.c.value).correlate(_wanted).label(name)
    for name, of in _traces.items()
]
_STANDING = prepare(select(_wanted.c.key, *_there).where(or_(*_there)))


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
    """What there is of each of some customers."""
    made = np.zeros((len(_traces), len(ids)), dtype=np.bool_)
    if found := run(c, _STANDING, wanted=as_ids(ids)):
        rows = np.array(found, dtype=np.int64)
        made[:, rows[:, 0]] = rows[:, 1:].T
    return Standing(*made)
