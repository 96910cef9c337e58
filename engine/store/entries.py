"""Entries of the log that are to be learnt, whether they are rows or stand in folds: their numbers alone.

A program's log may be far larger than memory. So what is to be read is listed first, 24 bytes a decision, and
then read a stretch at a time. Nothing is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select

from engine.store import blocks, folds, learning, taught, unfolding
from engine.store.headers import common
from engine.store.rows import DueRow
from engine.store.statement import Statement, prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_decision, _pending, _learnt = table("decision"), table("pending"), table("learnt")
_DUE = prepare(
    select(_pending.c.decision, _pending.c.at_us)
    .where(_pending.c.program == bindparam("program"), _pending.c.at_us < bindparam("moment_us"))
    .order_by(_pending.c.at_us, _pending.c.decision)
    .limit(bindparam("limit"))
)
_listed = select(_decision.c.seq, _decision.c.at_us).where(
    _decision.c.program == bindparam("program"),
    _decision.c.at_us < bindparam("moment_us"),
    _decision.c.fallback.is_(None),
    ~is_withdrawn(),
)
_MATURED = prepare(_listed.order_by(_decision.c.seq))
_NEWEST = prepare(_listed.order_by(_decision.c.seq.desc()).limit(bindparam("limit")))

_SINCE = prepare(
    select(_decision.c.seq, _decision.c.at_us)
    .where(_decision.c.program == bindparam("program"), _decision.c.at_us >= bindparam("moment_us"))
    .order_by(_decision.c.seq)
)

_LEARNT = prepare(
    select(_decision.c.seq, _decision.c.at_us, _learnt.c.reward, _learnt.c.rest)
    .select_from(_decision.join(_learnt, _learnt.c.decision == _decision.c.seq))
    .where(_decision.c.program == bindparam("program"))
)


@dataclass(frozen=True, slots=True)
class Entries:
    """n decisions of the log.

    Attributes:
        seq, at_us: (n,) number in the log, and the moment decided for.
        fold: (n,) number of the fold that each stands in, 0 for a row.
    """

    seq: Ints
    at_us: Ints
    fold: Ints

    def __len__(self) -> int:
        return len(self.seq)

    def only(self, some: Ints | NDArray[np.bool_] | slice) -> Entries:
        """Some of them, in that order."""
        return Entries(*(getattr(self, one.name)[some] for one in fields(self)))

    def by_fold(self) -> Iterator[tuple[int, Ints]]:
        """The folds, 0 for the rows, with the indexes of the entries of each."""
        order = np.argsort(self.fold, kind="stable")
        edges = np.flatnonzero(np.diff(self.fold[order])) + 1
        for own in np.split(order, edges):
            if len(own):
                yield int(self.fold[own[0]]), own


def due(c: Connection, program: str, before_us: int, limit: int) -> Entries:
    """The oldest decisions made before then that are not learnt yet, by time and number.

    At most `limit`, and the rest of the fold in which the last of them stands: a fold is learnt whole. A
    decision answered by a fallback is never among them. Settle every other (`engine.store.taught`), or it
    comes again.
    """
    found = [_rows(c, _DUE, program, before_us, limit)]
    open_folds = sorted(
        _folds(c, taught.waiting(c, program), before_us), key=lambda one: (one[0], one[1].first)
    )
    count = 0
    for at_us, fold in open_folds:
        if count >= limit:
            break
        found.append(_of_fold(c, at_us, fold))
        count += len(found[-1])
    every = _joined(found)
    every = every.only(np.lexsort((every.seq, every.at_us)))
    with_last = np.isin(every.fold, every.fold[:limit]) & (every.fold > 0)
    return every.only((np.arange(len(every)) < limit) | with_last)


def matured(c: Connection, program: str, before_us: int) -> Entries:
    """All decisions made before then, learnt or not, in the log's order.

    None that a fallback answered, none that was withdrawn.
    """
    found = [_rows(c, _MATURED, program, before_us)]
    found += [_of_fold(c, *one) for one in _folds(c, folds.numbers(c, program), before_us)]
    every = _joined(found)
    return every.only(np.argsort(every.seq, kind="stable"))


def since(c: Connection, program: str, since_us: int) -> Entries:
    """All decisions made then or later, in the log's order: also those that a fallback answered."""
    found = [_rows(c, _SINCE, program, since_us)]
    for number in folds.numbers(c, program):
        if common(c, number).at_us >= since_us and (fold := unfolding.fold(c, number)) is not None:
            found.append(_of_fold(c, common(c, number).at_us, fold))
    every = _joined(found)
    return every.only(np.argsort(every.seq, kind="stable"))


def newest(c: Connection, program: str, before_us: int, limit: int) -> Entries:
    """The last `limit` decisions made before then, the newest first; see `matured`."""
    found, count = [_rows(c, _NEWEST, program, before_us, limit)], 0
    for at_us, fold in _folds(c, reversed(folds.numbers(c, program)), before_us):
        if count >= limit:
            break
        found.append(_of_fold(c, at_us, fold))
        count += len(found[-1])
    every = _joined(found)
    return every.only(np.argsort(-every.seq, kind="stable")[:limit])


def learnt(c: Connection, program: str) -> tuple[Entries, Floats, Floats]:
    """Every learnt decision of a program, in the log's order; reward and rest that each was learnt with."""
    rows = run(c, _LEARNT, program=program)
    found = [_listed_rows([row[:2] for row in rows])]
    given = [np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 2)]
    for lesson in taught.lessons(c, program):
        if (fold := unfolding.fold(c, lesson.number)) is not None:
            place = unfolding.left(c, fold)
            place = place[np.isfinite(lesson.rewards[place])]
            found.append(_of_fold(c, common(c, fold.number).at_us, fold, place))
            given.append(np.stack([lesson.rewards[place], lesson.rests[place]], axis=1))
    every, both = _joined(found), np.concatenate(given)
    order = np.argsort(every.seq, kind="stable")
    return every.only(order), both[order, 0], both[order, 1]


def of_rows(rows: Sequence[DueRow]) -> Entries:
    """Rows of the log."""
    return _listed_rows([(row.seq, row.at_us) for row in rows])


def situations(c: Connection, listed: Entries) -> list[bytes]:
    """What some decisions were decided on, as JSON; for a few.

    Raises:
        StoreError: a block is damaged or gone.
    """
    made = [b""] * len(listed)
    for number, own in listed.by_fold():
        seqs = listed.seq[own].tolist()
        if number and (fold := unfolding.fold(c, number)) is not None:
            found = blocks.resolved(c, [blocks.reference(number, seq - fold.first) for seq in seqs])
        else:
            found = [row.situation for row in learning.rows(c, seqs)]
        for i, situation in zip(own.tolist(), found, strict=True):
            made[i] = situation
    return made


def _rows(c: Connection, statement: Statement, program: str, moment_us: int, limit: int = 0) -> Entries:
    given = {"program": program, "moment_us": moment_us, "limit": limit}
    return _listed_rows(run(c, statement, **given))


def _listed_rows(rows: Sequence[tuple[int, int]]) -> Entries:
    """Rows by number and moment."""
    made = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Entries(made[:, 0], made[:, 1], np.zeros(len(made), dtype=np.int64))


def _folds(c: Connection, numbers: Iterable[int], before_us: int) -> Iterator[tuple[int, unfolding.Fold]]:
    """Those of some folds that hold decisions made before then by no fallback, and when they were made."""
    from engine.unfold import header_of

    for number in numbers:
        if common(c, number).at_us < before_us and (fold := unfolding.fold(c, number)) is not None:
            header = header_of(fold.header)
            if header.fallback is None:
                yield header.at_us, fold


def _of_fold(c: Connection, at_us: int, fold: unfolding.Fold, place: Ints | None = None) -> Entries:
    seq = fold.first + (unfolding.left(c, fold) if place is None else place)
    return Entries(seq, np.full(len(seq), at_us), np.full(len(seq), fold.number))


def _joined(parts: list[Entries]) -> Entries:
    columns: Any = zip(*((one.seq, one.at_us, one.fold) for one in parts), strict=True)
    return Entries(*(np.concatenate(column) for column in columns))
