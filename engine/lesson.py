"""A lesson: decisions of the log, however many, taught a stretch at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from engine import context, sources
from engine.choose import Live
from engine.domain import Program
from engine.logged import Keep, everything, pieces
from engine.store.entries import Entries, of_rows
from engine.store.rows import DueRow
from engine.teach import Earned, Reasons, earned_by, seen_of, teach
from policies.base import Floats, Ints, Mask

FITTED = 50_000  # an encoding is fitted to so many decisions
SIGNS = 20_000  # early signs are looked for among so many of them


@dataclass(frozen=True, slots=True)
class Learnt:
    """Decisions with what each was learnt with: the reward, and the part that signs did not foretell."""

    listed: Entries
    reward: Floats
    rest: Floats

    def __len__(self) -> int:
        return len(self.listed)

    def only(self, some: Mask) -> Learnt:
        """Some of them."""
        return Learnt(self.listed.only(some), self.reward[some], self.rest[some])

    @classmethod
    def of_rows(cls, rows: Sequence[DueRow]) -> Learnt:
        """What rows were learnt with."""
        reward, rest = (np.array([getattr(row, one) for row in rows], float) for one in ("reward", "rest"))
        return cls(of_rows(rows), reward, rest)


@dataclass(frozen=True, slots=True)
class Taught:
    """What was taught.

    Attributes:
        seen: how many decisions of each offer are learnt by now.
        learnt: all that were listed, the reward NaN for what is not learnt.
        odd, held, people: as in `Earned`.
    """

    seen: Mapping[str, int]
    learnt: Learnt
    odd: Reasons
    held: sources.Held
    people: frozenset[str]


def taught(
    connection: Connection,
    current: Live,
    listed: Entries,
    aside: Collection[int] = (),
    keep: Keep = everything,
) -> Taught:
    """Teach some decisions but those set aside, by number, and those whose actions are not kept.

    Raises:
        StoreError: a fold is damaged.
    """
    chosen, worth, seen = without(listed, aside), current.encoding.signs, current.seen
    reward, rest, made = np.full(len(listed), np.nan), np.zeros(len(listed)), list[Earned]()
    for some, logged in pieces(connection, current.program, listed.only(chosen), keep):
        earned = earned_by(connection, current.program, logged, some.stop - some.start)
        reward[chosen[some]], rest[chosen[some]] = earned.reward, (other := earned.rest(worth))
        teach(current, logged, earned.reward, other, 1.0)
        seen = seen_of(replace(current, seen=seen), logged)
        made.append(earned)
    return _told(seen, Learnt(listed, reward, rest), made)


def taught_again(connection: Connection, current: Live, before: Learnt, teaches: bool) -> Taught:
    """Teach decisions with what they have earned by now, and take back what they were learnt with before.

    Args:
        teaches: whether the policy can; if not, they are judged alone.
    """
    worth, made = current.encoding.signs, list[Earned]()
    reward, rest = np.full(len(before), np.nan), np.zeros(len(before))
    for some, logged in pieces(connection, current.program, before.listed):
        earned = earned_by(connection, current.program, logged, some.stop - some.start)
        reward[some], rest[some] = earned.reward, earned.rest(worth)
        if teaches:
            teach(current, logged, before.reward[some], before.rest[some], -1.0)
            teach(current, logged, reward[some], rest[some], 1.0)
        made.append(earned)
    return _told(current.seen, Learnt(before.listed, reward, rest), made)


def _told(seen: Mapping[str, int], learnt: Learnt, made: Sequence[Earned]) -> Taught:
    odd = {seq: reason for one in made for seq, reason in one.odd.items()}
    held = frozenset(sent for one in made for sent in one.held)
    learnt = replace(learnt, rest=np.where(np.isnan(learnt.reward), 0.0, learnt.rest))
    return Taught(seen, learnt, odd, held, frozenset(who for one in made for who in one.people))


def without(listed: Entries, aside: Collection[int]) -> Ints:
    """The indexes of those that are not set aside."""
    gone = np.fromiter(aside, dtype=np.int64, count=len(aside))
    return np.flatnonzero(~np.isin(listed.seq, gone))


def judged(connection: Connection, program: Program, listed: Entries) -> list[Earned]:
    """What some decisions have earned, piece by piece."""
    return [
        earned_by(connection, program, logged, some.stop - some.start)
        for some, logged in pieces(connection, program, listed)
    ]


def fitted(connection: Connection, program: Program, listed: Entries) -> context.Encoding:
    """An encoding fitted to some decisions."""
    values: dict[str, list[object]] = {}
    for _, logged in pieces(connection, program, listed):
        for one in logged:
            for name, column in one.situations.values.items():
                values.setdefault(name, []).extend(column)
    return context.fit(program, values)
