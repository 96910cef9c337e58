"""Marking decisions as learnt: rows one by one, folds as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine.calendar import MICROSECOND, microseconds
from engine.domain import Program
from engine.lesson import Learnt
from engine.store import late, learning, taught, unfolding
from engine.store.rows import LearntRow
from policies.base import Ints

_AT_ONCE = 20_000  # rows


def settle(connection: Connection, program: Program, learnt: Learnt, seen: int, at: datetime) -> None:
    """Note with what decisions were learnt: neither due nor changed until another outcome reaches them.

    Those whose reward is NaN are never to be learnt. Rows may have been made of them since they were listed.

    Args:
        seen: number of the newest outcome when their outcomes were read.
    """
    window_us, at_us = program.goal.window // MICROSECOND, microseconds(at)
    listed = learnt.listed
    for number, own in listed.by_fold():
        fold = unfolding.fold(connection, number) if number else None
        rows = np.ones(len(own), dtype=np.bool_)
        if fold is not None:
            place = listed.seq[own] - fold.first
            rows = np.isin(place, unfolding.there(connection, fold))
            reward, rest = np.full(fold.n, np.nan), np.zeros(fold.n)
            reward[place[~rows]], rest[place[~rows]] = learnt.reward[own[~rows]], learnt.rest[own[~rows]]
            until_us = int(listed.at_us[own[0]]) + window_us
            bodies = reward.tobytes(), rest.tobytes() if rest.any() else b""
            taught.put(connection, taught.Lesson(number, at_us, until_us, seen, *bodies))
        for part in _parts(own[rows]):
            never = np.isnan(learnt.reward[part])
            marks = _marks(learnt, part[~never], at_us, window_us, seen)
            learning.mark_learnt(connection, list(marks))
            learning.pass_over(connection, listed.seq[part[never]].tolist())
    late.queue_reached(connection, seen)


def _parts(some: Ints) -> Iterator[Ints]:
    return (some[start : start + _AT_ONCE] for start in range(0, len(some), _AT_ONCE))


def _marks(learnt: Learnt, some: Ints, at_us: int, window_us: int, seen: int) -> Iterator[LearntRow]:
    listed = learnt.listed
    columns = (listed.seq[some], learnt.reward[some], listed.at_us[some], learnt.rest[some])
    for seq, reward, made_us, rest in zip(*(column.tolist() for column in columns), strict=True):
        yield LearntRow(seq, reward, at_us, made_us + window_us, seen, rest)
