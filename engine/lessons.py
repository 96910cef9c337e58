"""Which decisions a snapshot has learnt, and with what: by which snapshots of several stores are told apart.

A decision goes by the hash of its program and key, which is the same wherever it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine.errors import RefusedError
from engine.store import candidates, entries, erasures, named, snapshots
from engine.store.directory import Hashes
from policies.base import Floats, Mask

_TYPES = ("<u8", "<f8", "<f8")


@dataclass(frozen=True, slots=True)
class Lessons:
    """What n decisions were learnt with; `decision` grows.

    Attributes:
        decision: (n,) hash of each.
        reward, rest: (n,) as `engine.lesson.Learnt` has them.
    """

    decision: Hashes
    reward: Floats
    rest: Floats

    def __len__(self) -> int:
        return len(self.decision)

    @classmethod
    def of(cls, decision: Hashes, reward: Floats, rest: Floats) -> Lessons:
        """Lessons in any order."""
        order = np.argsort(decision, kind="stable")
        return cls(decision[order], reward[order], rest[order])

    @classmethod
    def none(cls) -> Lessons:
        return cls(np.zeros(0, dtype=np.uint64), np.zeros(0), np.zeros(0))

    def only(self, some: Mask) -> Lessons:
        """Some of them."""
        return Lessons(self.decision[some], self.reward[some], self.rest[some])

    def joined(self, other: Lessons) -> Lessons:
        """These and others."""
        pairs = ((getattr(self, one.name), getattr(other, one.name)) for one in fields(self))
        return Lessons.of(*(np.concatenate(pair) for pair in pairs))

    def among(self, decision: Hashes) -> Mask:
        """(n,) which of them are of those decisions."""
        return np.isin(self.decision, decision)

    def of_decisions(self, decision: Hashes) -> tuple[Floats, Floats]:
        """(n,) reward and (n,) rest of some decisions, NaN and 0 for those that are not among them."""
        found, rest = np.full(len(decision), np.nan), np.zeros(len(decision))
        _, here, there = np.intersect1d(self.decision, decision, assume_unique=True, return_indices=True)
        found[there], rest[there] = self.reward[here], self.rest[here]
        return found, rest

    def changed(self, base: Lessons) -> Hashes:
        """The decisions that these do not have as a base has them, or that one of the two lacks."""
        _, here, there = np.intersect1d(self.decision, base.decision, assume_unique=True, return_indices=True)
        same = (self.reward[here] == base.reward[there]) & (self.rest[here] == base.rest[there])
        return np.setdiff1d(np.union1d(self.decision, base.decision), self.decision[here[same]])

    def packed(self) -> bytes:
        """As bytes."""
        columns = (getattr(self, one.name) for one in fields(self))
        return msgspec.msgpack.encode(
            [column.astype(kind).tobytes() for column, kind in zip(columns, _TYPES, strict=True)]
        )

    @classmethod
    def unpacked(cls, packed: bytes) -> Lessons:
        """What was packed."""
        columns = msgspec.msgpack.decode(packed, type=tuple[bytes, bytes, bytes])
        return cls(*(np.frombuffer(one, kind) for one, kind in zip(columns, _TYPES, strict=True)))


def united(held: Mapping[str, Lessons], base: Lessons) -> Lessons:
    """What learners have learnt together that began from one, each told by a name.

    Raises:
        RefusedError: two of them have learnt, corrected or taken back the same decision since.
    """
    changed = {name: one.changed(base) for name, one in held.items()}
    owner: dict[str, Hashes] = {}
    for name, hashes in changed.items():
        for other, its in owner.items():
            if n := len(np.intersect1d(hashes, its, assume_unique=True)):
                raise RefusedError(_twice(other, name, n, len(base)))
        owner[name] = hashes
    every = np.concatenate([*changed.values(), np.zeros(0, dtype=np.uint64)])
    found = base.only(~base.among(every))
    for name, one in held.items():
        found = found.joined(one.only(one.among(changed[name])))
    return found


def _twice(one: str, other: str, n: int, common: int) -> str:
    told = f"{one} and {other} have {n:,} decisions in common" + (" beyond those of --base" if common else "")
    return (
        f"{told}: they would count twice. Give the snapshot that both began from with --base, or let one of "
        "them learn afresh without what the other has learnt."
    )


def learnt(connection: Connection, name: str) -> Lessons | None:
    """What is in the newest snapshot of a program; None if nobody knows.

    That is so after a rollback, where somebody who was erased is still in it, or if it began with a snapshot
    of which nobody knows it.
    """
    served, newest = snapshots.served_and_learnt(connection, name)
    begun, (_, erased_us) = candidates.serving(connection, name), erasures.unsettled(connection, name)
    unknown = begun is not None and (begun.lessons is None or begun.until_us is not None)
    if served != newest or unknown or erased_us is not None:
        return None
    listed, reward, rest = entries.learnt(connection, name)
    own = Lessons.of(named.hashes(connection, listed), reward, rest)
    return own.joined(Lessons.unpacked(begun.lessons)) if begun and begun.lessons else own
